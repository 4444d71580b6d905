from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipp as sc

from diffuse.merging.simulated_observations import simulate
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.merging.merge import finish, merge
from ewaldite.diffuse.merging.merge_sums import MergeSums
from ewaldite.diffuse.merging.prepared import prepare, weights
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid
from ewaldite.model.uncertainty import ONE_SIGMA

GROUP = space_group("P 21 21 21")


def covered(merged: sc.DataArray, truth: np.ndarray | float) -> float:
    lower, upper = merged.coords["lower"].values, merged.coords["upper"].values
    return float(np.mean((lower <= truth) & (truth <= upper)))


@pytest.mark.parametrize(
    ("mean", "voxels"),
    [(0.05, 800_000), (0.2, 400_000), (1.0, 100_000), (5.0, 40_000), (50.0, 10_000)],
)
def test_bias_with_unequal_exposures_and_backgrounds(mean: float, voxels: int) -> None:
    rng = np.random.default_rng(11)
    table = simulate(rng, mean, voxels=voxels, background=0.4 * mean, tau=0.25)
    merged = merge(table, GROUP, rng=rng)
    assert merged.sizes["voxel"] == voxels
    assert abs(merged.values.mean() / mean - 1) < 0.005
    if mean >= 1:  # below, voxels without counts take the predicted variance, on the safe side
        pulls = (merged.values - mean) ** 2
        assert abs(pulls.mean() / merged.variances.mean() - 1) < 0.03


def test_bias_with_unequal_scales_and_offsets() -> None:
    rng = np.random.default_rng(12)
    n = 8 * 100_000
    scale, offset = rng.uniform(0.3, 3, n), rng.uniform(-0.1, 1.0, n)
    table = simulate(
        rng, 0.4, voxels=100_000, scale=scale, offset=offset, background=0.3, tau=0.5
    )
    merged = merge(table, GROUP, scale=scale, offset=offset, rng=rng)
    assert abs(merged.values.mean() / 0.4 - 1) < 0.005
    chi2 = merged.coords["chi2"].values.sum() / merged.coords["chi2_expected"].values.sum()
    assert chi2 == pytest.approx(1, abs=0.01)
    # optimal weights beat a plain ratio of sums
    ea = table.exposure * scale
    excess = table.counts - table.background - ea * offset
    plain = excess.reshape(8, -1).sum(axis=0) / ea.reshape(8, -1).sum(axis=0)
    assert np.var(merged.values) < 0.97 * np.var(plain)


def test_inverse_variance_mean_is_biased_as_the_issue_says() -> None:
    rng = np.random.default_rng(13)
    for mean, expected in ((0.5, 1.16), (2.0, 1.81)):
        table = simulate(rng, mean, voxels=40_000, spread=0.0)
        merged = merge(table, GROUP, estimator="inverse_variance", rng=rng)
        assert merged.values.mean() == pytest.approx(expected, abs=0.015)


def test_inverse_variance_mean_is_the_formula_of_the_seed() -> None:
    rng = np.random.default_rng(14)
    table = simulate(rng, 30.0, voxels=50, background=5.0, tau=0.5)
    merged = merge(table, GROUP, estimator="inverse_variance", rng=rng)
    w = 1 / table.variance.reshape(8, 50)
    mean = (table.intensity.reshape(8, 50) * w).sum(axis=0) / w.sum(axis=0)
    np.testing.assert_allclose(merged.values, mean, rtol=1e-10)
    np.testing.assert_allclose(merged.variances, 1 / w.sum(axis=0), rtol=1e-10)


def test_one_sigma_covers_68_percent_from_50_to_1000_counts() -> None:
    rng = np.random.default_rng(15)
    expected = np.exp(rng.uniform(np.log(50), np.log(1000), 40_000))
    table = simulate(rng, expected / 8, voxels=40_000)
    exposure = table.exposure.reshape(8, -1)
    table = replace(table, exposure=(8 * exposure / exposure.sum(axis=0)).ravel())
    rate = np.tile(expected / 8, 8) * table.exposure
    table = replace(table, counts=rng.poisson(rate).astype(float))
    merged = merge(table, GROUP, rng=rng)
    sigma = np.sqrt(merged.variances)
    inside = np.mean(np.abs(merged.values - expected / 8) <= sigma)
    assert inside == pytest.approx(0.683, abs=0.015)
    assert covered(merged, expected / 8) == pytest.approx(0.683, abs=0.015)


