from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import scipp as sc

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.reindex import IDENTITY, operator_name, parse_operator
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.reindexing import resolve
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid
from ewaldite.simulate.three_crystals import three_crystals

GROUP = space_group("P 4")
CELL = (50.0, 50.0, 80.0, 90.0, 90.0, 90.0)
SWAP = parse_operator("k,h,-l")


def inverse(matrix: np.ndarray) -> np.ndarray:
    return np.rint(np.linalg.inv(matrix)).astype(np.int64)


def crystal(
    rng: np.random.Generator,
    number: int,
    matrix: np.ndarray = IDENTITY,
    *,
    relief: float = 0.3,
    counts: float = 60.0,
    keep: float = 0.7,
    reach: int = 7,
    side: int = 0,
    seed: int = 0,
) -> Observations:
    """A crystal in P 4 that was indexed so that ``matrix`` takes it to the common setting.

    ``side`` leaves only voxels of the asymmetric unit with l above or below it.
    """
    axis = np.arange(-reach, reach + 1)
    hkl = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    hkl = hkl[rng.random(len(hkl)) < keep]
    asu, _ = AsuMap(Grid((1, 1, 1)), GROUP)(hkl)
    if side:
        near = asu[:, 2] > 3 if side > 0 else asu[:, 2] < 3
        hkl, asu = hkl[near], asu[near]
    bumps = np.random.default_rng([seed, 77]).normal(size=(2 * reach + 1,) * 3)
    s = hkl / np.array(CELL[:3])
    length = np.linalg.norm(s, axis=1)
    ring = counts * (0.3 + np.exp(-length / 0.08))
    expected = ring * np.maximum(1 + relief * bumps[tuple((asu + reach).T)], 0.05)
    n, zero = len(hkl), np.zeros(len(hkl))
    label = np.zeros(n, np.int32)
    return Observations(
        grid=Grid((1, 1, 1)),
        index=hkl @ inverse(matrix),
        counts=rng.poisson((1 + 0.4 * number) * expected + 5).astype(float),
        pixels=np.ones(n),
        exposure=np.ones(n),
        background=zero + 5.0,
        background_variance=zero + 0.05,
        fraction=np.ones(n),
        s=s,
        ix=zero,
        iy=zero,
        iz=zero,
        panel=label,
        wedge=label,
        sweep=np.full(n, number, np.int32),
    )


def names(decisions: tuple) -> list[str]:
    return [d.name for d in decisions]


def test_crystals_indexed_the_other_way_round_are_turned_back() -> None:
    rng = np.random.default_rng(1)
    turns = [IDENTITY, SWAP, IDENTITY, SWAP]
    table = Observations.concat([crystal(rng, i, m) for i, m in enumerate(turns)])
    found = resolve(table, GROUP, [CELL] * 4)
    assert names(found) == [operator_name(m) for m in turns]
    one_by_one = resolve(lambda i: table.select(table.sweep == i), GROUP, [CELL] * 4)
    assert names(one_by_one) == names(found)
    assert [d.why for d in found] == ["first", *["correlation"] * 3]
    for decision, right in zip(found[1:], (1, 0, 1), strict=True):
        assert decision.candidates == ("h,k,l", "k,h,-l")
        assert decision.correlation[right] > 0.6
        # hhl and h0l stay what they are under the other operator
        assert abs(decision.correlation[1 - right]) < 0.4
        assert decision.significance > 10
        assert "σ" in decision.text()


def test_the_ring_alone_decides_nothing() -> None:
    rng = np.random.default_rng(2)
    table = Observations.concat([crystal(rng, i, relief=0.0) for i in range(3)])
    found = resolve(table, GROUP, [CELL] * 3)
    assert names(found) == ["h,k,l"] * 3
    assert [d.why for d in found] == ["first", "tie", "tie"]
    assert "no other" in found[1].text()
    assert abs(found[1].correlation).max() < 0.2


def test_crystals_that_share_nothing_are_said_to() -> None:
    rng = np.random.default_rng(3)
    parts = [crystal(rng, 0, side=1), crystal(rng, 1, SWAP, side=-1)]
    table = Observations.concat(parts)
    # the swap changes the sign of l, but Friedel's law and the axis bring it back
    found = resolve(table, GROUP, [CELL] * 2)
    assert found[1].why == "no overlap"
    assert found[1].name == "h,k,l"
    assert np.isnan(found[1].correlation).all()
    assert "too few voxels" in found[1].text()


def test_a_crystal_is_reached_through_another() -> None:
    rng = np.random.default_rng(4)
    bridge = crystal(rng, 2, SWAP)
    table = Observations.concat(
        [crystal(rng, 0, side=1), crystal(rng, 1, SWAP, side=-1), bridge]
    )
    assert names(resolve(table, GROUP, [CELL] * 3)) == ["h,k,l", "k,h,-l", "k,h,-l"]


def test_weak_crystals_agree_through_many() -> None:
    rng = np.random.default_rng(5)
    turns = [IDENTITY, SWAP, SWAP, IDENTITY, SWAP, IDENTITY]
    weak = [crystal(rng, i, m, counts=2.5, keep=0.35, relief=0.4) for i, m in enumerate(turns)]
    found = resolve(Observations.concat(weak), GROUP, [CELL] * 6)
    assert names(found) == [operator_name(m) for m in turns]


def test_what_is_given_is_kept_and_is_the_reference() -> None:
    rng = np.random.default_rng(6)
    table = Observations.concat([crystal(rng, i, m) for i, m in enumerate([SWAP, IDENTITY])])
    found = resolve(table, GROUP, [CELL] * 2, given={1: IDENTITY})
    assert names(found) == ["k,h,-l", "h,k,l"]
    assert found[1].why == "given"
    assert "options" in found[1].text()
    assert found[0].why == "correlation"
    wrong = resolve(table, GROUP, [CELL] * 2, given={0: IDENTITY, 1: IDENTITY})
    assert names(wrong) == ["h,k,l"] * 2


