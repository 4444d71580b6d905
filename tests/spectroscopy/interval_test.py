"""How often one standard error holds the truth; monitor and vanadium are drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from ewaldite.spectroscopy.coverage import coverage
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.cut_grid import cut_grid
from ewaldite.spectroscopy.estimators import estimate
from spectroscopy.truth import World

FloatArray = NDArray[np.float64]

CUT = Cut(
    name="c",
    axes=["Q", "energy_transfer"],
    bins={"Q": (0, 3, 0.15), "energy_transfer": (-2, 2, 0.1)},
)


@dataclass
class Outcome:
    """Bins of all runs: expected counts, what holds the truth, share of σ² that is common."""

    expected: FloatArray
    by_variance: NDArray[np.bool_]
    by_limits: NDArray[np.bool_]
    common: FloatArray


def outcome(runs: int) -> Outcome:
    world = World(
        every=45, settings=2, events=1.2e4, vanadium_events=300 * 25, monitor_counts=1.2e4
    )
    grid, truth = cut_grid(CUT), world.strength
    where = world.intervals(grid.energy_step)
    parts: list[tuple[FloatArray, ...]] = []
    for seed in range(runs):
        rng = np.random.default_rng([seed, 77])
        backend = world.backend(where, rng)
        run = world.flat
        steps = world.exposure(run, world.flux(run, where, rng))
        events = EventSums(grid, world.pixels(backend), steps)
        counted, k = world.draw(run, rng)
        events.add(counted.pixel, k, counted.setting)
        covered = coverage(grid, events.pixel, steps, terms=0)
        made = estimate(events, covered)
        seen = ~made["S"].masks["no_coverage"].values
        s, variance = made["S"].values[seen], made["S"].variances[seen]
        low, high = made["lower"].values[seen], made["upper"].values[seen]
        parts.append((
            (covered.coverage * truth)[seen.ravel()],
            np.abs(s - truth) <= np.sqrt(variance),
            (low <= truth) & (truth <= high),
            made["common_variance"].values[seen] / variance,
        ))  # fmt: skip
    return Outcome(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def check(runs: int, tolerance: float) -> None:
    found = outcome(runs)
    many = found.expected >= 20
    # what vanadium and monitor add is not negligible here
    assert found.common[many].mean() > 0.06
    assert found.by_variance[many].mean() == pytest.approx(0.683, abs=tolerance)
    assert found.by_variance[~many].mean() > 0.683 - tolerance / 2
    for low, high in ((0.0, 1.0), (1.0, 2.0), (2.0, 5.0), (5.0, 10.0), (10.0, 20.0)):
        sparse = (found.expected >= low) & (found.expected < high)
        assert found.by_limits[sparse].mean() > 0.683 - tolerance, (low, high)


def test_one_sigma_holds_the_truth() -> None:
    check(12, 0.03)


@pytest.mark.slow
def test_one_sigma_holds_the_truth_in_200_runs() -> None:
    check(200, 0.015)
