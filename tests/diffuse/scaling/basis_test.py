from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from conftest import ORACLES
from ewaldite.diffuse.scaling.basis import Axis, ControlPoints

ORACLE = json.loads((ORACLES / "scale.json").read_text())
NAMES = ("ix", "iy", "iz")


def dense(stored: dict[str, Any]) -> np.ndarray:
    out = np.zeros(stored["size"])
    for row, column, value in stored["row_col_val_1based"]:
        out[row - 1, column - 1] = value
    return out


def points_of(stored: dict[str, Any]) -> ControlPoints:
    letters = [x for x in "xyz" if f"Nw{x}" in stored]
    axes = [
        Axis(name, *stored[f"{x}lim"], stored[f"Nw{x}"])
        for name, x in zip(NAMES, letters, strict=False)
    ]
    shape = [axis.size for axis in reversed(axes)]
    return ControlPoints(tuple(axes), np.array(stored["p"], float).reshape(shape))


def coordinates_of(stored: dict[str, Any]) -> list[np.ndarray]:
    return [np.array(stored[x], float) for x in "xyz" if x in stored]


def inside(points: ControlPoints, coordinates: list[np.ndarray]) -> np.ndarray:
    """mdx-lib counts the last node, and all beyond the nodes, as outside."""
    good = np.ones(coordinates[0].size, bool)
    for axis, x in zip(points.axes, coordinates, strict=True):
        good &= (x >= axis.low) & (x < axis.high)
    return good


@pytest.mark.parametrize("name", ["InterpLin2", "InterpLin3"])
def test_matrices_and_values_are_those_of_the_oracle_inside(name: str) -> None:
    stored = ORACLE[name]
    points, x = points_of(stored), coordinates_of(stored)
    good = inside(points, x)
    assert 0 < good.sum() < good.size
    assert_allclose(points.matrix(*x).toarray()[good], dense(stored["A"])[good], atol=1e-14)
    assert_allclose(points(*x)[good], np.array(stored["interp_p"])[good], rtol=1e-14)
    for key, along in {"B": points.names, "Bx": ("ix",), "By": ("iy",)}.items():
        assert_allclose(points.roughness(*along).toarray(), dense(stored[key]), atol=1e-15)
    if name == "InterpLin3":
        assert_allclose(points.roughness("iz").toarray(), dense(stored["Bz"]), atol=1e-15)
        plane = points.roughness("ix", "iy").toarray()
        assert_allclose(plane, dense(stored["Bxy"]), atol=1e-15)


def test_one_dimension_is_that_of_the_oracle_inside() -> None:
    stored = ORACLE["InterpLin1"]
    axis = Axis("iz", stored["xmin"], stored["xmax"], stored["Nw"])
    points = ControlPoints((axis,), np.array(stored["p"], float))
    assert_allclose(axis.nodes, stored["w"])
    x = np.array(stored["x"], float)
    good = (x >= axis.low) & (x < axis.high)
    assert_allclose(points(x)[good], np.array(stored["interp_p"])[good], rtol=1e-14)
    assert_allclose(points.matrix(x[good]).toarray(), dense(stored["A"])[good], atol=1e-14)
    assert_allclose(points.roughness("iz").toarray(), dense(stored["B"]))


@pytest.mark.parametrize("name", ["Bin1", "Bin1_Nw1"])
def test_bins_are_those_of_the_oracle_inside(name: str) -> None:
    stored = ORACLE[name]
    axis = Axis("panel", *stored["xlim"], stored["Nw"], bins=True)
    points = ControlPoints((axis,), np.array(stored.get("p", [7.0]), float))
    x = np.array(stored["x"], float)
    good = (x >= axis.low - 0.5) & (x < axis.high + 0.5)
    assert_allclose(points.matrix(x[good]).toarray(), dense(stored["A"])[good])
    if name == "Bin1":
        assert_allclose(points(x)[good], np.array(stored["interp_p"])[good])
        assert_allclose(points.roughness("panel").toarray(), dense(stored["B"]))
    else:
        assert_allclose(points(x), 7.0)


