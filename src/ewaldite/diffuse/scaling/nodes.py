"""Where the control points of each term lie."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.scaling.basis import Axis, ControlPoints
from ewaldite.diffuse.scaling.model import NEUTRAL, ScalingModel
from ewaldite.diffuse.scaling.options import ScaleOptions
from ewaldite.diffuse.scaling.table import ScalingTable

FloatArray = NDArray[np.float64]

_IX, _IY, _IZ, _S = range(4)


@dataclass(frozen=True)
class Nodes:
    """Rules from which the control points follow.

    Attributes
    ----------
    table:
        Observations; their limits are those of the nodes.
    options:
        Spacings and numbers that are asked for.
    degrees_per_frame:
        Rotation of each batch per unit of iz; dims (batch).
    information:
        Square of signal over noise, summed over the observations of each batch: the number of
        counts, where there is no background; dims (batch). A term gets at most
        this over ``counts_per_point`` nodes.
    """

    table: ScalingTable
    options: ScaleOptions
    degrees_per_frame: FloatArray
    information: FloatArray

    def model(self, terms: Collection[str]) -> ScalingModel:
        """The model that changes nothing, with the nodes of some terms."""
        makers = {"a": self._a, "b": self._b, "c": self._c, "d": self._d, "B": self._relative_b}
        points = {
            name: tuple(ControlPoints.constant(axes, NEUTRAL[name]) for axes in make())
            for name, make in makers.items()
            if name in terms
        }
        return ScalingModel(
            self.table.batches,
            points,
            float(self.table.limits[:, _S, 1].max()),
            tuple(float(x) for x in self.degrees_per_frame),
        )

    def _along_rotation(self, degrees: float, points: int | None) -> NDArray[np.int64]:
        """Nodes along iz that are asked for; dims (batch), int64."""
        if points is not None:
            return np.full(len(self.table.batches), points, dtype=np.int64)
        length = np.diff(self.table.limits[:, _IZ]).ravel() * np.abs(self.degrees_per_frame)
        return np.ceil(length / degrees - 1e-6).astype(np.int64) + 1

    def _bounded(
        self, plane: tuple[int, ...], rotation: NDArray[np.int64]
    ) -> tuple[tuple[int, ...], NDArray[np.int64]]:
        """Fewer nodes where counts are few; those across the rotation are common to all."""
        if self.options.counts_per_point == 0:
            return plane, rotation
        most = self.information / self.options.counts_per_point
        asked = np.prod(plane, dtype=float) * rotation.sum()
        part = min(float(most.sum() / asked), 1.0) ** (1 / (len(plane) + 1))
        plane = tuple(max(int(np.rint(n * part)), min(n, 2)) for n in plane)
        room = most / np.prod(plane, dtype=float)
        return plane, np.clip(np.rint(room), 1, rotation).astype(np.int64)

    def _axis_iz(self, batch: int, size: int) -> Axis:
        low, high = self.table.limits[batch, _IZ]
        return Axis("iz", low, high, size if high > low else 1)

    def _axis(self, name: str, which: int, size: int) -> Axis:
        low = float(self.table.limits[:, which, 0].min())
        high = float(self.table.limits[:, which, 1].max())
        return Axis(name, low, high, size if high > low else 1)

    def _a(self) -> list[tuple[Axis, ...]]:
        o = self.options
        (nx, ny), nz = self._bounded(o.a_grid, self._along_rotation(o.a_degrees, o.a_points))
        plane = self._axis("ix", _IX, nx), self._axis("iy", _IY, ny)
        return [(*plane, self._axis_iz(j, int(n))) for j, n in enumerate(nz)]

    def _b(self) -> list[tuple[Axis, ...]]:
        o = self.options
        _, nz = self._bounded((), self._along_rotation(o.b_degrees, o.b_points))
        return [(self._axis_iz(j, int(n)),) for j, n in enumerate(nz)]

    def _relative_b(self) -> list[tuple[Axis, ...]]:
        _, nz = self._bounded((), self._along_rotation(self.options.relative_b_degrees, None))
        return [(self._axis_iz(j, int(n)),) for j, n in enumerate(nz)]

    def _c(self) -> list[tuple[Axis, ...]]:
        o = self.options
        (ns,), nz = self._bounded((o.c_shells,), self._along_rotation(o.c_degrees, o.c_points))
        high = float(self.table.limits[:, _S, 1].max())
        s = Axis("s", 0.0, high, ns)
        return [(s, self._axis_iz(j, int(n))) for j, n in enumerate(nz)]

    def _d(self) -> list[tuple[Axis, ...]]:
        o = self.options
        axes: tuple[Axis, ...]
        if o.d_kind == "panel":
            axes = (Axis("panel", 0.0, self.table.panels - 1.0, self.table.panels, bins=True),)
        elif o.d_kind == "chip":
            axes = (_chips("ix", self.table.limits[:, _IX, 1].max(), o.d_chip[0]),)
            axes += (_chips("iy", self.table.limits[:, _IY, 1].max(), o.d_chip[1]),)
        else:
            ones = np.ones(1, dtype=np.int64)
            every = Nodes(self.table, o, self.degrees_per_frame, self.information.sum()[None])
            (nx, ny), _ = every._bounded(o.d_grid, ones)
            axes = (self._axis("ix", _IX, nx), self._axis("iy", _IY, ny))
        return [axes] * (1 if o.share_d else len(self.table.batches))


def _chips(name: str, high: float, pitch: float) -> Axis:
    """Bins of a pitch from the outer edge of pixel 0, half a pixel before its centre."""
    size = max(int(np.ceil((high + 0.5) / pitch - 1e-9)), 1)
    first = pitch / 2 - 0.5
    return Axis(name, first, first + (size - 1) * pitch, size, bins=True)


def degrees_of(batches: tuple[int, ...], given: Mapping[int, float] | float) -> FloatArray:
    """Rotation per frame of every batch.

    Parameters
    ----------
    batches:
        Numbers of the sweeps.
    given:
        Degrees per frame, of each sweep or of all.

    Returns
    -------
    :
        dims (batch), degrees, float64.

    Raises
    ------
    ValueError
        One is missing or not finite.
    """
    found = [given.get(b, np.nan) if isinstance(given, Mapping) else given for b in batches]
    out = np.asarray(found, dtype=np.float64)
    if not np.all(np.isfinite(out)):
        raise ValueError(f"degrees per frame of the sweeps {batches}: {given}")
    return out
