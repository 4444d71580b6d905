from __future__ import annotations

import json
from pathlib import Path

import gemmi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import space_group
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "asu.json").read_text())
TABLE = list(gemmi.spacegroup_table())
# Laue classes in which mdx-lib chose the representative of CCP4.
SAME_CONVENTION = {"-1", "2/m", "m m m"}


def test_all_settings_agree_with_gemmi_and_all_images_have_one_representative() -> None:
    rng = np.random.default_rng(1)
    for entry in TABLE:
        asu = AsuMap(Grid((1, 1, 1)), space_group(entry.xhm()))
        hkl = rng.integers(-4, 5, (25, 3))
        index, operation = asu(hkl)
        judge, ops = gemmi.ReciprocalAsu(entry), entry.operations()
        for given_, found in zip(hkl.tolist(), index.tolist(), strict=True):
            assert judge.to_asu(given_, ops)[0] == found, (entry, given_)
        turned = np.einsum("ij,ijk->ik", hkl, asu.group.laue_operations[operation])
        assert np.array_equal(turned, index)
        for number in range(len(asu.group.laue_operations)):
            assert np.array_equal(asu(asu.images(hkl, number))[0], index), entry


@pytest.mark.parametrize("group", ORACLE["groups"], ids=lambda g: str(g["spaceGroupNumber"]))
def test_mdx_lib(group: dict[str, list[list[int]]]) -> None:
    asu = AsuMap(Grid((1, 1, 1)), space_group(str(group["spaceGroupNumber"])))
    hkl = np.array(ORACLE["hkl_in"])
    mine = {tuple(m.ravel()) for m in asu.group.laue_operations}
    theirs = group["laue_ops_rowvector_hklnew_eq_hkl_times_M"]
    assert mine == {tuple(np.ravel(m)) for m in theirs}
    assert asu.multiplicity(hkl).tolist() == group["hkl2mult"]
    index, _ = asu(hkl)
    # mdx-lib leaves 000 out of the unit of -3 (null): there only our own answer is tested
    known = np.array([None not in h for h in group["hkl_asu"]])
    assert np.array_equal(index[~known], hkl[~known])
    expected = np.array([h for h in group["hkl_asu"] if None not in h])
    if group["laueGroup"] in SAME_CONVENTION:
        assert np.array_equal(index[known], expected)
    # elsewhere: the same voxels are equivalent
    assert np.array_equal(asu(expected)[0], index[known])
    _, ours = np.unique(index[known], axis=0, return_inverse=True)
    _, others = np.unique(expected, axis=0, return_inverse=True)
    assert len(set(zip(ours, others, strict=True))) == ours.max() + 1 == others.max() + 1


def test_origin_is_in_every_asymmetric_unit() -> None:
    for entry in TABLE[::5]:
        asu = AsuMap(Grid((1, 1, 1)), space_group(entry.xhm()))
        index, operation = asu(np.zeros((1, 3), np.int64))
        assert index.tolist() == [[0, 0, 0]]
        assert operation.tolist() == [0]
        assert asu.multiplicity(index).tolist() == [1]


def fits(entry: gemmi.SpaceGroup, n: tuple[int, int, int], mode: str) -> AsuMap | None:
    try:
        return AsuMap(Grid(n, mode), space_group(entry.xhm()))  # type: ignore[arg-type]
    except UserError:
        return None


