from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipp as sc

from diffuse.merging.simulated_observations import simulate
from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.merging.correlation import cc_star, correlation
from ewaldite.diffuse.merging.merge import merge
from ewaldite.diffuse.merging.statistics import cc_half, completeness, shell_table

GROUP = space_group("P 21 21 21")
METRIC = np.diag([0.01**2] * 3)


def noisy(rng: np.random.Generator, voxels: int, kind: str = "random") -> tuple[float, float]:
    """CC1/2 found, and that of the known variances of signal and noise."""
    truth = rng.uniform(5, 35, voxels)
    merged = merge(simulate(rng, truth, voxels=voxels, spread=0.0), GROUP, rng=rng)
    cc = cc_half(merged, [0.0, 10.0], kind)  # type: ignore[arg-type]
    assert cc.pairs[0] > 0.9 * voxels
    signal, half_noise = 30**2 / 12, 20 / 4
    return float(cc.value[0]), signal / (signal + half_noise)


@pytest.mark.parametrize("kind", ["random", "weighted"])
def test_cc_half_of_known_signal_and_noise(kind: str) -> None:
    found, expected = noisy(np.random.default_rng(1), 20_000, kind)
    assert found == pytest.approx(expected, abs=0.003)


def test_cc_star_is_the_correlation_with_the_truth() -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(1, 3, 20_000)
    merged = merge(simulate(rng, truth, voxels=20_000, spread=0.0), GROUP, rng=rng)
    order = np.lexsort([merged.coords[x].values for x in "lkh"])
    with_truth = correlation(merged.values[order], truth)
    cc = cc_half(merged, [0.0, 10.0])
    assert cc_star(cc.value)[0] == pytest.approx(with_truth, abs=0.01)
    np.testing.assert_allclose(cc_star([0.0, 1.0, 0.5]), [0.0, 1.0, np.sqrt(2 / 3)])
    assert np.isnan(cc_star(-0.1))


def test_pure_noise_does_not_correlate() -> None:
    rng = np.random.default_rng(3)
    merged = merge(simulate(rng, 10.0, voxels=20_000), GROUP, rng=rng)
    for kind in ("random", "weighted", "friedel"):
        for part in ("total", "anisotropic"):
            cc = cc_half(merged, [0.0, 10.0], kind, part)  # type: ignore[arg-type]
            assert abs(cc.value[0]) < 0.03
            assert cc.lower[0] < 0 < cc.upper[0] or abs(cc.value[0]) < 0.025


def test_shells_hold_their_own_voxels_only() -> None:
    rng = np.random.default_rng(4)
    truth = rng.uniform(5, 35, 4000)
    merged = merge(simulate(rng, truth, voxels=4000), GROUP, rng=rng)
    edges = [0.0, 0.1, 0.15, 0.2, 9.0, 10.0]
    cc = cc_half(merged, edges)
    s = merged.coords["s"].values
    inside = (s >= 0.1) & (s < 0.15)
    a, b = (merged.coords[f"random_{x}"].values for x in "ab")
    both = inside & np.isfinite(a) & np.isfinite(b)
    assert cc.pairs[1] == both.sum()
    assert cc.value[1] == pytest.approx(np.corrcoef(a[both], b[both])[0, 1])
    assert cc.pairs[-1] == 0
    assert np.isnan(cc.value[-1])
    assert cc.few[-1]
    assert not cc.few[1]


def test_correlation_that_is_not_defined_is_nan() -> None:
    one = np.array([1.0, 2.0, np.nan, 4.0])
    assert np.isnan(correlation(one, np.array([1.0, np.nan, 1.0, 2.0])))
    assert np.isnan(correlation(one, np.ones(4)))
    assert correlation(one, -one) == pytest.approx(-1)


