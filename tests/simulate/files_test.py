"""Geometry files, read back by the program and, where words suffice, by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ewaldite.errors import UserError
from ewaldite.io.geometry import read_geometry
from ewaldite.model.experiment import Panel, Sweep
from ewaldite.simulate.dials_file import write_expt
from ewaldite.simulate.experiment import RotationExperiment
from ewaldite.simulate.presets import lysozyme_6m, small_demo
from ewaldite.simulate.xds_files import write_integrate_lp, write_xds_inp, write_xparm

EXPERIMENTS = [lysozyme_6m().experiment, *(sweep.experiment for sweep in small_demo())]


def corner_rays(panel: Panel, s0: np.ndarray) -> np.ndarray:
    """Scattering vectors of the corner pixels' centres, by the convention of the model."""
    ny, nx = panel.shape
    corners = [(0.5, 0.5), (nx - 0.5, 0.5), (0.5, ny - 0.5), (nx - 0.5, ny - 0.5)]
    q = panel.pixel_size
    xyz = [panel.origin + x * q[0] * panel.fast + y * q[1] * panel.slow for x, y in corners]
    rays = np.array([v / np.linalg.norm(v) * np.linalg.norm(s0) for v in xyz])
    return np.asarray(rays - s0)


def check(sweep: Sweep, experiment: RotationExperiment, frame: int) -> None:
    """A sweep that was read says where the corner pixels lie in reciprocal space."""
    (wedge,) = [w for w in sweep.wedges if w.start <= frame < w.stop]
    (panel,) = wedge.panels
    detector = replace(experiment.detector, parallax=False)
    plain = replace(lysozyme_6m(), experiment=replace(experiment, detector=detector))
    expected = plain.hkl(frame)[:, [0, 0, -1, -1], [0, -1, 0, -1]].T
    turn = Rotation.from_rotvec(wedge.axis * np.deg2rad(sweep.scan.phi[frame])).as_matrix()
    hkl = corner_rays(panel, wedge.beam.s0) @ turn @ wedge.axes[frame - wedge.start]
    np.testing.assert_allclose(hkl, expected, rtol=0, atol=1e-9)
    assert len(sweep.scan) == experiment.frames
    np.testing.assert_allclose(sweep.scan.width, experiment.width)
    assert sweep.image_shape == experiment.detector.shape[::-1]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_xparm_with_xds_inp_says_the_same_geometry(
    experiment: RotationExperiment, tmp_path: Path
) -> None:
    write_xds_inp(tmp_path, experiment, "x_????.cbf")
    path = write_xparm(tmp_path, experiment)
    check(read_geometry(path), experiment, 7)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_integrate_lp_says_the_same_geometry_in_blocks(
    experiment: RotationExperiment, tmp_path: Path
) -> None:
    write_xds_inp(tmp_path, experiment, "x_????.cbf")
    write_integrate_lp(tmp_path, experiment, block=6)
    sweep = read_geometry(tmp_path)
    assert [len(w) for w in sweep.wedges[:3]] == [6, 6, 6]
    check(sweep, experiment, experiment.frames - 1)
    wedge = sweep.wedges[0]
    assert wedge.beam.polarization_fraction == experiment.polarization
    sensor = experiment.detector.sensor
    if experiment.detector.parallax and sensor is not None:
        read = wedge.panels[0].sensor
        assert read is not None
        assert (read.thickness, read.attenuation) == sensor
        assert wedge.panels[0].parallax == "xds"
    else:
        assert wedge.panels[0].parallax == "none"


def test_untrusted_rectangles_are_the_gaps(tmp_path: Path) -> None:
    experiment = EXPERIMENTS[0]
    text = write_xds_inp(tmp_path, experiment, "x_????.cbf").read_text()
    lines = [line for line in text.splitlines() if "RECTANGLE" in line]
    # as in the XDS.INP of sweep 7_1
    assert lines[0] == "UNTRUSTED_RECTANGLE= 487 495 0 2528"
    assert lines[-1] == "UNTRUSTED_RECTANGLE= 0 2464 2315 2333"
    assert len(lines) == 4 + 11


def test_xparm_keeps_the_lines_of_its_format(tmp_path: Path) -> None:
    experiment = EXPERIMENTS[1]
    lines = write_xparm(tmp_path, experiment).read_text().splitlines()
    # numbers a line after the title: XDS manual, "XPARM.XDS"
    assert [len(line.split()) for line in lines[1:]] == [6, 4, 7, 3, 3, 3, 5, 3, 3, 3, 3, 5, 9]
    assert lines[0].split()[0] == "XPARM.XDS"
    a = np.array(lines[4].split(), dtype=float)
    np.testing.assert_allclose(a, experiment.axes[0], rtol=1e-13)
    assert lines[8].split()[:2] == ["250.3", "240.8"]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_dials_file_says_the_same_geometry(
    experiment: RotationExperiment, tmp_path: Path
) -> None:
    flat = replace(experiment, detector=replace(experiment.detector, parallax=False))
    sweep = read_geometry(write_expt(tmp_path / "d" / "refined.expt", flat, "x_####.cbf"))
    check(sweep, flat, 7)
    beam = sweep.wedges[0].beam
    assert beam.polarization_fraction == flat.polarization
    assert sweep.scan.exposure is not None
    np.testing.assert_allclose(sweep.scan.exposure, flat.exposure)


def test_dials_file_has_the_beam_along_minus_z_and_the_corner_as_origin(tmp_path: Path) -> None:
    detector = replace(EXPERIMENTS[1].detector, parallax=False, origin=(1.0, 1.0))
    experiment = replace(EXPERIMENTS[1], detector=detector, beam=(0.0, 0.0, 3.0))
    text = write_expt(tmp_path / "r.expt", experiment, "x_####.cbf").read_text("utf-8")
    content = json.loads(text)
    np.testing.assert_allclose(content["beam"][0]["direction"], [0.0, 0.0, 1.0])
    panel = content["detector"][0]["panels"][0]
    # the foot of the normal is the centre of the first pixel
    np.testing.assert_allclose(panel["origin"], [-0.086, 0.086, -60.0], atol=1e-12)
    np.testing.assert_allclose(panel["slow_axis"], [0.0, -1.0, 0.0], atol=1e-15)
    assert content["crystal"][0]["space_group_hall_symbol"] == " P 2ac 2ab"


def test_parallax_of_xds_does_not_go_into_a_dials_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="parallax"):
        write_expt(tmp_path / "r.expt", EXPERIMENTS[0], "x_####.cbf")