@settings(deadline=None, max_examples=80)
@given(
    st.sampled_from(TABLE),
    st.tuples(*[st.integers(1, 4)] * 3),
    st.sampled_from(["node", "split"]),
    st.integers(0, 2**32),
)
def test_fractional_voxels(
    entry: gemmi.SpaceGroup, n: tuple[int, int, int], mode: str, seed: int
) -> None:
    asu = fits(entry, n, mode)
    if asu is None:
        return
    index = np.random.default_rng(seed).integers(-9, 10, (40, 3))
    found, operation = asu(index)
    assert operation.min() >= 0
    centre = asu.grid.centre(index)
    turned = np.einsum("ij,ijk->ik", centre, asu.group.laue_operations[operation])
    np.testing.assert_allclose(asu.grid.centre(found), turned, atol=1e-12)
    # on a grid whose cells are all cut by the lcm, centres are whole numbers for gemmi
    common = 2 * int(np.lcm.reduce(n))
    judge = gemmi.ReciprocalAsu(entry)
    whole = np.rint(asu.grid.centre(found) * common).astype(int)
    assert all(judge.is_in(h) for h in whole.tolist())
    assert np.array_equal(asu(found)[0], found)
    assert not asu(found)[1].any()
    orbit = [asu.images(index, i) for i in range(len(asu.group.laue_operations))]
    for image in orbit:
        assert np.array_equal(asu(image)[0], found)
    distinct = [len({tuple(o[j]) for o in orbit}) for j in range(len(index))]
    assert asu.multiplicity(index).tolist() == distinct


def test_friedel_mates_are_told_apart() -> None:
    asu = AsuMap(Grid((1, 1, 1)), space_group("P 2 2 2"))
    hkl = np.array([[1, 2, 3], [-1, -2, 3], [-1, -2, -3], [1, 2, -3], [0, 2, -3]])
    _, operation = asu(hkl)
    # 0kl is centric in 222: its mate is equivalent by the two-fold axis along a
    assert asu.is_minus(operation).tolist() == [False, False, True, True, False]


def test_in_a_centrosymmetric_group_improper_operations_mark_mates() -> None:
    asu = AsuMap(Grid((1, 1, 1)), space_group("P m m m"))
    _, operation = asu(np.array([[1, 2, 3], [-1, -2, 3], [-1, -2, -3], [1, 2, -3]]))
    assert asu.is_minus(operation).tolist() == [False, False, True, True]


METRICS = {
    "P 1": [[1.6e-3, 3e-4, -2e-4], [3e-4, 1.2e-3, 1e-4], [-2e-4, 1e-4, 9e-4]],
    "P 21 21 21": np.diag([1e-3, 1.7e-3, 2.3e-3]).tolist(),
    "P 3 2 1": [[2e-3, 1e-3, 0], [1e-3, 2e-3, 0], [0, 0, 1.3e-3]],
    "F d -3 m:1": np.diag([1e-3] * 3).tolist(),
}


@pytest.mark.parametrize("name", list(METRICS))
@pytest.mark.parametrize("n", [(1, 1, 1), (2, 2, 2), (3, 3, 3)])
def test_count_is_that_of_brute_force(name: str, n: tuple[int, int, int]) -> None:
    asu = AsuMap(Grid(n), space_group(name))
    metric = np.array(METRICS[name])
    d_min, width = 7.3, 0.021
    index = np.stack(np.meshgrid(*[np.arange(-24, 25)] * 3), axis=-1).reshape(-1, 3)
    hkl = asu.grid.centre(index)
    s = np.sqrt(np.einsum("ij,jk,ik->i", hkl, metric, hkl))
    inside = s <= 1 / d_min
    low, high = asu.reach(metric, d_min)
    assert np.all(index[inside] >= low)
    assert np.all(index[inside] <= high)
    unique = np.unique(asu(index[inside])[0], axis=0)
    hkl = asu.grid.centre(unique)
    s = np.sqrt(np.einsum("ij,jk,ik->i", hkl, metric, hkl))
    expected = np.bincount((s / width).astype(int), minlength=7)
    assert expected.sum() == len(unique)
    assert asu.count(metric, d_min, width).tolist() == expected.tolist()


def test_reach_is_symmetric_in_both_modes() -> None:
    for mode in ("node", "split"):
        asu = AsuMap(Grid((2, 2, 2), mode), space_group("P 1"))  # type: ignore[arg-type]
        low, high = asu.reach(np.diag([0.01, 0.02, 0.03]), 2.0)
        np.testing.assert_allclose(asu.grid.centre(low), -asu.grid.centre(high))


def test_a_grid_that_the_group_does_not_leave_is_refused() -> None:
    with pytest.raises(UserError, match="left invariant"):
        AsuMap(Grid((3, 2, 3)), space_group("P 4"))
