from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.io.geometry import read_geometry
from ewaldite.io.geometry.integrate_lp import read_integrate_lp

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "geometry_xds.json").read_text())

# the input of mdx-lib's run, as in its oracle
INP = """
NX= 2463 NY= 2527 QX= 0.172 QY= 0.172
ORGX= 1266 ORGY= 1244 DETECTOR_DISTANCE= 229.87
OVERLOAD= 1048500
DATA_RANGE= 1 500
SENSOR_THICKNESS= 1
STARTING_ANGLE= 5
STARTING_FRAME= 1
OSCILLATION_RANGE= 0.1
X-RAY_WAVELENGTH= 0.977
INCIDENT_BEAM_DIRECTION= -0.0001 0.0043 1
ROTATION_AXIS= -1 -0.0023 0.0055
DIRECTION_OF_DETECTOR_X-AXIS= 1 0 0
DIRECTION_OF_DETECTOR_Y-AXIS= 0 1 0
FRACTION_OF_POLARIZATION= 0.9
SPACE_GROUP_NUMBER= 1
"""

HEADER = """
 ***** INTEGRATE ***** (VERSION Mar 15, 2019  BUILT=20190806)   6-Jan-2020
 DATA_RANGE=       1     500
 OSCILLATION_RANGE=  0.100000 DEGREES
 STARTING_ANGLE=   5.000 STARTING_FRAME=       1
 X-RAY_WAVELENGTH=   0.97700 ANGSTROM
"""


def block(wedge: dict[str, Any]) -> str:
    """A block of INTEGRATE.LP in its own format, from the numbers of the oracle."""

    def row(values: Any, digits: int) -> str:
        return "".join(f"{x:10.{digits}f}" for x in values)

    first, last = wedge["frameRange"]
    lines = [
        f"                     PROCESSING OF IMAGES      {first:3d} ...     {last:3d}",
        " REFINED PARAMETERS:   POSITION BEAM ORIENTATION CELL",
        f" UNIT CELL PARAMETERS {row(wedge['cell'], 3)}",
        " REC. CELL PARAMETERS   0.041655  0.033733  0.030737  83.892  70.654  67.333",
        *(
            f" COORDINATES OF UNIT CELL {x.upper()}-AXIS{row(wedge[x + '_axis'], 3)}"
            for x in "abc"
        ),
        f" LAB COORDINATES OF ROTATION AXIS{row(wedge['rotationAxis'], 6)}",
        f" DIRECT BEAM COORDINATES (REC. ANGSTROEM)   {row(wedge['wavevector_s0'], 6)}",
        " DETECTOR COORDINATES (PIXELS) OF DIRECT BEAM    1266.30   1244.09",
        f" DETECTOR ORIGIN (PIXELS) AT          {row([wedge['orgx'], wedge['orgy']], 2)}",
        f" CRYSTAL TO DETECTOR DISTANCE (mm)   {row([wedge['f']], 2)}",
        " LAB COORDINATES OF DETECTOR X-AXIS  1.000000  0.000000  0.000000",
        " LAB COORDINATES OF DETECTOR Y-AXIS  0.000000  1.000000  0.000000",
    ]
    return "\n".join(lines) + "\n"


def folder(tools: Any, inp: str = INP, lp: str | None = None) -> Path:
    text = HEADER + "".join(block(w) for w in ORACLE["wedges"])
    tools.write("xds/INTEGRATE.LP", text if lp is None else lp)
    return tools.write("xds/XDS.INP", inp).parent


@pytest.mark.parametrize("number", range(4))
def test_s_and_hkl_of_pixels_agree_with_mdx_lib(tools: Any, number: int) -> None:
    sweep = read_geometry(folder(tools))
    wedge, golden = sweep.wedges[number], ORACLE["wedges"][number]
    panel = wedge.panels[0]
    shift = np.array([ORACLE["xShift_px"], ORACLE["yShift_px"]], dtype=float).T
    # mdx-lib's pixels are 1-based with integer centres, and carry the parallax as a shift
    at = (np.array(ORACLE["pixels_ix_iy"]) - 0.5 + shift) * panel.pixel_size
    xyz = panel.origin + at[:, :1] * panel.fast + at[:, 1:] * panel.slow
    s1 = xyz / np.linalg.norm(xyz, axis=1, keepdims=True) / wedge.beam.wavelength
    s = s1 - wedge.beam.s0
    good = np.isfinite(shift).all(axis=1)

    def golden_rows(rows: Any) -> np.ndarray:
        return np.array(rows, dtype=float)[good]

    np.testing.assert_allclose(xyz[good], golden_rows(golden["xyz_mm"]), rtol=1e-9)
    # the oracle's own s and hkl hold some 1e-17 of rounding near the direct beam
    np.testing.assert_allclose(s[good], golden_rows(golden["s"]), rtol=1e-9, atol=1e-13)
    for frame, phi, hkl in zip(
        golden["frames"], golden["phiMid"], golden["hkl_per_frame"], strict=True
    ):
        i = int(np.flatnonzero(sweep.scan.frames == frame)[0])
        assert wedge.start <= i < wedge.stop
        np.testing.assert_allclose(sweep.scan.phi[i], phi, rtol=1e-12)
        rotation = tools.turn(wedge.axis, sweep.scan.phi[i])
        found = (s @ rotation @ wedge.axes[i - wedge.start])[good]
        np.testing.assert_allclose(found, golden_rows(hkl), rtol=1e-9, atol=1e-11)


