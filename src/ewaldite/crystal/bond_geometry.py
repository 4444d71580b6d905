"""Usual distances of bonded atoms, for molecules of which only the bonds are known."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import gemmi
import numpy as np

from ewaldite.crystal.contents import CellContents
from ewaldite.crystal.form_factors import atomic_number
from ewaldite.crystal.pairs import Pairs
from ewaldite.crystal.smiles import Graph

#: Bonds between the ends of the longest ways: beyond it distances depend on torsions.
TEMPLATE_DEPTH = 2

# Rounded means of Allen et al., J. Chem. Soc. Perkin Trans. II (1987) S1, Å; keys: elements in
# alphabetical order, then the order of the bond, 1.5 where a single bond joins planar atoms
# or a double bond is one of a conjugated ring
_LENGTHS = {
    ("C", "C", 1.0): 1.53, ("C", "C", 1.5): 1.40, ("C", "C", 2.0): 1.34, ("C", "C", 3.0): 1.18,
    ("C", "N", 1.0): 1.47, ("C", "N", 1.5): 1.34, ("C", "N", 2.0): 1.30, ("C", "N", 3.0): 1.14,
    ("C", "O", 1.0): 1.43, ("C", "O", 1.5): 1.31, ("C", "O", 2.0): 1.23, ("C", "S", 1.0): 1.81,
    ("S", "S", 1.0): 2.04, ("O", "P", 1.0): 1.59, ("O", "P", 2.0): 1.49, ("O", "S", 2.0): 1.45,
    ("N", "O", 1.0): 1.24, ("N", "O", 2.0): 1.22,
    ("C", "H", 1.0): 1.09, ("H", "N", 1.0): 1.01, ("H", "O", 1.0): 0.97, ("H", "S", 1.0): 1.34,
}  # fmt: skip
_TETRAHEDRAL, _TRIGONAL, _WATER, _PENTAGON, _LINEAR = 109.5, 120.0, 104.5, 108.0, 180.0
_CAN_BE_PLANAR = {"C", "N", "O"}


def from_graph(graph: Graph, source: str) -> CellContents:
    """Atoms of a molecule with pairs one and two bonds apart.

    Parameters
    ----------
    graph:
        Atoms and bonds.
    source:
        What the molecule is.

    Returns
    -------
    :
        One molecule.
    """
    elements: dict[str, float] = {}
    for symbol in graph.symbols:
        elements[symbol] = elements.get(symbol, 0.0) + 1.0
    pairs = Pairs.of(_pairs(graph))
    return CellContents(elements, float(sum(graph.charges)), pairs, source=source)


def _pairs(graph: Graph) -> Iterator[tuple[int, int, float, int, float]]:
    near = graph.neighbours()
    z = [atomic_number(symbol) for symbol in graph.symbols]
    planar = _planar(graph, near)
    length = {
        bond: _length(graph, near, bond, order, planar) for bond, order in graph.bonds.items()
    }
    for (i, j), r in length.items():
        yield z[i], z[j], r, 1, 1.0
    seen = set(graph.bonds)
    for centre, around in enumerate(near):
        for i, j in combinations(sorted(around), 2):
            if (i, j) in seen:
                continue
            seen.add((i, j))
            a, b = (length[min(x, centre), max(x, centre)] for x in (i, j))
            angle = np.deg2rad(_angle(graph, near, planar, centre, i, j))
            across = float(np.sqrt(a * a + b * b - 2 * a * b * np.cos(angle)))
            yield z[i], z[j], across, 2, 1.0


def _planar(graph: Graph, near: list[dict[int, int]]) -> list[bool]:
    """Atoms with a double bond, and N and O next to one, whose lone pair it takes."""
    double = [
        2 in orders.values() and symbol in _CAN_BE_PLANAR
        for symbol, orders in zip(graph.symbols, near, strict=True)
    ]
    return [
        double[i] or (symbol in ("N", "O") and any(double[j] for j in near[i]))
        for i, symbol in enumerate(graph.symbols)
    ]


def _length(
    graph: Graph,
    near: list[dict[int, int]],
    bond: tuple[int, int],
    order: int,
    planar: list[bool],
) -> float:
    i, j = bond
    elements = tuple(sorted((graph.symbols[i], graph.symbols[j])))
    effective = float(order)
    both = planar[i] and planar[j]
    ring = order == 2 and "O" not in elements and _conjugated(near, bond, planar)
    if (both and order == 1) or ring:
        effective = 1.5
    for o in (effective, float(order), 1.0):
        if (*elements, o) in _LENGTHS:
            return _LENGTHS[elements[0], elements[1], o]
    radii = sum(gemmi.Element(symbol).covalent_r for symbol in elements)
    return float(radii)


def _conjugated(near: list[dict[int, int]], bond: tuple[int, int], planar: list[bool]) -> bool:
    """Whether planar atoms go on at both ends of a double bond."""
    return all(any(planar[x] for x in near[a] if x != b) for a, b in (bond, (bond[1], bond[0])))


def _angle(
    graph: Graph, near: list[dict[int, int]], planar: list[bool], centre: int, i: int, j: int
) -> float:
    if any(
        x in near[y] for x in near[i] if x != centre for y in near[j] if y not in (centre, x)
    ):
        return _PENTAGON
    orders = list(near[centre].values())
    if 3 in orders or (orders.count(2) > 1 and graph.symbols[centre] == "C"):
        return _LINEAR
    if planar[centre]:
        return _TRIGONAL
    if graph.symbols[centre] == "O" and graph.symbols[i] == graph.symbols[j] == "H":
        return _WATER
    return _TETRAHEDRAL
