from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest
import scipp as sc

from diffuse.absolute.mdx import table_of
from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.absolute.inputs import completed_bragg
from ewaldite.diffuse.absolute.options import AbsoluteOptions
from ewaldite.diffuse.absolute.reference import with_reference
from ewaldite.diffuse.absolute.totals import lengths
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

CELL = np.array([30.0, 35.0, 40.0, 90.0, 90.0, 90.0])
GROUP = space_group("P 21 21 21")
CELLS = Grid((1, 1, 1))
K, B = 0.02, 6.0


def truth() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reflections of the asymmetric unit, their |s|, intensities on the reference's scale."""
    rng = np.random.default_rng(0)
    axes = [np.arange(0, 14)] * 3
    hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)[1:]
    s = lengths(CELLS, hkl, CELL)
    return hkl, s, 1000 * rng.exponential(size=len(hkl)) + 5


def noisy(value: np.ndarray, relative: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    sigma = relative * value + 0.01 * value.mean()
    return value + sigma * np.random.default_rng(seed).normal(size=len(value)), sigma


def ours(keep: np.ndarray, relative: float = 0.03) -> sc.DataArray:
    hkl, s, value = truth()
    mine, sigma = noisy(K * np.exp(-B * s**2 / 2) * value, relative, 1)
    return table_of(hkl[keep], mine[keep], sigma[keep] ** 2)


def theirs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    hkl, _, value = truth()
    return hkl, *noisy(value, 0.02, 2)


def test_scale_and_b_are_found() -> None:
    keep = np.arange(len(truth()[0])) % 3 != 0
    table, fit = with_reference(ours(keep), *theirs(), CELL, GROUP)
    assert fit.factor == pytest.approx(K, rel=0.02)
    assert fit.b == pytest.approx(B, abs=0.15)
    assert 0 < fit.sigma_factor < 0.01
    assert fit.common == keep.sum()
    assert fit.filled == (~keep).sum()
    assert len(table) == len(keep)
    assert "reflections were taken from it" in fit.note()
    # what we have is kept, what is filled in is right within its errors
    hkl, s, value = truth()
    place = {tuple(h): i for i, h in enumerate(hkl.tolist())}
    rows = np.array(
        [place[tuple(int(table.coords[x].values[i]) for x in "hkl")] for i in range(len(table))]
    )
    filled = ~keep[rows]
    expected = (K * np.exp(-B * s**2 / 2) * value)[rows]
    pull = (table.values - expected) / np.sqrt(table.variances)
    assert np.std(pull[filled]) == pytest.approx(1.0, abs=0.1)
    common = table.coords["common"].values
    assert np.all(common[~filled] == 0)
    np.testing.assert_allclose(common[filled], fit.sigma_factor * table.values[filled])


def test_error_of_the_factor_is_honest() -> None:
    keep = np.arange(len(truth()[0])) % 4 == 0
    found = []
    hkl, s, value = truth()
    for seed in range(12):
        mine, sigma = noisy(K * np.exp(-B * s**2 / 2) * value, 0.1, seed + 50)
        table = table_of(hkl[keep], mine[keep], sigma[keep] ** 2)
        other = noisy(value, 0.1, seed + 90)
        _, fit = with_reference(table, hkl, *other, CELL, GROUP)
        x = s[keep] ** 2 / 2
        middle = np.average(x, weights=np.clip(mine[keep], 0, None))
        true = np.log(K) - B * middle
        pull = (np.log(fit.factor) - fit.b * middle - true) / fit.sigma_factor
        found.append(pull)
    assert 0.3 < np.sqrt(np.mean(np.square(found))) < 1.6


def test_disagreement_beyond_the_errors_does_not_bend_the_factor() -> None:
    # both scatter by 12 % and claim 1 %
    hkl, s, value = truth()
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        mine, other = (value * (1 + 0.12 * rng.normal(size=len(s))) for _ in range(2))
        table = table_of(hkl, K * mine, (0.01 * K * value) ** 2)
        _, fit = with_reference(table, hkl, other, 0.01 * value, CELL, GROUP)
        found.append(np.log(fit.factor / K))
    assert abs(np.mean(found)) < 0.012


def test_all_can_be_replaced() -> None:
    keep = np.arange(len(truth()[0])) % 3 != 0
    table, fit = with_reference(ours(keep), *theirs(), CELL, GROUP, use="all")
    assert fit.filled == len(keep) == len(table)
    assert np.all(table.coords["common"].values > 0) or np.any(table.values < 0)


def test_overloads_are_filled_and_what_nobody_has_stays_unknown() -> None:
    everything = np.ones(len(truth()[0]), dtype=bool)
    mine = ours(everything)
    strongest = np.argsort(mine.values)[-50:]
    overloaded = np.zeros(len(mine), dtype=bool)
    overloaded[strongest] = True
    mine.masks["no count"] = sc.array(dims=["voxel"], values=overloaded)
    hkl, value, sigma = theirs()
    lacking = np.ones(len(hkl), dtype=bool)
    lacking[strongest[:5]] = False
    table, fit = with_reference(mine, hkl[lacking], value[lacking], sigma[lacking], CELL, GROUP)
    assert fit.filled == 45
    assert np.count_nonzero(np.isnan(table.values)) == 5
    assert len(table) == len(mine)


def test_equivalent_reflections_of_the_reference_are_one() -> None:
    hkl, value, sigma = theirs()
    signs = np.array([-1, -1, 1])
    both = np.concatenate([hkl, hkl * signs])
    keep = np.ones(len(hkl), dtype=bool)
    once, a = with_reference(ours(keep), hkl, value, sigma, CELL, GROUP, use="all")
    twice, b = with_reference(
        ours(keep), both, np.tile(value, 2), np.tile(sigma, 2) * 2**0.5, CELL, GROUP, use="all"
    )
    assert len(twice) == len(once) == len(np.unique(AsuMap(CELLS, GROUP)(hkl)[0], axis=0))
    assert b.factor == pytest.approx(a.factor, rel=1e-6)
    np.testing.assert_allclose(twice.variances, once.variances, rtol=1e-6)


def test_diffuse_under_our_spots_is_subtracted() -> None:
    keep = np.ones(len(truth()[0]), dtype=bool)
    mine = ours(keep)
    under = 0.3 * mine.values.mean()
    raised = table_of(truth()[0], mine.values + under, mine.variances)
    raised.coords["diffuse"] = sc.array(
        dims=["voxel"], values=np.full(len(mine), under), unit=mine.unit
    )
    plain, _ = with_reference(mine, *theirs(), CELL, GROUP)
    found, _ = with_reference(raised, *theirs(), CELL, GROUP)
    np.testing.assert_allclose(found.values, plain.values, rtol=1e-6)


def test_references_that_do_not_fit() -> None:
    few = np.arange(len(truth()[0])) < 10
    with pytest.raises(UserError, match="reflections above 3 sigma are common"):
        with_reference(ours(few), *theirs(), CELL, GROUP)
    hkl, value, sigma = theirs()
    order = np.random.default_rng(5).permutation(len(hkl))
    everything = np.ones(len(hkl), dtype=bool)
    with pytest.raises(UserError, match=r"correlate by less than 0\.5"):
        with_reference(ours(everything), hkl[order], value, sigma, CELL, GROUP)


def test_from_a_file(tmp_path: Path) -> None:
    hkl, value, sigma = theirs()
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup("P 21 21 21")
    mtz.set_cell_for_all(gemmi.UnitCell(*CELL))
    mtz.add_dataset("a")
    mtz.add_column("I", "J")
    mtz.add_column("SIGI", "Q")
    mtz.set_data(np.column_stack([hkl, value, sigma]).astype(np.float32))
    mtz.write_to_file(str(tmp_path / "a.mtz"))
    mine = ours(np.arange(len(hkl)) % 2 == 0)
    options = AbsoluteOptions(reference=Path("a.mtz"))
    table, notes = completed_bragg(options, tmp_path, mine, CELL, GROUP)
    assert len(table) == len(hkl)
    assert "columns I and SIGI" in notes[0]
    larger = CELL * np.array([1.1, 1.1, 1.1, 1, 1, 1])
    _, warned = completed_bragg(options, tmp_path, mine, larger, GROUP)
    assert "check that it is of this crystal" in warned[0]
    assert completed_bragg(AbsoluteOptions(), tmp_path, mine, CELL, GROUP) == (mine, ())