@pytest.mark.parametrize("expected", [0.1, 0.5, 2.0, 5.0, 12.0, 30.0, 48.0])
@pytest.mark.parametrize("tau", [0.0, 0.3])
def test_stored_interval_covers_below_fifty_counts(expected: float, tau: float) -> None:
    rng = np.random.default_rng(16)
    dark = 0.4 * expected / 8 if tau else 0.0
    table = simulate(rng, expected / 8, voxels=40_000, background=dark, tau=tau)
    merged = merge(table, GROUP, rng=rng)
    # 0.683 less two standard errors of 40 000 draws
    assert covered(merged, expected / 8) > ONE_SIGMA - 0.005


def test_interval_covers_with_unequal_weights() -> None:
    rng = np.random.default_rng(17)
    for expected in (1.0, 8.0, 25.0):
        scale = rng.uniform(0.3, 3, 8 * 30_000)
        table = simulate(
            rng, expected / 13, voxels=30_000, scale=scale, background=0.02 * expected
        )
        merged = merge(table, GROUP, scale=scale, rng=rng)
        assert covered(merged, expected / 13) > 0.67


def test_no_error_bar_is_zero_or_missing_where_nothing_was_counted() -> None:
    rng = np.random.default_rng(18)
    table = simulate(rng, 0.02, voxels=5000, background=0.01, tau=0.5)
    for noise in ("poisson", "empirical"):
        merged = merge(table, GROUP, noise=noise, rng=rng)  # type: ignore[arg-type]
        empty = merged.coords["counts"].values == 0
        assert empty.mean() > 0.5
        assert np.all(merged.variances > 0)
        assert np.all(merged.coords["upper"].values > merged.values)
    nothing = replace(table, counts=np.zeros(len(table)))
    dark = merge(nothing, GROUP, rng=rng)
    assert np.all(np.isfinite(dark.values))
    assert np.all(dark.variances > 0)
    assert np.any(dark.values < 0)


def test_weights_do_not_look_at_the_counts_of_the_voxel() -> None:
    rng = np.random.default_rng(19)
    table = simulate(rng, 1.0, voxels=4000, background=1.0)
    _, rates = prepare(table, None, None)
    changed = replace(table, counts=rng.permutation(table.counts))
    first, second = (
        weights(prepare(t, None, None, rates)[0], "ratio") for t in (table, changed)
    )
    assert np.array_equal(first, second)


@pytest.mark.parametrize("estimator", ["ratio", "inverse_variance"])
def test_wedge_by_wedge_is_the_same_as_all_at_once(estimator: str) -> None:
    rng = np.random.default_rng(20)
    table = simulate(rng, 2.0, voxels=300, background=0.5, tau=0.5)
    whole = merge(table, GROUP, estimator=estimator, rng=rng)  # type: ignore[arg-type]
    _, rates = prepare(table, None, None)
    parts = [
        MergeSums.of(
            prepare(table.select(slice(i, i + 600)), None, None, rates)[0],
            GROUP,
            estimator=estimator,  # type: ignore[arg-type]
            friedel=True,
            rng=np.random.default_rng([20, i]),
        )
        for i in range(0, 2400, 600)
    ]
    left = finish((parts[0] + parts[1]) + (parts[2] + parts[3]))
    right = finish(parts[0] + (parts[1] + (parts[2] + parts[3])))
    for name in ("h", "k", "l", "counts", "lower", "upper", "chi2", "multiplicity"):
        np.testing.assert_allclose(
            left.coords[name].values, whole.coords[name].values, rtol=1e-9
        )
        np.testing.assert_allclose(
            left.coords[name].values, right.coords[name].values, rtol=1e-9
        )
    np.testing.assert_allclose(left.values, whole.values, rtol=1e-9)
    np.testing.assert_allclose(left.variances, whole.variances, rtol=1e-9)


