"""Efficiencies by number of the detector, and errors that pixels share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ewaldite.errors import UserError
from ewaldite.spectroscopy.backend import GROUP_WIDTH, Backend, shared_errors

ONE = Backend(
    np.array([12, 3, 7, 40]), np.array([1.0, 2.0, 0.0, 4.0]), np.array([0.1, 0.2, 0.3, 0.4]),
    np.array([0, 1, 1, 0]), np.array([[0.5], [0.6]]), "meV*sr",
)  # fmt: skip


def test_rows_follow_the_numbers() -> None:
    found = ONE.of([40, 5, 3, 7, 12, 3, 99, -1])
    assert_array_equal(found.value, [4, 0, 2, 0, 1, 2, 0, 0])
    assert_array_equal(found.own[[0, 2, 4]], [0.4, 0.2, 0.1])
    assert_array_equal(found.group[[0, 2, 4]], [0, 1, 0])
    assert_array_equal(found.detector_number, [40, 5, 3, 7, 12, 3, 99, -1])
    assert found.unit == "meV*sr"
    assert_array_equal(found.modes, ONE.modes)


def test_pixels_that_are_left_out_have_none() -> None:
    keep = np.array([True, False, True])
    assert_array_equal(ONE.of([40, 3, 12], keep).value, [4, 0, 1])
    for numbers, some in (([5, 6], None), ([7], None), ([40], [False])):
        with pytest.raises(UserError, match="no pixel of the run has one"):
            ONE.of(numbers, some)


def test_all_alike_without_vanadium() -> None:
    one = Backend.ones([5, 2])
    assert_array_equal(one.value, 1.0)
    assert_array_equal(one.own, 0.0)
    assert one.modes.shape == (1, 0)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32))
def test_groups_and_rest_make_up_the_whole_error(pixels: int, readings: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    energy = rng.choice([2.70, 2.704, 3.2, 5.0], pixels)
    root = rng.normal(size=(pixels, readings))
    shared = shared_errors(energy, root)
    # pixels of a group are within its width, and those of one energy in one group
    for g in np.unique(shared.group):
        assert np.ptp(energy[shared.group == g]) <= GROUP_WIDTH
    for e in np.unique(energy):
        assert np.unique(shared.group[energy == e]).size == 1
    means = np.stack([root[shared.group == g].mean(axis=0) for g in np.unique(shared.group)])
    assert_allclose(shared.modes @ shared.modes.T, means @ means.T, rtol=1e-6, atol=1e-7)
    rest = ((root - means[shared.group]) ** 2).sum(axis=1)
    assert_allclose(shared.rest, rest, atol=1e-12)
    # rows on demand are the same
    same = shared_errors(energy, lambda some: root[some])
    assert_allclose(same.rest, shared.rest)
    assert_allclose(same.modes @ same.modes.T, shared.modes @ shared.modes.T)


def test_without_errors_there_is_no_mode() -> None:
    shared = shared_errors([2.7, 3.2], np.zeros((2, 4)))
    assert shared.modes.shape == (2, 0)
    assert not shared.rest.any()
