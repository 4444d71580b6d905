"""Sums over residuals and pairs, group by group from their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from ewaldite.kernels import quality as kernel

FloatArray = NDArray[np.float64]


def pair_sums(w: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Number, Σw, Σw², Σwx, Σwy, Σwx², Σwy², Σwxy."""
    terms = [np.ones_like(w), w, w * w, w * x, w * y, w * x * x, w * y * y, w * x * y]
    return np.array([t.sum() for t in terms])


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 60), st.integers(0, 2**32))
def test_pairs_of_cells(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cell = rng.integers(-1, 4, n)
    x, y, w = rng.normal(size=(3, n))
    for bad in (x, y, w):
        bad[rng.random(n) < 0.1] = np.nan
    x[rng.random(n) < 0.05] = np.inf
    sums = np.full((4, kernel.PAIRS), 0.5)
    kernel.add_pairs(cell, x, y, w, sums)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(x) & np.isfinite(y) & (w > 0)
    for c in range(4):
        some = good & (cell == c)
        assert_allclose(sums[c] - 0.5, pair_sums(w[some], x[some], y[some]), atol=1e-12)


def observations(error: bool, n: int = 300) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    row = rng.integers(-1, 29, n).astype(np.int32)
    row[:4] = 29, 29, 29, 29
    ones = rng.uniform(0.5, 2.0, (5, n))
    weight = ones[4]
    weight[:4] = [1.0, 1e-12, 1e-12, 1e-12]  # of four, one has all of the weight
    norm = np.bincount(row[row >= 0], (weight * ones[0])[row >= 0], 30)
    isotropic = rng.uniform(1.0, 9.0, 30)
    isotropic[7] = np.nan
    return {
        "row": row,
        "group": rng.integers(0, 3, n),
        "shell": np.where(np.arange(30) % 5 == 4, -1, np.arange(30) % 3),
        "counts": rng.poisson(9.0, n).astype(float),
        "exposure": ones[0],
        "background": ones[1],
        "background_variance": ones[2] / 10,
        "offset": ones[3] - 1.0,
        "weight": weight,
        "error": rng.uniform(0.0, 0.1, n) if error else np.zeros(0),
        "intensity": rng.uniform(1.0, 9.0, 30),
        "variance": rng.uniform(0.01, 0.1, 30),
        "norm": norm,
        "multiplicity": np.bincount(row[row >= 0], minlength=30).astype(float),
        "isotropic": isotropic,
    }


def plain_row(o: dict[str, Any], i: int) -> FloatArray:
    """What one observation adds."""
    own = np.zeros(kernel.COLUMNS)
    r, ea, c, b = o["row"][i], o["exposure"][i], o["offset"][i], o["background"][i]
    signal = o["counts"][i] - b - ea * c
    x, I, J, n = signal / ea, o["intensity"][r], o["isotropic"][r], o["multiplicity"][r]
    own[:5] = 1.0, o["counts"][i], signal, ea, n
    q, total = o["weight"][i] * ea, o["norm"][r]
    if n > 1 and total - q > 1e-9 * total:
        of_counts = (ea * (I + c) + b + o["background_variance"][i]) / ea**2
        of_model = (o["error"][i] * (I + c)) ** 2 if o["error"].size else 0.0
        own[kernel.CHI2] = q * (x - I) ** 2
        # var(x - Σqx/Σq) = var(x) (1 - 2 q/Σq) + var(Σqx/Σq)
        part = q / total
        own[kernel.CHI2_EXPECTED] = q * (
            (of_counts + of_model) * (1 - 2 * part) + o["variance"][r]
        )
        own[kernel.SPREAD] = ea * abs(x - I) / np.sqrt(1 - part)
        own[kernel.LEVEL], own[kernel.RELIEF] = ea * I, ea * abs(I - J)
        others = (I * total - q * x) / (total - q)  # the mean without x
        w = np.array([1.0 / (1.0 / q + 1.0 / (total - q))])
        one, two = np.array([x]), np.array([others])
        own[kernel.TOTAL : kernel.ANISOTROPIC] = pair_sums(w, one, two)
        if np.isfinite(J):
            own[kernel.ANISOTROPIC :] = pair_sums(w, one - J, two - J)
    return own


@pytest.mark.parametrize("error", [False, True])
def test_observations_by_group_and_shell(error: bool) -> None:
    o = observations(error)
    by_group, by_shell = (np.zeros((3, kernel.COLUMNS)) for _ in range(2))
    kernel.add_observations(*o.values(), by_group, by_shell)
    expected, in_shells = np.zeros_like(by_group), np.zeros_like(by_shell)
    for i in np.flatnonzero(o["row"] >= 0):
        own = plain_row(o, int(i))
        expected[o["group"][i]] += own
        if o["shell"][o["row"][i]] >= 0:
            in_shells[o["shell"][o["row"][i]]] += own
    assert_allclose(by_group, expected, rtol=1e-9)
    assert_allclose(by_shell, in_shells, rtol=1e-9)
    # an unknown isotropic part makes the relief unknown, and nothing else
    assert np.isfinite(np.delete(expected, kernel.RELIEF, axis=1)).all()
    assert np.isnan(expected[:, kernel.RELIEF]).any()


def test_pairs_of_batches_that_share_a_voxel() -> None:
    rng = np.random.default_rng(2)
    row, batch = [], []
    for r in range(40):
        some = rng.permutation(4)[: rng.integers(1, 5)]
        row += [r] * some.size
        batch += some.tolist()
    n = len(row)
    x, q = rng.uniform(1, 5, n), rng.uniform(0.5, 2, n)
    q[rng.random(n) < 0.1] = 0.0
    q[row.index(5) : row.index(6)] = 0.0  # a voxel without weight in any batch
    cell, isotropic = rng.integers(-1, 3, 40), rng.uniform(1, 5, 40)
    isotropic[3] = np.nan
    total, shells = np.zeros((4, 4, kernel.PAIRS)), np.zeros((4, 4, 3, kernel.PAIRS))
    rows, batches = np.array(row, np.int32), np.array(batch, np.int32)
    kernel.add_batches(rows, batches, x, q, cell, isotropic, total, shells)
    expected, in_shells = np.zeros_like(total), np.zeros_like(shells)
    for i in range(n):
        for j in range(n):
            if row[i] != row[j] or batch[i] >= batch[j] or q[i] * q[j] == 0:
                continue
            w = np.array([1.0 / (1.0 / q[i] + 1.0 / q[j])])
            one, two, r = x[i : i + 1], x[j : j + 1], row[i]
            expected[batch[i], batch[j]] += pair_sums(w, one, two)
            if cell[r] >= 0 and np.isfinite(isotropic[r]):
                J = isotropic[r]
                in_shells[batch[i], batch[j], cell[r]] += pair_sums(w, one - J, two - J)
    assert_allclose(total, expected, rtol=1e-10, atol=1e-12)
    assert_allclose(shells, in_shells, rtol=1e-9, atol=1e-10)


def test_entries_of_batches() -> None:
    rng = np.random.default_rng(3)
    entry = rng.integers(0, 6, 80)
    entry[entry == 2] = 1  # one entry without an observation
    signal, q = rng.normal(size=(2, 80))
    bins = rng.integers(0, 50, 80).astype(np.int32)
    number, first = np.zeros(6, np.int32), np.full(6, 99, np.int32)
    total, total_signal = np.zeros(6), np.zeros(6)
    kernel.add_entries(entry, signal, q, bins, number, total, total_signal, first)
    assert_array_equal(number, np.bincount(entry, minlength=6))
    assert_allclose(total, np.bincount(entry, q, 6), atol=1e-12)
    assert_allclose(total_signal, np.bincount(entry, signal, 6), atol=1e-12)
    assert first.tolist() == [min(bins[entry == e], default=99) for e in range(6)]
