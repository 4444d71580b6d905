from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.io.geometry import read_geometry


def check_pixels(world: Any, tools: Any, content: dict[str, Any]) -> None:
    """The model that is read puts reflections where DIALS' own formula does."""
    sweep = read_geometry(tools.write("a.expt", content))
    for hkl, phi, pixel in world.reflections():
        np.testing.assert_allclose(tools.model_pixel(sweep, hkl, phi), [pixel], atol=1e-6)


def test_reflections_fall_on_the_pixels_of_dials_formula(dials_world: Any, tools: Any) -> None:
    check_pixels(dials_world, tools, dials_world.content())


def test_beam_runs_along_plus_z_and_the_frame_stays_right_handed(
    dials_world: Any, tools: Any
) -> None:
    sweep = read_geometry(tools.write("a.expt", dials_world.content()))
    wedge = sweep.wedges[0]
    assert wedge.beam.direction[2] > 0.99
    assert np.linalg.det(wedge.mean_axes) > 0.0
    np.testing.assert_allclose(1.0 / wedge.beam.wavelength, np.linalg.norm(wedge.beam.s0))
    # the vertical normal of a horizontally polarized beam stays vertical
    np.testing.assert_allclose(np.abs(wedge.beam.polarization_normal), [0, 1, 0])


def test_multi_axis_goniometer_is_fixed_and_setting_rotation(
    dials_world: Any, tools: Any
) -> None:
    inner, outer = np.array([1.0, 0.2, -0.4]), np.array([0.1, 0.7, 0.4])
    content = dials_world.content()
    # the world's fixed and setting rotations, told as axes from the crystal to the base
    content["goniometer"] = [
        {
            "axes": [inner.tolist(), dials_world.axis.tolist(), outer.tolist()],
            "angles": [33.0, 0.0, 20.0],
            "names": ["phi", "omega", "arm"],
            "scan_axis": 1,
        }
    ]
    check_pixels(dials_world, tools, content)


def test_frames_in_the_old_and_the_new_form(dials_world: Any, tools: Any) -> None:
    old = read_geometry(tools.write("old.expt", dials_world.content()))
    content = dials_world.content()
    n = dials_world.count
    content["scan"] = [
        {
            "image_range": [5, 64],
            "batch_offset": 0,
            "properties": {
                "oscillation": (10.0 + 0.5 * np.arange(n)).tolist(),
                "exposure_time": [0.1] * n,
                "epochs": [0.0] * n,
            },
            "valid_image_ranges": {},
        }
    ]
    new = read_geometry(tools.write("new.expt", content))
    np.testing.assert_allclose(old.scan.phi, 10.25 + 0.5 * np.arange(n))
    for name in ("frames", "phi", "width", "exposure"):
        np.testing.assert_allclose(getattr(old.scan, name), getattr(new.scan, name))
    assert any("frame period" in note for note in old.notes)


def test_scan_varying_models_are_linear_and_taken_at_the_middle(
    dials_world: Any, tools: Any
) -> None:
    world = dials_world
    n = world.count
    a0 = np.linalg.inv(world.real)
    drift = np.array([[1e-4, 2e-5, 0.0], [0.0, -1e-4, 3e-5], [2e-5, 0.0, 5e-5]])
    swing = np.array([0.002, -0.001, 0.0])
    content = world.content()
    content["crystal"][0]["A_at_scan_points"] = [
        (a0 + i * drift).ravel().tolist() for i in range(n + 1)
    ]
    content["beam"][0]["s0_at_scan_points"] = [
        (world.s0 + i * swing / n).tolist() for i in range(n + 1)
    ]
    sweep = read_geometry(tools.write("a.expt", content), wedge_degrees=3.0)
    assert len(sweep.wedges) == 10
    turned = np.diag([1.0, -1.0, -1.0])
    for wedge in sweep.wedges:
        for i in range(wedge.start, wedge.stop):
            phi = sweep.scan.phi[i]
            # r in DIALS' frame, from its own formula with A at the middle of frame i
            h = np.array([3.0, -4.0, 5.0])
            r = world.rotate(phi) @ (a0 + (i + 0.5) * drift) @ h
            found = (turned @ r) @ tools.turn(wedge.axis, phi) @ wedge.axes[i - wedge.start]
            np.testing.assert_allclose(found, h, atol=1e-9)
        middle = (wedge.start + wedge.stop) / 2.0
        direction = turned @ (world.s0 + middle * swing / n)
        direction /= np.linalg.norm(direction)
        np.testing.assert_allclose(wedge.beam.direction, direction, atol=1e-12)


