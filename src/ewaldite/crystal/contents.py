"""What a unit cell holds: atoms by element, net charge, and distances of bonded atoms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.form_factors import atomic_mass, atomic_number, element_symbol
from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Volume of a water molecule in liquid water at room temperature, Å³ (0.9970 g/cm³).
WATER_VOLUME = 29.99
#: Volume per mass, Å³ per g/mol: 0.73 cm³/g of protein (Matthews, J. Mol. Biol. 33 (1968) 491)
#: and 0.55 cm³/g of nucleic acid.
SPECIFIC_VOLUME = {"protein": 1.21, "dna": 0.91, "rna": 0.91}


@dataclass(frozen=True)
class Pairs:
    """Pairs of atoms of one molecule, each counted once whichever of its atoms comes first.

    Attributes
    ----------
    z:
        Atomic numbers, the smaller first; dims (pair, 2), int64.
    distance:
        dims (pair), Å, float64.
    bonds:
        Bonds on the shortest way between them; dims (pair), int64.
    number:
        How often the pair occurs; dims (pair), float64.
    """

    z: IntArray = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    distance: FloatArray = field(default_factory=lambda: np.zeros(0))
    bonds: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    number: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return len(self.distance)

    @staticmethod
    def of(rows: Iterable[tuple[int, int, float, int, float]]) -> Pairs:
        """Gather rows (z, z, distance, bonds, number); equal ones become one."""
        table = np.array(list(rows), dtype=np.float64).reshape(-1, 5)
        return Pairs.gathered(table[:, :2], table[:, 2], table[:, 3], table[:, 4])

    @staticmethod
    def gathered(
        z: ArrayLike, distance: ArrayLike, bonds: ArrayLike, number: ArrayLike
    ) -> Pairs:
        """Make equal pairs one; arguments as the attributes, in any order of the two atoms."""
        table = np.column_stack(
            [np.sort(np.asarray(z).reshape(-1, 2), axis=1), distance, bonds]
        )
        distinct, place = np.unique(table.astype(np.float64), axis=0, return_inverse=True)
        total = np.bincount(place.ravel(), np.asarray(number), minlength=len(distinct))
        return Pairs(
            distinct[:, :2].astype(np.int64),
            distinct[:, 2].copy(),
            distinct[:, 3].astype(np.int64),
            np.asarray(total, dtype=np.float64),
        )

    def within(self, depth: int) -> Pairs:
        """Pairs at most so many bonds apart."""
        near = self.bonds <= depth
        return Pairs(self.z[near], self.distance[near], self.bonds[near], self.number[near])

    def times(self, number: float) -> Pairs:
        """Pairs of so many molecules."""
        return replace(self, number=self.number * number)

    def __add__(self, other: Pairs) -> Pairs:
        if len(self) == 0 or len(other) == 0:
            return other if len(self) == 0 else self
        return Pairs.gathered(
            np.concatenate([self.z, other.z]),
            np.concatenate([self.distance, other.distance]),
            np.concatenate([self.bonds, other.bonds]),
            np.concatenate([self.number, other.number]),
        )


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
        return f"{formula}; charge {self.charge:+g}; {self.n_electrons:.6g} electrons"


def pairs_of_positions(
    numbers: IntArray,
    positions: FloatArray,
    bonds: IntArray,
    depth: int,
    occupancy: FloatArray | None = None,
    conformers: IntArray | None = None,
) -> Pairs:
    """Pairs of atoms that at most so many bonds join, from their positions.

    The way between two atoms is the shortest over the bonds, hence the same from either end
    and for any order of the atoms.

    Parameters
    ----------
    numbers:
        Atomic numbers; dims (atom), int64.
    positions:
        dims (atom, xyz), Å, float64.
    bonds:
        Indices of bonded atoms; dims (bond, 2), int64.
    depth:
        Bonds between the ends of the longest way.
    occupancy:
        Of the atoms; dims (atom), float64; ones if None. A pair has the smaller one of its
        two atoms.
    conformers:
        Number of the conformer, 0 for atoms common to all; dims (atom), int64; a pair of two
        different ones is none. None is all common.

    Returns
    -------
    :
        The pairs.
    """
    n = len(numbers)
    share = np.ones(n) if occupancy is None else occupancy
    near: list[set[int]] = [set() for _ in range(n)]
    for i, j in bonds.tolist():
        near[i].add(j)
        near[j].add(i)
    rows = []
    for start in range(n):
        seen, front = {start}, {start}
        for steps in range(1, depth + 1):
            front = {b for a in front for b in near[a]} - seen
            if conformers is not None and conformers[start]:
                front = {b for b in front if conformers[b] in (0, conformers[start])}
            seen |= front
            rows += [(start, other, steps) for other in front if other > start]
    if not rows:
        return Pairs()
    first, second, steps_of = np.array(rows, dtype=np.int64).T
    if conformers is not None:
        c, d = conformers[first], conformers[second]
        same = (c == 0) | (d == 0) | (c == d)
        first, second, steps_of = first[same], second[same], steps_of[same]
    distance = np.linalg.norm(positions[first] - positions[second], axis=1)
    weight = np.minimum(share[first], share[second])
    return Pairs.gathered(
        np.column_stack([numbers[first], numbers[second]]), distance, steps_of, weight
    )


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
