"""The chain from tables of observations to merged intensities against three simulated crystals.

One crystal is indexed in the other setting; all have exposure, decay, absorption, offsets and
detector gains of their own; 5 % of the observations are outliers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import scipp as sc

from diffuse.crystal_world import (
    World,
    anisotropic_agreement,
    chi2_against_truth,
    log_error,
    rejection,
    rms,
    world,
)
from ewaldite.crystal.contents import fill_with_water
from ewaldite.crystal.polymer import polymer, water
from ewaldite.diffuse.absolute.scale import absolute_scale
from ewaldite.diffuse.merging.bragg import merge_bragg
from ewaldite.diffuse.merging.bragg_positions import bragg_positions
from ewaldite.diffuse.merging.merge import merge
from ewaldite.diffuse.merging.outliers import OUTLIER
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.reindexed import reindexed, reindexed_bragg
from ewaldite.diffuse.reindexing import resolve
from ewaldite.diffuse.scaling.options import ScaleOptions
from ewaldite.diffuse.scaling.result import ScalingResult
from ewaldite.diffuse.scaling.scale import scale

EDGES = np.array([0.05, 0.3, 0.4, 0.5, 0.6])
#: Counting times of a frame: 9000 and 370 counts an observation.
TIMES = (0.05, 2e-3)
PEPTIDE = "MKTAYIAKQRQISFV"


@dataclass(frozen=True)
class Scaled:
    """A world, in one setting, and what the chain made of it."""

    world: World
    observations: Observations
    result: ScalingResult
    merged: sc.DataArray


def in_one_setting(crystals: World) -> Observations:
    """Observations as the choice of setting leaves them."""
    cells = np.array([sweep.experiment.cell for sweep in crystals.crystals.sweeps])
    decisions = resolve(crystals.observations, crystals.group, cells)
    return reindexed(crystals.observations, {i: d.operator for i, d in enumerate(decisions)})


def chain(crystals: World, **options: object) -> Scaled:
    observations = in_one_setting(crystals)
    chosen = ScaleOptions(**{"terms": ("a", "b", "c", "d"), **options})  # type: ignore[arg-type]
    result = scale(
        observations,
        crystals.group,
        degrees_per_frame=0.1,
        options=chosen,
        rng=np.random.default_rng(0),
    )
    factor, offset = result.model.evaluate(observations)
    merged = merge(
        observations.with_mask(OUTLIER, result.outlier),
        crystals.group,
        scale=factor,
        offset=offset,
        rng=np.random.default_rng(1),
    )
    return Scaled(crystals, observations, result, merged)


@pytest.fixture(scope="module", params=TIMES)
def scaled(request: pytest.FixtureRequest) -> Scaled:
    return chain(world(time=request.param))


def test_the_other_setting_is_found(scaled: Scaled) -> None:
    crystals = scaled.world
    assert not np.array_equal(crystals.observations.index, crystals.truth.hkl)
    np.testing.assert_array_equal(scaled.observations.index, crystals.truth.hkl)


def test_scales_are_the_true_ones_within_a_per_cent(scaled: Scaled) -> None:
    assert scaled.result.converged
    found, _ = scaled.result.model.evaluate(scaled.observations)
    truth, length = scaled.world.truth, scaled.observations.length_of_s
    error = log_error(found, truth.scale, length)
    assert rms(error) < 0.01
    # the truth has no part that all crystals share as a function of |s|, nor has the fit
    raw = np.log(found / truth.scale)
    assert rms(raw - raw.mean()) < 0.01
    for number in range(3):
        assert rms(error[scaled.observations.sweep == number]) < 0.015


def test_gains_of_the_modules_are_found(scaled: Scaled) -> None:
    values = scaled.result.model.values(scaled.observations)["d"]
    ratio = np.log(values / scaled.world.truth.d)
    assert ratio.std() < 0.005
    assert np.log(scaled.world.truth.d).std() > 0.015


def test_planted_outliers_are_found_and_few_others(scaled: Scaled) -> None:
    found = rejection(scaled.world, scaled.result.outlier)
    assert found.above >= 0.95
    assert found.below >= 0.95
    assert found.false < 0.005


def test_residuals_have_unit_variance(scaled: Scaled) -> None:
    assert scaled.result.chi2 == pytest.approx(1.0, abs=0.05)
    truth = scaled.world.truth
    chi2 = chi2_against_truth(scaled.world, ~scaled.result.outlier, truth.scale, truth.offset)
    assert chi2 == pytest.approx(1.0, abs=0.05)


def test_the_anisotropic_map_is_as_good_as_its_halves_say(scaled: Scaled) -> None:
    agreement = anisotropic_agreement(scaled.world, scaled.merged, EDGES)
    assert np.any((agreement.star >= 0.995) & (agreement.voxels >= 500))
    assert agreement.faults() == []


def test_a_dose_that_fades_high_angles_is_found() -> None:
    crystals = world(dose=True, astray=False)
    truth, observations = crystals.truth, crystals.observations
    assert truth.damping.min() < 0.65

    result = scale(
        observations,
        crystals.group,
        degrees_per_frame=0.1,
        options=ScaleOptions(terms=("a", "b", "c", "d"), relative_b=True),
        rng=np.random.default_rng(0),
    )
    found, _ = result.model.evaluate(observations)
    assert rms(log_error(found, truth.scale, observations.length_of_s)) < 0.01


def test_the_absolute_scale_is_that_of_the_noise_free_totals(scaled: Scaled) -> None:
    """Diffuse and Bragg, through setting, scales, rejection and merging, sum to the truth."""
    crystals = scaled.world
    experiment = crystals.crystals.sweeps[0].experiment
    inverse = np.linalg.inv(experiment.real_axes)
    table = crystals.bragg_table()
    places = bragg_positions(table, crystals.bragg.panel, inverse @ inverse.T)
    factor, _ = scaled.result.model.evaluate(places)
    cells = np.array([sweep.experiment.cell for sweep in crystals.crystals.sweeps])
    decisions = resolve(crystals.observations, crystals.group, cells)
    one = reindexed_bragg(table, {i: d.operator for i, d in enumerate(decisions)})
    bragg = merge_bragg(one, crystals.group, metric=inverse @ inverse.T, scale=factor).table
    contents, _ = fill_with_water(
        polymer(PEPTIDE).times(4), abs(1 / np.linalg.det(inverse)), water()
    )

    def k(diffuse: sc.DataArray, spots: sc.DataArray) -> float:
        found = absolute_scale(
            diffuse, spots, contents, experiment.cell, crystals.group, experiment.wavelength
        )
        return float(found.k.value)

    hkl = np.rint(np.stack([bragg.coords[x].values for x in "hkl"], axis=1)).astype(np.int64)
    true_bragg = bragg.copy()
    true_bragg.values = crystals.crystals.bragg(hkl)
    true_bragg.coords["diffuse"] = 0 * bragg.coords["diffuse"]
    true = scaled.merged.copy()
    true.values = np.sum(crystals.merged_truth(scaled.merged), axis=0)
    found, _ = scaled.result.model.evaluate(scaled.observations)
    unit = float(np.exp(np.mean(np.log(found / crystals.truth.scale))))
    assert k(scaled.merged, bragg) == pytest.approx(unit * k(true, true_bragg), rel=0.01)
