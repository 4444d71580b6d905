"""Axes of cuts: what they are called, and how they lie in reciprocal space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.cell import orthogonalization
from ewaldite.plot.plane import Plane
from ewaldite.plot.style import unit_label
from ewaldite.spectroscopy.cut import ENERGY, LENGTH, coefficients

FloatArray = NDArray[np.float64]

_NAMES = {"energy_transfer": "energy transfer", "Q": "|Q|"}
_RANGE_NAMES = {"energy_transfer": "ΔE", "Q": "|Q|"}
_UNITS = {"energy_transfer": " meV", "Q": " 1/Å"}
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class CutAxes:
    """Axes of a cut, and what it is integrated over.

    Attributes
    ----------
    axes:
        Sums of h, k, l, energy transfer and |Q|, as :class:`~ewaldite.spectroscopy.cut.Cut`
        takes them.
    integrate:
        Limits by the name of a sum.
    units:
        Unit of each axis; what is missing is r.l.u.
    group:
        Whose rotations folded the data; empty for none.
    """

    axes: tuple[str, ...]
    integrate: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    group: str = ""

    @classmethod
    def of(
        cls, data: sc.DataArray, cut: Mapping[str, Any] | None = None, group: str = ""
    ) -> CutAxes:
        """Axes of an array of a cut.

        Parameters
        ----------
        data:
            dims are the axes, with coordinates of edges.
        cut:
            The record of the cut; None if only its axes are known.
        group:
            Whose rotations folded the data.
        """
        limits = {} if cut is None else cut["integrate"]
        dims = tuple(str(dim) for dim in data.dims)
        units = {d: unit_label(data.coords[d].unit) for d in dims}
        return cls(
            dims, {str(n): (float(r[0]), float(r[1])) for n, r in limits.items()}, units, group
        )

    def within(self, axis: str, low: float, high: float) -> CutAxes:
        """Axes of the layer between two values of an axis."""
        axes = tuple(name for name in self.axes if name != axis)
        return replace(self, axes=axes, integrate={**self.integrate, axis: (low, high)})

    def label(self, axis: str) -> str:
        """Name of an axis with its unit, as in ``"(h, 0, −1) (r.l.u.)"``.

        The indices along the axis are written out where the cut says all three.
        """
        unit = self.units.get(axis, "") or ("r.l.u." if _is_index(axis) else "")
        name = _NAMES.get(axis, axis)
        if _is_index(axis):
            name = self._indices(axis) or name
        return f"{name} ({unit})" if unit else name

    @property
    def ranges(self) -> str:
        """What is integrated over, as in ``"−0.1 < k < 0.1"``."""
        texts = [
            f"{low:.4g} < {_RANGE_NAMES.get(name, name)} < {high:.4g}{_UNITS.get(name, '')}"
            for name, (low, high) in self.integrate.items()
        ]
        return ", ".join(texts).replace("-", "−")

    @property
    def remarks(self) -> str:
        """What is integrated over, and by which group the data are folded."""
        folded = f"folded by {self.group}" if self.group else ""
        return ", ".join(part for part in (self.ranges, folded) if part)

    def is_plane(self) -> bool:
        """Whether it has two axes, both of reciprocal space."""
        return len(self.axes) == 2 and all(map(_is_index, self.axes))

    def plane(self, cell: ArrayLike) -> Plane:
        """The plane that two axes of reciprocal space span, at their true angle.

        Along an axis the other one is constant, and so is the first sum of h, k, l in
        ``integrate`` that does not depend on both; without one it is the plane in which the two
        sums grow fastest.

        Parameters
        ----------
        cell:
            a, b, c, α, β, γ; Å and degrees.

        Raises
        ------
        ValueError
            If it has no two axes of reciprocal space, or they are parallel.
        """
        if not self.is_plane():
            raise ValueError(f"{self.axes} do not span a plane of reciprocal space")
        reciprocal = np.linalg.inv(orthogonalization(cell))
        rows = np.array([_row(axis) for axis in self.axes])
        third = self._third(rows)
        if third is None:
            # hkl = q · O for q in 1/Å, so a sum of hkl is a linear form of q
            forms = rows @ orthogonalization(cell).T
            if np.linalg.matrix_rank(forms) < 2:
                raise ValueError(f"{self.axes} are parallel")
            u, v = np.linalg.pinv(forms).T
        else:
            steps = np.linalg.inv(np.vstack([rows, third]))[:, :2].T
            u, v = steps @ reciprocal
        return Plane.of_vectors(u, v, self._plane_names(rows, third))

    def _plane_names(self, rows: FloatArray, third: FloatArray | None) -> tuple[str, str]:
        first, second = self.axes
        if third is None or all(name in "hkl" for name in self.axes):
            return first, second
        steps = np.linalg.inv(np.vstack([rows, third]))[:, :2].T
        return _direction(steps[0]), _direction(steps[1])

    def _third(self, rows: FloatArray) -> FloatArray | None:
        for name in self.integrate:
            if _is_index(name):
                whole = np.vstack([rows, _row(name)])
                if np.linalg.matrix_rank(whole) == len(whole):
                    return np.asarray(_row(name))
        return None

    def _indices(self, axis: str) -> str | None:
        """``(h, 0, −1)`` for an axis where all of hkl are fixed but for it."""
        names = [n for n in self.axes if _is_index(n)]
        if names != [axis]:
            return None
        rows, values = [_row(axis)], [0.0]
        for name, (low, high) in self.integrate.items():
            if _is_index(name) and np.linalg.matrix_rank([*rows, _row(name)]) == len(rows) + 1:
                rows.append(_row(name))
                values.append((low + high) / 2)
        if len(rows) < 3:
            return None
        inverse = np.linalg.inv(np.array(rows))
        letter = axis if axis in ("h", "k", "l") else "ξ"
        parts = zip(inverse[:, 0], inverse @ np.array(values), strict=True)
        return f"({', '.join(_term(slope, start, letter) for slope, start in parts)})"


def _is_index(axis: str) -> bool:
    found = coefficients(axis)
    return found is not None and any(found[:ENERGY]) and not found[ENERGY] and not found[LENGTH]


def _row(axis: str) -> Sequence[float]:
    found = coefficients(axis)
    if found is None:
        raise ValueError(f"'{axis}' is no sum of h, k, l")
    return found[:ENERGY]


def _number(value: float) -> str:
    fraction = Fraction(value).limit_denominator(12)
    exact = abs(float(fraction) - value) < _TOLERANCE
    return (str(fraction) if exact else f"{value:.3g}").replace("-", "−")


def _term(slope: float, start: float, letter: str) -> str:
    """``1 + 2ξ`` and the like."""
    if abs(slope) < _TOLERANCE:
        return _number(start if abs(start) > _TOLERANCE else 0.0)
    size = "" if abs(abs(slope) - 1) < _TOLERANCE else _number(abs(slope))
    if abs(start) < _TOLERANCE:
        return ("−" if slope < 0 else "") + size + letter
    return f"{_number(start)}{'−' if slope < 0 else '+'}{size}{letter}"


def _direction(step: FloatArray) -> str:
    """``[1 1 0]`` for a step of one along an axis."""
    return f"[{' '.join(_number(x if abs(x) > _TOLERANCE else 0.0) for x in step)}]"
