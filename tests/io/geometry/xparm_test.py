from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.io.geometry import read_geometry, write_xparm
from ewaldite.io.geometry.xparm import read_xparm


def test_reflections_fall_on_the_pixels_of_xds_own_formula(xds_world: Any, tools: Any) -> None:
    path = tools.write("XPARM.XDS", xds_world.xparm())
    sweep = read_geometry(path, frames=xds_world.frames)
    for hkl, phi, (ix, iy) in xds_world.reflections():
        # XDS: 1-based with centre at the integer; here: the corner of the first pixel is 0
        pixel = tools.model_pixel(sweep, hkl, phi)
        np.testing.assert_allclose(pixel, [(ix - 0.5, iy - 0.5)], atol=1e-6)


def test_angle_of_a_frame_is_its_middle(xds_world: Any, tools: Any) -> None:
    path = tools.write("XPARM.XDS", xds_world.xparm())
    sweep = read_geometry(path, frames=[3, 4, 10])
    np.testing.assert_allclose(sweep.scan.phi, [5.25, 5.75, 8.75])
    np.testing.assert_array_equal(sweep.scan.frames, [3, 4, 10])
    assert [(w.start, w.stop) for w in sweep.wedges] == [(0, 2), (2, 3)]


def test_angles_replace_those_of_the_file(xds_world: Any, tools: Any) -> None:
    path = tools.write("XPARM.XDS", xds_world.xparm())
    sweep = read_geometry(path, frames=[1, 2, 3], angles=[0.0, 30.0, 60.0])
    np.testing.assert_array_equal(sweep.scan.phi, [0.0, 30.0, 60.0])
    with pytest.raises(UserError, match="2 angles are given for 3 frames"):
        read_geometry(path, frames=[1, 2, 3], angles=[0.0, 30.0])


def test_unknown_sensor_keeps_the_convention_of_xds(xds_world: Any, tools: Any) -> None:
    sweep = read_geometry(tools.write("XPARM.XDS", xds_world.xparm()), frames=[3])
    panel = sweep.wedges[0].panels[0]
    assert panel.sensor is None
    assert panel.parallax == "xds"
    assert any("no XDS.INP beside it" in note for note in sweep.notes)


def test_segments_are_panels_with_xds_formula(xds_world: Any, tools: Any) -> None:
    w = xds_world
    tilt = [tools.turn(np.array([0.0, 1.0, 0.1]), angle) for angle in (-6.0, 6.0)]
    limits = [(1, 1000, 1, w.ny), (1400, w.nx, 1, w.ny)]
    shifts = [(-3.0, 5.5, 2.0), (11.0, -7.25, -4.0)]
    text = ""
    for n, (d, (x1, x2, y1, y2), (ox, oy, f)) in enumerate(
        zip(tilt, limits, shifts, strict=True)
    ):
        text += f"{n + 1} {x1} {x2} {y1} {y2}\n{ox} {oy} {f} "
        text += " ".join(f"{x:.15g}" for x in [*d[:, 0], *d[:, 1]]) + "\n"
    sweep = read_geometry(tools.write("XPARM.XDS", w.xparm(text, 2)), frames=w.frames)
    panels = sweep.wedges[0].panels
    assert [p.offset for p in panels] == [(0, 0), (0, 1399)]
    assert [p.shape for p in panels] == [(w.ny, 1000), (w.ny, w.nx - 1399)]
    for panel, d, (ox, oy, f) in zip(panels, tilt, shifts, strict=True):
        for ix, iy in ((1500.0, 1.0), (1700.0, 2000.5)):
            local = w.qx * (ix - ox) * d[:, 0] + w.qy * (iy - oy) * d[:, 1] + f * d[:, 2]
            local -= [w.qx * w.orgx, w.qy * w.orgy, -w.distance]
            expected = w.detector @ local
            fast, slow = ix - 0.5 - panel.offset[1], iy - 0.5 - panel.offset[0]
            found = panel.origin + fast * w.qx * panel.fast + slow * w.qy * panel.slow
            np.testing.assert_allclose(found, expected, atol=1e-9)


