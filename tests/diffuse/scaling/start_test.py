from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ewaldite.diffuse.scaling.prescale import Prescale
from ewaldite.diffuse.scaling.start import StartFactors, start_factors, started
from ewaldite.errors import UserError
from ewaldite.io.scale_factors import FactorTable

NUMBERS = {3: np.arange(1, 11), 7: np.arange(101, 106)}
PHI = {3: 30 + 0.5 * np.arange(10), 7: 10 - 0.2 * np.arange(5)}
SWEEPS = {"first": 3, "second": 7}


def factors(sweep: tuple[str, ...], kind: str, place: list[float]) -> FactorTable:
    values = 1.0 + 0.1 * np.arange(len(place))
    return FactorTable(Path("f.csv"), sweep, kind, np.array(place), values)  # type: ignore[arg-type]


def test_frames_and_angles_become_places_in_the_scan() -> None:
    names = ("first", "first", "second")
    found = start_factors(
        factors(names, "frame", [1, 10, 103]), SWEEPS, numbers=NUMBERS, phi=PHI
    )
    assert_allclose(found[3].iz, [0, 9])
    assert_allclose(found[7].iz, [2])
    found = start_factors(
        factors(names, "angle", [31, 30.25, 9.6]), SWEEPS, numbers=NUMBERS, phi=PHI
    )
    assert_allclose(found[3].iz, [0.5, 2])
    assert_allclose(found[3].factor, [1.1, 1.0])
    assert_allclose(found[7].iz, [2], atol=1e-12)


def test_a_file_without_names_is_for_the_only_sweep() -> None:
    only = {"first": 3}
    found = start_factors(factors((), "frame", [2, 4]), only, numbers=NUMBERS, phi=PHI)
    assert_allclose(found[3].iz, [1, 3])
    with pytest.raises(UserError, match="names no sweep"):
        start_factors(factors((), "frame", [2, 4]), SWEEPS, numbers=NUMBERS, phi=PHI)


def test_mistakes_are_explained() -> None:
    with pytest.raises(UserError, match="no sweep 'third'"):
        start_factors(factors(("third",), "frame", [2]), SWEEPS, numbers=NUMBERS, phi=PHI)
    with pytest.raises(UserError, match="none of the places"):
        start_factors(factors(("first",), "frame", [50]), SWEEPS, numbers=NUMBERS, phi=PHI)


def test_the_course_is_given_and_the_level_is_not() -> None:
    scale = np.array([[1.0, 1.2, np.nan], [2.0, 2.0, 2.0]])
    before = Prescale(np.ones(3), scale, np.zeros(2), np.full(2, 0.1))
    given = {5: StartFactors(np.array([5.0, 15.0, 25.0]), np.array([10.0, 30.0, 70.0]))}
    after = started(before, (5, 6), given)
    assert_allclose(after.scale[0, 1] / after.scale[0, 0], 3)
    assert_allclose(np.nanmean(after.scale[0]), 1.1)
    assert np.isnan(after.scale[0, 2])
    assert_allclose(after.scale[1], 2)
