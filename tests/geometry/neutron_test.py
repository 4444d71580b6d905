from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.geometry.neutron import energy, speed, speed_of_wavelength, wavenumber
from ewaldite.tables.neutron import H_OVER_MASS, HBAR_OVER_MASS, K2_TO_MEV
from geometry.bifrost import EVENTS, ORACLE


def test_constants_are_those_of_codata() -> None:
    # The numbers that every neutron scatterer carries in the head
    np.testing.assert_allclose(H_OVER_MASS, 3956.034, rtol=2e-8)
    np.testing.assert_allclose(K2_TO_MEV * 4 * np.pi**2, 81.80421, rtol=2e-8)
    known = ORACLE["constants"]
    np.testing.assert_allclose(
        K2_TO_MEV,
        known["hbar_Js"] ** 2 / (2 * known["m_n_kg"]) * 1e23 / known["eV_J"],
        rtol=1e-8,
    )
    np.testing.assert_allclose(
        HBAR_OVER_MASS, known["hbar_Js"] / known["m_n_kg"] * 1e10, rtol=1e-8
    )


def test_agrees_with_an_independent_program() -> None:
    for event in EVENTS:
        np.testing.assert_allclose(
            energy(event["final_wavenumber_invA"]), event["final_energy_meV"], rtol=1e-8
        )
        k_i = 2 * np.pi / event["incident_wavelength_A"]
        np.testing.assert_allclose(energy(k_i), event["incident_energy_meV"], rtol=1e-8)


@given(st.floats(1e-3, 1e4))
def test_energy_and_wavenumber_invert_each_other(value: float) -> None:
    np.testing.assert_allclose(energy(wavenumber(value)), value, rtol=1e-14)
    np.testing.assert_allclose(speed(value), speed_of_wavelength(2 * np.pi / value), rtol=1e-13)
