from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from ewaldite.simulate.crossings import lattice_points
from ewaldite.simulate.crystals import SPOT, Crystals
from ewaldite.simulate.laue import TWO_DIAGONAL, laue_operations
from ewaldite.simulate.tables import BraggTable, ObservationTable, ObservationTruth, joined
from ewaldite.simulate.three_crystals import three_crystals

Drawn = tuple[ObservationTable, ObservationTruth, BraggTable]


@pytest.fixture(scope="module")
def crystals() -> Crystals:
    return three_crystals(axes=(24.0, 28.0), s_max=0.5, time=0.05)


@pytest.fixture(scope="module")
def drawn(crystals: Crystals) -> Drawn:
    return crystals.observe(seed=4)


def test_counts_follow_the_law(drawn: Drawn) -> None:
    table, truth, _ = drawn
    assert len(table.counts) > 50_000
    signal = table.exposure * truth.a * truth.d
    signal *= truth.b * truth.damping * truth.intensity + truth.c
    dark = truth.expected - signal
    assert dark.min() > 0
    good = ~truth.is_outlier
    z = (table.counts - truth.expected)[good] / np.sqrt(truth.expected[good])
    assert np.mean(z) == pytest.approx(0.0, abs=0.02)
    assert np.mean(z**2) == pytest.approx(1.0, abs=0.02)
    # background as known: unbiased, with the variance that it says
    y = (table.background - dark) / np.sqrt(np.maximum(table.background_variance, 1e-9))
    known = table.background > 100 * table.background_variance / np.maximum(
        table.background, 1e-9
    )
    assert known.mean() > 0.3
    assert np.mean(y[known]) == pytest.approx(0.0, abs=0.1)
    assert np.mean(y[known] ** 2) == pytest.approx(1.0, abs=0.05)
    assert table.background.sum() == pytest.approx(dark.sum(), rel=2e-3)
    # 200 s of background for 0.05, 0.025, 0.04 s a frame; a voxel stays for many frames
    some = table.background > 0
    stays = (table.background_variance / table.background)[some] * 200.0 / 20.0
    stays /= np.array([0.05, 0.025, 0.04])[table.sweep[some]]
    assert stays.min() > 0.99 / 1.0
    assert np.median(stays) > 20


def test_scale_and_offset_are_another_way_to_say_it(drawn: Drawn) -> None:
    table, truth, _ = drawn
    once = truth.a * truth.d * (truth.b * truth.damping * truth.intensity + truth.c)
    np.testing.assert_allclose(truth.scale * (truth.intensity + truth.offset), once)
    assert np.all(truth.offset >= 0)
    assert np.ptp(table.exposure) > 0


def test_outliers_have_both_signs(drawn: Drawn) -> None:
    _, truth, _ = drawn
    assert truth.is_outlier.mean() == pytest.approx(0.05, abs=0.005)
    assert np.mean(truth.sign[truth.is_outlier] < 0) > 0.4


def test_intensity_has_the_laue_group_and_no_more(crystals: Crystals) -> None:
    hkl = lattice_points(crystals.sweeps[0].experiment, 0.1, 0.4)
    isotropic, anisotropic = crystals.intensity(hkl)
    bragg = crystals.bragg(hkl)
    for op in laue_operations("4/m"):
        same = crystals.intensity(hkl @ op.T)
        np.testing.assert_allclose(same[0], isotropic, rtol=1e-9)
        np.testing.assert_allclose(same[1], anisotropic, atol=1e-9)
        np.testing.assert_allclose(crystals.bragg(hkl @ op.T), bragg, rtol=1e-9)
    other = crystals.intensity(hkl @ np.array(TWO_DIAGONAL).T)
    np.testing.assert_allclose(other[0], isotropic, rtol=1e-9)
    general = (hkl[:, 0] != hkl[:, 1]) & (hkl[:, 0] != 0) & (hkl[:, 1] != 0) & (hkl[:, 2] != 0)
    assert abs(np.corrcoef(other[1][general], anisotropic[general])[0, 1]) < 0.2
    relative = anisotropic / isotropic
    assert relative.std() == pytest.approx(0.1, abs=0.025)
    assert np.mean(relative) == pytest.approx(0.0, abs=0.01)


def test_third_crystal_is_indexed_the_other_way(drawn: Drawn, crystals: Crystals) -> None:
    table, truth, bragg = drawn
    astray = table.sweep == 2
    assert np.isin(bragg.index[bragg.sweep == 2], table.index[astray]).all()
    np.testing.assert_array_equal(table.index[~astray], truth.hkl[~astray])
    np.testing.assert_array_equal(
        table.index[astray],
        truth.hkl[astray] * [1, 1, -1] @ np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
    )
    straight, known, _ = replace(
        crystals, sweeps=three_crystals(axes=(24.0, 28.0), astray=False).sweeps
    ).observe(seed=4)
    np.testing.assert_array_equal(straight.index, known.hkl)


