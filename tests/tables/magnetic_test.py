from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.tables.magnetic import (
    GAMMA_R0_SQUARED,
    PER_BOHR_MAGNETON,
    form_factor,
    ion_name,
    ions,
    radial_integral,
)

ORACLE = json.loads(
    (Path(__file__).parents[1] / "oracles" / "magnetic.json").read_text(encoding="utf-8")
)
Q = np.linspace(0.0, 8.0, 33)
FIVE_D = ("Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au")


@pytest.mark.parametrize("ion", [name for name in ORACLE if name != "source"])
def test_against_another_table(ion: str) -> None:
    s = Q / (4 * np.pi)
    for order, (a1, e1, a2, e2, a3, e3, rest) in zip((0, 2), ORACLE[ion], strict=True):
        expected = a1 * np.exp(-e1 * s**2) + a2 * np.exp(-e2 * s**2) + rest
        expected += a3 * np.exp(-e3 * s**2)
        if order:
            expected *= s**2
        np.testing.assert_allclose(radial_integral(ion, order, Q), expected, atol=2e-4)


def test_values_of_another_program() -> None:
    # periodictable 2.1.0: Fe.ion[2].magnetic_ff[2].M_Q([0, 0.1, 0.2])
    found = form_factor("Fe2", [0, 0.1, 0.2])
    np.testing.assert_allclose(found, [1.00000, 0.99935, 0.99741], atol=1e-5)


@pytest.mark.parametrize("ion", ions())
def test_all_ions_are_what_integrals_of_bessel_functions_must_be(ion: str) -> None:
    j0 = radial_integral(ion, 0, Q)
    assert j0[0] == pytest.approx(1.0, abs=3e-3)
    assert j0.max() < 1.003
    assert np.all(np.abs(np.diff(j0)) < 0.3)
    # |j_l| is below its greatest value over all arguments
    for order, largest in ((2, 0.31), (4, 0.24)):
        try:
            j = radial_integral(ion, order, Q)
        except UserError:
            assert order == 4
            assert ion in ("Ce3", "Pr3") or ion[:-1] in FIVE_D
            continue
        assert j[0] == 0.0
        assert -0.11 < j.min() < j.max() < largest


@given(g=st.floats(0.3, 2.0), q=st.floats(0.0, 6.0))
def test_the_dipole_approximation(g: float, q: float) -> None:
    spin, orbit = (radial_integral("Er3", n, q) for n in (0, 2))
    # g J = L + 2 S: the parts of orbit and spin, each with its own form factor
    expected = ((2 - g) * (spin + orbit) + 2 * (g - 1) * spin) / g
    np.testing.assert_allclose(form_factor("Er3", q, g), expected, atol=1e-12)
    assert form_factor("Er3", 0.0, g) == pytest.approx(1.0, abs=3e-3)


def test_constants() -> None:
    np.testing.assert_allclose(GAMMA_R0_SQUARED, 0.2906, atol=1e-4)
    np.testing.assert_allclose(PER_BOHR_MAGNETON, 0.07265, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "name"),
    [("Fe2", "Fe2"), ("fe3+", "Fe3"), ("Fe+2", "Fe2"), ("Cu^{2+}", "Cu2"), ("Mn", "Mn0"),
     ("V", "V0"), ("U4+", "U4"), (" Yb3+ ", "Yb3"), ("Ni+", "Ni1")],
)  # fmt: skip
def test_names(text: str, name: str) -> None:
    assert ion_name(text) == name


@pytest.mark.parametrize(
    ("text", "near"),
    [("Fe9", "Fe0, Fe1, Fe2, Fe3, Fe4"), ("Cr6+", "Cr3"), ("Gd", "Gd2, Gd3"), ("Zz3", "3")],
)
def test_unknown_ions_are_told_the_nearest(text: str, near: str) -> None:
    with pytest.raises(UserError, match=near) as caught:
        form_factor(text, 1.0)
    assert f"'{text}'" in str(caught.value)


def test_mistakes() -> None:
    with pytest.raises(UserError, match="only <j0>, <j2> are tabulated"):
        radial_integral("Pr3", 4, 1.0)
    with pytest.raises(UserError, match="g is 0"):
        form_factor("Fe2", 1.0, 0.0)