def test_blocks_are_wedges_and_gaps_are_noted(tools: Any) -> None:
    sweep = read_geometry(folder(tools), wedge_degrees=0.5)
    spans = [(sweep.scan.frames[w.start], sweep.scan.frames[w.stop - 1]) for w in sweep.wedges]
    assert spans == [tuple(w["frameRange"]) for w in ORACLE["wedges"]]
    assert any("covers 80 of the 500 frames" in note for note in sweep.notes)
    np.testing.assert_allclose(sweep.scan.width, 0.1)
    assert sweep.trusted_range == (0, 1048501)
    assert sweep.space_group == "1"
    assert sweep.wedges[0].beam.polarization_fraction == 0.9


def test_chosen_frames_only(tools: Any) -> None:
    sweep = read_geometry(folder(tools), frames=[18, 19, 20, 21, 22])
    assert [(w.start, w.stop) for w in sweep.wedges] == [(0, 3), (3, 5)]
    with pytest.raises(UserError, match="not frame 41"):
        read_geometry(folder(tools), frames=[40, 41])


def test_spindle_of_the_run_wins_over_a_later_xds_inp(tools: Any) -> None:
    place = folder(tools, INP.replace("STARTING_ANGLE= 5", "STARTING_ANGLE= 0"))
    sweep = read_geometry(place)
    np.testing.assert_allclose(sweep.scan.phi[0], 5.05)
    assert any("starting angle is 0" in note for note in sweep.notes)


def test_numbers_that_touch_are_told_apart(tools: Any) -> None:
    touching = block(ORACLE["wedges"][0]).replace(
        "   -22.756   -11.159   -10.475", " -22.756-11.159-10.475"
    )
    assert "-22.756-11.159-10.475" in touching
    path = tools.write("INTEGRATE.LP", HEADER + touching)
    _, blocks = read_integrate_lp(path)
    assert blocks[0].geometry.axes is not None
    assert blocks[0].geometry.axes[0] == (-22.756, -11.159, -10.475)


def test_broken_files_are_refused(tools: Any) -> None:
    with pytest.raises(UserError, match="holds no block of images"):
        read_geometry(folder(tools, lp=HEADER))
    short = HEADER + block(ORACLE["wedges"][0]).split(" DETECTOR ORIGIN")[0]
    with pytest.raises(UserError, match="images 1 to 20 lacks 'DETECTOR ORIGIN"):
        read_geometry(folder(tools, lp=short))
    with pytest.raises(UserError, match="hold none of the frames"):
        read_geometry(folder(tools, INP.replace("DATA_RANGE= 1 500", "DATA_RANGE= 900 950")))
    (tools.write("x/a.txt", "")).parent.joinpath("INTEGRATE.LP").write_text(HEADER)
    with pytest.raises(UserError, match=r"no XDS\.INP"):
        read_geometry(tools.write("x/a.txt", "").parent)


@pytest.mark.parametrize("name", ["xds_7_1", "xds_10_7"])
def test_real_blocks_follow_the_scan(shared_data: Path, name: str) -> None:
    sweep = read_geometry(shared_data / "lysozyme_xds" / name)
    assert len(sweep.wedges) == 25
    assert [len(w) for w in sweep.wedges] == [20] * 25
    np.testing.assert_array_equal(sweep.scan.frames, np.arange(1, 501))
    np.testing.assert_allclose(np.diff(sweep.scan.phi), 0.1)
    assert sweep.image_shape == (2527, 2463)
    assert len(sweep.untrusted) == 16
    assert sweep.template == f"images/lys_nitr_{name[4:]}_????.cbf"
    if name == "xds_7_1":
        for wedge, golden in zip(
            [sweep.wedges[i] for i in (0, 1, 12, 24)], ORACLE["wedges"], strict=True
        ):
            exact = np.array(golden["crystal_rotationMatrix_Rc"]) @ np.array(
                golden["orthogonalizationMatrix_O"]
            )
            np.testing.assert_allclose(wedge.mean_axes, exact, rtol=1e-9)
            np.testing.assert_allclose(wedge.beam.s0, golden["wavevector_s0"], rtol=1e-9)