def test_index_is_that_of_the_scattering_vector(drawn: Drawn, crystals: Crystals) -> None:
    """Where a passage is whole, its middle is the centre's crossing."""
    table, truth, _ = drawn
    whole = np.flatnonzero(table.fraction > 1.0 - 1e-9)
    assert len(whole) > 100
    for i in whole[:: len(whole) // 20]:
        experiment = crystals.sweeps[table.sweep[i]].experiment
        axes = experiment.turned_axes(experiment.phi(table.iz[i]))
        np.testing.assert_allclose(table.s[i] @ axes, truth.hkl[i], atol=1e-6)


def test_draws_depend_on_the_seed_alone(crystals: Crystals, drawn: Drawn) -> None:
    again, _, spots = crystals.observe(seed=4)
    np.testing.assert_array_equal(again.counts, drawn[0].counts)
    np.testing.assert_array_equal(spots.intensity, drawn[2].intensity)
    other, _, _ = crystals.observe(seed=5, outliers=0.0)
    np.testing.assert_array_equal(other.exposure, again.exposure)
    assert np.mean(other.counts != again.counts) > 0.9


def test_spots_hold_their_peaks(drawn: Drawn, crystals: Crystals) -> None:
    table, _, bragg = drawn
    full = bragg.fraction > 0.999
    # a spot is smaller than a voxel, and more often seen as a whole
    assert full.mean() > 2 * np.mean(table.fraction > 0.999)
    excess = (bragg.intensity - bragg.diffuse - bragg.expected)[full]
    z = excess / np.sqrt(np.maximum(bragg.variance[full], 1e-30))
    counted = bragg.counts[full] > 30
    assert np.mean(z[counted] ** 2) == pytest.approx(1.0, abs=0.1)
    assert excess.sum() / bragg.expected[full].sum() == pytest.approx(0.0, abs=0.002)
    hkl = bragg.index.copy()
    astray = bragg.sweep == 2
    hkl[astray] = hkl[astray] @ np.array(TWO_DIAGONAL)
    scale = bragg.expected / crystals.bragg(hkl)
    assert 0.3 < scale.min() < scale.max() < 2.0
    # as many whole spots as crossings of nodes, each in the pixels of its part of a voxel
    assert bragg.pixels[full].mean() / table.pixels[table.fraction > 0.999].mean() < 3 * SPOT
    # Wilson's statistics of acentric intensities
    shell = lattice_points(crystals.sweeps[0].experiment, 0.3, 0.32)
    strength = crystals.bragg(shell)
    assert np.mean(strength**2) / np.mean(strength) ** 2 == pytest.approx(2.0, abs=0.4)


def test_gains_belong_to_modules(drawn: Drawn, crystals: Crystals) -> None:
    table, truth, _ = drawn
    np.testing.assert_array_equal(truth.d, crystals.gains[table.panel])
    with pytest.raises(ValueError, match="one gain"):
        replace(crystals, gains=crystals.gains[:-1])


def test_undisturbed_crystals_differ_in_volume_only() -> None:
    plain = three_crystals(axes=(24.0, 28.0), s_max=0.3, disturbed=False)
    table, truth, _ = plain.observe(seed=1)
    for number, beam in enumerate((1.0, 0.6, 1.4)):
        np.testing.assert_allclose(truth.scale[table.sweep == number], beam)
    assert np.all(truth.offset == 0.0)


def test_dose_lets_high_angles_fade() -> None:
    table, truth, _ = three_crystals(axes=(24.0, 28.0), s_max=0.5, dose=True).observe(seed=1)
    length = np.linalg.norm(table.s, axis=1)
    last = (table.sweep == 2) & (table.iz > 3500) & (length > 0.48)
    np.testing.assert_allclose(truth.damping[last], np.exp(-0.5 * 3.0 * 0.24), rtol=0.05)
    assert np.all(truth.damping[table.iz < 1] > 0.99)


def test_joined_tables_keep_their_order(drawn: Drawn) -> None:
    table, _, _ = drawn
    twice = joined([table, table])
    for f in fields(table):
        column = getattr(twice, f.name)
        np.testing.assert_array_equal(column[len(table.counts) :], getattr(table, f.name))
        assert column.dtype == getattr(table, f.name).dtype