def test_scan_varying_setting_rotation_is_exact_at_every_frame(
    dials_world: Any, tools: Any
) -> None:
    world, n = dials_world, dials_world.count
    content = world.content()
    wobble = [
        tools.turn(np.array([0.0, 0.3, 1.0]), 0.002 * i) @ world.setting for i in range(n + 1)
    ]
    content["goniometer"][0]["setting_rotation_at_scan_points"] = [
        s.ravel().tolist() for s in wobble
    ]
    sweep = read_geometry(tools.write("a.expt", content))
    h = np.array([3.0, -4.0, 5.0])
    for wedge in sweep.wedges:
        for i in range(wedge.start, wedge.stop):
            phi = sweep.scan.phi[i]
            middle = tools.turn(np.array([0.0, 0.3, 1.0]), 0.002 * (i + 0.5)) @ world.setting
            r = (
                middle
                @ tools.turn(world.axis, phi)
                @ world.fixed
                @ np.linalg.inv(world.real).T
                @ h
            )
            s = np.diag([1.0, -1.0, -1.0]) @ r
            found = s @ tools.turn(wedge.axis, phi) @ wedge.axes[i - wedge.start]
            np.testing.assert_allclose(found, h, atol=1e-9)


def test_panels_in_groups_stand_where_the_flat_ones_do(dials_world: Any, tools: Any) -> None:
    world = dials_world
    group = tools.turn(np.array([0.3, 0.1, 1.0]), 25.0)
    shift = np.array([4.0, -7.0, 20.0])
    root = tools.turn(np.array([1.0, 0.1, 0.0]), 5.0)

    def frame(matrix: np.ndarray, origin: np.ndarray) -> dict[str, Any]:
        return {
            "fast_axis": matrix[:, 0].tolist(),
            "slow_axis": matrix[:, 1].tolist(),
            "origin": origin.tolist(),
        }

    flat = np.stack([world.fast, world.slow, np.cross(world.fast, world.slow)], axis=1)
    total = root @ group
    local = frame(total.T @ flat, total.T @ (world.origin - root @ shift))
    content = world.content()
    content["detector"] = [
        {
            "panels": [world.panel(**local)],
            "hierarchy": {
                **frame(root, np.zeros(3)),
                "children": [{**frame(group, shift), "children": [{"panel": 0}]}],
            },
        }
    ]
    check_pixels(world, tools, content)


def two_panels(world: Any, second: list[int]) -> dict[str, Any]:
    half = world.size[0] // 2
    content = world.content()
    content["detector"][0]["panels"] = [
        world.panel(image_size=[half, world.size[1]]),
        world.panel(
            image_size=[half, world.size[1]],
            origin=(world.origin + half * world.pixel[0] * world.fast).tolist(),
            raw_image_offset=second,
        ),
    ]
    return content


def test_two_panels_with_offsets_are_one_image(dials_world: Any, tools: Any) -> None:
    content = two_panels(dials_world, [1200, 0])
    check_pixels(dials_world, tools, content)
    assert read_geometry(tools.write("a.expt", content)).image_shape == (2500, 2400)


def test_panels_without_a_place_are_refused(dials_world: Any, tools: Any) -> None:
    with pytest.raises(UserError, match="no place of its own in the image"):
        read_geometry(tools.write("a.expt", two_panels(dials_world, [0, 0])))