def test_the_last_node_is_inside_and_beyond_is_the_border() -> None:
    points = ControlPoints((Axis("iz", 0.5, 10.5, 5),), np.array([1.0, 2, 4, 8, 16]))
    assert_array_equal(points([10.5, 11.0, 1e9, 0.2, -np.inf, np.inf]), [16, 16, 16, 1, 1, 16])
    assert_allclose(points.matrix([10.5, 11.0]).toarray(), [[0, 0, 0, 0, 1]] * 2)
    bins = ControlPoints((Axis("panel", 0, 3, 4, bins=True),), np.arange(4.0))
    assert_array_equal(bins([-9.0, 0.49, 0.5, 3.0, 7.0]), [0, 0, 1, 3, 3])


def test_an_unknown_place_has_no_value() -> None:
    points = ControlPoints.constant((Axis("s", 0, 1, 3), Axis("iz", 0, 1, 2)), 2.0)
    assert_array_equal(points([np.nan, 0.5, 0.5], [0.0, np.nan, 0.0]), [np.nan, np.nan, 2.0])


axes = st.builds(
    lambda name, low, length, size, bins: Axis(name, low, low + length, size, bins),
    st.just("ix"),
    st.floats(-50, 50),
    st.floats(0.1, 100),
    st.integers(1, 5),
    st.booleans(),
)


@given(
    chosen=st.lists(axes, min_size=1, max_size=3),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None)
def test_kernel_and_matrix_agree_and_rows_add_to_one(chosen: list[Axis], seed: int) -> None:
    rng = np.random.default_rng(seed)
    named = [
        Axis(n, a.low, a.high, a.size, a.bins) for n, a in zip(NAMES, chosen, strict=False)
    ]
    shape = [a.size for a in reversed(named)]
    points = ControlPoints(tuple(named), rng.normal(size=shape))
    x = [a.low + (a.high - a.low) * rng.uniform(-0.3, 1.3, 20) for a in named]
    matrix = points.matrix(*x)
    assert_allclose(points(*x), matrix @ points.values.ravel(), atol=1e-12)
    assert_allclose(np.asarray(matrix.sum(axis=1)).ravel(), 1.0)
    assert np.all(matrix.data >= 0)


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=3))
@settings(max_examples=30, deadline=None)
def test_what_is_linear_in_the_nodes_is_smooth(sizes: list[int]) -> None:
    named = tuple(Axis(n, 0, 1, size) for n, size in zip(NAMES, sizes, strict=False))
    grids = np.meshgrid(*(a.nodes for a in reversed(named)), indexing="ij")
    ramp = ControlPoints(named, 1.0 + sum((i + 2) * g for i, g in enumerate(grids)))
    for name in ramp.names:
        assert_allclose(ramp.roughness(name) @ ramp.values.ravel(), 0, atol=1e-12)
    ones = np.ones(ramp.values.size)
    assert_allclose(ramp.roughness(*ramp.names) @ ones, 0, atol=1e-12)


def test_linear_functions_are_reproduced_between_nodes() -> None:
    named = (Axis("s", 0, 0.8, 5), Axis("iz", -0.5, 99.5, 4))
    s, iz = np.meshgrid(named[0].nodes, named[1].nodes)
    points = ControlPoints(named, 2 + 3 * s - 0.1 * iz + 0.05 * s * iz)
    rng = np.random.default_rng(3)
    x, z = rng.uniform(0, 0.8, 50), rng.uniform(-0.5, 99.5, 50)
    assert_allclose(points(x, z), 2 + 3 * x - 0.1 * z + 0.05 * x * z)
    assert_allclose(points.at({"iz": z, "s": x, "ix": x}), points(x, z))


def test_impossible_nodes_are_refused() -> None:
    with pytest.raises(ValueError, match="0 nodes"):
        Axis("s", 0, 1, 0)
    with pytest.raises(ValueError, match="ascend"):
        Axis("s", 1, 1, 2)
    with pytest.raises(ValueError, match="shape"):
        ControlPoints((Axis("s", 0, 1, 3),), np.zeros(2))
    with pytest.raises(ValueError, match="2 coordinates"):
        ControlPoints.constant((Axis("s", 0, 1, 3),), 1.0)([0.5], [0.5])


def test_roughness_is_sparse() -> None:
    points = ControlPoints.constant(tuple(Axis(n, 0, 1, 20) for n in NAMES), 1.0)
    matrix = points.roughness("ix", "iy")
    assert isinstance(matrix, sparse.csr_matrix)
    assert matrix.nnz <= 5 * 8000
