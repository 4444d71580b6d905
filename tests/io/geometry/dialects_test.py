"""One experiment told in the terms of XDS and of DIALS is one experiment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ewaldite.io.geometry import read_geometry, write_xparm
from ewaldite.model.experiment import Sweep

vectors = st.tuples(*[st.floats(-1.0, 1.0)] * 3).map(np.array)
small = vectors.map(lambda v: Rotation.from_rotvec(0.3 * v).as_matrix())
any_rotation = vectors.map(lambda v: Rotation.from_rotvec(3.0 * v).as_matrix())
axes_strategy = st.tuples(
    st.floats(20.0, 300.0), st.floats(20.0, 300.0), st.floats(20.0, 300.0), small, any_rotation
).map(lambda t: t[4] @ np.array(np.diag(t[:3]) + 3.0 * (t[3] - np.eye(3))))


def row(values: Any) -> str:
    return " ".join(f"{x:.15g}" for x in np.ravel(values))


def constants(axes: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(axes, axis=0)
    cosines = [
        axes[:, i] @ axes[:, j] / lengths[i] / lengths[j] for i, j in ((1, 2), (0, 2), (0, 1))
    ]
    return np.array([*lengths, *np.rad2deg(np.arccos(cosines))])


def xparm(
    axes: np.ndarray, detector: np.ndarray, spindle: np.ndarray, s0: np.ndarray, start: float
) -> str:
    return (
        f" XPARM.XDS    VERSION x\n1 {start!r} 0.2 {row(spindle)}\n"
        f"{float(1.0 / np.linalg.norm(s0))!r} {row(s0)}\n19 {row(constants(axes))}\n"
        f"{row(axes[:, 0])}\n{row(axes[:, 1])}\n{row(axes[:, 2])}\n1 1000 1100 0.1 0.12\n"
        f"480.3 555.7 150.5\n{row(detector[:, 0])}\n{row(detector[:, 1])}\n"
        f"{row(detector[:, 2])}\n1 1 1000 1 1100\n0 0 0 1 0 0 0 1 0\n"
    )


def dials(
    axes: np.ndarray, detector: np.ndarray, spindle: np.ndarray, s0: np.ndarray, start: float
) -> str:
    """The same, turned by 180 degrees about x, from the corner of the first pixel."""
    turn = np.diag([1.0, -1.0, -1.0])
    corner = detector @ np.array([-0.1 * (480.3 - 0.5), -0.12 * (555.7 - 0.5), 150.5])
    panel = {
        "fast_axis": (turn @ detector[:, 0]).tolist(),
        "slow_axis": (turn @ detector[:, 1]).tolist(),
        "origin": (turn @ corner).tolist(),
        "image_size": [1000, 1100],
        "pixel_size": [0.1, 0.12],
    }
    crystal = {f"real_space_{x}": (turn @ axes[:, i]).tolist() for i, x in enumerate("abc")}
    kinds = ("beam", "detector", "goniometer", "scan", "crystal")
    content = {
        "experiment": [dict.fromkeys(kinds, 0)],
        "beam": [
            {"direction": (-turn @ s0).tolist(), "wavelength": 1.0 / float(np.linalg.norm(s0))}
        ],
        "detector": [{"panels": [panel]}],
        "goniometer": [{"rotation_axis": (turn @ spindle).tolist()}],
        "scan": [{"image_range": [1, 40], "oscillation": [start, 0.2]}],
        "crystal": [crystal],
    }
    return json.dumps(content)


def hkl_of_pixels(sweep: Sweep) -> np.ndarray:
    """hkl of the corners and the middle of the image in the first and last frame."""
    found = []
    for at in (0, len(sweep.scan) - 1):
        wedge = next(w for w in sweep.wedges if w.start <= at < w.stop)
        panel = wedge.panels[0]
        spindle = wedge.axis * np.deg2rad(sweep.scan.phi[at])
        rotation = Rotation.from_rotvec(spindle).as_matrix()
        for fast, slow in ((0.5, 0.5), (999.5, 0.5), (0.5, 1099.5), (500.0, 600.0)):
            xyz = panel.origin + fast * panel.pixel_size[0] * panel.fast
            xyz = xyz + slow * panel.pixel_size[1] * panel.slow
            s1 = xyz / np.linalg.norm(xyz) / wedge.beam.wavelength
            found.append((s1 - wedge.beam.s0) @ rotation @ wedge.axes[at - wedge.start])
    return np.array(found)


@given(axes_strategy, small, small, small, st.floats(0.6, 2.0), st.floats(-180.0, 180.0))
@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_xds_dials_and_a_written_copy_give_the_same_hkl(
    tmp_path: Path,
    axes: np.ndarray,
    detector: np.ndarray,
    about: np.ndarray,
    beam: np.ndarray,
    wavelength: float,
    start: float,
) -> None:
    spindle, s0 = (
        about @ np.array([1.0, 0.0, 0.0]),
        beam @ np.array([0.0, 0.0, 1.0 / wavelength]),
    )
    told = (axes, detector, spindle, s0, start)
    (tmp_path / "XPARM.XDS").write_text(xparm(*told))
    (tmp_path / "a.expt").write_text(dials(*told))
    of_xds = read_geometry(tmp_path / "XPARM.XDS", frames=range(1, 41))
    of_dials = read_geometry(tmp_path / "a.expt")
    np.testing.assert_allclose(of_xds.scan.phi, of_dials.scan.phi, atol=1e-9)
    np.testing.assert_allclose(hkl_of_pixels(of_xds), hkl_of_pixels(of_dials), atol=1e-6)
    copy = tmp_path / "copy"
    copy.mkdir(exist_ok=True)
    write_xparm(copy / "XPARM.XDS", of_dials, space_group=19)
    again = read_geometry(copy / "XPARM.XDS", frames=range(1, 41))
    np.testing.assert_allclose(hkl_of_pixels(again), hkl_of_pixels(of_dials), atol=1e-6)
    assert again.space_group == of_xds.space_group == "19"
