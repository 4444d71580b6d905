"""What a unit cell holds: atoms by element, net charge, and distances of bonded atoms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ewaldite.crystal.form_factors import atomic_mass, atomic_number, element_symbol
from ewaldite.crystal.pairs import Pairs
from ewaldite.errors import UserError

#: Volume of a water molecule in liquid water at room temperature, Å³ (0.9970 g/cm³).
WATER_VOLUME = 29.99
#: Volume per mass, Å³ per g/mol: 0.73 cm³/g of protein (Matthews, J. Mol. Biol. 33 (1968) 491)
#: and 0.55 cm³/g of nucleic acid.
SPECIFIC_VOLUME = {"protein": 1.21, "dna": 0.91, "rna": 0.91}


@dataclass(frozen=True)
class CellContents:
    """Contents of a unit cell, or of one molecule on the way to it.

    Attributes
    ----------
    elements:
        Number of atoms by symbol; fractions come from occupancies.
    charge:
        Net charge, elementary charges.
    pairs:
        Bonded neighbours, as far as they are known.
    volume:
        Volume that molecules take up, Å³; 0 where nobody estimated it.
    source:
        Where they are from, for the provenance.
    notes:
        What had to be assumed.
    """

    elements: Mapping[str, float]
    charge: float = 0.0
    pairs: Pairs = field(default_factory=Pairs)
    volume: float = 0.0
    source: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for symbol, number in self.elements.items():
            if not 0 <= number < np.inf:
                raise UserError(
                    "count the atoms of the unit cell",
                    f"there are {number} of {symbol}",
                    "Give numbers that are not negative.",
                )
            atomic_number(symbol)

    @property
    def n_electrons(self) -> float:
        """``Σ Z`` less the net charge."""
        neutral = sum(n * atomic_number(symbol) for symbol, n in self.elements.items())
        return neutral - self.charge

    @property
    def mass(self) -> float:
        """Mass, g/mol."""
        return sum(n * atomic_mass(symbol) for symbol, n in self.elements.items())

    def times(self, number: float) -> CellContents:
        """Contents so many times over; the notes once."""
        return replace(
            self,
            elements={symbol: n * number for symbol, n in self.elements.items()},
            charge=self.charge * number,
            pairs=self.pairs.times(number),
            volume=self.volume * number,
            source=f"{number:g} × {self.source}",
        )

    def __add__(self, other: CellContents) -> CellContents:
        elements = dict(self.elements)
        for symbol, number in other.elements.items():
            elements[symbol] = elements.get(symbol, 0.0) + number
        return CellContents(
            elements,
            self.charge + other.charge,
            self.pairs + other.pairs,
            self.volume + other.volume,
            ", ".join(filter(None, (self.source, other.source))),
            tuple(dict.fromkeys((*self.notes, *other.notes))),
        )

    def summary(self) -> str:
        """Formula, charge and number of electrons, for the log."""
        formula = " ".join(f"{symbol} {n:.6g}" for symbol, n in sorted(self.elements.items()))
        charge = f"{self.charge:+g}" if self.charge else "0"
        return f"{formula}; charge {charge}; {self.n_electrons:.6g} electrons"


def fill_with_water(
    contents: CellContents, volume: float, water: CellContents
) -> tuple[CellContents, float]:
    """Fill what molecules leave of the cell with water.

    Parameters
    ----------
    contents:
        Contents whose ``volume`` is known.
    volume:
        Of the unit cell, Å³.
    water:
        One molecule.

    Returns
    -------
    :
        Contents with the water; number of molecules added.

    Raises
    ------
    UserError
        The molecules need more than 1.1 of the volume of the cell.
    """
    if contents.volume > 1.1 * volume:
        raise UserError(
            "fill the unit cell with solvent",
            f"its molecules take up {contents.volume:.0f} Å³ and the cell has {volume:.0f} Å³",
            "Correct the numbers of molecules in [contents], which are those of the unit cell.",
        )
    number = max(volume - contents.volume, 0.0) / WATER_VOLUME
    return contents + water.times(number), number


def neutral_symbols(elements: Mapping[str, float]) -> dict[str, float]:
    """Numbers under the usual spelling of the symbols; D becomes H.

    Raises
    ------
    UserError
        There is no such element.
    """
    out: dict[str, float] = {}
    for symbol, number in elements.items():
        name = element_symbol(atomic_number(symbol))
        out[name] = out.get(name, 0.0) + number
    return out
