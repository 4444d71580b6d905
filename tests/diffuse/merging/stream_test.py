from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from diffuse.merging.three_batches import observe, pieces
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.merging.merge import merge
from ewaldite.diffuse.merging.outliers import mask_outliers
from ewaldite.diffuse.merging.quality import Resolution
from ewaldite.diffuse.merging.stream import Merge, merge_blocks
from ewaldite.diffuse.observations import Observations
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid
from ewaldite.simulate.three_crystals import three_crystals

GROUP = space_group("P 21 21 21")
RESOLUTION = Resolution(np.diag([0.01**2] * 3), d_min=8.0, shells=5)


@pytest.fixture(scope="module")
def table() -> Observations:
    rng = np.random.default_rng(1)
    return observe(rng, rng.uniform(2, 12, 300), voxels=300, background=0.5)


@pytest.fixture(scope="module")
def whole(table: Observations) -> Merge:
    return merged([table], seed=3)


def merged(parts: list[Observations], **options: object) -> Merge:
    chosen: dict[str, object] = {"resolution": RESOLUTION, "rotation_width": 30.0, **options}
    return merge_blocks(lambda: parts, GROUP, **chosen)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 3600), max_size=6))
def test_nothing_depends_on_how_the_table_is_cut(
    table: Observations, whole: Merge, cuts: list[int]
) -> None:
    found = merged(pieces(table, cuts), seed=3)
    for name in ("random_a", "random_b", "weighted_a", "friedel_a", "lower", "multiplicity"):
        np.testing.assert_allclose(
            found.merged.coords[name].values, whole.merged.coords[name].values, rtol=1e-12
        )
    np.testing.assert_allclose(found.merged.values, whole.merged.values, rtol=1e-12)
    assert found.statistics is not None
    assert whole.statistics is not None
    for name, group in whole.statistics.items():
        for column, expected in group.items():
            again = found.statistics[name][column]
            np.testing.assert_allclose(again.values, expected.values, rtol=1e-7, atol=1e-9)
            assert list(again.masks) == list(expected.masks)
            for mask, where in expected.masks.items():
                assert sc.identical(again.masks[mask], where)


def test_it_is_the_merge_of_the_whole_table(table: Observations, whole: Merge) -> None:
    expected = merge(table, GROUP, rng=np.random.default_rng(0))
    for name in ("h", "k", "l", "lower", "upper", "chi2", "counts", "friedel_a", "s"):
        np.testing.assert_allclose(
            whole.merged.coords[name].values, expected.coords[name].values, rtol=1e-12
        )
    np.testing.assert_allclose(whole.merged.values, expected.values, rtol=1e-12)
    np.testing.assert_allclose(whole.merged.variances, expected.variances, rtol=1e-12)
    assert not whole.rejected.any()
    assert whole.error is None


def test_a_seed_decides_the_halves(table: Observations, whole: Merge) -> None:
    again, other = merged([table], seed=3), merged([table], seed=4)
    first = whole.merged.coords["random_a"].values
    assert np.array_equal(again.merged.coords["random_a"].values, first)
    assert not np.array_equal(other.merged.coords["random_a"].values, first)


def test_a_scaling_model_is_evaluated_block_by_block(table: Observations) -> None:
    def scaling(o: Observations) -> tuple[np.ndarray, np.ndarray]:
        return 1 + o.iz / 90 + o.sweep, 0.1 * o.sweep + np.linalg.norm(o.s, axis=1)

    a, c = scaling(table)
    expected = merge(table, GROUP, scale=a, offset=c, rng=np.random.default_rng(0))
    found = merged(pieces(table, [700, 1900]), scaling=scaling)
    np.testing.assert_allclose(found.merged.values, expected.values, rtol=1e-12)
    np.testing.assert_allclose(found.merged.variances, expected.variances, rtol=1e-12)


def spoiled() -> tuple[Observations, np.ndarray]:
    rng = np.random.default_rng(9)
    table = observe(rng, rng.uniform(50, 200, 300), voxels=300, background=5.0)
    planted = rng.choice(len(table), 80, replace=False)
    counts = table.counts.copy()
    counts[planted[:40]] *= 4
    counts[planted[40:]] = 0
    return replace(table, counts=counts), planted


def test_outliers_of_a_stream_are_those_of_the_table() -> None:
    bad, planted = spoiled()
    expected = mask_outliers(bad, GROUP, k=4.0).masks["outlier"]
    found = merged(pieces(bad, [1000, 1001, 2500]), outlier_sigma=4.0)
    assert np.array_equal(found.rejected, expected)
    assert found.rejected[planted].mean() > 0.9
    assert found.rejected.sum() < 100
    kept = merged([bad.select(~found.rejected)])
    np.testing.assert_allclose(found.merged.values, kept.merged.values, rtol=1e-9)
    for half in ("random_a", "weighted_b"):
        np.testing.assert_allclose(
            found.merged.coords[half].values, kept.merged.coords[half].values, rtol=1e-7
        )
    assert found.merged.coords["multiplicity"].values.sum() == len(bad) - found.rejected.sum()


