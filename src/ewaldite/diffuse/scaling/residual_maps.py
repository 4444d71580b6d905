"""Where observations and model disagree: on the detector, and over |s| and rotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_CELLS = 40


@dataclass(frozen=True)
class Axis:
    """One coordinate cut into cells of one width.

    Attributes
    ----------
    name, unit:
        Of the coordinate.
    low, high:
        Its range.
    cells:
        Number of cells.
    """

    name: str
    unit: str
    low: float
    high: float
    cells: int = _CELLS

    @property
    def edges(self) -> FloatArray:
        """Edges of the cells; dims (cell + 1)."""
        return np.linspace(self.low, self.high, self.cells + 1)

    def cell(self, x: FloatArray) -> NDArray[np.int64]:
        """Cell of values, those outside in the outermost; dims (observation), int64."""
        place = (x - self.low) * (self.cells / (self.high - self.low))
        return np.asarray(np.clip(np.floor(place), 0, self.cells - 1), dtype=np.int64)


class ResidualMap:
    """Mean standardized residual in the cells of two coordinates, summed part by part.

    A residual of a right model has mean 0 and variance 1, so that the mean over n of them has
    the variance 1/n: what stands out of it is an effect that the model lacks.

    Parameters
    ----------
    rows, columns:
        The coordinates.
    """

    def __init__(self, rows: Axis, columns: Axis) -> None:
        self.axes = rows, columns
        size = rows.cells * columns.cells
        self._number, self._total = np.zeros(size), np.zeros(size)

    @classmethod
    def on_detector(cls, shape: tuple[int, int]) -> ResidualMap:
        """Over the slow and the fast pixel of an image of a shape."""
        slow, fast = (
            Axis(name, "one", -0.5, n - 0.5)
            for name, n in zip(("slow", "fast"), shape, strict=True)
        )
        return cls(slow, fast)

    @classmethod
    def of_dose(cls, farthest: float, rotation: tuple[float, float]) -> ResidualMap:
        """Over |s| and rotation, where radiation damage shows.

        Parameters
        ----------
        farthest:
            Largest length of s, 1/Å.
        rotation:
            Smallest and largest place in the rotation, degrees.
        """
        low, high = rotation
        # A cell has a width even where all observations lie at one angle
        turn = Axis("phi", "deg", low, max(high, low + 1e-6))
        return cls(Axis("s", "1/angstrom", 0.0, max(farthest, 1e-6)), turn)

    def add(self, residuals: NDArray[np.floating[Any]], y: FloatArray, x: FloatArray) -> None:
        """Add residuals.

        Parameters
        ----------
        residuals:
            Standardized residuals; dims (observation), dimensionless; NaN takes no part.
        y, x:
            Their places along both coordinates; dims (observation).
        """
        rows, columns = self.axes
        known = np.isfinite(residuals)
        place = rows.cell(y[known]) * columns.cells + columns.cell(x[known])
        self._number += np.bincount(place, minlength=self._number.size)
        self._total += np.bincount(place, residuals[known], minlength=self._total.size)

    def to_scipp(self) -> sc.DataArray:
        """Return the means.

        Returns
        -------
        :
            dims (rows, columns), edges as coordinates, with variances; NaN and the mask
            ``empty`` where there is no residual.
        """
        rows, columns = self.axes
        shape = (rows.cells, columns.cells)
        number, total = self._number.reshape(shape), self._total.reshape(shape)
        some = number > 0
        mean, variance = np.full(shape, np.nan), np.full(shape, np.nan)
        np.divide(total, number, out=mean, where=some)
        np.divide(1.0, number, out=variance, where=some)
        dims = [rows.name, columns.name]
        return sc.DataArray(
            sc.array(dims=dims, values=mean, variances=variance, unit="one"),
            coords={
                axis.name: sc.array(dims=[axis.name], values=axis.edges, unit=axis.unit)
                for axis in (rows, columns)
            },
            masks={"empty": sc.array(dims=dims, values=~some)},
            name="residual",
        )
