"""Predicted spots: overlap of boxes with ellipsoids, against a fine sampling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ewaldite.diffuse.filter_options import FilterOptions
from ewaldite.diffuse.predicted_filter import half_widths_rlu, predicted_filter
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid


def options(**kwargs):
    return FilterOptions(method="predicted", **kwargs)


def cube(low, high):
    return np.stack(np.meshgrid(*[np.arange(low, high)] * 3, indexing="ij"), -1).reshape(-1, 3)


def test_sixth_of_a_cell_is_the_middle_voxel_and_no_neighbour():
    index = cube(-4, 5)
    mask = predicted_filter(Grid((3, 3, 3)), index, options(half_widths=(1 / 6,) * 3))
    np.testing.assert_array_equal(mask, (index % 3 == 0).all(axis=1))


@pytest.mark.parametrize(("shape", "number"), [("box", 27), ("ellipsoid", 7)])
def test_a_little_more_reaches_the_neighbours(shape, number):
    index = cube(-1, 2)
    chosen = options(half_widths=(0.17, 0.17, 0.17), spot_shape=shape)
    # by 1/300 beyond the middle voxel: across faces, and with a box across corners too
    assert predicted_filter(Grid((3, 3, 3)), index, chosen).sum() == number


def overlap_by_sampling(grid, index, widths, shape):
    """Nearest of many points of the voxel."""
    t = np.linspace(-0.5, 0.5, 25)
    points = np.stack(np.meshgrid(t, t, t, indexing="ij"), -1).reshape(-1, 3) / grid.n
    found = []
    for centre in grid.centre(index):
        p = centre + points
        relative = (p - np.rint(p)) / widths
        if shape == "box":
            found.append((np.abs(relative) < 1).all(axis=1).any())
        else:
            found.append(((relative**2).sum(axis=1) < 1).any())
    return np.array(found)


@settings(deadline=None, max_examples=25)
@given(
    st.tuples(*[st.integers(1, 5)] * 3),
    st.sampled_from(["node", "split"]),
    st.tuples(*[st.floats(0.02, 0.45)] * 3),
    st.sampled_from(["box", "ellipsoid"]),
    st.integers(0, 99),
)
def test_against_sampling(n, mode, widths, shape, seed):
    grid = Grid(n, mode)
    index = np.random.default_rng(seed).integers(-6, 7, (12, 3))
    chosen = options(half_widths=widths, spot_shape=shape)
    mask = predicted_filter(grid, index, chosen)
    # sampling sees no overlap thinner than its step, so it is bracketed
    thin = tuple(np.array(widths) - 1.1 / 24 / np.array(n))
    if min(thin) > 0:
        assert not (overlap_by_sampling(grid, index, np.array(thin), shape) & ~mask).any()
    assert not (overlap_by_sampling(grid, index, np.array(widths) - 1e-6, shape) & ~mask).any()
    wide = np.array(widths) + 1.1 / 24 / np.array(n)
    assert not (mask & ~overlap_by_sampling(grid, index, wide, shape)).any()


@settings(deadline=None, max_examples=30)
@given(st.tuples(*[st.integers(-5, 5)] * 3), st.integers(0, 99))
def test_every_cell_is_alike(shift, seed):
    grid = Grid((3, 4, 5))
    index = np.random.default_rng(seed).integers(-9, 10, (30, 3))
    chosen = options(half_widths=(0.1, 0.2, 0.3))
    moved = index + np.array(shift) * grid.n
    np.testing.assert_array_equal(
        predicted_filter(grid, index, chosen), predicted_filter(grid, moved, chosen)
    )


def test_half_widths_in_inverse_angstrom():
    chosen = options(half_widths=(0.01, 0.01, 0.02), half_width_unit="1/angstrom")
    lengths = np.array([0.1, 0.05, 0.04])
    np.testing.assert_allclose(half_widths_rlu(chosen, lengths), [0.1, 0.2, 0.5])
    index = cube(-4, 5)
    same = options(half_widths=(0.1, 0.2, 0.5))
    np.testing.assert_array_equal(
        predicted_filter(Grid((3, 3, 3)), index, chosen, lengths),
        predicted_filter(Grid((3, 3, 3)), index, same),
    )


def test_without_a_cell_there_are_no_angstroms():
    chosen = options(half_width_unit="1/angstrom")
    with pytest.raises(UserError, match="without a cell"):
        predicted_filter(Grid((3, 3, 3)), cube(0, 2), chosen)


def test_widths_are_positive():
    with pytest.raises(ValidationError):
        options(half_widths=(0.1, 0.0, 0.1))
