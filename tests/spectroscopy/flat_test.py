"""A flat scatterer comes out flat, in each arc alone and between arcs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ewaldite.simulate.bifrost_source import Source
from ewaldite.spectroscopy.coverage import coverage
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.cut_grid import cut_grid
from ewaldite.spectroscopy.estimators import Estimator, estimate
from spectroscopy.truth import World

FloatArray = NDArray[np.float64]

CUT = Cut(name="e", axes=["energy_transfer"], bins={"energy_transfer": (-2.2, 2.2, 0.1)})
ESTIMATORS: tuple[Estimator, ...] = ("coverage", "event")


def arcs(world: World, least: float) -> dict[tuple[str, int], tuple[FloatArray, FloatArray]]:
    """S over truth and its variance in bins with at least that many events, by arc."""
    rng = np.random.default_rng(world.seed)
    where = world.intervals()
    backend = world.backend(where, rng)
    run = world.flat
    flux = world.flux(run, where, rng)
    counted, k = world.draw(run, rng)
    grid, found = cut_grid(CUT), {}
    for arc in range(5):
        events = EventSums(grid, world.pixels(backend, arc), world.exposure(run, flux))
        events.add(counted.pixel, k, counted.setting)
        covered = coverage(grid, events.pixel, events.exposed, threads=2)
        for name in ESTIMATORS:
            s = estimate(events, covered, estimator=name)["S"] / world.strength
            many = events.sums[:, 0] >= least
            found[name, arc] = (s.values[many], s.variances[many])
    return found


def check(world: World, least: float, tolerance: float) -> None:
    found = arcs(world, least)
    for name in ESTIMATORS:
        means = []
        for arc in range(5):
            s, variance = found[name, arc]
            assert s.size >= 10
            beyond = s.var(ddof=1) / s.mean() ** 2 - variance.mean()
            # the variance of a variance over so few bins
            noise = variance.mean() * np.sqrt(2 / (s.size - 1))
            assert beyond < tolerance**2 + 2 * noise, (name, arc)
            means.append((np.average(s, weights=1 / variance), 1 / np.sum(1 / variance)))
        mean, error = np.array(means).T
        common = 4e-6  # monitor and vanadium of an arc
        assert mean.var(ddof=1) < tolerance**2 + 2 * error.mean() + common, (name, mean)
        assert abs(mean.mean() - 1) < 0.01


@pytest.mark.parametrize("mode", ["parked", "spinning"])
def test_flat_is_flat(mode: str) -> None:
    source = Source(mode=mode, opening=1e-3)  # type: ignore[arg-type]
    check(
        World(every=12, source=source, events=3e5, vanadium_events=4e5, settings=2), 700, 0.01
    )
