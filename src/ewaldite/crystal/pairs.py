"""Pairs of bonded atoms and their distances."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


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
        different ones is none, and bonds join none. None is all common.

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
