"""Planes of a lattice by name, as in hk0, hhl or h k 1/2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]

_TOKEN = re.compile(r"[-−]?(?:[hkluvw]|\d+/\d+|\d*\.\d+|0|[1-9]\d*)")
_REMEDY = "Write it as in hk0, h0l, hhl, 'h k 1/2', or give two vectors u and v."


@dataclass(frozen=True)
class PlaneSpec:
    """A plane ``origin + p u + q v`` in indices of a map.

    Attributes
    ----------
    u, v:
        Two directions; dims (axis), in the units of the map's axes, float64.
    origin:
        The point p = q = 0; dims (axis), float64.
    name:
        For a title.
    labels:
        Names of the two directions, as in ``"h"`` or ``"(h, h, 0)"``.
    """

    u: FloatArray
    v: FloatArray
    origin: FloatArray
    name: str
    labels: tuple[str, str]

    @classmethod
    def of_vectors(cls, u: ArrayLike, v: ArrayLike, origin: ArrayLike = (0, 0, 0)) -> PlaneSpec:
        """Plane of two vectors and a point.

        Raises
        ------
        UserError
            If these are no triples, or the vectors span no plane.
        """
        three = [np.asarray(x, dtype=np.float64) for x in (u, v, origin)]
        flat = all(x.shape == (3,) and np.all(np.isfinite(x)) for x in three)
        if not flat or np.linalg.norm(np.cross(three[0], three[1])) < 1e-9:
            raise UserError(
                f"cut the plane of u = {_text(u)} and v = {_text(v)}",
                "they span no plane" if flat else "they are no triples of numbers",
                "Give two vectors that are not parallel, as in [1, 1, 0] and [0, 0, 1].",
            )
        first = "hkl"[int(np.flatnonzero(three[0])[0])]
        free = ["hkl"[i] for i in np.flatnonzero(three[1]) if "hkl"[i] != first]
        labels = (_direction(three[0], first), _direction(three[1], free[0] if free else "q"))
        return cls(three[0], three[1], three[2], _plane_name(three), labels)

    @classmethod
    def parse(cls, text: str) -> PlaneSpec:
        """Read the name of a plane.

        Parameters
        ----------
        text:
            Three terms, blanks and commas at will: each is an index, with a sign, or a number,
            decimal or a fraction; two different indices must be among them. ``hk0`` is
            ``u = (1, 0, 0)``, ``v = (0, 1, 0)``; ``h -h l`` is ``(1, -1, 0)``, ``(0, 0, 1)``;
            ``hk1/2`` has the origin ``(0, 0, 1/2)``. In real space the indices are u, v, w and
            numbers are in Å.

        Raises
        ------
        UserError
            If it is no plane.
        """
        bare = re.sub(r"[\s,]+", " ", text.strip().lower())
        terms = [t.replace("−", "-") for t in _TOKEN.findall(bare)]
        if len(terms) != 3 or "".join(_TOKEN.split(bare)).strip():
            raise UserError(f"cut the plane '{text}'", "it does not have three terms", _REMEDY)
        names = list(dict.fromkeys(t[-1] for t in terms if t[-1].isalpha()))
        if len(names) != 2:
            found = f"{len(names)} indices vary in it"
            raise UserError(f"cut the plane '{text}'", found, _REMEDY)
        vectors = np.zeros((3, 3))
        for axis, term in enumerate(terms):
            if term[-1].isalpha():
                vectors[names.index(term[-1]), axis] = -1.0 if term[0] == "-" else 1.0
            else:
                vectors[2, axis] = float(Fraction(term))
        return cls.of_vectors(vectors[0], vectors[1], vectors[2])


def _text(value: ArrayLike) -> str:
    return str(np.asarray(value).tolist())


def number_text(value: float) -> str:
    """A number as crystallographers write it: ``1/2``, ``−0.37``."""
    fraction = Fraction(value).limit_denominator(12)
    exact = abs(float(fraction) - value) < 1e-6
    return (str(fraction) if exact else f"{value:.3f}").replace("-", "−")


def _direction(vector: FloatArray, symbol: str) -> str:
    """``h`` along an axis, else the multiples of a symbol, as in ``(h, −h, 0)``."""
    only = np.flatnonzero(vector)
    if only.size == 1 and vector[only[0]] == 1:
        return "hkl"[only[0]]
    terms = []
    for x in vector:
        factor = number_text(abs(x)) if abs(x) not in (0.0, 1.0) else ""
        sign = "−" if x < 0 else ""
        terms.append("0" if x == 0 else f"{sign}{factor}{symbol}")
    return "(" + ", ".join(terms) + ")"


def _plane_name(vectors: list[FloatArray]) -> str:
    """``hk0`` where each axis follows one index; else u, v and the origin."""
    u, v, origin = vectors
    terms = []
    used: list[str] = []
    for axis in range(3):
        a, b, c = u[axis], v[axis], origin[axis]
        varying = [x for x in (a, b) if x]
        if len(varying) == 2 or (varying and (abs(varying[0]) != 1 or c)):
            return f"{_triple(u)} × {_triple(v)}" + (
                f" + {_triple(origin)}" if origin.any() else ""
            )
        if not varying:
            terms.append(number_text(c))
            continue
        vector = u if a else v
        name = "hkl"[int(np.flatnonzero(vector)[0])]
        used.append(name)
        terms.append(("−" if varying[0] < 0 else "") + name)
    short = all(len(t) == 1 for t in terms)
    return "".join(terms) if short else " ".join(terms)


def _triple(vector: FloatArray) -> str:
    return "(" + ", ".join(number_text(x) for x in vector) + ")"
