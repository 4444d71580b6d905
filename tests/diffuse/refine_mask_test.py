"""Refinement over wedges: mdx-lib's example with both neighbours, and properties."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.diffuse.refine_mask import refine_masks

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "neighbours.json").read_text())
EXAMPLE = ORACLE["refineGrid"]


def voxels(cells, n):
    """All voxels of the cells in the order of mdx-lib's linear index."""
    h, k, l = (np.arange(x) for x in n)
    part = np.stack(np.meshgrid(h, k, l, indexing="ij"), axis=-1).reshape(-1, 3, order="F")
    return np.concatenate([3 * np.array(cells) + p - 1 for p in part]).astype(np.int64)


def example():
    wedges = []
    for wedge in EXAMPLE["wedges"]:
        index = voxels(wedge["ref_hkl"], EXAMPLE["ndiv"])
        mask = np.zeros(len(index), dtype=bool)
        mask[np.array(wedge["mask_linear_1based"]) - 1] = True
        wedges.append((index, mask))
    return wedges


def linear(mask):
    return (np.flatnonzero(mask) + 1).tolist()


def test_first_and_middle_wedge_of_mdx_lib():
    refined = refine_masks(example())
    # mdx-lib joins the first wedge with the second, and the last with the one before it
    assert linear(refined[0]) == EXAMPLE["as_coded"][0]["mask_linear_1based"]
    assert linear(refined[2]) == EXAMPLE["as_coded"][2]["mask_linear_1based"]


def test_middle_wedge_takes_from_both_sides():
    refined = linear(refine_masks(example())[1])
    before = set(EXAMPLE["as_coded"][1]["mask_linear_1based"])
    after = set(EXAMPLE["wedge2_if_j_plus_1_were_used"]["mask_linear_1based"])
    own = set(EXAMPLE["wedges"][1]["mask_linear_1based"])
    assert set(refined) == before | after | own
    assert not before >= after  # the neighbour that mdx-lib forgets has something to say


wedge = st.dictionaries(st.tuples(*[st.integers(-2, 2)] * 3), st.booleans(), max_size=20)


@settings(deadline=None, max_examples=50)
@given(st.lists(wedge, max_size=4), st.integers(0, 9))
def test_against_sets(wedges, seed):
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(w)) for w in wedges]
    lists = [
        (
            np.array(list(w), dtype=np.int64).reshape(-1, 3)[o],
            np.array(list(w.values()), dtype=bool)[o],
        )
        for w, o in zip(wedges, orders, strict=True)
    ]
    before = [mask.copy() for _, mask in lists]
    refined = refine_masks(lists)
    for j, (index, _) in enumerate(lists):
        near = wedges[max(j - 1, 0) : j + 2]
        expected = [any(w.get(tuple(v), False) for w in near) for v in index.tolist()]
        assert refined[j].tolist() == expected
    for (_, mask), unchanged in zip(lists, before, strict=True):
        np.testing.assert_array_equal(mask, unchanged)


def test_nothing_travels_farther_than_one_wedge():
    index = np.array([[1, 2, 3]])
    masks = [np.array([x]) for x in (True, False, False, False)]
    refined = refine_masks([(index, m) for m in masks])
    assert [m.tolist() for m in refined] == [[True], [True], [False], [False]]
    assert refine_masks([]) == []
