from __future__ import annotations

import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from diffuse.merging.simulated_observations import simulate
from ewaldite.crystal.reindex import IDENTITY, parse_operator
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.reindexed import check_grid, reindexed, reindexed_bragg
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid, GridMode

SWAP = parse_operator("k,h,-l")


def table(grid: Grid, seed: int = 0) -> Observations:
    rng = np.random.default_rng(seed)
    found = simulate(rng, 5.0, voxels=40)
    sweep = rng.integers(0, 3, len(found)).astype(np.int32)
    index = rng.integers(-20, 21, (len(found), 3))
    return Observations(
        **{
            **{name: getattr(found, name) for name in vars(found) if name != "length_of_s"},
            "grid": grid,
            "sweep": sweep,
            "index": index,
        }
    )


@settings(deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([(1, 1, 1), (3, 3, 3), (2, 2, 2), (3, 3, 1), (4, 4, 5)]),
    st.sampled_from(["node", "split"]),
)
def test_centres_of_voxels_follow_the_operator(
    seed: int, n: tuple[int, int, int], mode: GridMode
) -> None:
    grid = Grid(n, mode)
    before = table(grid, seed)
    after = reindexed(before, {1: SWAP, 2: IDENTITY})
    own = before.sweep == 1
    centre = grid.centre(before.index)
    np.testing.assert_allclose(grid.centre(after.index)[own], (centre @ SWAP)[own], atol=1e-12)
    assert np.array_equal(after.index[~own], before.index[~own])
    for name in ("counts", "s", "ix", "sweep"):
        assert getattr(after, name) is getattr(before, name)
    again = reindexed(after, {1: SWAP})
    assert np.array_equal(again.index, before.index)


def test_an_operator_may_mix_axes_that_are_cut_differently() -> None:
    grid, shear = Grid((2, 1, 1)), parse_operator("h,k+2h,l")
    before = table(grid)
    after = reindexed(before, {0: shear, 1: shear, 2: shear})
    expected = grid.centre(before.index) @ shear
    np.testing.assert_allclose(grid.centre(after.index), expected, atol=1e-12)


def test_the_table_that_was_given_stays_as_it_was() -> None:
    before = table(Grid((1, 1, 1)))
    index = before.index.copy()
    reindexed(before, {0: SWAP, 1: SWAP})
    assert np.array_equal(before.index, index)
    # nothing to do: the very same index
    assert reindexed(before, {0: IDENTITY, 9: SWAP}).index is before.index


@pytest.mark.parametrize(
    ("grid", "text"),
    [
        (Grid((3, 2, 3)), "k,h,-l"),
        (Grid((3, 3, 1)), "l,k,-h"),
        (Grid((2, 2, 2), "split"), "h+k,k,l"),
    ],
)
def test_grids_that_an_operator_does_not_keep_are_refused(grid: Grid, text: str) -> None:
    with pytest.raises(UserError, match="not left invariant"):
        check_grid(grid, parse_operator(text))
    with pytest.raises(UserError, match="subdivide"):
        reindexed(table(grid), {1: parse_operator(text)})
    # sums of indices are no matter in node mode
    check_grid(Grid((2, 2, 2)), parse_operator("h+k,k,l"))


def test_blocks_are_reindexed_as_the_whole_is() -> None:
    whole = table(Grid((3, 3, 3)))
    operators = {0: SWAP, 2: parse_operator("-h,-k,l")}
    parts = [reindexed(whole.select(slice(i, i + 50)), operators) for i in range(0, 320, 50)]
    again = Observations.concat(parts)
    assert np.array_equal(again.index, reindexed(whole, operators).index)


def test_bragg_tables_are_reindexed_sweep_by_sweep() -> None:
    hkl = np.array([[1.0, 2.0, 3.0], [0.0, 2.0, 0.0], [4.0, 5.0, 6.0]])
    coords = {x: sc.array(dims=["voxel"], values=hkl[:, i]) for i, x in enumerate("hkl")}
    coords["sweep"] = sc.array(dims=["voxel"], values=np.array([0, 1, 1], np.int32))
    mask = sc.array(dims=["voxel"], values=[False, True, False])
    before = sc.DataArray(
        sc.array(dims=["voxel"], values=[1.0, 2.0, 3.0], unit="counts"),
        coords=coords,
        masks={"partial": mask},
    )
    after = reindexed_bragg(before, {1: SWAP})
    found = np.stack([after.coords[x].values for x in "hkl"], axis=1)
    assert found.tolist() == [[1, 2, 3], [2, 0, 0], [5, 4, -6]]
    assert not np.signbit(found[1]).any()
    assert sc.identical(after.data, before.data)
    assert sc.identical(after.masks["partial"], mask)
    assert before.coords["h"].values.tolist() == [1, 0, 4]