@pytest.mark.parametrize("friedel", [True, False])
def test_completeness_by_brute_force(friedel: bool) -> None:
    rng = np.random.default_rng(5)
    table = simulate(rng, 3.0, voxels=512, multiplicity=2, name="P 4 2 2")
    table = table.select(rng.random(len(table)) < 0.4)
    group = space_group("P 4 2 2")
    merged = merge(table, group, friedel=friedel, rng=rng)
    d_min, width = 12.0, 0.02
    seen, possible = completeness(merged, group, METRIC, d_min, width)
    asu = AsuMap(table.grid, group)
    everything = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3), axis=-1).reshape(-1, 3)

    def shells(index: np.ndarray) -> list[int]:
        unique = {tuple(x) for x in asu(index)[0].tolist()}
        s = np.array([0.01 * np.sqrt(sum(y * y for y in x)) for x in unique])
        return np.bincount((s[s <= 1 / d_min] / width).astype(int), minlength=5).tolist()

    assert seen.tolist() == shells(table.index)
    assert possible.tolist() == shells(everything)


def test_shell_table() -> None:
    rng = np.random.default_rng(6)
    table = simulate(rng, 20.0, voxels=4096, multiplicity=6, background=3.0, tau=0.5)
    table = replace(table, s=0.01 * np.abs(table.index))
    merged = merge(table, GROUP, rng=rng)
    stats = shell_table(merged, GROUP, METRIC, d_min=8.0, width=0.025)
    assert stats.sizes["s"] == 5
    assert stats.coords.is_edges("s")
    assert stats["intensity"].unit == sc.Unit("counts/mrad**2/s")
    np.testing.assert_allclose(stats["multiplicity"].values[1:], 6.0)
    np.testing.assert_allclose(stats["intensity"].values[2:], 20.0, rtol=0.03)
    np.testing.assert_allclose(stats["chi2"].values[2:], 1.0, atol=0.1)
    sigma = np.sqrt(merged.variances).mean()
    assert stats["intensity_over_sigma"].values[-1] == pytest.approx(20 / sigma, rel=0.05)
    # voxels with an index of zero were not simulated
    assert np.all(stats["completeness"].values < 1)
    assert stats["voxels"].values.sum() > 0.5 * stats["possible"].values.sum()


def ring(rng: np.random.Generator, relief: float) -> tuple[sc.DataArray, float]:
    """A steep isotropic ring with a relief of known size; the correlation it allows."""
    voxels = 20_000
    table = simulate(rng, 1.0, voxels=voxels, spread=0.0)
    s = np.linalg.norm(table.s, axis=1)
    truth = 200 * np.exp(-(((s[:voxels] - 0.25) / 0.08) ** 2)) + 20
    bumps = relief * rng.choice([-1.0, 1.0], voxels)
    rate = np.tile(truth + bumps, 8)
    table = replace(table, counts=rng.poisson(rate).astype(float))
    half_noise = rate[:voxels] / 4
    return merge(table, GROUP, rng=rng), relief**2 / (relief**2 + half_noise.mean())


@pytest.mark.parametrize("relief", [0.0, 4.0, 15.0])
def test_the_ring_flatters_the_total_but_not_the_anisotropic_part(relief: float) -> None:
    merged, expected = ring(np.random.default_rng(7), relief)
    total = cc_half(merged, [0.0, 0.5])
    part = cc_half(merged, [0.0, 0.5], part="anisotropic")
    assert total.value[0] > 0.98
    assert part.value[0] == pytest.approx(expected, abs=0.03)
    assert part.lower[0] < expected < part.upper[0]


def test_masks_and_columns_of_the_anisotropic_part() -> None:
    rng = np.random.default_rng(8)
    merged = merge(simulate(rng, rng.uniform(5, 35, 4096), voxels=4096), GROUP, rng=rng)
    stats = shell_table(merged, GROUP, METRIC, d_min=5.0, width=0.02)
    for name in ("cc_half", "cc_half_anisotropic", "cc_star", "cc_half_lower_anisotropic"):
        assert "few pairs" in stats[name].masks
    few = stats["cc_half"].masks["few pairs"].values
    assert few[0]
    assert not few[-1]
    assert np.all(stats["cc_half_pairs"].values[few] < 30)
    inside = ~few
    value = stats["cc_half_anisotropic"].values[inside]
    assert np.all(stats["cc_half_lower_anisotropic"].values[inside] <= value)
    assert np.all(value <= stats["cc_half_upper_anisotropic"].values[inside])
    assert "r_meas" not in stats
