"""Dead time: the models, their inversion, and photons that come at random."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.diffuse.dead_time import EXCESS, LOST, DeadTime, Model, shortened
from ewaldite.model.experiment import FloatArray
from ewaldite.model.sums import Sums

MODELS: tuple[Model, ...] = ("non_paralysable", "paralysable")
TAU = 1e-3


def counted(rng: np.random.Generator, model: Model, rate: float, repeats: int) -> FloatArray:
    """Counts in a second, photon by photon; dims (repeat).

    A photon is counted if it comes later than τ after the last one that was counted, or, in
    the paralysable model, after the last one that came. The pixel is exposed already before
    the second begins.
    """
    out = np.empty(repeats)
    before = 50 * TAU
    for i in range(repeats):
        number = rng.poisson(rate * (1.0 + before))
        times = np.sort(rng.uniform(-before, 1.0, number))
        if model == "paralysable":
            kept = np.diff(times, prepend=-np.inf) > TAU
            out[i] = np.count_nonzero(kept & (times >= 0.0))
            continue
        total, free = 0, -np.inf
        for t in times.tolist():
            if t > free:
                free = t + TAU
                total += t >= 0.0
        out[i] = total
    return out


@pytest.mark.parametrize("model", MODELS)
@given(st.floats(0.0, 0.65))
def test_the_live_part_inverts_the_model(model: Model, x: float) -> None:
    dead = DeadTime(model, TAU)
    rate = np.array([x / TAU])
    observed = dead.observed(rate)
    np.testing.assert_allclose(dead.live(observed) * rate, observed, rtol=1e-9)


def test_both_models_by_hand() -> None:
    rate = np.array([0.0, 100.0, 500.0])
    np.testing.assert_allclose(
        DeadTime("non_paralysable", TAU).observed(rate), [0, 100 / 1.1, 500 / 1.5]
    )
    np.testing.assert_allclose(
        DeadTime("paralysable", TAU).observed(rate), [0, 100 * np.exp(-0.1), 500 * np.exp(-0.5)]
    )
    # 100 counts a second: a tenth is dead, or x exp(-x) = 0.1
    assert DeadTime("non_paralysable", TAU).live(np.array(100.0)) == pytest.approx(0.9)
    x = 0.11183255915896297
    assert DeadTime("paralysable", TAU).live(np.array(100.0)) == pytest.approx(np.exp(-x))


@pytest.mark.parametrize("model", MODELS)
def test_a_pixel_that_loses_half_its_photons_is_overloaded(model: Model) -> None:
    dead = DeadTime(model, TAU)
    ceiling = dead.ceiling(10.0)
    assert dead.live(np.array(ceiling / 10.0)) == pytest.approx(0.5)
    assert dead.live(np.array((ceiling - 2) / 10.0)) > 0.5
    if model == "paralysable":
        # Below the fold, where the observed rate is largest: 1/(e τ)
        assert ceiling / 10.0 < np.exp(-1) / TAU
        assert ceiling / 10.0 == pytest.approx(np.log(2) / 2 / TAU, abs=0.11)


@pytest.mark.parametrize("model", MODELS)
def test_no_photon_is_lost_to_itself(model: Model) -> None:
    table = DeadTime(model, TAU).table(1.0, 5)
    np.testing.assert_array_equal(table[:2], 0.0)
    # To first order two lose 2 · 1 · τ/t
    assert table[2, 0] == pytest.approx(2e-3, rel=2e-3)
    assert np.all(np.diff(table[:, 0]) >= 0)


@pytest.mark.parametrize("mean", [0.05, 0.5, 3.0, 20.0])
@pytest.mark.parametrize("model", MODELS)
def test_few_counts_are_restored_without_bias(model: Model, mean: float) -> None:
    """With τ a hundredth of the exposure: what is left is of second order."""
    from scipy.stats import poisson

    dead, n = DeadTime(model, 0.01), np.arange(200)
    table = dead.table(1.0, 200)
    # First order in τ: the counts are Poisson with the mean that the model says
    observed = float(dead.observed(np.array(mean)))
    found = poisson.pmf(n, observed) @ (n + table[:, 0])
    loss = mean - observed
    assert found == pytest.approx(mean, abs=0.25 * loss if mean > 10 else 0.05 * loss + 2e-4)
    # A loss by the pixel's own count would be too large already for few photons
    own = poisson.pmf(n, observed) @ (n / dead.live(n / 1.0))
    assert abs(own - mean) > abs(found - mean)


@pytest.mark.parametrize("x", [0.02, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("model", MODELS)
def test_photons_that_come_at_random_are_restored(model: Model, x: float) -> None:
    """Mean and variance of the restored counts against photons one by one."""
    rng = np.random.default_rng(7)
    dead, rate, repeats = DeadTime(model, TAU), x / TAU, 1500
    n = counted(rng, model, rate, repeats)
    error = np.sqrt(n.var() / repeats)
    assert abs(n.mean() - dead.observed(np.array(rate))) < 4 * error + 0.5
    table = dead.table(1.0, int(n.max()) + 1)[n.astype(int)]
    restored = n + table[:, 0]
    assert abs(restored.mean() - rate) < 4 * restored.std() / np.sqrt(repeats) + 0.01 * x * rate
    said = float(np.mean(n + table[:, 1]))
    # The variance of a variance: two parts in the number of repeats
    assert restored.var() == pytest.approx(said, rel=4 * np.sqrt(2 / repeats) + 0.03)
    # Poisson's law on the restored counts would be wrong by a third and more where it matters
    if x == 0.5:
        assert restored.var() > 1.3 * restored.mean()


def sums_of(counts: list[float], dead: DeadTime, exposure: float = 50.0) -> Sums:
    """One voxel with pixels of these counts in a second each."""
    n = np.array(counts)
    table = dead.table(1.0, int(n.max()) + 1)[n.astype(int)].sum(axis=0)
    columns = {
        "counts": n.sum(),
        "exposure": exposure,
        "background": 12.0,
        "background_variance": 5.0,
        LOST: table[0],
        EXCESS: table[1],
        "pixels": float(n.size),
    }
    return Sums(np.zeros((1, 3), np.int64), {k: np.array([v]) for k, v in columns.items()})


@pytest.mark.parametrize("model", MODELS)
def test_intensity_and_variance_of_a_voxel(model: Model) -> None:
    """A bright pixel among dark ones counts with its own loss, not with that of the mean."""
    dead = DeadTime(model, TAU)
    counts = [300.0, 2.0, 0.0, 5.0, 1.0]
    given = sums_of(counts, dead)
    found = shortened(given)
    table = dead.table(1.0, 301)[np.array(counts, int)]
    n = sum(counts)
    assert found["counts"][0] == n
    intensity = (n - found["background"][0]) / found["exposure"][0]
    assert intensity == pytest.approx((n + table[:, 0].sum() - 12.0) / 50.0, rel=1e-13)
    variance = (n + found["background_variance"][0]) / found["exposure"][0] ** 2
    assert variance == pytest.approx((n + table[:, 1].sum() + 5.0) / 50.0**2, rel=1e-13)
    assert set(found.columns) == set(given.columns) - {LOST, EXCESS}
    assert found["pixels"][0] == 5


def test_nothing_lost_changes_nothing() -> None:
    dead = DeadTime("non_paralysable", TAU)
    found = shortened(sums_of([1.0, 0.0, 1.0], dead))
    assert (found["exposure"][0], found["background"][0]) == (50.0, 12.0)
    assert found["background_variance"][0] == 5.0
    none = shortened(sums_of([0.0, 0.0], dead))
    assert (none["exposure"][0], none["background_variance"][0]) == (50.0, 5.0)
    plain = Sums(np.zeros((0, 3), np.int64), {"counts": np.zeros(0)})
    assert shortened(plain) is plain


def test_an_image_with_its_losses() -> None:
    dead = DeadTime("non_paralysable", TAU)
    image = np.array([[0.0, 1.0], [11.0, 201.0]])
    expected = [[0, 1], [11 / (1 - 0.01), 201 / (1 - 0.2)]]
    np.testing.assert_allclose(dead.restored(image, 1.0), expected, rtol=1e-14)
