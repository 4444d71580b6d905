from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffuse.setups import oracle
from ewaldite.diffuse.combine import join_neighbours
from ewaldite.diffuse.observations import Observations
from ewaldite.model.grid import Grid
from ewaldite.model.sums import packed

SUMMED = ("counts", "pixels", "exposure", "background", "background_variance", "fraction")
MEANS = ("ix", "iy", "iz")


def table_of(index: np.ndarray, seed: int = 0, **columns: np.ndarray) -> Observations:
    rng = np.random.default_rng(seed)
    n = len(index)
    values = {name: rng.integers(1, 100, n).astype(float) for name in (*SUMMED, *MEANS)}
    values |= {"panel": np.arange(n, dtype=np.int32), "wedge": np.arange(n, dtype=np.int32)}
    values |= {"sweep": np.zeros(n, np.int32), "s": rng.normal(size=(n, 3))}
    return Observations(grid=Grid((1, 1, 1)), index=index, **(values | columns))


def oracle_table() -> tuple[Observations, np.ndarray]:
    """The oracle's rows, so that our ratio of sums is its weighted mean."""
    rows = {k: np.array(v, float) for k, v in oracle("export")["mergeDown"]["table"].items()}
    weight = 1.0 / (rows["sigma"] ** 2 + rows["bkgSigma"] ** 2)
    table = table_of(
        np.stack([rows[x] for x in "hkl"], axis=1).astype(np.int64),
        counts=(rows["intensity"] + rows["bkgIntensity"]) * weight,
        pixels=weight,
        exposure=weight,
        background=rows["bkgIntensity"] * weight,
        background_variance=np.zeros(16),
        fraction=rows["fraction"],
        s=np.stack([rows[x] for x in ("sx", "sy", "sz")], axis=1),
        ix=rows["ix"], iy=rows["iy"], iz=rows["iz"],
    )  # fmt: skip
    return table, rows["iz"]


def found_rows(table: Observations) -> dict[tuple[int, ...], list[int]]:
    out: dict[tuple[int, ...], list[int]] = {}
    for row, index in enumerate(table.index.tolist()):
        out.setdefault(tuple(index), []).append(row)
    return out


def test_oracle_where_a_whole_group_is_close() -> None:
    table, iz = oracle_table()
    merged = oracle("export")["mergeDown"]
    mean = {k: np.array(v, float) for k, v in merged["mean"].items()}
    # mdx-lib wants less than the span, the chain at most the span: the same but at 5 itself
    joined = join_neighbours(table, iz, np.nextafter(merged["izMax"], 0))
    rows = found_rows(joined)
    agree = [tuple(i) for i in merged["info"]["unique_hkl"]]
    for h in agree:
        at = rows[h]
        wanted = np.flatnonzero(
            np.all([mean[x] == v for x, v in zip("hkl", h, strict=True)], 0)
        )
        if h in ((2, 1, 1), (3, 1, 2)):
            continue
        order = wanted[np.argsort(mean["iz"][wanted])]
        assert len(at) == len(order)
        mine = {
            "intensity": joined.intensity[at],
            "iz": joined.iz[at],
            "ix": joined.ix[at],
            "iy": joined.iy[at],
            "fraction": joined.fraction[at],
            "sx": joined.s[at, 0],
            "sz": joined.s[at, 2],
        }
        for name, values in mine.items():
            np.testing.assert_allclose(values, mean[name][order], rtol=1e-9, err_msg=name)
    assert len(rows[(1, 1, 0)]) == 1


def test_groups_that_are_too_long_are_cut_and_not_given_up() -> None:
    table, iz = oracle_table()
    merged = oracle("export")["mergeDown"]
    before, joined = found_rows(table), join_neighbours(table, iz, merged["izMax"])
    rows = found_rows(joined)
    # (2 1 1) at 5, 6 and at 30, 31: mdx-lib leaves four rows, there are two places
    assert sum(h == 2 for h in merged["mean"]["h"]) == 4
    for h, places in (((2, 1, 1), [[5, 6], [30, 31]]), ((3, 1, 2), [[40, 41], [45.1]])):
        assert len(rows[h]) == len(places)
        for row, place in zip(rows[h], places, strict=True):
            of = [i for i in before[h] if table.iz[i] in place]
            assert len(of) == len(place)
            expected = np.average(table.iz[of], weights=table.pixels[of])
            assert joined.iz[row] == pytest.approx(expected)
            for name in SUMMED:
                total = getattr(table, name)[of].sum()
                assert getattr(joined, name)[row] == pytest.approx(total, rel=1e-14)
    # 8 and 13, 20 and 25 lie a span apart, which still is within it
    assert len(rows[(4, 1, 0)]) == len(rows[(5, 1, 3)]) == 1


indices = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 30)), min_size=1, max_size=25
)


@settings(deadline=None)
@given(indices, st.floats(0.5, 12.0), st.randoms(use_true_random=False))
def test_sums_are_kept_and_the_order_of_rows_does_not_matter(
    drawn: list[tuple[int, int, int]], span: float, shuffle: object
) -> None:
    index = np.array([[h, -h, 2] for h, _, _ in drawn])
    sweep = np.array([s for _, s, _ in drawn], dtype=np.int32)
    # rotation angles that differ, so that the order within a voxel is decided
    phi = np.array([p + 0.01 * i for i, (_, _, p) in enumerate(drawn)])
    table = table_of(index, sweep=sweep)
    joined = join_neighbours(table, phi, span)
    for name in SUMMED:
        assert getattr(joined, name).sum() == pytest.approx(getattr(table, name).sum())
    for name in MEANS:
        moment = (getattr(joined, name) * joined.pixels).sum()
        assert moment == pytest.approx((getattr(table, name) * table.pixels).sum())
    keys = list(zip(joined.sweep, packed(joined.index), strict=True))
    assert keys == sorted(keys)
    order = list(range(len(drawn)))
    shuffle.shuffle(order)  # type: ignore[attr-defined]
    again = join_neighbours(table.select(np.array(order)), phi[order], span)
    np.testing.assert_array_equal(again.index, joined.index)
    np.testing.assert_allclose(again.counts, joined.counts)
    np.testing.assert_array_equal(again.wedge, joined.wedge)


def test_sweeps_and_voxels_stay_apart() -> None:
    index = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]])
    table = table_of(index, sweep=np.array([0, 1, 0, 0], np.int32))
    joined = join_neighbours(table, np.array([1.0, 1.0, 1.0, 1.5]), 2.0)
    assert joined.index.tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert joined.sweep.tolist() == [0, 0, 1]
    assert joined.counts[0] == table.counts[[0, 3]].sum()
    # the first of a cluster says where it was seen
    assert joined.wedge.tolist() == [0, 2, 1]


def test_masks_of_a_cluster_are_joined() -> None:
    table = table_of(np.zeros((3, 3), np.int64)).with_mask(
        "bad", np.array([False, True, False])
    )
    joined = join_neighbours(table, np.array([0.0, 1.0, 9.0]), 2.0)
    assert joined.masks["bad"].tolist() == [True, False]


def test_nothing_to_join() -> None:
    table = table_of(np.array([[0, 0, 1], [0, 0, 0]]))
    assert join_neighbours(table, np.zeros(2), 0.0) is table
    empty = table.select(np.zeros(2, bool))
    assert len(join_neighbours(empty, np.zeros(0), 1.0)) == 0
    apart = join_neighbours(table, np.zeros(2), 5.0)
    assert apart.index.tolist() == [[0, 0, 0], [0, 0, 1]]
    np.testing.assert_array_equal(apart.counts, table.counts[::-1])
