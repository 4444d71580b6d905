"""What sensors and beam paths are made of."""

from __future__ import annotations

from dataclasses import dataclass

GAS_CONSTANT = 8.31446261815324
"""J / (mol K); CODATA 2018, exact."""


@dataclass(frozen=True)
class Solid:
    """A solid of known density.

    Attributes
    ----------
    formula:
        Chemical formula.
    density:
        g/cm³.
    source:
        Where the density is from.
    """

    formula: str
    density: float
    source: str


@dataclass(frozen=True)
class Gas:
    """An ideal gas.

    Attributes
    ----------
    formula:
        Formula of one mole of the gas or gas mixture, with fractional numbers of atoms.
    molar_mass:
        g/mol.
    source:
        Where composition and molar mass are from.
    """

    formula: str
    molar_mass: float
    source: str

    def density(self, temperature: float, pressure: float) -> float:
        r"""Density as an ideal gas.

        .. math:: \rho = p M / (R T)

        Parameters
        ----------
        temperature:
            K.
        pressure:
            kPa.

        Returns
        -------
        :
            g/cm³.
        """
        # kPa · g/mol / (J/mol) = kg/m³ · 1 = 1e-3 g/cm³
        return 1e-3 * pressure * self.molar_mass / (GAS_CONSTANT * temperature)


_CELL = "density from the cubic cell at room temperature"

SOLIDS = {
    "silicon": Solid("Si", 2.3290, f"{_CELL}, a = 5.4310 Å (CODATA 2018)"),
    "germanium": Solid(
        "Ge", 5.3269, f"{_CELL}, a = 5.6579 Å (CRC Handbook of Chemistry and Physics)"
    ),
    "gallium arsenide": Solid(
        "GaAs", 5.3176, f"{_CELL}, a = 5.6533 Å (Adachi, J. Appl. Phys. 58 (1985) R1)"
    ),
    "cadmium telluride": Solid(
        "CdTe", 5.8535, f"{_CELL}, a = 6.482 Å (CRC Handbook of Chemistry and Physics)"
    ),
}
"""Sensor materials by name."""

GASES = {
    "air": Gas(
        # N2 0.78084, O2 0.209476, Ar 0.00934, CO2 0.000314 by volume
        "N1.56168O0.41958Ar0.00934C0.000314",
        28.9644,
        "dry air of the U.S. Standard Atmosphere, 1976",
    ),
    "helium": Gas("He", 4.002602, "atomic weight, IUPAC 2013"),
    "nitrogen": Gas("N2", 28.014, "atomic weight, IUPAC 2013"),
}
"""Gases of the beam path by name."""
