"""Points find their voxels, and axes their vectors."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.crystal.cell import cell_from_axes, orthogonalization
from ewaldite.crystal.map_axes import MapAxes, basis_of, flat_map
from ewaldite.errors import UserError

CELL = (8.1, 9.3, 10.7, 82.0, 103.0, 97.0)


def volume(dims: str = "hkl", order: str | None = None) -> sc.DataArray:
    shape = {dims[0]: 5, dims[1]: 4, dims[2]: 7}
    values = np.arange(140.0).reshape(5, 4, 7)
    array = sc.DataArray(
        sc.array(dims=list(dims), values=values),
        coords={
            d: sc.array(dims=[d], values=-1.0 + np.arange(n) / 3) for d, n in shape.items()
        },
    )
    return array if order is None else array.transpose(list(order)).copy()


@settings(deadline=None)
@given(
    order=st.permutations("hkl"),
    index=st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 6)),
    away=st.tuples(*[st.floats(-0.49, 0.5)] * 3),
)
def test_a_point_is_in_the_voxel_around_it(
    order: list[str], index: tuple[int, int, int], away: tuple[float, float, float]
) -> None:
    array = volume(order="".join(order))
    axes = MapAxes.of(array, CELL)
    values, _ = flat_map(array, axes.dims)
    point = -1.0 + (np.array(index) + away) / 3
    place, inside = axes.place(point)
    assert inside
    assert values[place] == volume().values[index]


def test_outside_is_outside_and_a_border_belongs_to_the_lower_voxel() -> None:
    axes = MapAxes.of(volume(), CELL)
    points = np.array([[-1.17, 0, 0], [0.5, 0, 0], [0.51, 0, 0], [-1 + 0.5 / 3, -1, -1]])
    place, inside = axes.place(points)
    assert inside.tolist() == [False, True, False, True]
    assert place[3] == 0
    np.testing.assert_allclose(axes.stop, [1 / 3, 0, 1])


def test_reciprocal_axes_are_dual_to_the_cell_and_real_ones_along_it() -> None:
    reciprocal, real = basis_of(("h", "k", "l"), CELL), basis_of(("u", "v", "w"), CELL)
    np.testing.assert_allclose(reciprocal @ orthogonalization(CELL), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(cell_from_axes(real.T), [1, 1, 1, *CELL[3:]], rtol=1e-12)
    assert MapAxes.of(volume(), CELL).unit == "1/angstrom"
    assert MapAxes.of(volume("uvw"), CELL).unit == "angstrom"
    axes = MapAxes.of(volume("uvw"), CELL)
    assert axes.length(np.array([0, 3.0, 0])) == pytest.approx(3.0)


def test_masked_voxels_are_nan() -> None:
    array = volume()
    array.masks["few"] = array.coords["k"] < sc.scalar(-0.5)
    values, variances = flat_map(array, ("h", "k", "l"))
    assert variances is None
    assert np.isnan(values.reshape(array.shape)[:, :2]).all()
    assert np.isfinite(values.reshape(array.shape)[:, 2:]).all()


def test_edges_serve_as_well_as_centres_and_one_layer_needs_its_grid() -> None:
    array = volume()
    array.coords["h"] = sc.array(dims=["h"], values=-1.0 + (np.arange(6) - 0.5) / 3)
    np.testing.assert_allclose(MapAxes.of(array, CELL).start, [-1, -1, -1])
    layer = volume()["l", 2:3].copy()
    assert MapAxes.of(layer, CELL).step[2] == 1.0
    layer.coords["n_l"] = sc.scalar(3, unit=None)
    assert MapAxes.of(layer, CELL).step[2] == pytest.approx(1 / 3)


def test_what_is_no_map_is_said() -> None:
    with pytest.raises(UserError, match="dims and coordinates"):
        MapAxes.of(sc.DataArray(sc.arange("voxel", 3.0)), CELL)
    array = volume()
    array.coords["k"].values[1] += 0.1
    with pytest.raises(UserError, match="along k are not evenly spaced"):
        MapAxes.of(array, CELL)
