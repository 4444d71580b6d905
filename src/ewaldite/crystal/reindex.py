"""Reindexing: other bases of one lattice, and which of them a crystal may have been given."""

from __future__ import annotations

import itertools
import re

import gemmi
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.cell import cell_from_axes, orthogonalization
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.errors import UserError

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: Largest relative difference of cell constants that may belong to one lattice.
TOLERANCE = 0.03

IDENTITY: IntArray = np.eye(3, dtype=np.int64)
# Multiples of the axes in a new axis
_REACH = 3
_TERM = re.compile(r"([+-]?)(\d*)\*?([hkl])")


def parse_operator(text: str) -> IntArray:
    """Read a reindexing operator such as ``"k,h,-l"`` or ``"-h, k, h+l"``.

    Parameters
    ----------
    text:
        New h, k and l as sums of whole multiples of the old ones.

    Returns
    -------
    :
        M with ``hkl' = hkl · M`` for row vectors; dims (3, 3), int64, determinant 1.

    Raises
    ------
    UserError
        The text is no such operator, or does not map the lattice onto itself and keep its hand.
    """
    parts = [part.replace(" ", "").lower() for part in text.split(",")]
    matrix = np.zeros((3, 3), dtype=np.int64)
    readable = len(parts) == 3
    for column, part in enumerate(parts[:3]):
        terms = _TERM.findall(part)
        readable &= bool(part) and "".join(s + n + x for s, n, x in terms) == part.replace(
            "*", ""
        )
        readable &= all(sign for sign, _, _ in terms[1:])
        for sign, number, letter in terms:
            value = int(number or 1) * (-1 if sign == "-" else 1)
            matrix["hkl".index(letter), column] += value
    if not readable:
        raise UserError(
            "reindex a sweep",
            f"reindex = '{text}' is no operator",
            "Give the new h, k and l in terms of the old ones, as in 'k,h,-l'.",
        )
    determinant = round(np.linalg.det(matrix))
    if determinant != 1:
        advice = "Change all signs" if determinant == -1 else "Give one with determinant 1"
        raise UserError(
            "reindex a sweep",
            f"reindex = '{text}' has the determinant {determinant}: "
            + ("it changes the hand" if determinant == -1 else "it is no basis of the lattice"),
            f"{advice}, as in 'k,h,-l'.",
        )
    return matrix


def operator_name(matrix: IntArray) -> str:
    """Name of an operator, ``"k,h,-l"``; what :func:`parse_operator` reads."""
    names = []
    for column in np.asarray(matrix).T:
        terms = []
        for value, letter in zip(column, "hkl", strict=True):
            if value:
                size = "" if abs(value) == 1 else str(abs(int(value)))
                terms.append(("-" if value < 0 else "+") + size + letter)
        names.append("".join(terms).removeprefix("+"))
    return ",".join(names)


def reindexed_axes(axes: ArrayLike, matrix: IntArray) -> FloatArray:
    """Axes of the basis in which ``hkl' = hkl · M``: they change as the indices do.

    Parameters
    ----------
    axes:
        a, b, c as columns; dims (xyz, abc), Å, float64.
    matrix:
        M; dims (3, 3), int64.

    Returns
    -------
    :
        dims (xyz, abc), Å, float64.
    """
    return np.asarray(np.asarray(axes, dtype=np.float64) @ matrix)


def reindexed_cell(cell: ArrayLike, matrix: IntArray) -> FloatArray:
    """Cell constants after ``hkl' = hkl · M``; dims (6), Å and degrees, float64."""
    return cell_from_axes(reindexed_axes(orthogonalization(cell), matrix))


def same_cell(cell: ArrayLike, other: ArrayLike, tolerance: float = TOLERANCE) -> bool:
    """Whether no cell constant differs by more than a relative tolerance.

    Parameters
    ----------
    cell, other:
        a, b, c, α, β, γ; dims (6), Å and degrees.
    tolerance:
        Of lengths, and of angles.
    """
    first, second = np.asarray(cell, np.float64), np.asarray(other, np.float64)
    return bool(np.all(np.abs(first / second - 1) <= tolerance))


