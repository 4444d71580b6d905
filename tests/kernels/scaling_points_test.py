from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.interpolate import RegularGridInterpolator

from ewaldite.kernels.scaling_points import interpolate

LOW, PER_STEP = np.array([-1.0, 0.0, 10.0]), np.array([2.0, 1.0, 0.5])


def at(
    coordinates: np.ndarray,
    size: tuple[int, ...],
    nearest: tuple[bool, ...],
    values: np.ndarray,
) -> np.ndarray:
    return interpolate(
        coordinates, LOW, PER_STEP, np.array(size), np.array(nearest), values.ravel(order="F")
    )


@pytest.mark.parametrize("size", [(4, 3, 5), (2, 2, 2), (1, 3, 1), (1, 1, 1)])
@pytest.mark.parametrize("nearest", [(False,) * 3, (True, False, True)])
def test_between_nodes_and_beyond_the_ends(
    size: tuple[int, ...], nearest: tuple[bool, ...]
) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=size)
    low, high = LOW - 0.7, LOW + (np.array(size) - 0.3) / PER_STEP
    coordinates = np.ascontiguousarray(rng.uniform(low, high, (200, 3)).T)
    place = (coordinates - LOW[:, None]) * PER_STEP[:, None]
    place = np.clip(place, 0, np.array(size)[:, None] - 1)
    for axis in range(3):
        if nearest[axis]:
            place[axis] = np.floor(place[axis] + 0.5)
    # an axis of one node is constant
    doubled = values
    for axis in range(3):
        if size[axis] == 1:
            doubled = np.repeat(doubled, 2, axis=axis)
    nodes = [np.arange(m, dtype=float) for m in doubled.shape]
    expected = RegularGridInterpolator(nodes, doubled)(place.T)
    assert_allclose(at(coordinates, size, nearest, values), expected, rtol=1e-10, atol=1e-12)


def test_what_is_no_number_has_no_value() -> None:
    coordinates = np.array([[np.nan, 0.0, 0.0], [0.0, np.nan, 0.0], [10.0, 10.0, 12.0]])
    found = at(coordinates, (3, 3, 3), (False,) * 3, np.ones((3, 3, 3)))
    assert np.isnan(found).tolist() == [True, True, False]
    assert at(np.zeros((3, 0)), (3, 3, 3), (False,) * 3, np.ones((3, 3, 3))).size == 0
