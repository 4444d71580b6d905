"""Constants of the neutron, and of the analysers that select it."""

from __future__ import annotations

from typing import Final

from scipy import constants

#: ħ/m in (m/s)·Å: speed = HBAR_OVER_MASS · k (CODATA, as scipy.constants gives it).
HBAR_OVER_MASS: Final = float(constants.hbar / constants.m_n * 1e10)

#: h/m in (m/s)·Å: speed = H_OVER_MASS / wavelength (CODATA; 3956.034).
H_OVER_MASS: Final = float(constants.h / constants.m_n * 1e10)

#: ħ²/2m in meV·Å²: energy = K2_TO_MEV · k² (CODATA; 2.072125).
K2_TO_MEV: Final = float(
    constants.hbar**2 / (2.0 * constants.m_n) * 1e20 / constants.electron_volt * 1e3
)

#: Spacing of the (002) planes of pyrolytic graphite, Å (as BIFROST's files give it).
GRAPHITE_002: Final = 3.355

#: Energy above which polycrystalline beryllium scatters a neutron out of the beam, meV: the
#: (100) edge at λ = 2 d = 3.96 Å (d = 1.980 Å from a = 2.2858 Å, International Tables).
BERYLLIUM_EDGE: Final = 5.22
