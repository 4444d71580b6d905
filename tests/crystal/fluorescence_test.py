from __future__ import annotations

import numpy as np
import pytest

from ewaldite.crystal.fluorescence import (
    edge_wavelength,
    fluorescence_bound,
    fluorescence_notes,
)
from ewaldite.crystal.form_factors import anomalous

# K edges in Å, and one L3 edge; International Tables C, table 4.2.2.4
EDGES = {"Fe": 1.7433, "Se": 0.9797, "Zn": 1.2834, "Br": 0.9202, "Mn": 1.8964}


@pytest.mark.parametrize("symbol", EDGES)
def test_edges_are_found_between_half_the_energy_and_the_energy(symbol: str) -> None:
    edge = EDGES[symbol]
    for ratio in (0.55, 0.8, 0.97):
        assert edge_wavelength(symbol, edge * ratio) == pytest.approx(edge, rel=0.012)
    assert edge_wavelength(symbol, edge * 1.03) is None
    assert edge_wavelength(symbol, edge * 0.48) is None


def test_edge_of_a_heavy_atom() -> None:
    # L3 of platinum at 1.0723 Å; from 0.9768 Å it is the nearest that lies below
    assert edge_wavelength("Pt", 1.0) == pytest.approx(1.0723, rel=0.012)


@pytest.mark.parametrize("symbol", ["H", "C", "N", "O", "S", "P", "Cf"])
def test_light_atoms_do_not_fluoresce_above_the_threshold(symbol: str) -> None:
    assert edge_wavelength(symbol, 0.9768) is None


def test_bound_follows_from_the_absorption_cross_section() -> None:
    # the optical theorem: 2 r_e λ f″ of photoabsorption; iron at 12.7 keV has 8.1e-21 cm²
    f = anomalous("Fe", 0.9768).imag
    section = 2 * 2.8179403e-13 * 0.9768e-8 * f
    assert section == pytest.approx(8.2e-21, rel=0.03)
    per_solid_angle = section / (4 * np.pi) / (2.8179403e-13) ** 2
    assert fluorescence_bound("Fe", 0.9768) == pytest.approx(per_solid_angle, rel=1e-6)


def test_notes_name_the_element_and_the_bound() -> None:
    notes = fluorescence_notes({"C": 600.0, "Fe": 2.0, "Zn": 0.0}, 0.9768)
    assert len(notes) == 1
    assert "Fluorescence of Fe" in notes[0]
    assert f"{2 * fluorescence_bound('Fe', 0.9768):.0f} electrons²" in notes[0]
