from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.io.geometry import read_geometry
from ewaldite.io.geometry.xds_inp import frames_of, geometry_of, parse_parameters, read_xds_inp
from ewaldite.model.experiment import Sweep


def beside(world: Any, tools: Any, more: str = "") -> Sweep:
    """Sweep of an XPARM.XDS with an XDS.INP beside it."""
    tools.write("XDS.INP", world.inp(more))
    return read_geometry(tools.write("XPARM.XDS", world.xparm()))


def test_xds_inp_fills_in_what_xparm_leaves_out(xds_world: Any, tools: Any) -> None:
    sweep = beside(xds_world, tools)
    wedge = sweep.wedges[0]
    assert wedge.beam.polarization_fraction == 0.98
    assert wedge.beam.polarization_measured
    assert wedge.panels[0].parallax == "xds"
    sensor = wedge.panels[0].sensor
    assert sensor is not None
    assert (sensor.material, sensor.thickness, sensor.attenuation) == ("Si", 0.45, None)
    assert sweep.template == "images/a_????.cbf"
    np.testing.assert_array_equal(sweep.scan.frames, xds_world.frames)
    # the geometry is the refined one, although XDS.INP has a different origin in a comment
    assert geometry_of(read_xds_inp(_path(tools, xds_world))).origin is None


def _path(tools: Any, world: Any) -> Any:
    return tools.write("XDS.INP", world.inp())


def test_folder_and_file_are_the_same(xds_world: Any, tools: Any) -> None:
    first = beside(xds_world, tools)
    second = read_geometry(_path(tools, xds_world).parent)
    np.testing.assert_array_equal(first.scan.phi, second.scan.phi)
    np.testing.assert_array_equal(first.wedges[0].axes, second.wedges[0].axes)


def test_no_thickness_means_no_parallax(xds_world: Any, tools: Any) -> None:
    panel = beside(xds_world, tools, "SENSOR_THICKNESS= 0\n").wedges[0].panels[0]
    assert panel.sensor is None
    assert panel.parallax == "none"


def test_silicon_overrides_the_coefficient(xds_world: Any, tools: Any) -> None:
    sensor = beside(xds_world, tools, "SILICON= 7.5\n").wedges[0].panels[0].sensor
    assert sensor is not None
    assert sensor.attenuation == 7.5


def test_untrusted_regions_become_zero_based(xds_world: Any, tools: Any) -> None:
    sweep = beside(
        xds_world,
        tools,
        "UNTRUSTED_RECTANGLE= 487 495 0 2528\nUNTRUSTED_ELLIPSE= 1236 1296 1214 1274\n"
        "UNTRUSTED_QUADRILATERAL= 1 1 10 1 10 20 1 20\n",
    )
    rectangle, ellipse, polygon = sweep.untrusted
    assert (rectangle.kind, ellipse.kind, polygon.kind) == ("rectangle", "ellipse", "polygon")
    # pixels 488 to 494 (1-based) are the gap of a Pilatus, that is 487 to 493 from 0
    (x1, _), (x2, _) = rectangle.points
    inside = [i for i in range(2463) if x1 < i < x2]
    assert (inside[0], inside[-1]) == (487, 493)
    np.testing.assert_array_equal(ellipse.points, [[1235, 1213], [1295, 1273]])
    np.testing.assert_array_equal(polygon.points, [[0, 0], [9, 0], [9, 19], [0, 19]])


def test_ranges_and_notes(xds_world: Any, tools: Any) -> None:
    sweep = beside(
        xds_world,
        tools,
        "OVERLOAD= 65000\nMINIMUM_VALID_PIXEL_VALUE= 2\nINCLUDE_RESOLUTION_RANGE= 50 1.1\n"
        "EXCLUDE_RESOLUTION_RANGE= 3.93 3.87\nEXCLUDE_RESOLUTION_RANGE= 2.28 2.22\n",
    )
    assert sweep.trusted_range == (2, 65001)
    assert sweep.resolution_range == (50.0, 1.1)
    assert sweep.excluded_resolution == ((3.93, 3.87), (2.28, 2.22))


def test_excluded_frames_are_left_out_and_cut_wedges(xds_world: Any, tools: Any) -> None:
    sweep = beside(xds_world, tools, "EXCLUDE_DATA_RANGE= 10 12\n")
    assert not {10, 11, 12} & set(sweep.scan.frames.tolist())
    assert all(not w.start < 7 < w.stop for w in sweep.wedges)