def test_planted_outliers_of_three_simulated_crystals() -> None:
    crystals = three_crystals(axes=(24.0, 28.0), s_max=0.5, time=0.2)
    counted, truth, _ = crystals.observe(seed=2, outliers=0.03)
    columns = {f.name: getattr(counted, f.name) for f in fields(counted)}
    table = Observations(grid=Grid((1, 1, 1)), **{**columns, "index": truth.hkl})
    metric = np.diag([1 / 24.0**2, 1 / 24.0**2, 1 / 28.0**2])

    def scaling(o: Observations) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(start[0], start[0] + len(o))
        start[0] = rows.stop % len(table)
        return truth.scale[rows], truth.offset[rows]

    start = [0]
    found = merge_blocks(
        lambda: pieces(table, [20_000, 50_000]),
        space_group("P 41"),
        scaling=scaling,
        outlier_sigma=5.0,
        resolution=Resolution(metric, d_min=2.0, shells=5),
    )
    planted = truth.is_outlier
    assert found.rejected[planted].mean() > 0.95
    assert found.rejected[~planted].mean() < 0.005
    assert found.statistics is not None
    np.testing.assert_allclose(found.statistics["batches"]["chi2"].values, 1.0, atol=0.05)
    assert np.all(found.statistics["batches"]["cc_others_anisotropic"].values > 0.9)


def test_the_limit_is_k_rms_even_if_residuals_are_small(table: Observations) -> None:
    # counts that scatter far less than Poisson's: the rms is a tenth
    even = replace(table, counts=np.round(6 * table.exposure * 1e4) / 1e2)
    even = replace(even, exposure=even.exposure * 100)
    counts = even.counts.copy()
    counts[7] *= 1.2
    found = merged([replace(even, counts=counts)], outlier_sigma=3.0)
    assert found.rejected[7]
    assert found.rejected.sum() < 40


def test_masks_of_the_scaling_step_are_respected(table: Observations) -> None:
    bad = np.zeros(len(table), np.bool_)
    bad[::11] = True
    counts = np.where(bad, 1e6, table.counts)
    masked = replace(table, counts=counts).with_mask("outlier", bad)
    found = merged(pieces(masked, [555]))
    np.testing.assert_allclose(
        found.merged.values, merged([table.select(~bad)]).merged.values, rtol=1e-12
    )
    assert not found.rejected.any()
    assert len(found.rejected) == len(table)


def test_nothing_to_merge_and_grids_that_differ_are_refused(table: Observations) -> None:
    with pytest.raises(UserError, match="there is none"):
        merged([table.select(slice(0, 0))])
    with pytest.raises(UserError, match="there is none"):
        merge_blocks(list, GROUP)
    other = replace(table, grid=Grid((3, 3, 3)))
    with pytest.raises(UserError, match="grids differ"):
        merged([table, other])


def test_empty_blocks_are_no_matter(table: Observations, whole: Merge) -> None:
    nothing = table.select(slice(0, 0))
    found = merged([nothing, table, nothing], seed=3)
    assert sc.identical(found.merged, whole.merged, equal_nan=True)


@pytest.mark.parametrize("friedel", [True, False])
@pytest.mark.parametrize("slabs", [2, 7, 1000])
def test_voxels_in_slabs_give_the_same_bits(
    table: Observations, slabs: int, friedel: bool
) -> None:
    parts = pieces(table, [700, 1900])
    names = {"error_model": "systematic", "outlier_sigma": 4.0, "friedel": friedel}
    whole = merged(parts, **names)
    taken: list[sc.DataArray] = []
    found = merged(parts, slabs=slabs, take=taken.append, **names)
    assert len(taken) == min(slabs, whole.voxels)
    assert found.voxels == whole.voxels == len(whole.merged)
    assert sc.identical(sc.concat(taken, "voxel"), whole.merged, equal_nan=True)
    assert len(found.merged) == 0
    assert found.statistics is not None
    assert whole.statistics is not None
    assert sc.identical(found.statistics, whole.statistics, equal_nan=True)


def test_errors_from_scatter_look_at_all_voxels(table: Observations) -> None:
    whole = merged([table], noise="empirical")
    found = merged([table], noise="empirical", slabs=5)
    assert sc.identical(found.merged, whole.merged, equal_nan=True)