def test_sums_of_other_options_do_not_add() -> None:
    rng = np.random.default_rng(21)
    prepared, _ = prepare(simulate(rng, 2.0, voxels=10), None, None)
    sums = [
        MergeSums.of(prepared, GROUP, estimator="ratio", friedel=f, rng=rng)
        for f in (True, False)
    ]
    with pytest.raises(UserError, match="friedel differs"):
        sums[0] + sums[1]


def test_masked_rows_and_rows_without_exposure_or_scale_are_left_out() -> None:
    rng = np.random.default_rng(22)
    table = simulate(rng, 5.0, voxels=30)
    bad = np.zeros(240, np.bool_)
    bad[::7] = True
    spoiled = replace(table, counts=np.where(bad, 1e9, table.counts))
    exposure = np.where(np.arange(240) == 1, 0.0, table.exposure)
    spoiled = replace(spoiled.with_mask("bad", bad), exposure=exposure)
    scale = np.where(np.arange(240) == 2, 0.0, 1.0)
    merged = merge(spoiled, GROUP, scale=scale, rng=rng)
    keep = ~bad
    keep[[1, 2]] = False
    expected = merge(table.select(keep), GROUP, rng=rng)
    np.testing.assert_allclose(merged.values, expected.values)
    assert merged.coords["multiplicity"].values.sum() == keep.sum()


def test_the_order_of_rows_and_the_copy_in_scipp_do_not_matter() -> None:
    rng = np.random.default_rng(23)
    table = simulate(rng, 5.0, voxels=100, background=1.0, tau=0.3)
    merged = merge(table, GROUP, rng=np.random.default_rng(0))
    shuffled = merge(table.select(rng.permutation(len(table))), GROUP, rng=rng)
    np.testing.assert_allclose(merged.values, shuffled.values, rtol=1e-12)
    again = merge(table.to_scipp(), GROUP, rng=np.random.default_rng(0))
    assert sc.identical(merged, again, equal_nan=True)


def test_friedel_mates_apart() -> None:
    rng = np.random.default_rng(24)
    table = simulate(rng, 5.0, voxels=200, multiplicity=20, name="P 2 2 2")
    group = space_group("P 2 2 2")
    together = merge(table, group, rng=rng)
    apart = merge(table, group, friedel=False, rng=rng)
    assert together.sizes["voxel"] == 200
    assert apart.sizes["voxel"] == 400  # indices of the table begin at 1: none is centric
    assert apart.coords["counts"].values.sum() == table.counts.sum()
    plus = apart.coords["h"].values > 0
    a = apart.coords["counts"].values
    assert a[plus].sum() + a[~plus].sum() == together.coords["counts"].values.sum()
    # the half sets of Friedel mates are those very voxels
    np.testing.assert_allclose(together.coords["friedel_a"].values, apart.values[plus])
    assert np.isnan(apart.coords["friedel_a"].values).all()


def test_friedel_mates_in_a_centrosymmetric_group_are_never_apart() -> None:
    rng = np.random.default_rng(25)
    table = simulate(rng, 5.0, voxels=50, name="P m m m")
    apart = merge(table, space_group("P m m m"), friedel=False, rng=rng)
    assert apart.sizes["voxel"] == 50


def test_half_sets_recombine_to_the_mean() -> None:
    rng = np.random.default_rng(26)
    table = simulate(rng, 5.0, voxels=300, multiplicity=4, spread=0.0)
    merged = merge(table, GROUP, rng=np.random.default_rng(1))
    a, b = (merged.coords[f"random_{x}"].values for x in "ab")
    np.testing.assert_allclose((a + b) / 2, merged.values, rtol=1e-12)
    again = merge(table, GROUP, rng=np.random.default_rng(1))
    assert np.array_equal(again.coords["random_a"].values, a)
    other = merge(table, GROUP, rng=np.random.default_rng(2))
    assert not np.array_equal(other.coords["random_a"].values, a)
    single = merge(table.select(slice(0, 300)), GROUP, rng=rng)
    assert np.isnan(single.coords["random_a"].values).all()