def test_parallax_follows_the_strategy(dials_world: Any, tools: Any) -> None:
    def panel_of(**more: Any) -> Any:
        content = dials_world.content()
        content["detector"][0]["panels"] = [dials_world.panel(**more)]
        return read_geometry(tools.write("a.expt", content)).wedges[0].panels[0]

    panel = panel_of()
    assert panel.parallax == "dials"
    assert (panel.sensor.material, panel.sensor.thickness, panel.sensor.attenuation) == (
        "Si",
        0.45,
        3.9,
    )
    assert panel_of(px_mm_strategy={"type": "SimplePxMmStrategy"}).parallax == "none"
    thin = panel_of(thickness=0.0)
    assert thin.parallax == "none"
    assert thin.sensor is None
    assert panel_of(material="").sensor.material == "Si"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [([-1.0, 65535.0], (0, 65535)), ([0.0, 65534.0], (0, 65535)), ([2.0, 100.5], (2, 101))],
)
def test_trusted_range(
    dials_world: Any, tools: Any, stated: list[float], expected: tuple[int, int]
) -> None:
    content = dials_world.content()
    content["detector"][0]["panels"] = [dials_world.panel(trusted_range=stated)]
    assert read_geometry(tools.write("a.expt", content)).trusted_range == expected


def test_masks_of_panels_are_exclusive_rectangles(dials_world: Any, tools: Any) -> None:
    content = two_panels(dials_world, [1200, 0])
    content["detector"][0]["panels"][1]["mask"] = [[10, 20, 13, 25]]
    (region,) = read_geometry(tools.write("a.expt", content)).untrusted
    (x1, y1), (x2, y2) = region.points
    assert [i for i in range(2400) if x1 < i < x2] == [1210, 1211, 1212]
    assert [i for i in range(2500) if y1 < i < y2] == [20, 21, 22, 23, 24]


def test_default_polarization_is_no_measurement(dials_world: Any, tools: Any) -> None:
    content = dials_world.content()
    sweep = read_geometry(tools.write("a.expt", content))
    assert sweep.wedges[0].beam.polarization_fraction == 0.999
    assert not sweep.wedges[0].beam.polarization_measured
    content["beam"][0]["polarization_fraction"] = 0.95
    sweep = read_geometry(tools.write("a.expt", content))
    assert sweep.wedges[0].beam.polarization_measured
    assert not any("a default of DIALS" in note for note in sweep.notes)


def test_stills_take_given_angles(dials_world: Any, tools: Any) -> None:
    content = dials_world.content()
    content["scan"][0]["oscillation"] = [0.0, 0.0]
    content["scan"][0]["image_range"] = [1, 4]
    path = tools.write("a.expt", content)
    np.testing.assert_array_equal(read_geometry(path).scan.phi, np.zeros(4))
    sweep = read_geometry(path, angles=[0.0, 1.0, 2.0, 40.0])
    np.testing.assert_array_equal(sweep.scan.phi, [0.0, 1.0, 2.0, 40.0])
    np.testing.assert_array_equal(sweep.scan.width, np.zeros(4))
    assert [(w.start, w.stop) for w in sweep.wedges] == [(0, 3), (3, 4)]


def test_one_still_without_scan_and_goniometer(dials_world: Any, tools: Any) -> None:
    content = dials_world.content()
    content["experiment"][0].update(scan=None, goniometer=None)
    content["imageset"] = [{"images": ["a.h5"], "single_file_indices": [7]}]
    sweep = read_geometry(tools.write("a.expt", content))
    assert sweep.scan.frames.tolist() == [8]
    np.testing.assert_allclose(
        sweep.wedges[0].axes[0], np.diag([1.0, -1.0, -1.0]) @ dials_world.real
    )


def test_several_experiments_need_a_choice(dials_world: Any, tools: Any) -> None:
    content = dials_world.content()
    other = json.loads(json.dumps(content["crystal"][0]))
    other["real_space_a"] = [-30.0, -11.0, -10.0]
    content["crystal"].append(other)
    content["experiment"].append({**content["experiment"][0], "crystal": 1})
    path = tools.write("a.expt", content)
    with pytest.raises(UserError, match="it holds 2 experiments"):
        read_geometry(path)
    with pytest.raises(UserError, match="number 2 is asked for"):
        read_geometry(path, experiment=2)
    first, second = (read_geometry(path, experiment=i) for i in (0, 1))
    assert not np.allclose(first.wedges[0].axes, second.wedges[0].axes)