def test_xds_inp_of_another_detector_is_not_used(xds_world: Any, tools: Any) -> None:
    tools.write("XDS.INP", xds_world.inp("NX= 100\n"))
    sweep = read_geometry(tools.write("XPARM.XDS", xds_world.xparm()), frames=[3])
    assert sweep.template is None
    assert any("another size" in note for note in sweep.notes)


def test_unrefined_xds_inp_alone_says_so(xds_world: Any, tools: Any) -> None:
    axes = xds_world.axes.T
    more = "".join(
        f"UNIT_CELL_{x}-AXIS= {v[0]} {v[1]} {v[2]}\n" for x, v in zip("ABC", axes, strict=True)
    )
    more += (
        "ORGX= 1000 ORGY= 1100 DETECTOR_DISTANCE= 200\nDIRECTION_OF_DETECTOR_X-AXIS= 1 0 0\n"
        "DIRECTION_OF_DETECTOR_Y-AXIS= 0 1 0\nINCIDENT_BEAM_DIRECTION= 0 0 1\n"
    )
    path = tools.write("XDS.INP", xds_world.inp(more))
    with pytest.raises(UserError, match="does not state ROTATION_AXIS"):
        read_geometry(path)
    path = tools.write("XDS.INP", xds_world.inp(more + "ROTATION_AXIS= 1 0 0\n"))
    sweep = read_geometry(path)
    assert any("never refined" in note for note in sweep.notes)
    np.testing.assert_allclose(sweep.wedges[0].mean_axes, xds_world.axes)


def test_xds_inp_without_crystal_is_refused(xds_world: Any, tools: Any) -> None:
    more = (
        "ORGX= 1000 ORGY= 1100 DETECTOR_DISTANCE= 200\nDIRECTION_OF_DETECTOR_X-AXIS= 1 0 0\n"
        "DIRECTION_OF_DETECTOR_Y-AXIS= 0 1 0\nINCIDENT_BEAM_DIRECTION= 0 0 1\n"
        "ROTATION_AXIS= 1 0 0\n"
    )
    with pytest.raises(UserError, match="names no crystal axes"):
        read_geometry(tools.write("XDS.INP", xds_world.inp(more)))


def test_segments_of_xds_inp(tools: Any) -> None:
    text = (
        "SEGMENT= 1 10 1 20\nSEGMENT_ORGX= 3 SEGMENT_ORGY= 4\nSEGMENT_DISTANCE= 5\n"
        "SEGMENT= 11 20 1 20\nDIRECTION_OF_SEGMENT_X-AXIS= 0 1 0\n"
        "DIRECTION_OF_SEGMENT_Y-AXIS= -1 0 0\n"
    )
    one, two = geometry_of(read_xds_inp(tools.write("XDS.INP", text))).segments
    assert (one.limits, one.origin, one.distance) == ((1, 10, 1, 20), (3.0, 4.0), 5.0)
    assert (two.limits, two.x_axis, two.y_axis) == ((11, 20, 1, 20), (0, 1, 0), (-1, 0, 0))


def test_parameters_share_lines_and_comments_do_not_count(tools: Any) -> None:
    inp = parse_parameters(
        tools.write("a", ""),
        " QX=0.1  QY= 0.2 ! QZ= 3\n!NX= 4\nREFINE(IDXREF)= POSITION BEAM\n"
        "TEMPLATE=a/b-c_1.cbf\n",
    )
    assert inp.parameters == (
        ("QX", "0.1"),
        ("QY", "0.2"),
        ("REFINE(IDXREF)", "POSITION BEAM"),
        ("TEMPLATE", "a/b-c_1.cbf"),
    )


def test_malformed_parameters_are_named(tools: Any) -> None:
    inp = read_xds_inp(tools.write("XDS.INP", "DATA_RANGE= 1\nQX= wide\n"))
    with pytest.raises(UserError, match="DATA_RANGE= '1' should hold 2"):
        frames_of(inp)
    with pytest.raises(UserError, match="QX= 'wide' should hold 1"):
        geometry_of(inp)
    with pytest.raises(UserError, match="holds no parameter"):
        read_xds_inp(tools.write("XDS.INP", "hello\n"))
    empty = read_xds_inp(tools.write("XDS.INP", "DATA_RANGE= 5 4\n"))
    with pytest.raises(UserError, match="leaves no frame"):
        frames_of(empty)
