"""Weights that the scaling model predicts, and what is rejected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from ewaldite.kernels import scaling_weights as kernel
from ewaldite.kernels.scaling import Rows
from kernels.scaling_model import Model, model

FloatArray = NDArray[np.float64]
SMOOTH = np.array([30.0, 22.0, 15.0, 12.0])
WIDTH = 0.4


def reweighed(made: Model, cut: float = np.inf, **given_parts: Any) -> dict[str, Any]:
    n = made.voxel.size
    dark = given_parts.get("dark", np.full(n, 0.5, np.float32))
    variance = given_parts.get("variance", np.zeros(0, np.float32))
    weight, residual = np.full(n, np.nan, np.float32), np.full(n, np.nan, np.float32)
    shells, histogram = np.full((2, 4), np.nan), np.full(kernel.BINS, 9)
    known, total = kernel.reweigh(
        made.rows, made.places, made.p, dark, variance, SMOOTH, WIDTH, cut,
        int(np.diff(made.rows.start).max()), weight, residual, shells, histogram,
    )  # fmt: skip
    return {
        "weight": weight, "residual": residual, "shells": shells, "histogram": histogram,
        "known": known, "total": total,
    }  # fmt: skip


def counted(on: str, *, level: float = 40.0, seed: int = 0, voxels: int = 400) -> Model:
    """Counts of a model that is known, so many voxels of four observations each."""
    base = model(on, seed=seed)
    rng = np.random.default_rng(seed + 50)
    n = 4 * voxels
    pick = rng.integers(0, base.voxel.size, n)
    places = base.places._replace(
        **{
            name: array[pick]
            for name, array in base.places._asdict().items()
            if name != "step" and array.size
        }
    )
    rows = Rows(
        np.arange(voxels + 1) * 4,
        np.zeros(n, np.float32),
        rng.uniform(0.5, 3.0, n).astype(np.float32),
        rng.uniform(0.2, 1.5, n).astype(np.float32),
    )
    weights = {term: w[pick] for term, w in base.weights.items()}
    made = Model(rows, places, weights, base.p, np.ones(n, np.float32))
    ead, b, c = made.parts(made.p)
    intensity = np.repeat(rng.uniform(0.7, 1.3, voxels) * level, 4)
    counts = rng.poisson(ead * (b * intensity + c) + 0.5) - 0.5
    return Model(
        rows._replace(signal=counts.astype(np.float32)), places, weights, base.p, made.weight
    )


@pytest.mark.parametrize("on", ["abcdD", "b", "ac"])
def test_residuals_of_a_true_model_have_unit_width(on: str) -> None:
    made = counted(on)
    found = reweighed(made)
    n = made.voxel.size
    assert found["known"] == n
    # 1600 of them, three free in a voxel of four: 1 ± 0.04
    assert found["total"] / n == pytest.approx(1.0, abs=0.12)
    assert found["residual"].mean() == pytest.approx(0.0, abs=0.1)
    assert_allclose(found["total"], np.sum(found["residual"].astype(float) ** 2), rtol=1e-5)
    # weights are one over the error of the counts: of expectation plus background
    ead, b, c = made.parts(made.p)
    level = np.repeat(made.rows.signal.reshape(-1, 4).sum(1), 4)
    level = np.maximum(level - np.repeat((ead * c).reshape(-1, 4).sum(1), 4), 0)
    level /= np.repeat((ead * b).reshape(-1, 4).sum(1), 4)
    expected = 1.0 / np.sqrt(np.maximum(ead * (b * level + c) + 0.5, 1.0))
    assert_allclose(found["weight"], expected, rtol=0.15)


def test_sums_of_shells_and_histogram() -> None:
    made = counted("abcdD")
    found = reweighed(made, cut=2.0)
    ead, b, c = made.parts(made.p)
    kept = found["weight"] > 0
    assert 0.8 < kept.mean() < 1.0
    shell = np.minimum((made.rows.length / WIDTH).astype(int), 3)
    signal = made.rows.signal - ead * c
    for row, amount in zip(found["shells"], (signal, ead * b), strict=True):
        assert_allclose(row, np.bincount(shell[kept], amount[kept], 4), rtol=1e-4)
    z = np.abs(found["residual"])
    bins = np.minimum((z / kernel.BIN_WIDTH).astype(int), kernel.BINS - 1)
    counts = np.bincount(bins[z > 0], minlength=kernel.BINS)
    assert np.abs(found["histogram"] - counts).sum() <= 4  # single precision at the edges
    assert found["histogram"].sum() == np.count_nonzero(z)
    # what is kept agrees with the others within the cut, what is not does not
    assert z[kept].max() <= 2.0 + 1e-5
    assert np.mean(z[~kept] > 2.0 - 1e-5) > 0.95


def test_an_outlier_goes_alone() -> None:
    made = counted("b")
    signal = made.rows.signal.copy()
    # in every other voxel that of the least exposure: more weight than all others decides
    least = np.argmin(made.rows.exposure.reshape(-1, 4), axis=1)
    bad = (4 * np.arange(least.size) + least)[1::2]
    signal[bad] = signal[bad] * 3 + 60
    found = reweighed(Model(made.rows._replace(signal=signal), *_rest(made)), cut=5.0)
    assert np.flatnonzero(found["weight"] == 0).tolist() == bad.tolist()
    assert np.all(found["residual"][bad] > 5.0)
    # other voxels do not know
    calm = reweighed(made, cut=5.0)
    untouched = np.repeat(np.arange(least.size) % 2 == 0, 4)
    assert_array_equal(found["weight"][untouched], calm["weight"][untouched])


def _rest(made: Model) -> tuple[Any, ...]:
    return made.places, made.weights, made.p, made.weight


def test_of_two_that_contradict_the_one_nearer_to_the_smooth_rate_stays() -> None:
    base = counted("b", voxels=2)
    rows = Rows(
        np.array([0, 2, 4]),
        np.array([20.0, 300.0, 300.0, 20.0], np.float32),
        np.ones(4, np.float32),
        np.full(4, 0.5, np.float32),
    )
    flat = base.places._replace(b=base.places.b[:4], b_part=base.places.b_part[:4])
    made = Model(rows, flat, base.weights, np.ones_like(base.p), base.weight[:4])
    found = reweighed(made, cut=5.0)
    assert (found["weight"] > 0).tolist() == [True, False, False, True]


def test_one_alone_has_no_residual_and_stays() -> None:
    made = counted("b")
    start = np.arange(made.voxel.size + 1)
    found = reweighed(Model(made.rows._replace(start=start), *_rest(made)), cut=3.0)
    assert not found["residual"].any()
    assert found["known"] == 0
    assert np.all(found["weight"] > 0)
    assert not found["histogram"].any()


def test_variances_that_are_given_are_taken() -> None:
    made = counted("abcdD")
    variance = np.random.default_rng(0).uniform(5, 90, made.voxel.size).astype(np.float32)
    found = reweighed(made, variance=variance)
    assert_allclose(found["weight"], 1 / np.sqrt(variance), rtol=1e-5)
    # the residual is against the weighted mean of the others
    ead, b, c = made.parts(made.p)
    g = ead * b
    x, w = made.rows.signal / g - c / b, g * g / variance
    for i in (0, 5, 10, 399):
        others = [j for j in range(i // 4 * 4, i // 4 * 4 + 4) if j != i]
        mean = np.average(x[others], weights=w[others])
        expected = (x[i] - mean) / np.sqrt(1 / w[i] + 1 / w[others].sum())
        assert_allclose(found["residual"][i], expected, rtol=1e-3, atol=1e-4)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 4)), min_size=1, max_size=9))
def test_the_median_has_half_of_the_weight_on_either_side(
    given_points: list[tuple[int, int]],
) -> None:
    x, w = np.array(given_points, np.float64).T
    found = kernel._median(np.append(x, 99.0), np.append(w, 99.0), x.size)
    repeated = np.repeat(x, w.astype(int))
    assert found == np.median(repeated)