def spoil(content: dict[str, Any], kind: str, **changes: Any) -> dict[str, Any]:
    content[kind][0].update(changes)
    return content


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("beam", {"wavelength": 0.0}, "wavelength of 0.0 Å"),
        ("beam", {"wavelength": None}, "holds no wavelength"),
        ("beam", {"direction": [0, 0, 0]}, "no direction"),
        ("crystal", {"real_space_a": [0.0, 0.0, 0.0]}, "lie in a plane"),
        ("crystal", {"real_space_a": [22.0, 11.0]}, "'real_space_a' does not hold"),
        ("crystal", {"A_at_scan_points": [[1.0] * 9] * 60}, "60 scan points for 60 frames"),
        ("scan", {"image_range": [4, 1]}, "image_range is 4 to 1"),
        ("detector", {"panels": []}, "no panel"),
        ("experiment", {"crystal": None}, "has no crystal"),
        ("experiment", {"crystal": 3}, "refers to crystal 3"),
    ],
)
def test_senseless_files_are_refused(
    dials_world: Any, tools: Any, kind: str, changes: dict[str, Any], message: str
) -> None:
    path = tools.write("a.expt", spoil(dials_world.content(), kind, **changes))
    with pytest.raises(UserError, match=message):
        read_geometry(path)


def test_left_handed_and_truncated_files_are_refused(dials_world: Any, tools: Any) -> None:
    content = dials_world.content()
    content["crystal"][0]["real_space_a"] = (-dials_world.real[:, 0]).tolist()
    with pytest.raises(UserError, match="left-handed"):
        read_geometry(tools.write("a.expt", content))
    text = json.dumps(dials_world.content())
    with pytest.raises(UserError, match="no valid JSON"):
        read_geometry(tools.write("a.expt", text[:-30]))
    with pytest.raises(UserError, match="holds no experiment"):
        read_geometry(tools.write("a.expt", '{"experiment": []}'))


def test_snase_gives_the_hkl_of_its_own_model(shared_data: Path, tools: Any) -> None:
    truth = json.loads((shared_data / "snase" / "geometry.json").read_text())
    sweep = read_geometry(shared_data / "snase" / "refined.expt")
    detector = truth["detector"]
    rng = np.random.default_rng(7)
    at = rng.integers(0, 1024, (50, 2)) + 0.5
    corner, fast, slow = (np.array(detector[k]) for k in ("origin_mm", "fast", "slow"))
    lab = corner + 0.08 * (at[:, :1] * fast + at[:, 1:] * slow)
    s1 = lab / np.linalg.norm(lab, axis=1, keepdims=True) / truth["wavelength"]
    a_matrix = np.array(truth["A_matrix_phi0"])
    np.testing.assert_allclose(sweep.scan.phi, truth["phi_deg_per_frame_effective"])
    for wedge in sweep.wedges:
        panel = wedge.panels[0]
        xyz = panel.origin + 0.08 * (at[:, :1] * panel.fast + at[:, 1:] * panel.slow)
        ours = xyz / np.linalg.norm(xyz, axis=1, keepdims=True) / wedge.beam.wavelength
        for i in range(wedge.start, wedge.stop):
            rotated = tools.turn(np.array(truth["rotation_axis"]), sweep.scan.phi[i]) @ a_matrix
            expected = np.linalg.solve(rotated, (s1 - truth["s0"]).T).T
            rotation = tools.turn(wedge.axis, sweep.scan.phi[i])
            found = (ours - wedge.beam.s0) @ rotation @ wedge.axes[i - wedge.start]
            np.testing.assert_allclose(found, expected, atol=1e-9)
    assert sweep.space_group == " P 4w"
    assert sweep.template == "snc_newhead_#####.img.bz2"
    assert sweep.wedges[0].panels[0].parallax == "none"