def test_written_file_reads_the_same(xds_world: Any, tools: Any, tmp_path: Any) -> None:
    path = tools.write("a/XPARM.XDS", xds_world.xparm())
    sweep = read_geometry(path, frames=xds_world.frames)
    copy = tmp_path / "b" / "XPARM.XDS"
    copy.parent.mkdir()
    write_xparm(copy, sweep)
    again = read_geometry(copy, frames=xds_world.frames)
    np.testing.assert_allclose(again.scan.phi, sweep.scan.phi, atol=1e-9)
    stated = read_xparm(copy)
    np.testing.assert_allclose(stated.origin, (xds_world.orgx, xds_world.orgy), atol=1e-8)
    np.testing.assert_allclose(stated.segments[0].origin, (0.0, 0.0), atol=1e-8)
    for hkl, phi, (ix, iy) in xds_world.reflections():
        pixel = tools.model_pixel(again, hkl, phi)
        np.testing.assert_allclose(pixel, [(ix - 0.5, iy - 0.5)], atol=1e-6)


def test_multi_panel_dials_written_as_xparm_reads_the_same(
    dials_world: Any, tools: Any, tmp_path: Any
) -> None:
    content = dials_world.content()
    half = dials_world.size[0] // 2
    tilted = tools.turn(dials_world.slow, 4.0)
    content["detector"][0]["panels"] = [
        dials_world.panel(image_size=[half, 2500]),
        dials_world.panel(
            fast_axis=(tilted @ dials_world.fast).tolist(),
            origin=(dials_world.origin + half * 0.172 * dials_world.fast).tolist(),
            image_size=[half, 2500],
            raw_image_offset=[half, 0],
        ),
    ]
    content["scan"][0]["oscillation"] = [10.0, -0.5]
    sweep = read_geometry(tools.write("a.expt", content))
    write_xparm(tmp_path / "XPARM.XDS", sweep, space_group=1)
    again = read_geometry(tmp_path / "XPARM.XDS", frames=sweep.scan.frames)
    # XDS turns by positive steps: both axis and angles change sign
    np.testing.assert_allclose(again.scan.phi, -sweep.scan.phi, atol=1e-9)
    np.testing.assert_allclose(again.wedges[0].axis, -sweep.wedges[0].axis, atol=1e-11)
    for old, new in zip(sweep.wedges[0].panels, again.wedges[0].panels, strict=True):
        np.testing.assert_allclose(new.origin, old.origin, atol=1e-7)
        np.testing.assert_allclose(new.fast, old.fast, atol=1e-10)
        assert new.offset == old.offset
    np.testing.assert_allclose(again.wedges[0].axes, sweep.wedges[0].axes, atol=1e-9)


def test_varying_geometry_is_not_written(xds_world: Any, tools: Any, tmp_path: Any) -> None:
    sweep = read_geometry(tools.write("XPARM.XDS", xds_world.xparm()), frames=xds_world.frames)
    out = tmp_path / "out.XDS"
    first, *rest = sweep.wedges
    moved = replace(first, axis=np.array([-1.0, 0.0, 0.01]))
    with pytest.raises(UserError, match="varies over the sweep"):
        write_xparm(out, replace(sweep, wedges=(moved, *rest)))
    with pytest.raises(UserError, match="space group is 'P 1'"):
        write_xparm(out, replace(sweep, space_group="P 1"))
    with pytest.raises(UserError, match="cannot be written"):
        write_xparm(tmp_path / "absent" / "XPARM.XDS", sweep)
    jumping = read_geometry(tmp_path / "XPARM.XDS", frames=[3, 4, 9])
    with pytest.raises(UserError, match="do not follow each other"):
        write_xparm(out, jumping)
    assert not out.exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.977", "0", "wavelength of 0.0 Å"),
        ("-22.756 -11.159 -10.475\n", "22.756 11.159 10.475\n", "left-handed"),
        ("-22.756 -11.159 -10.475\n", "-6.41 26.325 17.279\n", "lie in a plane"),
        ("-22.756 -11.159 -10.475\n", "-25 -11.159 -10.475\n", "disagree by"),
        ("1265.48 1237.26 231.24", "1265.48", "line 9 should hold 3 numbers"),
        ("-1 -0.02 0.05", "0 0 0", "no direction"),
    ],
)
def test_senseless_files_are_refused(
    xds_world: Any, tools: Any, old: str, new: str, message: str
) -> None:
    text = xds_world.xparm()
    assert old in text
    path = tools.write("XPARM.XDS", text.replace(old, new))
    with pytest.raises(UserError, match=message):
        read_geometry(path, frames=[3])


def test_without_frames_the_user_is_told(xds_world: Any, tools: Any) -> None:
    with pytest.raises(UserError, match="nothing says which frames"):
        read_geometry(tools.write("XPARM.XDS", xds_world.xparm()))