def test_a_lattice_without_ambiguity_needs_no_evidence() -> None:
    rng = np.random.default_rng(7)
    table = Observations.concat([crystal(rng, i) for i in range(2)])
    found = resolve(table, space_group("P 4 2 2"), [CELL] * 2)
    assert [d.why for d in found] == ["only one"] * 2
    assert "only one" in found[0].text()


def test_axes_in_another_order_are_turned_by_the_cell_alone() -> None:
    rng = np.random.default_rng(8)
    table = Observations.concat([crystal(rng, i) for i in range(2)])
    cells = [(50, 60, 80, 90, 90, 90), (60, 80, 50, 90, 90, 90)]
    found = resolve(table, space_group("P 2 2 2"), cells)
    assert names(found) == ["h,k,l", "l,h,k"]


def test_cells_that_differ_are_refused_after_reindexing() -> None:
    rng = np.random.default_rng(9)
    table = Observations.concat([crystal(rng, i) for i in range(2)])
    other = (50.0, 50.0, 90.0, 90.0, 90.0, 90.0)
    with pytest.raises(
        UserError, match=r"merge b with a: no basis of its cell 50\.00 50\.00 90\.00"
    ):
        resolve(table, GROUP, [CELL, other], names=["a", "b"])
    turn = parse_operator("l,h,k")
    with pytest.raises(UserError, match="reindexed by l,h,k,"):
        resolve(table, GROUP, [CELL] * 2, given={0: IDENTITY, 1: turn}, names=["a", "b"])
    with pytest.raises(UserError, match="it does not allow the cell"):
        resolve(table, GROUP, [CELL] * 2, given={1: turn}, names=["a", "b"])


def bragg(rng: np.random.Generator, turns: list[np.ndarray]) -> sc.DataArray:
    """Strong reflections of crystals indexed in several ways, every tenth of them spoiled."""
    tables = [
        crystal(rng, i, m, relief=0.6, counts=400.0, keep=0.3, seed=5)
        for i, m in enumerate(turns)
    ]
    table = Observations.concat(tables)
    bad = np.arange(len(table)) % 10 == 0
    intensity = np.where(bad, 1e6, table.intensity)
    coords = {
        x: sc.array(dims=["voxel"], values=table.index[:, i].astype(float))
        for i, x in enumerate("hkl")
    }
    coords["sweep"] = sc.array(dims=["voxel"], values=table.sweep)
    coords["exposure"] = sc.array(dims=["voxel"], values=table.exposure, unit="mrad**2*s")
    data = sc.array(dims=["voxel"], values=intensity, variances=table.variance)
    return sc.DataArray(
        data, coords=coords, masks={"partial": sc.array(dims=["voxel"], values=bad)}
    )


def test_bragg_intensities_decide_where_diffuse_ones_do_not() -> None:
    rng = np.random.default_rng(10)
    turns = [IDENTITY, SWAP, SWAP]
    table = Observations.concat(
        [crystal(rng, i, m, relief=0.0, keep=0.2) for i, m in enumerate(turns)]
    )
    assert [d.why for d in resolve(table, GROUP, [CELL] * 3)][1:] == ["tie", "tie"]
    found = resolve(table, GROUP, [CELL] * 3, bragg=bragg(rng, turns))
    assert names(found) == ["h,k,l", "k,h,-l", "k,h,-l"]


def test_few_peaks_that_the_filter_missed_do_not_decide() -> None:
    rng = np.random.default_rng(11)
    table = Observations.concat([crystal(rng, i, m) for i, m in enumerate([IDENTITY, SWAP])])
    counts = table.counts.copy()
    # the same nodes hold a peak in both tables, as indexed: that speaks for the identity
    peaks = np.zeros(len(table), np.bool_)
    for h, k in ((5, 2), (-2, 5), (-5, -2), (2, -5)):
        peaks |= (table.index[:, 0] == h) & (table.index[:, 1] == k)
    peaks &= np.abs(table.index[:, 2]) <= 3
    counts[peaks] *= 50
    found = resolve(replace(table, counts=counts), GROUP, [CELL] * 2)
    assert names(found) == ["h,k,l", "k,h,-l"]


def test_masked_rows_take_no_part() -> None:
    rng = np.random.default_rng(12)
    right = Observations.concat([crystal(rng, i, m) for i, m in enumerate([IDENTITY, SWAP])])
    wrong = Observations.concat([crystal(rng, i, IDENTITY) for i in range(2)])
    both = Observations.concat([right, wrong])
    masked = both.with_mask("bad", np.arange(len(both)) >= len(right))
    assert names(resolve(masked, GROUP, [CELL] * 2)) == ["h,k,l", "k,h,-l"]


def test_the_third_of_three_simulated_crystals_is_indexed_astray() -> None:
    crystals = three_crystals(axes=(24.0, 28.0), s_max=0.5, time=0.05)
    counted, _, _ = crystals.observe(seed=1)
    columns = {f.name: getattr(counted, f.name) for f in fields(counted)}
    table = Observations(grid=Grid((1, 1, 1)), **columns)
    cell = (24.0, 24.0, 28.0, 90.0, 90.0, 90.0)
    group = space_group("P 41")
    found = resolve(table, group, [cell] * 3)
    assert names(found) == ["h,k,l", "h,k,l", "k,h,-l"]
    assert [d.why for d in found] == ["first", "correlation", "correlation"]
