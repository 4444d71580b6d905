"""Atoms in a unit cell and their scattering at the nodes: a crystal of known absolute scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_OH, _HOH = 0.957, np.deg2rad(104.5)


@dataclass(frozen=True)
class Atoms:
    """Atoms of one unit cell.

    Attributes
    ----------
    symbols:
        Elements; dims (atom), text.
    fractional:
        Positions in units of the axes; dims (atom, 3), float64.
    """

    symbols: NDArray[np.str_]
    fractional: FloatArray

    def __add__(self, other: Atoms) -> Atoms:
        return Atoms(
            np.concatenate([self.symbols, other.symbols]),
            np.concatenate([self.fractional, other.fractional]),
        )


def cartesian_axes(cell: ArrayLike) -> FloatArray:
    """Axes a, b, c as columns, a along x and b in the xy plane; Å."""
    a, b, c, *angles = np.asarray(cell, dtype=np.float64)
    ca, cb, cg = np.cos(np.deg2rad(angles))
    sg = np.sin(np.deg2rad(angles[2]))
    y = (ca - cb * cg) / sg
    columns = [[a, 0, 0], [b * cg, b * sg, 0], [c * cb, c * y, c * np.sqrt(1 - cb**2 - y**2)]]
    return np.array(columns).T


def add_water(
    atoms: Atoms, cell: ArrayLike, number: int, nearest: float, rng: np.random.Generator
) -> Atoms:
    """Put water molecules at random places that no atom takes.

    Parameters
    ----------
    atoms:
        What is in the cell.
    cell:
        a, b, c, α, β, γ; Å and degrees.
    number:
        Molecules wanted; fewer are placed where the cell is full.
    nearest:
        Smallest distance of an oxygen from another atom that is no hydrogen, Å; from a hydrogen
        1 Å less.
    rng:
        Of places and orientations.

    Returns
    -------
    :
        The atoms with the water.
    """
    axes = cartesian_axes(cell)
    images = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    hydrogen = atoms.symbols == "H"
    trees = []
    for here, distance in ((~hydrogen, nearest), (hydrogen, nearest - 1.0)):
        inside = atoms.fractional[here] % 1.0
        spread = (inside[None] + images[:, None]).reshape(-1, 3) @ axes.T
        trees.append((cKDTree(spread) if len(spread) else None, distance))
    placed = np.zeros((0, 3))
    tries = rng.random((400 * number, 3))
    free = np.ones(len(tries), dtype=np.bool_)
    for tree, distance in trees:
        if tree is not None:
            free &= tree.query(tries @ axes.T)[0] >= distance
    for place in tries[free]:
        if len(placed) == number:
            break
        gap = placed - place
        gap -= np.rint(gap)
        if len(placed) == 0 or np.linalg.norm(gap @ axes.T, axis=1).min() >= nearest:
            placed = np.concatenate([placed, place[None]])
    return atoms + _molecules(placed, axes, rng)


def _molecules(oxygen: FloatArray, axes: FloatArray, rng: np.random.Generator) -> Atoms:
    """Water at given places, turned at random."""
    turn = np.linalg.qr(rng.normal(size=(len(oxygen), 3, 3)))[0]
    arms = _OH * np.array([[1.0, 0.0, 0.0], [np.cos(_HOH), np.sin(_HOH), 0.0]])
    hydrogen = oxygen[:, None] + (arms @ turn.transpose(0, 2, 1)) @ np.linalg.inv(axes).T
    symbols = np.array(["O"] * len(oxygen) + ["H"] * (2 * len(oxygen)))
    return Atoms(symbols, np.concatenate([oxygen, hydrogen.reshape(-1, 3)]))


def read_conformer(text: str, cell: ArrayLike, letter: str = "A") -> Atoms:
    """Atoms of one conformer of the polymers of a PDB file, each with full occupancy.

    Parameters
    ----------
    text:
        The file; ATOM records only.
    cell:
        a, b, c, α, β, γ; Å and degrees, of the standard setting of the file.
    letter:
        Conformer; a residue that lacks it takes its first one.

    Returns
    -------
    :
        The atoms.
    """
    rows = [line for line in text.splitlines() if line.startswith("ATOM  ")]
    letters: dict[str, set[str]] = {}
    for line in rows:
        letters.setdefault(line[21:27], set()).add(line[16])
    chosen = {}
    for residue, have in letters.items():
        named = sorted(have - {" "})
        chosen[residue] = letter if letter in named else (named[0] if named else " ")
    taken = [x for x in rows if x[16] in (" ", chosen[x[21:27]])]
    symbols = np.array([x[76:78].strip().capitalize() for x in taken])
    place = np.array([[float(x[i : i + 8]) for i in (30, 38, 46)] for x in taken])
    return Atoms(symbols, place @ np.linalg.inv(cartesian_axes(cell)).T)


def structure_factors(
    atoms: Atoms,
    hkl: NDArray[np.int64],
    s: FloatArray,
    f0: Mapping[str, Callable[[ArrayLike], FloatArray]],
) -> ComplexArray:
    """``F(hkl) = Σ f0(s) exp 2πi (hx + ky + lz)`` of atoms at rest.

    Parameters
    ----------
    atoms:
        The unit cell.
    hkl:
        dims (reflection, 3), int64.
    s:
        Length of the scattering vector; dims (reflection), 1/Å.
    f0:
        Form factor of each element, of s.

    Returns
    -------
    :
        dims (reflection), electrons, complex128.
    """
    low, high = hkl.min(axis=0), hkl.max(axis=0)
    place = tuple((hkl - low).T)
    total = np.zeros(len(hkl), dtype=np.complex128)
    for symbol in np.unique(atoms.symbols):
        x = atoms.fractional[atoms.symbols == symbol]
        waves = [
            np.exp(2j * np.pi * np.outer(np.arange(low[i], high[i] + 1), x[:, i]))
            for i in range(3)
        ]
        # one matrix product a layer of l: a direct sum over atoms at the price of a transform
        dense = np.stack([(waves[0] * layer) @ waves[1].T for layer in waves[2]], axis=-1)
        total += f0[str(symbol)](s) * dense[place]
    return total


def totals(
    cells: Sequence[Atoms],
    hkl: NDArray[np.int64],
    s: FloatArray,
    f0: Mapping[str, Callable[[ArrayLike], FloatArray]],
    b: float = 0.0,
) -> tuple[FloatArray, FloatArray]:
    r"""Bragg and coherent diffuse scattering at the nodes of a crystal of unequal cells.

    Cells are dealt at random, and every atom is displaced on its own by a Gaussian of the
    isotropic temperature factor b:

    .. math::

        I_{Bragg} = e^{-2W} |\langle F \rangle|^2, \qquad
        I_{diffuse} = e^{-2W} (\langle |F|^2 \rangle - |\langle F \rangle|^2)
        + (1 - e^{-2W}) \langle \textstyle\sum f_0^2 \rangle, \qquad 2W = b s^2 / 2

    As no two atoms of a cell are in one place, the total obeys the sum rule of Krogh-Moe.

    Parameters
    ----------
    cells:
        The kinds of cells, equally frequent.
    hkl:
        dims (reflection, 3), int64.
    s:
        Length of the scattering vector; dims (reflection), 1/Å.
    f0:
        Form factor of each element, of s.
    b:
        Å².

    Returns
    -------
    :
        Bragg and diffuse intensity; dims (reflection), electrons² per unit cell, float64.
    """
    waves = np.array([structure_factors(cell, hkl, s, f0) for cell in cells])
    bragg = np.abs(waves.mean(axis=0)) ** 2
    alike = np.mean(np.abs(waves) ** 2, axis=0)
    apart = np.zeros(len(s))
    for cell in cells:
        for symbol, number in zip(*np.unique(cell.symbols, return_counts=True), strict=True):
            apart += number * f0[str(symbol)](s) ** 2 / len(cells)
    damped = np.exp(-b * s**2 / 2)
    return damped * bragg, damped * (alike - bragg) + (1 - damped) * apart
