from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diffuse.merging.simulated_observations import simulate
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.merging.merge import merge
from ewaldite.diffuse.merging.merge_sums import MergeSums
from ewaldite.diffuse.merging.outliers import mask_outliers, residuals
from ewaldite.diffuse.merging.prepared import prepare

GROUP = space_group("P 21 21 21")


def sums_of(table, rng):  # type: ignore[no-untyped-def]
    prepared, _ = prepare(table, None, None)
    return prepared, MergeSums.of(prepared, GROUP, estimator="ratio", friedel=True, rng=rng)


@pytest.mark.parametrize("multiplicity", [2, 8])
def test_residuals_are_standardized(multiplicity: int) -> None:
    rng = np.random.default_rng(1)
    table = simulate(
        rng, 20.0, voxels=20_000, multiplicity=multiplicity, background=5.0, tau=0.5
    )
    z, _ = residuals(*sums_of(table, rng))
    assert np.mean(z) == pytest.approx(0, abs=0.02)
    assert np.mean(z**2) == pytest.approx(1, abs=0.03)


def test_an_observation_alone_has_no_residual() -> None:
    rng = np.random.default_rng(2)
    table = simulate(rng, 20.0, voxels=50, multiplicity=1)
    assert np.isnan(residuals(*sums_of(table, rng))[0]).all()
    assert not mask_outliers(table, GROUP, k=3.0).masks["outlier"].any()


def test_planted_outliers_of_both_signs_are_masked_and_few_others() -> None:
    rng = np.random.default_rng(3)
    table = simulate(rng, 100.0, voxels=4000, spread=0.2)
    planted = rng.choice(len(table), 60, replace=False)
    counts = table.counts.copy()
    counts[planted[:30]] *= 3
    counts[planted[30:]] = 0
    spoiled = replace(table, counts=counts)
    masked = mask_outliers(spoiled, GROUP, k=5.0)
    assert len(masked) == len(table)
    outlier = masked.masks["outlier"]
    assert outlier[planted[:30]].all()
    assert outlier[planted[30:]].all()
    assert outlier.sum() <= 65
    assert np.array_equal(masked.counts, spoiled.counts)
    merged = merge(masked, GROUP, rng=rng)
    assert merged.coords["multiplicity"].values.sum() == len(table) - outlier.sum()
    assert merged.values.mean() == pytest.approx(100, rel=0.005)


def test_rounds_find_what_the_first_hid() -> None:
    rng = np.random.default_rng(4)
    table = simulate(rng, 100.0, voxels=1000, spread=0.0)
    counts = table.counts.copy()
    counts[:5] = 1e5
    counts[100:110] = 400
    spoiled = replace(table, counts=counts)
    once = mask_outliers(spoiled, GROUP, k=6.0, rounds=1).masks["outlier"]
    often = mask_outliers(spoiled, GROUP, k=6.0, rounds=9).masks["outlier"]
    assert once[:5].all()
    assert not once[100:110].any()
    assert often[100:110].all()


def test_earlier_masks_are_kept_and_respected() -> None:
    rng = np.random.default_rng(5)
    table = simulate(rng, 50.0, voxels=500)
    bad = rng.random(len(table)) < 0.1
    spoiled = replace(table, counts=np.where(bad, 1e6, table.counts)).with_mask("bragg", bad)
    masked = mask_outliers(spoiled, GROUP, k=6.0)
    assert np.array_equal(masked.masks["bragg"], bad)
    assert not masked.masks["outlier"][bad].any()
