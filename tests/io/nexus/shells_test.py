"""Means in shells of |s|."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.io.nexus.shells import ShellSums, magnitude, shell_means


def table(
    s: np.ndarray, values: np.ndarray, variances: np.ndarray | None = None
) -> sc.DataArray:
    return sc.DataArray(
        sc.array(dims=["voxel"], values=values, variances=variances, unit="counts"),
        coords={"s": sc.array(dims=["voxel"], values=s, unit="1/angstrom")},
    )


def test_a_shell_is_the_mean_and_its_variance() -> None:
    curve = shell_means(
        table(
            np.array([0.101, 0.103, 0.2051]),
            np.array([1.0, 4.0, 7.0]),
            np.array([2.0, 4.0, 9.0]),
        )
    )
    assert curve is not None
    np.testing.assert_allclose(curve.values, [2.5, 7.0])
    np.testing.assert_allclose(curve.variances, [6.0 / 4, 9.0])
    np.testing.assert_allclose(curve.coords["s"].values, [0.102, 0.2051])
    np.testing.assert_array_equal(curve.coords["number"].values, [2, 1])
    assert curve.unit == "counts"
    assert curve.coords["s"].unit == "1/angstrom"


@settings(deadline=None)
@given(
    s=st.lists(st.floats(0, 2), min_size=1, max_size=40),
    cut=st.integers(0, 40),
    width=st.floats(0.01, 0.5),
)
def test_sums_of_parts_are_sums_of_the_whole(s: list[float], cut: int, width: float) -> None:
    rng = np.random.default_rng(len(s))
    x, v = rng.normal(size=len(s)), rng.random(len(s))
    whole, parts = ShellSums(width), ShellSums(width)
    whole.add(np.array(s), x, v)
    parts.add(np.array(s[:cut]), x[:cut], v[:cut])
    parts.add(np.array(s[cut:]), x[cut:], v[cut:])
    a, b = whole.means(None, None), parts.means(None, None)
    assert a.coords["number"].sum().value == len(s)
    np.testing.assert_array_equal(a.coords["number"].values, b.coords["number"].values)
    np.testing.assert_allclose(a.values, b.values, atol=1e-12)
    np.testing.assert_allclose(a.variances, b.variances)
    # the mean over everything is that of the shells, weighted with their numbers
    total = (a.values * a.coords["number"].values).sum()
    assert total == pytest.approx(x.sum(), abs=1e-9)


def test_masked_and_absent_voxels_do_not_count() -> None:
    array = table(np.full(4, 0.1), np.array([1.0, 2.0, np.nan, 50.0]))
    array.masks["bragg"] = sc.array(dims=["voxel"], values=[False, False, False, True])
    curve = shell_means(array)
    assert curve is not None
    np.testing.assert_allclose(curve.values, [1.5])


@settings(deadline=None)
@given(
    hkl=st.tuples(*[st.integers(-20, 20)] * 3),
    lengths=st.tuples(*[st.floats(5, 100)] * 3),
    beta=st.floats(60, 120),
)
def test_monoclinic_cells_have_a_textbook_formula(
    hkl: tuple[int, int, int], lengths: tuple[float, float, float], beta: float
) -> None:
    """1/d² of a monoclinic cell: International Tables B (2008), 1.1; Giacovazzo, table 2.1."""
    a, b, c = lengths
    h, k, l = hkl
    cos, sin = math.cos(math.radians(beta)), math.sin(math.radians(beta))
    square = ((h / a) ** 2 + (l / c) ** 2 - 2 * h * l * cos / (a * c)) / sin**2 + (k / b) ** 2
    array = sc.DataArray(sc.zeros(dims=["voxel"], shape=[1]))
    for name, value in zip("hkl", hkl, strict=True):
        array.coords[name] = sc.array(dims=["voxel"], values=[float(value)])
    found = magnitude(array, (a, b, c, 90.0, beta, 90.0))
    assert found is not None
    assert found[0][0] == pytest.approx(math.sqrt(square), rel=1e-9, abs=1e-12)
    assert found[1] == "1/angstrom"


def test_a_map_is_spread_over_its_axes() -> None:
    dims = {"h": 3, "l": 2, "k": 4}
    array = sc.DataArray(sc.zeros(dims=list(dims), shape=list(dims.values())))
    for name, size in dims.items():
        array.coords[name] = sc.arange(name, float(size))
    found = magnitude(array, (2.0, 4.0, 5.0, 90.0, 90.0, 90.0))
    assert found is not None
    assert found[0].shape == (3, 2, 4)
    expected = math.sqrt((2 / 2) ** 2 + (1 / 5) ** 2 + (3 / 4) ** 2)
    assert found[0][2, 1, 3] == pytest.approx(expected)


def test_components_are_used_where_they_are() -> None:
    array = sc.DataArray(sc.zeros(dims=["voxel"], shape=[1]))
    for name, value in {"sx": 2.0, "sy": 3.0, "sz": 6.0}.items():
        array.coords[name] = sc.array(dims=["voxel"], values=[value], unit="1/angstrom")
    found = magnitude(array, None)
    assert found is not None
    assert found[0][0] == pytest.approx(7.0)


def test_nothing_known_gives_nothing() -> None:
    assert magnitude(sc.DataArray(sc.zeros(dims=["voxel"], shape=[3])), None) is None
    assert shell_means(sc.DataArray(sc.zeros(dims=["voxel"], shape=[3]))) is None


def test_a_wild_coordinate_does_not_fill_the_memory() -> None:
    curve = shell_means(table(np.array([0.1, 1e300, -1.0, np.inf]), np.ones(4)))
    assert curve is not None
    assert curve.coords["number"].values.tolist() == [1]
