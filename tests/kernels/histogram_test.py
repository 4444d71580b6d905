from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from ewaldite.kernels import histogram as kernel

FloatArray = NDArray[np.float64]


def table_of(group: NDArray[np.int64], z: FloatArray, signal: FloatArray) -> FloatArray:
    table = np.zeros((3, kernel.SIGNAL_BINS, kernel.RESIDUAL_BINS, 3))
    kernel.add_residuals(group.astype(np.int32), z, signal, table)
    return table


def test_bins_are_half_octaves() -> None:
    rng = np.random.default_rng(0)
    n = 4000
    group = rng.integers(0, 3, n)
    z = rng.choice([-1, 1], n) * 2.0 ** rng.uniform(-9, 22, n)
    signal = 2.0 ** rng.uniform(-12, 30, n)
    z[:4], signal[4:8] = [0.0, np.nan, np.inf, -np.inf], [0.0, np.nan, -1.0, 2.0**100]
    found = table_of(group, z, signal)
    upper = 2.0 ** (np.arange(1, kernel.SIGNAL_BINS) / 2 - 8)
    u = np.searchsorted(upper, signal, side="right")
    v = np.searchsorted(kernel.upper_edges()[:-1], np.abs(z), side="right")
    good = np.isfinite(z) & (signal >= 0)
    expected = np.zeros_like(found)
    for column, amount in enumerate((np.ones(n), z * z, signal)):
        np.add.at(expected[..., column], (group[good], u[good], v[good]), amount[good])
    assert found[..., 0].sum() == good.sum() == n - 5
    assert_allclose(found, expected, rtol=1e-12)


def test_edges_belong_to_the_bin_above() -> None:
    edges = kernel.upper_edges()
    assert edges.size == kernel.RESIDUAL_BINS
    assert_allclose(edges[1:] / edges[:-1], np.sqrt(2.0))
    assert_allclose(edges[0], 2.0**-5.5)
    # whole powers of two are exact
    for above in range(2, kernel.RESIDUAL_BINS, 2):
        z = edges[above - 1] * np.array([1.0, 1.0 - 1e-9])
        found = table_of(np.zeros(2, np.int64), z, np.ones(2))
        assert np.flatnonzero(found[0, :, :, 0].sum(axis=0)).tolist() == [above - 1, above]


def test_nothing() -> None:
    nothing = np.zeros(0)
    assert not table_of(nothing.astype(np.int64), nothing, nothing).any()
