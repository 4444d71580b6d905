"""Merging, rejection and statistics against three simulated crystals, with the true factors."""

from __future__ import annotations

import numpy as np
import pytest

from diffuse.crystal_world import (
    World,
    anisotropic_agreement,
    chi2_against_truth,
    rejection,
    world,
)
from ewaldite.diffuse.merging.statistics import HalfSets
from ewaldite.diffuse.merging.stream import Merge, merge_blocks

EDGES = np.array([0.05, 0.3, 0.4, 0.5, 0.6])
#: Counting times of a frame: many, some and few counts an observation.
TIMES = (0.05, 2e-3, 2e-4)


@pytest.fixture(scope="module", params=TIMES)
def crystals(request: pytest.FixtureRequest) -> World:
    return world(astray=False, time=request.param)


@pytest.fixture(scope="module")
def done(crystals: World) -> Merge:
    truth = crystals.truth
    return merge_blocks(
        lambda: [crystals.observations],
        crystals.group,
        scaling=lambda _: (truth.scale, truth.offset),
        outlier_sigma=5.0,
    )


def test_planted_outliers_are_found_on_both_sides(crystals: World, done: Merge) -> None:
    # below zero counts there is no room for one
    assert np.mean(crystals.truth.sign < 0) > 0.001
    found = rejection(crystals, done.rejected)
    assert found.above >= 0.95
    assert found.below >= 0.95
    assert found.false < 0.005


def test_counts_scatter_as_the_law_says(crystals: World, done: Merge) -> None:
    truth = crystals.truth
    chi2 = chi2_against_truth(crystals, ~done.rejected, truth.scale, truth.offset)
    assert chi2 == pytest.approx(1.0, abs=0.05)
    inner = done.merged.coords["chi2"].values.sum()
    inner /= done.merged.coords["chi2_expected"].values.sum()
    assert inner == pytest.approx(1.0, abs=0.05)


def test_merged_intensities_are_the_true_ones(crystals: World, done: Merge) -> None:
    merged = done.merged
    true = np.sum(crystals.merged_truth(merged), axis=0)
    exposure = merged.coords["exposure"].values
    ratio = (exposure * merged.values).sum() / (exposure * true).sum()
    assert ratio == pytest.approx(1.0, abs=0.002)
    deviation = (merged.values - true) ** 2 / merged.variances
    # of 1900 voxels, with counts that make the variance uncertain where there are few
    assert np.mean(deviation) == pytest.approx(1.0, abs=0.12)


def test_anisotropic_part_is_as_good_as_its_halves_say(crystals: World, done: Merge) -> None:
    kinds: tuple[HalfSets, ...] = ("random", "weighted")
    for kind in kinds:
        agreement = anisotropic_agreement(crystals, done.merged, EDGES, kind)
        assert agreement.voxels.sum() > 1800
        assert agreement.faults() == []


def test_a_crystal_in_another_setting_spoils_the_merge() -> None:
    """Without the choice of setting the third crystal contradicts the others."""
    astray = world(astray=True)
    truth = astray.truth
    spoilt = merge_blocks(
        lambda: [astray.observations],
        astray.group,
        scaling=lambda _: (truth.scale, truth.offset),
        outlier_sigma=5.0,
    ).merged
    agreement = anisotropic_agreement(astray, spoilt, EDGES)
    assert np.all(agreement.true < 0.95)
    assert spoilt.coords["chi2"].values.sum() > 3 * spoilt.coords["chi2_expected"].values.sum()
