from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.errors import MissingExtraError, UserError
from ewaldite.tables.compton import incoherent, recoil

pytest.importorskip("xraylib")

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "absolute.json").read_text())
S = np.array(ORACLE["s"])


@pytest.mark.parametrize("symbol", [x for x in ORACLE["elements"] if x != "H"])
def test_near_the_fits_of_mdx_lib_to_the_same_table(symbol: str) -> None:
    element = ORACLE["elements"][symbol]
    difference = incoherent(element["Z"], S) - np.array(element["I_incoh"])
    assert np.abs(difference).max() < 0.0025 * element["Z"]


def test_hydrogen_of_mdx_lib_is_the_bonded_one() -> None:
    element = ORACLE["elements"]["H"]
    theirs = np.array(element["I_incoh"])
    assert np.abs(incoherent(1, S) - theirs).max() == pytest.approx(0.099, abs=0.002)
    np.testing.assert_allclose(1 - np.array(element["f_coh"]) ** 2, theirs, atol=2e-3)


@given(st.integers(1, 98))
def test_rises_from_nothing_to_the_electrons(number: int) -> None:
    s = np.array([0.0, 1e-5, 1e-3, 2e-3, 0.01, 0.1, 0.5, 1.0, 2.0, 20.0])
    found = incoherent(number, s)
    assert found[0] == 0
    assert np.all(np.diff(found) > 0)
    assert found[1] == pytest.approx(found[3] * (1e-5 / 2e-3) ** 2)
    assert 0.9 * number < found[-1] <= number


def test_free_hydrogen_is_known_exactly() -> None:
    # 1 - f² with f of the 1s orbital
    s = np.linspace(0.05, 1.5, 30)
    f = (1 + (np.pi * 0.529177 * s) ** 2) ** -2
    np.testing.assert_allclose(incoherent(1, s), 1 - f**2, rtol=2e-3)


def test_any_dims() -> None:
    s = np.linspace(0.1, 1, 6).reshape(2, 3)
    assert incoherent(8, s).shape == (2, 3)
    assert incoherent(8, 0.5).shape == ()


@given(st.floats(0.3, 2.0), st.floats(0.0, 1.5))
def test_recoil_is_the_square_of_the_energy_ratio(wavelength: float, s: float) -> None:
    if s * wavelength >= 2:
        return
    # Compton's shift of the wavelength, λ_C (1 - cos 2θ) with sin θ = s λ / 2
    shift = 0.0242631 * (1 - np.cos(2 * np.arcsin(s * wavelength / 2)))
    ratio = wavelength / (wavelength + shift)
    assert float(recoil(s, wavelength)) == pytest.approx(ratio**2, rel=1e-6)


def test_unknown_element() -> None:
    with pytest.raises(UserError, match="Compton scattering of element 150"):
        incoherent(150, np.array([0.5]))


def test_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xraylib", None)
    with pytest.raises(MissingExtraError, match=r"ewaldite\[xray\]"):
        incoherent(6, np.array([0.5]))
