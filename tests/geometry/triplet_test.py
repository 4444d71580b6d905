from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.geometry.triplet import (
    design_triplet,
    detector_number,
    numbers_agree,
    place_of_number,
)
from geometry.bifrost import EVENTS


def triplet(channel: int = 4, arc: int = 2):
    return design_triplet(
        channel,
        arc,
        arm=10.0 * (channel - 4),
        sample_analyser=1.42,
        analyser_detector=1.42,
        half_take_off=-43.74660612617149,
        half_length=0.13895,
        d_spacing=3.355,
    )


def test_numbers_are_those_of_the_file_format() -> None:
    for event in EVENTS:
        place = (event["arc"], event["channel"], event["tube"], event["pixel"])
        assert detector_number(*place) == event["detector_number"]
        assert tuple(int(x) for x in place_of_number(event["detector_number"])) == place


@given(st.integers(1, 13500))
def test_every_number_is_one_place(number: int) -> None:
    arc, channel, tube, pixel = place_of_number(number)
    assert 0 <= arc < 5
    assert 0 <= channel < 9
    assert 0 <= tube < 3
    assert 0 <= pixel < 100
    assert detector_number(arc, channel, tube, pixel) == number


def test_a_wrong_number_is_seen() -> None:
    good = triplet()
    assert numbers_agree(good)
    assert not numbers_agree(replace(good, detector_number=good.detector_number + 100))


def test_tubes_lie_across_and_the_first_pixel_is_at_the_smallest_angle() -> None:
    one = triplet()
    # At arm zero the beam axis is z, and A4 grows with x
    assert np.all(np.diff(one.position[..., 0], axis=1) > 0)
    np.testing.assert_allclose(one.position[1].mean(axis=0), one.centre, atol=1e-12)
    np.testing.assert_allclose(one.analyser, [0, 0, 1.42], atol=1e-12)
    assert one.centre[1] < -1.0, "analysers turn the beam down"
    np.testing.assert_allclose(np.linalg.norm(one.centre - one.analyser), 1.42)
    spread = np.linalg.norm(one.position[2] - one.position[0], axis=1)
    np.testing.assert_allclose(spread, 0.028)
