"""A flat pixel detector with the gaps, dead pixels and thick sensor of real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Vector = tuple[float, float, float]

GAP = -1
DEAD = -2


class Modules(NamedTuple):
    """Size of the modules and of the gaps between them, pixels."""

    fast: int
    slow: int
    gap_fast: int
    gap_slow: int


class Sensor(NamedTuple):
    """Absorbing layer: thickness in mm, attenuation coefficient in 1/mm."""

    thickness: float
    attenuation: float


@dataclass(frozen=True)
class Detector:
    """A flat detector in the conventions of XDS.

    The **centre** of pixel (IX, IY), counted from 1, lies at
    ``QX (IX - ORGX) X + QY (IY - ORGY) Y + F Z`` with ``Z = X × Y`` (XDS manual, "Coordinate
    systems"); arrays are indexed ``[IY - 1, IX - 1]``.

    Attributes
    ----------
    shape:
        (NX, NY): pixels along the fast and the slow direction.
    pixel:
        QX = QY, mm.
    distance:
        F, mm, positive.
    origin:
        (ORGX, ORGY): foot of the detector's normal, 1-based pixels.
    x_axis, y_axis:
        Directions of the pixel axes; at right angles, of any length.
    sensor:
        The sensor, or None where every photon is counted on the surface.
    parallax:
        True: photons are counted at their mean depth in the sensor, in the convention of XDS.
    air:
        Attenuation coefficient on the way from the sample, 1/mm.
    modules:
        Modules with gaps between them, which count -1; None for no gap.
    dead:
        Pixels [slow, fast] (0-based) that count -2.
    """

    shape: tuple[int, int]
    pixel: float
    distance: float
    origin: tuple[float, float]
    x_axis: Vector = (1.0, 0.0, 0.0)
    y_axis: Vector = (0.0, 1.0, 0.0)
    sensor: Sensor | None = None
    parallax: bool = False
    air: float = 0.0
    modules: Modules | None = None
    dead: tuple[tuple[int, int], ...] = ()

    @property
    def frame(self) -> FloatArray:
        """Unit vectors X, Y, Z as columns; dims (xyz, axis), float64."""
        x = np.array(self.x_axis, dtype=np.float64)
        y = np.array(self.y_axis, dtype=np.float64)
        x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
        return np.stack([x, y, np.cross(x, y)], axis=1)

    def gaps(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Half-open 0-based ranges of the gaps' columns and rows."""
        if self.modules is None:
            return [], []
        m = self.modules
        columns = _gaps(self.shape[0], m.fast, m.gap_fast)
        return columns, _gaps(self.shape[1], m.slow, m.gap_slow)

    def marks(self) -> NDArray[np.int32]:
        """Mark pixels that count nothing: -1 in gaps, -2 where dead, else 0.

        Returns
        -------
        :
            dims (slow, fast), int32.
        """
        marks = np.zeros(self.shape[::-1], dtype=np.int32)
        columns, rows = self.gaps()
        for first, stop in columns:
            marks[:, first:stop] = GAP
        for first, stop in rows:
            marks[first:stop] = GAP
        for slow, fast in self.dead:
            marks[slow, fast] = DEAD
        return marks


def _gaps(size: int, module: int, gap: int) -> list[tuple[int, int]]:
    starts = range(module, size, module + gap)
    return [(first, min(first + gap, size)) for first in starts]