def test_empirical_noise_finds_a_gain_that_counting_statistics_do_not() -> None:
    rng = np.random.default_rng(27)
    gain = 3.0
    for multiplicity in (2, 8):
        table = simulate(rng, 20.0, voxels=20_000, multiplicity=multiplicity)
        table = replace(table, counts=gain * table.counts)
        merged = merge(table, GROUP, noise="empirical", rng=rng)
        true_variance = np.var(merged.values)
        assert merged.variances.mean() == pytest.approx(true_variance, rel=0.03)
        naive = merge(table, GROUP, rng=rng).variances.mean()
        assert naive == pytest.approx(true_variance / gain, rel=0.03)
        chi2 = merged.coords["chi2"].values.sum() / merged.coords["chi2_expected"].values.sum()
        assert chi2 == pytest.approx(gain, rel=0.05)


@pytest.mark.parametrize("multiplicity", [1, 2, 3, 7])
def test_own_scatter_is_drawn_towards_that_of_the_shell(multiplicity: int) -> None:
    rng = np.random.default_rng(28)
    table = simulate(rng, 20.0, voxels=1000, multiplicity=7, spread=0.0)
    table = replace(table, s=np.tile([0.1, 0.0, 0.0], (7000, 1)))
    whole = merge(table, GROUP, noise="empirical", rng=rng)
    merged = merge(
        table.select(slice(0, 1000 * multiplicity)), GROUP, noise="empirical", rng=rng
    )
    if multiplicity == 1:
        # Nothing scatters: counting statistics stand in
        np.testing.assert_allclose(merged.variances, merged.values, rtol=0.2)
        return
    counts = table.counts.reshape(7, 1000)[:multiplicity]
    own = np.var(counts, axis=0, ddof=1) / multiplicity
    free = multiplicity - 1
    expected = (free * own + 3 * own.mean()) / (free + 3)
    np.testing.assert_allclose(merged.variances, expected, rtol=1e-6)
    assert np.ptp(merged.variances) > 0
    assert whole.variances.mean() < merged.variances.mean() or multiplicity == 7


def test_merged_table_has_the_promised_form() -> None:
    rng = np.random.default_rng(29)
    table = simulate(rng, 5.0, voxels=27, background=1.0)
    merged = merge(table, GROUP, rng=rng)
    assert merged.dims == ("voxel",)
    assert merged.name == "intensity"
    assert merged.unit == sc.Unit("counts/mrad**2/s")
    assert merged.coords["lower"].unit == merged.unit
    assert merged.coords["space_group"].value == "P 21 21 21"
    h, k, l = (merged.coords[x].values for x in "hkl")
    np.testing.assert_allclose(merged.coords["s"].values, 0.01 * np.sqrt(h**2 + k**2 + l**2))
    assert merged.coords["exposure"].values.sum() == pytest.approx(table.exposure.sum())
    assert merged.coords["background"].values.sum() == pytest.approx(table.background.sum())
    np.testing.assert_allclose(merged.coords["fraction"].values, 1.0)


def test_a_grid_that_the_group_does_not_leave_is_refused() -> None:
    rng = np.random.default_rng(30)
    table = replace(simulate(rng, 5.0, voxels=8), grid=Grid((3, 2, 3)))
    with pytest.raises(UserError, match="left invariant"):
        merge(table, space_group("P 4"), rng=rng)


def test_an_empty_table_merges_to_an_empty_one() -> None:
    rng = np.random.default_rng(31)
    table = simulate(rng, 5.0, voxels=8).select(slice(0, 0))
    for noise in ("poisson", "empirical"):
        assert merge(table, GROUP, noise=noise, rng=rng).sizes["voxel"] == 0  # type: ignore[arg-type]
