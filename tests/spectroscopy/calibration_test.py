from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.geometry.analyser import analyser_frame, follow
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.spectroscopy.calibration import (
    Calibration,
    ModuleCalibration,
    TubeCalibration,
)
from ewaldite.spectroscopy.calibration_options import CalibrationOptions
from ewaldite.spectroscopy.design import design_triplets

TRIPLETS = design_triplets()
PLACE = {(t.arc, t.channel): n for n, t in enumerate(TRIPLETS)}


def test_nothing_is_nominal() -> None:
    for nominal, moved in zip(TRIPLETS, Calibration().apply(TRIPLETS), strict=True):
        np.testing.assert_allclose(moved.position, nominal.position, atol=1e-15)


@settings(deadline=None)
@given(st.floats(0.9, 1.1), st.floats(-0.01, 0.01), st.integers(0, 2))
def test_gain_and_offset_move_along_one_tube(gain: float, offset: float, tube: int) -> None:
    number = PLACE[2, 4]
    one = Calibration(tubes={(2, 4, tube): TubeCalibration(gain, offset)})
    before, after = TRIPLETS[number], one.apply(TRIPLETS)[number]
    frame = analyser_frame(before.analyser)
    old, new = before.position @ frame, after.position @ frame
    np.testing.assert_allclose(new[tube, :, 1], gain * old[tube, :, 1] + offset, atol=1e-12)
    np.testing.assert_allclose(new[..., [0, 2]], old[..., [0, 2]], atol=1e-12)
    others = [t for t in range(3) if t != tube]
    np.testing.assert_allclose(new[others], old[others], atol=1e-12)
    towards_larger = follow(after.position[tube], after.analyser, 3.355).A4
    nominal = follow(before.position[tube], before.analyser, 3.355).A4
    middle = np.argmin(np.abs(old[tube, :, 1]))
    assert np.sign(np.round(towards_larger[middle] - nominal[middle], 2)) in (
        0,
        np.sign(offset),
    )


@settings(deadline=None, max_examples=25)
@given(
    st.floats(-1.0, 1.0),
    st.floats(-0.01, 0.01),
    st.floats(-0.01, 0.01),
    st.integers(0, 4),
    st.integers(0, 8),
)
def test_modules_move_as_the_formula_says_in_the_frame_of_each_triplet(
    angle: float, along: float, across: float, arc: int, channel: int
) -> None:
    module = channel // 3
    one = Calibration(modules={(arc, module): ModuleCalibration(angle, along, across)})
    all_moved = one.apply(TRIPLETS)
    moved = all_moved[PLACE[arc, channel]]
    nominal, middle = TRIPLETS[PLACE[arc, channel]], TRIPLETS[PLACE[arc, 3 * module + 1]]
    frame = analyser_frame(nominal.analyser)
    z, arm = (0.0, 0.0, 1.0), 10.0 * (channel - 3 * module - 1)
    p, c = nominal.position @ frame, middle.centre @ frame
    expected = (
        c
        + (p - c) @ rotation_matrix(z, angle).T
        + rotation_matrix(z, -arm) @ np.array([along, across, 0.0])
    )
    np.testing.assert_allclose(moved.position @ frame, expected, atol=1e-12)
    others = [t for t in TRIPLETS if (t.arc, t.channel // 3) != (arc, module)]
    for other in others:
        after = all_moved[PLACE[other.arc, other.channel]]
        np.testing.assert_array_equal(after.position, other.position)


def test_a_module_turns_about_its_own_middle() -> None:
    one = Calibration(modules={(1, 1): ModuleCalibration(angle=2.0)})
    moved = one.apply(TRIPLETS)[PLACE[1, 4]]
    np.testing.assert_allclose(moved.position[1].mean(axis=0), moved.centre, atol=1e-12)
    # The seed's pivot would leave the sides where they are too
    side = one.apply(TRIPLETS)[PLACE[1, 3]]
    assert np.abs(side.position.mean(axis=(0, 1)) - side.centre).max() > 5e-3


def test_measured_points_are_calibrated_as_pixels_are() -> None:
    one = Calibration(
        tubes={(3, 5, 1): TubeCalibration(1.02, 0.003)},
        modules={(3, 1): ModuleCalibration(0.5, 0.002, -0.001)},
    )
    number = PLACE[3, 5]
    nominal = TRIPLETS[number]
    frame = analyser_frame(nominal.analyser)
    y = nominal.position @ frame[:, 1]
    tube, pixel = np.array([0, 1, 1, 2]), np.array([3, 0, 99, 50])
    along = (y - y.mean(axis=1, keepdims=True))[tube, pixel]
    points = one.points(TRIPLETS, number, tube, along)
    expected = one.apply(TRIPLETS)[number].position[tube, pixel]
    np.testing.assert_allclose(points, expected, atol=1e-12)


def test_refuses_places_that_are_not_there() -> None:
    for one, words in (
        (Calibration(tubes={(0, 0, 3): TubeCalibration()}), r"no tube .* \(1, 1, 4\)"),
        (Calibration(modules={(5, 0): ModuleCalibration()}), r"no module .* \(6, 1\)"),
    ):
        with pytest.raises(UserError, match=words):
            one.apply(TRIPLETS)
    part = [t for t in TRIPLETS if t.channel != 4]
    one = Calibration(modules={(0, 1): ModuleCalibration(1.0)})
    with pytest.raises(UserError, match="channel_5_1_triplet, is not in the file"):
        one.apply(part)


def test_a_calibration_of_the_whole_serves_a_part() -> None:
    part = [t for t in TRIPLETS if t.arc == 2]
    whole = Calibration(
        {(a, c, t): TubeCalibration(1.01) for a, c, t in np.ndindex(5, 9, 3)},
        {(a, m): ModuleCalibration(0.1) for a, m in np.ndindex(5, 3)},
    )
    mine = [t for t in whole.apply(TRIPLETS) if t.arc == 2]
    for one, other in zip(whole.apply(part), mine, strict=True):
        np.testing.assert_array_equal(one.position, other.position)


def test_options_count_from_one_and_have_units() -> None:
    options = CalibrationOptions.model_validate(
        {
            "tube": [{"arc": 1, "channel": 9, "tube": 3, "gain": 1.01, "offset": "0.3 mm"}],
            "module": [
                {"arc": 5, "module": 2, "angle": 0.1, "along": "1 mm", "across": "2 mm"}
            ],
        }
    )
    made = options.calibration()
    assert made.tubes == {(0, 8, 2): TubeCalibration(1.01, 0.3e-3)}
    assert made.modules == {(4, 1): ModuleCalibration(0.1, 1e-3, 2e-3)}


def test_a_numbering_of_a_part_of_the_instrument() -> None:
    part = [replace(t) for t in TRIPLETS if t.channel in (3, 4, 5)]
    one = Calibration(modules={(2, 1): ModuleCalibration(along=0.01)})
    moved = one.apply(part)
    shift = np.concatenate([m.position - p.position for m, p in zip(moved, part, strict=True)])
    np.testing.assert_allclose(np.linalg.norm(shift, axis=-1).max(), 0.01, rtol=1e-9)
