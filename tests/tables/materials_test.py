from __future__ import annotations

import re

import pytest

from ewaldite.tables.materials import GASES, SOLIDS

# IUPAC 2021 conventional atomic weights
WEIGHTS = {
    "Si": 28.085,
    "Ge": 72.630,
    "Ga": 69.723,
    "As": 74.921595,
    "Cd": 112.414,
    "Te": 127.60,
    "N": 14.007,
    "O": 15.999,
    "Ar": 39.95,
    "C": 12.011,
    "He": 4.002602,
}


def mass(formula: str) -> float:
    parts = re.findall(r"([A-Z][a-z]?)([0-9.]*)", formula)
    return sum(WEIGHTS[element] * float(number or 1) for element, number in parts)


@pytest.mark.parametrize("name", SOLIDS)
def test_density_is_that_of_the_cell_named_as_its_source(name: str) -> None:
    solid = SOLIDS[name]
    found = re.search(r"a = ([0-9.]+) Å", solid.source)
    assert found is not None
    # diamond and zinc blende: eight atoms a cell, four formula units of a compound
    units = 8 if len(re.findall("[A-Z]", solid.formula)) == 1 else 4
    expected = units * mass(solid.formula) / (0.602214076 * float(found[1]) ** 3)
    assert solid.density == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", GASES)
def test_molar_mass_is_that_of_the_composition(name: str) -> None:
    assert GASES[name].molar_mass == pytest.approx(mass(GASES[name].formula), rel=3e-4)


def test_density_of_an_ideal_gas() -> None:
    # U.S. Standard Atmosphere 1976, table at sea level: 288.15 K, 101.325 kPa, 1.2250 kg/m³
    assert GASES["air"].density(288.15, 101.325) == pytest.approx(1.2250e-3, rel=1e-4)
    helium = GASES["helium"]
    # molar volume of an ideal gas at 273.15 K and 101.325 kPa, CODATA 2018: 22.41396954 l/mol
    assert helium.density(273.15, 101.325) == pytest.approx(4.002602 / 22413.96954, rel=1e-9)
    assert helium.density(300.0, 50.0) == pytest.approx(0.25 * helium.density(150.0, 100.0))
