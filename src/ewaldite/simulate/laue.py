"""Laue groups as they act on hkl, from their generators."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError

Matrix = tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]

INVERSION: Matrix = ((-1, 0, 0), (0, -1, 0), (0, 0, -1))
TWO_A: Matrix = ((1, 0, 0), (0, -1, 0), (0, 0, -1))
TWO_B: Matrix = ((-1, 0, 0), (0, 1, 0), (0, 0, -1))
TWO_C: Matrix = ((-1, 0, 0), (0, -1, 0), (0, 0, 1))
TWO_DIAGONAL: Matrix = ((0, 1, 0), (1, 0, 0), (0, 0, -1))
TWO_ANTIDIAGONAL: Matrix = ((0, -1, 0), (-1, 0, 0), (0, 0, -1))
FOUR_C: Matrix = ((0, -1, 0), (1, 0, 0), (0, 0, 1))
THREE_C: Matrix = ((0, 1, 0), (-1, -1, 0), (0, 0, 1))
SIX_C: Matrix = ((1, 1, 0), (-1, 0, 0), (0, 0, 1))
THREE_CUBIC: Matrix = ((0, 0, 1), (1, 0, 0), (0, 1, 0))

GENERATORS: dict[str, tuple[Matrix, ...]] = {
    "-1": (),
    "2/m": (TWO_B,),
    "mmm": (TWO_A, TWO_B),
    "4/m": (FOUR_C,),
    "4/mmm": (FOUR_C, TWO_A),
    "-3": (THREE_C,),
    "-3m1": (THREE_C, TWO_DIAGONAL),
    "-31m": (THREE_C, TWO_ANTIDIAGONAL),
    "6/m": (SIX_C,),
    "6/mmm": (SIX_C, TWO_DIAGONAL),
    "m-3": (TWO_A, TWO_B, THREE_CUBIC),
    "m-3m": (FOUR_C, TWO_A, THREE_CUBIC),
}


def laue_operations(laue: str) -> NDArray[np.int64]:
    """Operations of a Laue group: the products of its generators (Int. Tables A, ch. 3.2).

    Parameters
    ----------
    laue:
        ``"-1"``, ``"2/m"`` (unique axis b), ``"mmm"``, ``"4/m"``, ``"4/mmm"``, ``"-3"``,
        ``"-3m1"``, ``"-31m"``, ``"6/m"``, ``"6/mmm"``, ``"m-3"`` or ``"m-3m"``.

    Returns
    -------
    :
        Matrices R with ``R · (h, k, l)`` equivalent to ``(h, k, l)``; dims (op, 3, 3), int64.

    Raises
    ------
    UserError
        If the group is not one of these.
    """
    if laue not in GENERATORS:
        raise UserError(
            "simulate a crystal",
            f"unknown Laue group {laue!r}",
            f"Take one of {', '.join(GENERATORS)}.",
        )
    generators = [np.array(m, dtype=np.int64) for m in (INVERSION, *GENERATORS[laue])]
    found = {_key(np.eye(3, dtype=np.int64)): np.eye(3, dtype=np.int64)}
    fresh = list(found.values())
    while fresh:
        products = [g @ m for g in generators for m in fresh]
        fresh = []
        for product in products:
            if _key(product) not in found:
                found[_key(product)] = product
                fresh.append(product)
    return np.stack([found[key] for key in sorted(found)])


def orbit(vector: NDArray[np.float64], operations: NDArray[np.int64]) -> NDArray[np.float64]:
    """Directions u that a symmetrised ``cos(2π hkl·u)`` is made of, one of every pair ±u.

    ``(R hkl)·u = hkl·(Rᵀ u)``, and the cosine does not see the sign.

    Parameters
    ----------
    vector:
        dims (3), float64.
    operations:
        dims (op, 3, 3), int64.

    Returns
    -------
    :
        dims (direction, 3), float64.
    """
    images = [tuple(np.round(op.T @ vector, 9) + 0.0) for op in operations]
    unique: set[tuple[float, ...]] = set()
    for image in images:
        if tuple(0.0 - x for x in image) not in unique:
            unique.add(image)
    return np.array(sorted(unique), dtype=np.float64)


def _key(matrix: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(x) for x in matrix.ravel())
