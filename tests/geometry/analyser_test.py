from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.geometry.analyser import analyser_frame, follow, simple_path
from ewaldite.geometry.rotation import rotation_matrix
from geometry.bifrost import EVENTS

Y = (0.0, 1.0, 0.0)


def detector(sample: float, onward: float, take_off: float, along: float) -> np.ndarray:
    """A point behind an analyser on the beam axis, the beam turned down by ``take_off``."""
    angle = np.deg2rad(take_off)
    return np.array([along, -onward * np.sin(angle), sample + onward * np.cos(angle)])


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e["triplet"] + str(e["pixel"]))
def test_agrees_with_an_independent_program(event: dict) -> None:
    flight = follow(
        np.array([event["detector_position_m"]]), event["analyzer_position_m"], 3.355
    )
    for name, value in (
        ("k_f", flight.k_f[0]),
        ("final_wavenumber_invA", flight.k_f[0]),
        ("final_energy_meV", flight.energy[0]),
        ("L2_m", flight.path[0]),
        ("secondary_flight_time_ms", 1e3 * flight.time[0]),
        ("geometric_a4_deg", flight.A4[0]),
        ("final_wavevector_invA", flight.k_f[0] * flight.direction[0]),
        ("sample_analyzer_vector_m", flight.reflection[0]),
    ):
        if name in event:
            np.testing.assert_allclose(value, event[name], rtol=1e-8, atol=1e-10)


take_offs = st.floats(40.0, 150.0)
lengths = st.floats(0.5, 2.0)


@settings(deadline=None)
@given(lengths, lengths, take_offs, st.floats(-0.2, 0.2))
def test_obeys_bragg_and_the_law_of_reflection(
    sample: float, onward: float, take_off: float, along: float
) -> None:
    point = detector(sample, onward, take_off, along)
    flight = follow(point[None], (0.0, 0.0, sample), 3.355)
    first, second = flight.reflection[0], point - flight.reflection[0]
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    wavelength = 2 * 3.355 * np.sin(np.arccos(cosine) / 2)
    np.testing.assert_allclose(2 * np.pi / flight.k_f[0], wavelength, rtol=1e-12)
    # Mirrored in a blade that is turned about y alone, x goes on unchanged
    np.testing.assert_allclose(
        first[0] / np.linalg.norm(first), second[0] / np.linalg.norm(second), atol=1e-12
    )
    np.testing.assert_allclose(
        flight.A4[0], np.rad2deg(np.arctan2(along, sample + onward)), rtol=1e-12, atol=1e-12
    )


@settings(deadline=None)
@given(lengths, lengths, take_offs, st.floats(-0.2, 0.2), st.floats(-170.0, 170.0))
def test_turns_with_the_tank(
    sample: float, onward: float, take_off: float, along: float, tank: float
) -> None:
    point = detector(sample, onward, take_off, along)
    turn = rotation_matrix(Y, tank)
    centre = np.array([0.0, 0.0, sample])
    at_zero = follow(point[None], centre, 3.355)
    turned = follow((turn @ point)[None], turn @ centre, 3.355)
    for name in ("k_f", "energy", "path", "time"):
        np.testing.assert_allclose(getattr(turned, name), getattr(at_zero, name), rtol=1e-12)
    difference = turned.A4[0] - at_zero.A4[0] - tank
    np.testing.assert_allclose((difference + 180) % 360 - 180, 0.0, atol=1e-10)
    np.testing.assert_allclose(turned.direction[0], turn @ at_zero.direction[0], atol=1e-13)


@settings(deadline=None)
@given(lengths, lengths, take_offs, st.floats(-0.2, 0.2))
def test_simple_path_is_exact_with_the_distance_of_the_tube(
    sample: float, onward: float, take_off: float, along: float
) -> None:
    point = detector(sample, onward, take_off, along)
    exact = follow(point[None], (0.0, 0.0, sample), 3.355).path
    np.testing.assert_allclose(simple_path([along], sample, onward), exact, rtol=1e-13)
    assert abs(simple_path([along], sample, onward + 1e-3)[0] - exact[0]) > 5e-4


def test_frame_is_right_handed_with_z_up() -> None:
    frame = analyser_frame(rotation_matrix(Y, 30.0) @ np.array([0.0, 0.0, 1.3]))
    np.testing.assert_allclose(np.linalg.det(frame), 1.0)
    np.testing.assert_allclose(frame[:, 2], [0.0, 1.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(frame[:, 0], [0.5, 0.0, np.sqrt(0.75)])


def test_refuses_an_analyser_above_the_sample() -> None:
    with pytest.raises(UserError, match="not to the side of the sample"):
        analyser_frame([0.0, 1.2, 0.0])
