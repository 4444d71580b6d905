"""Vanadium, the standard that scatters the same in all directions."""

from __future__ import annotations

from typing import Final

from scipy import constants

#: Incoherent, coherent and (at 2200 m/s) absorption cross-section, barn: V. F. Sears, Neutron
#: News 3 (3) (1992) 26.
INCOHERENT: Final = 5.08
COHERENT: Final = 0.0184
ABSORPTION: Final = 5.08

#: Energy of a neutron of 2200 m/s, meV.
THERMAL_ENERGY: Final = float(0.5 * constants.m_n * 2200.0**2 / constants.electron_volt * 1e3)

#: Atoms a cubic Å: 6.11 g/cm³ (CRC Handbook of Chemistry and Physics) and 50.9415 g/mol.
NUMBER_DENSITY: Final = 6.11 / 50.9415 * constants.N_A * 1e-24

#: Molar mass, g/mol (IUPAC 2021), and Debye temperature, K (C. Kittel, Introduction to Solid
#: State Physics, 8th ed., table 5.1).
MOLAR_MASS: Final = 50.9415
DEBYE_TEMPERATURE: Final = 380.0
