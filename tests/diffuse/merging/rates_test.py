from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diffuse.merging.simulated_observations import simulate
from ewaldite.diffuse.merging.rates import ShellSums
from ewaldite.diffuse.observations import Observations


def ring(rng: np.random.Generator, n: int, intensity: float, sweep: int) -> Observations:
    table = simulate(
        rng, intensity, voxels=n, multiplicity=1, background=2.0 + 3 * sweep, tau=0.5
    )
    length = rng.uniform(0.1, 0.5, n)
    s = np.stack([length, np.zeros(n), np.zeros(n)], axis=-1)
    return replace(table, s=s, sweep=np.full(n, sweep, np.int32))


def test_prediction_finds_signal_background_and_its_variance_of_each_sweep() -> None:
    rng = np.random.default_rng(3)
    table = Observations.concat([ring(rng, 40_000, 4.0, i) for i in (0, 1)])
    one, zero = np.ones(len(table)), np.zeros(len(table))
    predicted = ShellSums.of(table, one, zero).predict(table, one, zero)
    for sweep, dark in ((0, 2.0), (1, 5.0)):
        own = table.sweep == sweep
        rate = predicted[own] / table.exposure[own, None]
        np.testing.assert_allclose(rate[:, 0], 4 + dark, rtol=0.05)
        np.testing.assert_allclose(rate[:, 1], dark, rtol=0.05)
        np.testing.assert_allclose(rate[:, 2], 0.5 * dark, rtol=0.05)


def test_scale_and_offset_are_taken_out_and_put_back() -> None:
    rng = np.random.default_rng(4)
    n = 60_000
    scale, offset = rng.uniform(0.5, 2, n), rng.uniform(0, 3, n)
    table = simulate(rng, 5.0, voxels=n, multiplicity=1, scale=scale, offset=offset)
    table = replace(table, s=np.tile([0.2, 0.1, 0.1], (n, 1)))
    predicted = ShellSums.of(table, scale, offset).predict(table, scale, offset)
    np.testing.assert_allclose(
        predicted[:, 0], table.exposure * scale * (5 + offset), rtol=0.01
    )


def test_sums_of_parts_add_up() -> None:
    rng = np.random.default_rng(5)
    table = Observations.concat([ring(rng, 500, 1.0, i) for i in (0, 1)])
    one, zero = np.ones(len(table)), np.zeros(len(table))
    whole = ShellSums.of(table, one, zero)
    cut = table.select(slice(0, 300)), table.select(slice(300, None))
    parts = [ShellSums.of(t, one[: len(t)], zero[: len(t)]) for t in cut]
    np.testing.assert_allclose((parts[0] + parts[1]).table, whole.table, rtol=1e-12)
    nothing = ShellSums.of(table.select(slice(0, 0)), one[:0], zero[:0])
    np.testing.assert_array_equal((whole + nothing).table, whole.table)


def test_predicted_counts_are_positive_where_nothing_was_counted() -> None:
    table = simulate(np.random.default_rng(6), 0.0, voxels=50, multiplicity=2)
    one, zero = np.ones(len(table)), np.zeros(len(table))
    predicted = ShellSums.of(table, one, zero).predict(table, one, zero)
    assert predicted[:, 0].min() > 0
    assert not predicted[:, 1:].any()


def test_a_sweep_that_the_sums_do_not_know_is_refused() -> None:
    table = simulate(np.random.default_rng(6), 1.0, voxels=5, multiplicity=1)
    one, zero = np.ones(len(table)), np.zeros(len(table))
    sums = ShellSums.of(table, one, zero)
    other = replace(table, sweep=np.full(len(table), 1, np.int32))
    with pytest.raises(ValueError, match="sweep"):
        sums.predict(other, one, zero)
