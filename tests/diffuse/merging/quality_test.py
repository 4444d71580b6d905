from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipp as sc

from diffuse.merging.three_batches import observe
from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.merging.merge import merge
from ewaldite.diffuse.merging.quality import Resolution
from ewaldite.diffuse.merging.statistics import completeness
from ewaldite.diffuse.merging.stream import Merge, merge_blocks
from ewaldite.diffuse.observations import Observations
from ewaldite.io.nexus import load, save

GROUP = space_group("P 21 21 21")
METRIC = np.diag([0.01**2] * 3)
RESOLUTION = Resolution(METRIC, d_min=8.0, shells=5)
NAMES = ("first", "second", "third")
VOXELS = 512


def relief(rng: np.random.Generator, size: float) -> np.ndarray:
    """A ring that falls steeply with |s|, and a relief on it."""
    v = np.arange(VOXELS)
    s = 0.01 * np.sqrt((v // 64 + 1) ** 2 + (v // 8 % 8 + 1) ** 2 + (v % 8 + 1) ** 2)
    return 400 * np.exp(-s / 0.03) + 60 + size * rng.choice([-1.0, 1.0], VOXELS)


@pytest.fixture(scope="module")
def table() -> Observations:
    rng = np.random.default_rng(1)
    found = observe(rng, relief(rng, 12.0), voxels=VOXELS, background=2.0)
    # the second batch saw the half with even h only
    keep = (found.sweep != 1) | (found.index[:, 0] % 2 == 0)
    return found.select(keep)


def merged(table: Observations, **options: object) -> Merge:
    chosen: dict[str, object] = {
        "resolution": RESOLUTION,
        "names": NAMES,
        "rotation_width": 30.0,
        **options,
    }
    return merge_blocks(lambda: [table], GROUP, **chosen)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(table: Observations) -> Merge:
    return merged(table)


def group(result: Merge, name: str) -> sc.DataGroup:
    assert result.statistics is not None
    return result.statistics[name]


def asu_rows(table: Observations, result: Merge) -> np.ndarray:
    """Row of each observation in the merged table."""
    index, _ = AsuMap(table.grid, GROUP)(table.index)
    rows = {
        tuple(hkl): i
        for i, hkl in enumerate(
            np.stack([result.merged.coords[x].values for x in "hkl"], axis=1)
            .astype(int)
            .tolist()
        )
    }
    return np.array([rows[tuple(x)] for x in index.tolist()])


def test_batches_by_brute_force(table: Observations, whole: Merge) -> None:
    found = group(whole, "batches")
    assert list(found["chi2"].coords["batch"].values) == list(NAMES)
    possible = completeness(whole.merged, GROUP, METRIC, 8.0, 0.025)[1].sum()
    row = asu_rows(table, whole)
    s = whole.merged.coords["s"].values
    for b in range(3):
        own = table.sweep == b
        assert found["observations"].values[b] == own.sum()
        seen = np.unique(row[own])
        assert found["multiplicity"].values[b] == pytest.approx(own.sum() / len(seen))
        inside = seen[s[seen] <= 1 / 8.0]
        assert found["voxels"].values[b] == len(inside)
        assert found["completeness"].values[b] == pytest.approx(len(inside) / possible)
        signal = (table.counts - table.background)[own].sum() / table.exposure[own].sum()
        assert found["intensity"].values[b] == pytest.approx(signal)
    np.testing.assert_allclose(found["chi2"].values, 1.0, atol=0.08)
    assert group(whole, "shells")["possible"].values.sum() == possible


def test_r_meas_is_that_of_diederichs_and_karplus_for_equal_exposures() -> None:
    rng = np.random.default_rng(2)
    table = observe(rng, relief(rng, 12.0), voxels=VOXELS, multiplicity=2)
    table = replace(
        table,
        exposure=np.ones(len(table)),
        counts=rng.poisson(100 + 50 * rng.random(len(table))).astype(float),
        # predictions, and so weights, then are the same everywhere
        s=np.tile([0.1, 0.0, 0.0], (len(table), 1)),
    )
    result = merged(table)
    row = asu_rows(table, result)
    order = np.argsort(row, kind="stable")
    x = table.counts[order].reshape(VOXELS, 6)
    mean = x.mean(axis=1, keepdims=True)
    spread = np.sqrt(6 / 5) * np.abs(x - mean).sum()
    shells = group(result, "shells")
    assert np.nanmax(shells["r_meas"].values) == pytest.approx(spread / x.sum(), rel=1e-9)
    j = mean.mean()
    anisotropic = spread / (6 * np.abs(mean - j)).sum()
    assert np.nanmax(shells["r_meas_anisotropic"].values) == pytest.approx(
        anisotropic, rel=1e-3
    )
    # noise alone makes it the root of the multiplicity
    assert anisotropic == pytest.approx(np.sqrt(6), rel=0.08)
    by_batch = group(result, "batches")["r_meas"].values
    assert by_batch.mean() == pytest.approx(spread / x.sum(), rel=0.01)


def test_r_meas_without_signal_is_not_a_number() -> None:
    rng = np.random.default_rng(3)
    table = observe(rng, 0.0, voxels=VOXELS, background=5.0)
    table = replace(table, background=1.1 * table.background)
    shells = group(merged(table), "shells")
    assert np.isnan(shells["r_meas"].values[2:]).all()
    assert np.all(shells["r_meas_anisotropic"].values[2:] > 1)


def batch_merge(table: Observations, b: int | None) -> np.ndarray:
    """Intensity of the observations of a batch on the asymmetric unit, NaN where not seen."""
    part = table if b is None else table.select(table.sweep == b)
    one = merge(part, GROUP, rng=np.random.default_rng(0))
    full = np.full(VOXELS, np.nan)
    h, k, l = (one.coords[x].values.astype(int) - 1 for x in "hkl")
    full[64 * h + 8 * k + l] = one.values
    return full


def test_correlation_between_batches(table: Observations, whole: Merge) -> None:
    found = group(whole, "between")
    v = np.arange(VOXELS)
    s = 0.01 * np.sqrt((v // 64 + 1) ** 2 + (v // 8 % 8 + 1) ** 2 + (v % 8 + 1) ** 2)
    each = [np.where(s < 0.125, batch_merge(table, b), np.nan) for b in range(3)]
    for name in ("cc", "cc_anisotropic", "voxels"):
        assert np.array_equal(found[name].values, found[name].values.T)
        assert list(found[name].coords["other"].values) == list(NAMES)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        both = np.isfinite(each[a]) & np.isfinite(each[b])
        assert found["voxels"].values[a, b] == both.sum()
        plain = np.corrcoef(each[a][both], each[b][both])[0, 1]
        assert found["cc"].values[a, b] == pytest.approx(plain, abs=0.02)
        assert found["cc"].values[a, b] > 0.9
    np.testing.assert_array_equal(np.diag(found["cc"].values), 1.0)
    assert np.diag(found["voxels"].values).tolist() == [np.isfinite(x).sum() for x in each]
    # signal 12² against a noise of 100 to 300 counts over four observations
    noise = np.mean([(relief(np.random.default_rng(0), 0.0) / 4)[s < 0.125].mean()])
    expected = 12**2 / (12**2 + noise)
    off = found["cc_anisotropic"].values[np.triu_indices(3, 1)]
    np.testing.assert_allclose(off, expected, atol=0.08)
    assert np.all(found["cc"].values[np.triu_indices(3, 1)] > off)


def test_a_batch_of_noise_stands_out(table: Observations) -> None:
    rng = np.random.default_rng(4)
    bad = table.sweep == 2
    flat = rng.poisson(80 * table.exposure).astype(float)
    result = merged(replace(table, counts=np.where(bad, flat, table.counts)))
    batches = group(result, "batches")
    others = batches["cc_others_anisotropic"].values
    assert others[0] > 0.25
    assert abs(others[2]) < 0.2
    assert batches["chi2"].values[2] > 1.5 * batches["chi2"].values[1]
    assert batches["cc_half_anisotropic"].values[0] > 0.4
    assert abs(batches["cc_half_anisotropic"].values[2]) < 0.2
    between = group(result, "between")
    assert abs(between["cc_anisotropic"].values[0, 2]) < 0.2
    rotation = group(result, "rotation")
    third = np.array(rotation["chi2"].coords["batch"].values) == "third"
    assert rotation["cc_others_anisotropic"].values[third].max() < 0.2
    assert rotation["cc_others_anisotropic"].values[~third].min() > 0.1


def test_halves_of_a_batch_hold_its_own_observations(table: Observations) -> None:
    # two batches that contradict each other but agree with themselves
    rng = np.random.default_rng(5)
    one = observe(rng, relief(np.random.default_rng(6), 25.0), voxels=VOXELS, batches=1)
    two = observe(rng, relief(np.random.default_rng(7), 25.0), voxels=VOXELS, batches=1)
    two = replace(two, sweep=np.ones(len(two), np.int32))
    result = merged(Observations.concat([one, two]), names=NAMES[:2])
    batches = group(result, "batches")
    assert np.all(batches["cc_half_anisotropic"].values > 0.75)
    assert np.all(np.abs(batches["cc_others_anisotropic"].values) < 0.2)
    assert np.all(batches["cc_half_pairs"].values > 0.95 * batches["voxels"].values)


def test_rotation_bins(table: Observations, whole: Merge) -> None:
    found = group(whole, "rotation")
    start, stop = (found["chi2"].coords[x] for x in ("start", "stop"))
    assert start.unit == sc.Unit("deg")
    assert start.values.tolist() == [0.0, 30.0, 60.0] * 3
    assert np.all((stop - start).values == 30)
    row = asu_rows(table, whole)
    number = whole.merged.coords["multiplicity"].values
    s = whole.merged.coords["s"].values
    possible = group(whole, "shells")["possible"].values.sum()
    for i, (b, low) in enumerate((b, low) for b in range(3) for low in (0, 30, 60)):
        own = (table.sweep == b) & (table.iz >= low) & (table.iz < low + 30)
        assert found["observations"].values[i] == own.sum()
        assert found["multiplicity"].values[i] == pytest.approx(number[row[own]].mean())
        so_far = np.unique(row[(table.sweep == b) & (table.iz < low + 30)])
        expected = np.sum(s[so_far] <= 1 / 8.0) / possible
        assert found["completeness"].values[i] == pytest.approx(expected)


def test_residuals_tell_where_in_the_rotation_something_is_wrong(table: Observations) -> None:
    faded = np.where((table.sweep == 0) & (table.iz >= 60), 0.7, 1.0)
    counts = np.random.default_rng(8).poisson(faded * table.counts).astype(float)
    found = group(merged(replace(table, counts=counts)), "rotation")
    assert int(np.argmax(found["chi2"].values)) == 2
    assert int(np.argmax(found["r_meas"].values)) == 2


def test_an_observation_is_not_compared_with_itself() -> None:
    # noise alone: with itself in the mean it would correlate by √(1/6)
    table = observe(np.random.default_rng(10), 50.0, voxels=VOXELS, multiplicity=2)
    result = merged(table)
    for ending in ("", "_anisotropic"):
        single = group(result, "rotation")[f"cc_others{ending}"].values
        assert abs(single.mean()) < 0.04
        assert abs(group(result, "batches")[f"cc_others{ending}"].values).max() < 0.15


def test_a_rotation_that_begins_below_zero_and_an_absent_batch(table: Observations) -> None:
    some = table.select(table.sweep != 1)
    result = merged(some, angle=lambda o: o.iz - 45.0)
    rotation = group(result, "rotation")
    assert rotation["chi2"].coords["start"].values.tolist() == [-60.0, -30.0, 0.0, 30.0] * 2
    batches = group(result, "batches")
    assert batches["observations"].values[1] == 0
    assert np.isnan(batches["chi2"].values[1])
    assert np.isnan(group(result, "between")["cc"].values[0, 1])
    assert group(result, "between")["cc"].masks["few pairs"].values[0, 1]


def test_friedel_mates_apart_count_once_for_completeness(table: Observations) -> None:
    apart, together = merged(table, friedel=False), merged(table)
    for name in ("batches", "rotation"):
        first, second = group(apart, name), group(together, name)
        np.testing.assert_allclose(first["completeness"].values, second["completeness"].values)


def test_chi2_knows_the_systematic_error() -> None:
    rng = np.random.default_rng(9)
    table = observe(rng, 10 * relief(rng, 12.0), voxels=VOXELS, error=(0.1, 0.1, 0.1))
    plain = group(merged(table), "batches")["chi2"].values
    fitted = merged(table, error_model="systematic")
    assert np.all(plain > 3)
    np.testing.assert_allclose(group(fitted, "batches")["chi2"].values, 1.0, atol=0.1)
    shells = group(fitted, "shells")
    inside = shells["voxels"].values > 30
    np.testing.assert_allclose(shells["chi2"].values[inside], 1.0, atol=0.25)


def test_statistics_survive_the_file(whole: Merge, tmp_path: Path) -> None:
    assert whole.statistics is not None
    save(tmp_path / "statistics.nxs", whole.statistics)
    again = load(tmp_path / "statistics.nxs")
    assert list(again) == ["shells", "batches", "rotation", "between"]
    assert sc.identical(again, whole.statistics, equal_nan=True)
