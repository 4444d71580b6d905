from __future__ import annotations

import json
from pathlib import Path

import gemmi
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.crystal.form_factors import (
    GaussianSum,
    anomalous,
    atomic_mass,
    atomic_number,
    element_symbol,
    form_factor,
)
from ewaldite.errors import UserError

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "absolute.json").read_text())
S = np.array(ORACLE["s"])
ALL = [element_symbol(z) for z in range(1, 99)]


@pytest.mark.parametrize("symbol", ORACLE["elements"])
def test_gaussian_sum_of_mdx_lib(symbol: str) -> None:
    element = ORACLE["elements"][symbol]
    for table, values in (("coherent", "f_coh"), ("incoherent", "I_incoh")):
        c = element[table]
        function = GaussianSum(tuple(c[0:8:2]), tuple(c[1:8:2]), c[8])
        np.testing.assert_allclose(function(S), element[values], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("symbol", ORACLE["elements"])
def test_our_table_is_near_that_of_mdx_lib(symbol: str) -> None:
    # theirs are Gaussians fitted to Hubbell's (1975) table; stated in docs/theory/absolute.md
    inside = S <= 1.0
    ratio = form_factor(symbol)(S) / np.array(ORACLE["elements"][symbol]["f_coh"])
    assert np.abs(ratio - 1)[inside].max() < 0.007


@pytest.mark.parametrize("symbol", ALL)
def test_every_element_holds_its_electrons_and_falls(symbol: str) -> None:
    f = form_factor(symbol)(np.linspace(0, 2.0, 201))
    assert f[0] == pytest.approx(atomic_number(symbol), abs=0.06)
    assert np.all(np.diff(f) < 0)


def test_printed_digits_of_the_table() -> None:
    # International Tables C (1992), table 6.1.1.4, carbon
    assert form_factor("c") == GaussianSum(
        (2.31, 1.02, 1.5886, 0.865), (20.8439, 10.2075, 0.5687, 51.6512), 0.2156
    )
    assert form_factor("D") == form_factor("H")
    # bonded hydrogen: 0.568 at s = 0.4 1/Å, where a free atom has 0.5
    free = 1 / (1 + (2 * np.pi * 0.529177 / 2 * 0.4) ** 2) ** 2
    assert float(form_factor("H")(0.4)) > free + 0.05


@given(st.sampled_from(ALL), st.floats(0.3, 3.0))
def test_anomalous_terms_are_those_of_gemmi(symbol: str, wavelength: float) -> None:
    z = atomic_number(symbol)
    found = anomalous(symbol, wavelength)
    if 3 <= z <= 92:
        energy = 12398.4198433 / wavelength
        assert found == pytest.approx(complex(*gemmi.cromer_liberman(z, energy)), rel=1e-9)
    else:
        assert found == 0
    assert found.imag >= 0


def test_anomalous_terms_of_iron_at_its_edge() -> None:
    # K edge at 1.743 Å
    below, above = anomalous("Fe", 1.75), anomalous("Fe", 1.73)
    assert below.imag < 0.6
    assert above.imag > 3.5
    assert min(below.real, above.real) < -5


@pytest.mark.parametrize("symbol", ["Xx", "", "Es", "X"])
def test_unknown_elements(symbol: str) -> None:
    with pytest.raises(UserError, match="is no element from hydrogen to californium"):
        form_factor(symbol)


def test_wavelength_must_be_positive() -> None:
    with pytest.raises(UserError, match="the wavelength is 0"):
        anomalous("C", 0.0)


def test_masses() -> None:
    assert atomic_mass("S") == pytest.approx(32.06, abs=0.02)
