from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipp as sc

from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.merging.bragg import merge_bragg
from ewaldite.diffuse.merging.bragg_positions import bragg_positions
from ewaldite.diffuse.merging.statistics import shell_table
from ewaldite.io.nexus import load, save

GROUP = space_group("P 21 21 21")
METRIC = np.diag([0.01**2] * 3)
SIDE = 12


def reflections(
    rng: np.random.Generator,
    *,
    level: float = 500.0,
    multiplicity: int = 6,
    scale: np.ndarray | None = None,
    g: float = 0.0,
    background: float = 0.0,
    volume: float = 0.2,
) -> tuple[sc.DataArray, np.ndarray]:
    """A Bragg table of exponentially distributed intensities, and the truth of each row."""
    hkl = np.stack(np.meshgrid(*[np.arange(1, SIDE)] * 3, indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    truth = np.tile(level * rng.exponential(size=len(hkl)), multiplicity)
    asu = np.tile(hkl, (multiplicity, 1))
    n = len(asu)
    turn = GROUP.laue_operations[rng.integers(0, len(GROUP.laue_operations), n)]
    exposure = rng.uniform(0.2, 2.0, n)
    a = np.ones(n) if scale is None else scale[:n]
    # the intensity of a row is the rate times the swept volume
    rate = a * truth / volume * np.maximum(1 + g * rng.normal(size=n), 0.0)
    counts = rng.poisson(exposure * rate + background * exposure).astype(float)
    one = volume / exposure
    index = np.einsum("ij,ijk->ik", asu, turn)
    column = {"counts": counts, "exposure": exposure, "fraction": np.ones(n)}
    column |= {name: rng.uniform(0, 100, n) for name in ("ix", "iy", "iz")}
    column |= {"pixels": np.full(n, 9.0), "diffuse": a * 0.1 * truth}
    coords = {name: sc.array(dims=["voxel"], values=v) for name, v in column.items()}
    coords |= {
        x: sc.array(dims=["voxel"], values=index[:, i] + 0.0) for i, x in enumerate("hkl")
    }
    for name in ("wedge", "sweep"):
        coords[name] = sc.array(dims=["voxel"], values=np.zeros(n, np.int32))
    data = sc.array(
        dims=["voxel"],
        values=(counts - background * exposure) * one,
        variances=counts * one**2,
        unit="counts/mrad**2/s",
    )
    masks = {
        name: sc.array(dims=["voxel"], values=np.zeros(n, np.bool_))
        for name in ("partial", "no count")
    }
    return sc.DataArray(data, coords=coords, masks=masks), truth


def unique(table: sc.DataArray, truth: np.ndarray) -> np.ndarray:
    """Truth of the merged rows, which are in the order of h, k, l."""
    assert len(table) == (SIDE - 1) ** 3
    return truth[: len(table)]


@pytest.mark.parametrize("level", [0.05, 2.0, 500.0])
def test_the_mean_is_unbiased_and_its_error_right(level: float) -> None:
    rng = np.random.default_rng(1)
    n = 6 * (SIDE - 1) ** 3
    scale = rng.uniform(0.3, 3, n)
    bragg, truth = reflections(rng, level=level, scale=scale, background=1.0)
    found = merge_bragg(bragg, GROUP, metric=METRIC, scale=scale).table
    expected = unique(found, truth)
    pull = (found.values - expected) ** 2
    off = found.values.mean() - expected.mean()
    assert abs(off) < 4 * np.sqrt(pull.sum()) / len(found)
    assert pull.mean() / found.variances.mean() == pytest.approx(1, abs=0.12)
    assert np.all(found.variances > 0)
    assert found.coords["multiplicity"].values.tolist() == [6] * len(found)
    chi2 = found.coords["chi2"].values.sum() / found.coords["chi2_expected"].values.sum()
    assert chi2 == pytest.approx(1, abs=0.06)
    # what is diffuse under the spot is scaled and merged alike
    np.testing.assert_allclose(found.coords["diffuse"].values, 0.1 * expected, rtol=1e-9)


def test_weights_are_scaled_exposures() -> None:
    rng = np.random.default_rng(2)
    bragg, _ = reflections(rng, multiplicity=2)
    n = len(bragg) // 2
    scale = rng.uniform(0.5, 2, 2 * n)
    found = merge_bragg(bragg, GROUP, metric=METRIC, scale=scale).table
    x = (bragg.values / scale).reshape(2, n)
    w = (bragg.coords["exposure"].values * scale).reshape(2, n)
    np.testing.assert_allclose(found.values, (w * x).sum(axis=0) / w.sum(axis=0))
    variance = (bragg.variances / scale**2).reshape(2, n)
    some = bragg.coords["counts"].values.reshape(2, n).min(axis=0) > 0
    expected = (w**2 * variance).sum(axis=0) / w.sum(axis=0) ** 2
    np.testing.assert_allclose(found.variances[some], expected[some])
    np.testing.assert_allclose(found.coords["exposure"].values, w.sum(axis=0))
    h, k, l = (found.coords[x].values for x in "hkl")
    np.testing.assert_allclose(found.coords["s"].values, 0.01 * np.sqrt(h**2 + k**2 + l**2))


def test_masked_rows_are_left_out_and_counted() -> None:
    rng = np.random.default_rng(3)
    bragg, truth = reflections(rng)
    n, size = len(bragg), len(bragg) // 6
    partial, silent = rng.random(n) < 0.1, rng.random(n) < 0.02
    silent[np.arange(6) * size] = True  # no observation of the first reflection is left
    bragg.masks["partial"].values[:] = partial
    bragg.masks["no count"].values[:] = silent
    bragg.values[partial] = 1e9
    bragg.values[silent] = np.nan
    bragg.variances[silent] = np.nan
    bragg.coords["exposure"].values[silent] = np.nan
    scale = np.ones(n)
    scale[5], scale[7] = 0.0, np.nan
    found = merge_bragg(bragg, GROUP, metric=METRIC, scale=scale)
    assert found.left_out == {
        "partial": partial.sum(),
        "no count": silent.sum(),
        "no scale": 2,
    }
    table = found.table
    bad = partial | silent | ~(scale > 0)
    assert table.coords["left_out"].values.sum() == bad.sum()
    assert table.coords["multiplicity"].values.sum() == n - bad.sum()
    lost = table.masks["not measured"].values
    assert lost[0]
    assert np.isnan(table.values[lost]).all()
    expected = unique(table, truth)
    assert np.all(table.values[~lost] < 10 * expected.max())


def test_half_sets_are_equal_and_follow_the_seed() -> None:
    rng = np.random.default_rng(4)
    bragg, truth = reflections(rng, multiplicity=4, g=0.3)
    first = merge_bragg(bragg, GROUP, metric=METRIC, seed=1).table
    again = merge_bragg(bragg, GROUP, metric=METRIC, seed=1).table
    other = merge_bragg(bragg, GROUP, metric=METRIC, seed=2).table
    assert sc.identical(first, again, equal_nan=True)
    assert not np.array_equal(first.coords["random_a"].values, other.coords["random_a"].values)
    halves = [first.coords[f"random_{x}"].values for x in "ab"]
    assert np.isfinite(halves).all()
    expected = unique(first, truth)
    # each half has two of four observations with errors of 30 %
    spread = (halves[0] - halves[1]) / expected / 0.3
    assert np.std(spread[expected > 100]) == pytest.approx(1.2, abs=0.25)


def test_systematic_errors_of_strong_reflections() -> None:
    rng = np.random.default_rng(5)
    bragg, truth = reflections(rng, g=0.08, level=5000.0)
    plain = merge_bragg(bragg, GROUP, metric=METRIC)
    assert plain.error is None
    found = merge_bragg(bragg, GROUP, metric=METRIC, systematic=True)
    assert found.error is not None
    assert found.error.value[0] == pytest.approx(0.08, rel=0.06)
    assert found.error.chi2_before[0] > 10
    pull = (found.table.values - unique(found.table, truth)) ** 2
    assert pull.mean() / found.table.variances.mean() == pytest.approx(1, abs=0.15)
    assert pull.mean() > 5 * plain.table.variances.mean()


def test_friedel_mates_apart() -> None:
    rng = np.random.default_rng(6)
    bragg, _ = reflections(rng, multiplicity=12)
    together = merge_bragg(bragg, GROUP, metric=METRIC).table
    apart = merge_bragg(bragg, GROUP, metric=METRIC, friedel=False).table
    assert len(apart) > 1.9 * len(together)
    assert np.all(together.coords["h"].values > 0)
    assert np.any(apart.coords["h"].values < 0)
    total = apart.coords["multiplicity"].values.sum()
    assert total == together.coords["multiplicity"].values.sum() == len(bragg)


def test_statistics_by_shell_and_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    bragg, _ = reflections(rng)
    table = merge_bragg(bragg, GROUP, metric=METRIC).table
    stats = shell_table(table, GROUP, METRIC, d_min=8.0, width=0.025)
    assert np.nanmin(stats["cc_half"].values[2:]) > 0.95
    np.testing.assert_allclose(stats["multiplicity"].values[2:], 6)
    save(tmp_path / "bragg_merged.nxs", table)
    assert sc.identical(load(tmp_path / "bragg_merged.nxs"), table, equal_nan=True)


def test_nothing_to_merge() -> None:
    bragg, _ = reflections(np.random.default_rng(8))
    empty = merge_bragg(bragg["voxel", :0], GROUP, metric=METRIC, systematic=True)
    assert len(empty.table) == 0
    bragg.masks["partial"].values[:] = True
    none = merge_bragg(bragg, GROUP, metric=METRIC, systematic=True)
    assert none.table.masks["not measured"].values.all()
    assert none.left_out["partial"] == len(bragg)


def test_positions_for_a_scaling_model() -> None:
    bragg, _ = reflections(np.random.default_rng(9))
    panel = np.arange(len(bragg), dtype=np.int32) % 4
    found = bragg_positions(bragg, panel, METRIC)
    h, k, l = (bragg.coords[x].values for x in "hkl")
    np.testing.assert_allclose(found.length_of_s, 0.01 * np.sqrt(h**2 + k**2 + l**2))
    for name in ("ix", "iy", "iz", "sweep", "wedge"):
        assert np.array_equal(getattr(found, name), bragg.coords[name].values)
    assert np.array_equal(found.panel, panel)
