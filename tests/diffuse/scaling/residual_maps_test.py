"""Mean residuals lie in the right cells, with the errors of means."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.diffuse.scaling.residual_maps import Axis, ResidualMap


def test_a_planted_defect_of_the_detector_shows_where_it_is() -> None:
    rng = np.random.default_rng(0)
    iy, ix = rng.uniform(-0.5, 399.5, 40_000), rng.uniform(-0.5, 799.5, 40_000)
    z = rng.normal(size=40_000)
    z[(iy < 100) & (ix > 600)] += 2.0
    sums = ResidualMap.on_detector((400, 800))
    for part in (slice(0, 999), slice(999, None)):
        sums.add(z[part], iy[part], ix[part])
    found = sums.to_scipp()
    assert found.dims == ("slow", "fast")
    np.testing.assert_allclose(found.coords["slow"].values[[0, -1]], [-0.5, 399.5])
    np.testing.assert_allclose(found.coords["fast"].values[[0, -1]], [-0.5, 799.5])
    bad = found.values[:10, 30:]
    assert abs(bad.mean() - 2.0) < 0.05
    good = found.values[10:]
    assert abs(good.mean()) < 0.02
    # 40 000 residuals in 1600 cells: means scatter as their variances say
    pull = good / np.sqrt(found.variances[10:])
    assert abs(pull.std() - 1.0) < 0.05


def test_a_decay_shows_over_dose_and_resolution() -> None:
    s, phi = np.meshgrid(np.linspace(0.01, 0.6, 200), np.linspace(10.0, 70.0, 200))
    z = -(s**2) * (phi - 10)
    sums = ResidualMap.of_dose(0.6, (10.0, 70.0))
    sums.add(z.ravel(), s.ravel(), phi.ravel())
    found = sums.to_scipp()
    assert found.dims == ("s", "phi")
    assert found.coords["phi"].values[0] == 10.0
    assert np.nanargmin(found.values) == found.size - 1
    assert np.nanmax(np.abs(found.values[:, 0])) < 0.5


def test_cells_without_residuals_are_empty_not_zero() -> None:
    axis = Axis("x", "one", 0.0, 4.0, 4)
    z = np.array([1.0, 3.0, np.nan])
    x = np.array([0.5, 0.5, 3.5])
    sums = ResidualMap(axis, Axis("y", "one", 0.0, 1.0, 1))
    sums.add(z, x, np.zeros(3))
    found = sums.to_scipp()
    assert found.values[0, 0] == 2.0
    assert found.variances[0, 0] == 0.5
    assert found.masks["empty"].values.ravel().tolist() == [False, True, True, True]
    assert np.isnan(found.values[1:]).all()


def test_nothing_to_see_is_an_empty_map() -> None:
    none = ResidualMap.of_dose(0.0, (0.0, 0.0))
    none.add(np.zeros(0), np.zeros(0), np.zeros(0))
    assert none.to_scipp().masks["empty"].values.all()
    still = ResidualMap.of_dose(0.2, (5.0, 5.0))
    still.add(np.ones(3), np.full(3, 0.2), np.full(3, 5.0))
    assert np.nansum(still.to_scipp().values) == 1.0


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=30))
def test_the_map_holds_every_residual_once(values: list[float]) -> None:
    z = np.array(values)
    x = np.arange(z.size, dtype=float)
    sums = ResidualMap(Axis("x", "one", 0.0, 7.0, 5), Axis("y", "one", -1.0, 1.0, 3))
    sums.add(z, x, z)
    found = sums.to_scipp()
    number = 1 / found.variances[np.isfinite(found.variances)]
    mean = found.values[np.isfinite(found.values)]
    np.testing.assert_allclose(number.sum(), z.size)
    np.testing.assert_allclose((number * mean).sum(), z.sum(), atol=1e-9)
