from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.crystal.contents import CellContents, fill_with_water, neutral_symbols
from ewaldite.crystal.formula import from_formula
from ewaldite.crystal.pairs import Pairs, pairs_of_positions
from ewaldite.crystal.polymer import water
from ewaldite.errors import UserError

SYMBOLS = st.sampled_from(["H", "C", "N", "O", "S", "Fe", "Se"])
CONTENTS = st.builds(
    CellContents,
    st.dictionaries(SYMBOLS, st.floats(0, 1e4)),
    st.floats(-20, 20),
)


@given(CONTENTS, CONTENTS, st.floats(0, 50))
def test_electrons_and_mass_add_up(a: CellContents, b: CellContents, n: float) -> None:
    both = a + b.times(n)
    scale = 1 + abs(a.n_electrons) + n * abs(b.n_electrons)
    assert both.n_electrons == pytest.approx(
        a.n_electrons + n * b.n_electrons, abs=1e-9 * scale
    )
    assert both.mass == pytest.approx(a.mass + n * b.mass, rel=1e-9, abs=1e-9)


def test_charge_is_subtracted() -> None:
    # nitrate: 31 protons and one electron more
    assert CellContents({"N": 1, "O": 3}, -1).n_electrons == 32
    assert "32 electrons" in CellContents({"N": 1, "O": 3}, -1).summary()


@pytest.mark.parametrize("number", [-1.0, np.nan, np.inf])
def test_impossible_numbers(number: float) -> None:
    with pytest.raises(UserError, match="count the atoms"):
        CellContents({"C": number})


def test_unknown_elements() -> None:
    with pytest.raises(UserError, match="'Q' is no element"):
        CellContents({"Q": 1})


def test_equal_pairs_become_one() -> None:
    pairs = Pairs.of([(8, 1, 0.97, 1, 1.0), (1, 8, 0.97, 1, 2.0), (1, 1, 1.5, 2, 1.0)])
    assert pairs.z.tolist() == [[1, 1], [1, 8]]
    assert pairs.number.tolist() == [1.0, 3.0]
    both = pairs + pairs.times(2)
    assert both.number.tolist() == [3.0, 9.0]
    assert len(both.within(1)) == 1
    assert len(Pairs() + pairs) == len(pairs + Pairs()) == 2


def test_ways_are_the_shortest() -> None:
    # a ring of six and a tail: 0-1-2-3-4-5-0, 5-6
    bonds = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0], [5, 6]])
    angle = np.arange(6) * np.pi / 3
    xyz = np.zeros((7, 3))
    xyz[:6, :2] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    xyz[6] = 2 * xyz[5]
    found = pairs_of_positions(np.full(7, 6), xyz, bonds, 3)
    # distances to one part in 1e12 apart are apart: compare by bonds
    counts = np.bincount(found.bonds, found.number, minlength=4)
    assert counts.tolist() == [0.0, 7.0, 6 + 2, 3 + 2]
    across = found.distance[found.bonds == 3]
    assert np.sum(np.isclose(across, 2.0)) >= 1


def test_conformers_do_not_interfere_with_each_other() -> None:
    # one atom common to both, two alternatives of the next
    z, xyz = np.array([6, 8, 8]), np.array([[0.0, 0, 0], [1.2, 0, 0], [0, 1.3, 0]])
    bonds = np.array([[0, 1], [0, 2]])
    found = pairs_of_positions(
        z, xyz, bonds, 2, np.array([1.0, 0.7, 0.3]), np.array([0, ord("A"), ord("B")])
    )
    assert found.number.tolist() == [0.7, 0.3]
    assert set(found.bonds.tolist()) == {1}


def test_filling() -> None:
    part = CellContents({"C": 100.0}, volume=1000.0)
    filled, number = fill_with_water(part, 3999.0, water())
    assert number == pytest.approx(100, rel=1e-3)
    assert filled.elements["O"] == number
    assert filled.elements["H"] == 2 * number
    same, none = fill_with_water(part, 950.0, water())
    assert none == 0
    assert same.elements["C"] == 100
    with pytest.raises(UserError, match="its molecules take up 1000 Å³"):
        fill_with_water(part, 900.0, water())


@pytest.mark.parametrize(
    ("formula", "elements"),
    [
        ("C 613 H 959 N 193 O 185 S 10", {"C": 613, "H": 959, "N": 193, "O": 185, "S": 10}),
        ("C6H12O6", {"C": 6, "H": 12, "O": 6}),
        ("N O3", {"N": 1, "O": 3}),
        ("NaCl", {"Na": 1, "Cl": 1}),
        ("CO", {"C": 1, "O": 1}),
        ("Co", {"Co": 1}),
        ("C 0.5 D 2 H1", {"C": 0.5, "H": 3}),
        ("CH3CH3", {"C": 2, "H": 6}),
    ],
)
def test_formulas(formula: str, elements: dict[str, float]) -> None:
    assert dict(from_formula(formula).elements) == elements


@pytest.mark.parametrize("formula", ["", "C(CH3)2", "12", "C 0", "C-H", "Zz 3"])
def test_bad_formulas(formula: str) -> None:
    with pytest.raises(UserError):
        from_formula(formula)


def test_symbols_are_spelt_alike() -> None:
    assert neutral_symbols({"fe": 1, "FE": 2, "d": 1}) == {"Fe": 3, "H": 1}
