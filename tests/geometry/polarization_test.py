from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.geometry.detector import pixel_positions
from ewaldite.geometry.polarization import (
    check_fraction,
    polarization_axis,
    polarization_factor,
)
from geometry.setups import Case, directions, pilatus, rotations, tilted

fractions = st.floats(0.0, 1.0)
Y, Z = np.eye(3)[1], np.eye(3)[2]


@pytest.mark.parametrize("case", [pilatus(), tilted()])
def test_oracle(case: Case) -> None:
    xyz = pixel_positions(case.panel, case.slow, case.fast, shift=case.shift)
    beam = case.beam
    factor = polarization_factor(xyz, beam.s0, beam.polarization_fraction, Y)
    # mdx-lib makes the normal perpendicular to the beam but leaves it shorter than 1: with k
    # the length, its result is 1 − k² (1 − P). That is undone here.
    k2 = 1.0 - (Y @ beam.s0 * beam.wavelength) ** 2
    assert 1e-6 < 1.0 - k2 < 1e-4
    expected = 1.0 - (1.0 - case["polarization"]) / k2
    np.testing.assert_allclose(factor, expected, rtol=1e-9)


@settings(deadline=None)
@given(directions(), directions(), directions())
def test_an_unpolarized_beam_has_thomsons_factor(
    ray: np.ndarray, beam: np.ndarray, normal: np.ndarray
) -> None:
    assume(np.linalg.norm(np.cross(beam, normal)) > 1e-3)
    factor = polarization_factor(ray, beam, 0.5, normal)
    assert float(factor) == pytest.approx(0.5 * (1.0 + (ray @ beam) ** 2), abs=1e-12)


@settings(deadline=None)
@given(directions(), directions(), directions(), fractions, rotations(), st.floats(0.1, 10.0))
def test_turning_and_lengths_change_nothing(
    ray: np.ndarray,
    beam: np.ndarray,
    normal: np.ndarray,
    fraction: float,
    matrix: np.ndarray,
    length: float,
) -> None:
    assume(np.linalg.norm(np.cross(beam, normal)) > 1e-3)
    one = float(polarization_factor(ray, beam, fraction, normal))
    other = polarization_factor(
        length * matrix @ ray, matrix @ beam / length, fraction, length * matrix @ normal
    )
    assert float(other) == pytest.approx(one, abs=1e-9)
    assert -1e-12 <= one <= 1.0 + 1e-12


@settings(deadline=None)
@given(directions(), fractions)
def test_fraction_and_its_rest_add_to_the_unpolarized_factor(
    ray: np.ndarray, fraction: float
) -> None:
    both = polarization_factor(ray, Z, fraction, Y) + polarization_factor(
        ray, Z, 1 - fraction, Y
    )
    assert float(both) == pytest.approx(1.0 + ray[2] ** 2, abs=1e-12)


def test_a_polarized_beam_does_not_radiate_along_its_field() -> None:
    x = np.eye(3)[0]
    np.testing.assert_allclose(
        polarization_factor(np.array([x, Y, Z]), Z, 1.0, Y), [0.0, 1.0, 1.0], atol=1e-15
    )


def test_the_normal_is_made_perpendicular_and_unit() -> None:
    axis = polarization_axis([0.0, 0.1, 2.0], [0.0, 3.0, 0.5])
    assert np.linalg.norm(axis) == pytest.approx(1.0)
    assert axis @ [0.0, 0.1, 2.0] == pytest.approx(0.0, abs=1e-15)
    assert axis[1] > 0.99


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match="polarization_fraction"):
        check_fraction(None)
    for fraction in (-0.1, 1.5, np.nan):
        with pytest.raises(UserError, match="between 0 and 1"):
            check_fraction(fraction)
    for normal in ([0.0, 0.0, 2.0], [0.0, 0.0, 0.0]):
        with pytest.raises(UserError, match="parallel to the beam"):
            polarization_axis(Z, normal)