def reindexing_operators(
    group: SpaceGroup,
    cell: ArrayLike,
    reference: ArrayLike | None = None,
    tolerance: float = TOLERANCE,
) -> tuple[IntArray, ...]:
    r"""Operators that a crystal may have to be reindexed with to agree with another.

    All bases of its lattice, of the same hand and centring, whose cell is that of the reference
    within the tolerance, one for each class that the Laue group does not make equal: M and M·g
    are equivalent for every operation g. With the cell itself as reference they are the
    merohedral twin laws, cosets of the Laue group in the holohedry of the lattice, and the
    pseudo-merohedral ones within the tolerance. New axes with multiples beyond ±3 of the old
    ones are not looked for, nor are operators with fractions, which a centred lattice of
    pseudo-symmetry may have.

    Parameters
    ----------
    group:
        Space group of the crystals.
    cell:
        a, b, c, α, β, γ of the crystal as it was indexed; dims (6), Å and degrees.
    reference:
        Those of the one that it is to agree with; the same cell if None.
    tolerance:
        Largest relative difference of a length or an angle.

    Returns
    -------
    :
        Matrices M with ``hkl' = hkl · M``; dims (3, 3), int64; the identity first if it is
        among them, then those with more zeros first; empty if the cells belong to different
        lattices.
    """
    axes = orthogonalization(cell)
    target = np.asarray(cell if reference is None else reference, dtype=np.float64)
    laue = group.laue_operations
    proper = laue[np.linalg.det(laue) > 0]
    found: list[IntArray] = []
    for matrix in sorted(_bases(axes, target, tolerance, group), key=_plainness):
        equivalent = [matrix @ g for g in proper]
        if not any(np.array_equal(e, old) for e in equivalent for old in found):
            found.append(matrix)
    return tuple(found)


def _bases(
    axes: FloatArray, target: FloatArray, tolerance: float, group: SpaceGroup
) -> list[IntArray]:
    """All matrices whose columns make axes like those of the target."""
    span = range(-_REACH, _REACH + 1)
    multiples = np.array(list(itertools.product(span, repeat=3)), dtype=np.int64)
    vectors = multiples @ axes.T
    lengths = np.linalg.norm(vectors, axis=1)
    like = [np.flatnonzero(np.abs(lengths / x - 1) <= tolerance) for x in target[:3]]
    units = vectors / np.maximum(lengths, 1e-300)[:, None]
    allowed = {}
    for i, j, angle in ((0, 1, target[5]), (0, 2, target[4]), (1, 2, target[3])):
        cosine = units[like[i]] @ units[like[j]].T
        found = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        allowed[i, j] = np.abs(found / angle - 1) <= tolerance
    matrices = []
    for i, j in np.argwhere(allowed[0, 1]):
        for k in np.flatnonzero(allowed[0, 2][i] & allowed[1, 2][j]):
            columns = (like[0][i], like[1][j], like[2][k])
            matrix = np.stack([multiples[c] for c in columns], axis=1)
            if round(np.linalg.det(matrix)) == 1 and keeps_centring(matrix, group):
                matrices.append(matrix)
    return matrices


def keeps_centring(matrix: IntArray, group: SpaceGroup) -> bool:
    """Whether an operator sends the reflections that the centring allows onto one another.

    Lattice translations t change as ``t' = M⁻¹ t``, so that ``hkl · t`` stays what it is.

    Parameters
    ----------
    matrix:
        M; dims (3, 3), int64, determinant 1.
    group:
        The space group.
    """
    operations = gemmi.symops_from_hall(group.hall)
    centring = np.array(list(operations.cen_ops), dtype=np.int64)
    inverse = np.rint(np.linalg.inv(matrix)).astype(np.int64)
    moved = (centring @ inverse.T) % gemmi.Op.DEN
    known = {tuple(t) for t in (centring % gemmi.Op.DEN).tolist()}
    return {tuple(t) for t in moved.tolist()} == known


def _plainness(matrix: IntArray) -> tuple[bool, bool, int, int, int, tuple[int, ...]]:
    """Order in which operators are preferred as the name of their class."""
    return (
        not np.array_equal(matrix, IDENTITY),
        not np.array_equal(matrix @ matrix, IDENTITY),
        int(np.abs(matrix).sum()),
        int(np.sum(matrix < 0)),
        -int(np.trace(matrix)),
        tuple((-matrix).ravel().tolist()),
    )
