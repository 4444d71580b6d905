"""Where observations and model disagree: on the detector, and over |s| and rotation."""

from __future__ import annotations

from dataclasses import dataclass

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


def residual_map(
    residuals: FloatArray, first: tuple[Axis, FloatArray], second: tuple[Axis, FloatArray]
) -> sc.DataArray:
    """Mean standardized residual in the cells of two coordinates.

    A residual of a right model has mean 0 and variance 1, so that the mean over n of them has
    the variance 1/n: what stands out of it is an effect that the model lacks.

    Parameters
    ----------
    residuals:
        Standardized residuals; dims (observation), dimensionless; NaN takes no part.
    first, second:
        Axis and its values; dims (observation).

    Returns
    -------
    :
        dims (first, second), edges as coordinates, with variances; NaN and the mask ``empty``
        where there is no residual.
    """
    (rows, y), (columns, x) = first, second
    known = np.isfinite(residuals)
    place = rows.cell(y[known]) * columns.cells + columns.cell(x[known])
    shape = (rows.cells, columns.cells)
    size = rows.cells * columns.cells
    number = np.bincount(place, minlength=size).reshape(shape).astype(np.float64)
    total = np.bincount(place, residuals[known], minlength=size).reshape(shape)
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


def detector_map(
    residuals: FloatArray, iy: FloatArray, ix: FloatArray, shape: tuple[int, int]
) -> sc.DataArray:
    """Mean residual on the detector.

    Parameters
    ----------
    residuals, iy, ix:
        Residuals and their slow and fast pixel; dims (observation).
    shape:
        Of the image: slow, fast.

    Returns
    -------
    :
        dims (slow, fast); see :func:`residual_map`.
    """
    slow, fast = (
        Axis(name, "one", -0.5, n - 0.5)
        for name, n in zip(("slow", "fast"), shape, strict=True)
    )
    return residual_map(residuals, (slow, iy), (fast, ix))


def dose_map(residuals: FloatArray, s: FloatArray, phi: FloatArray) -> sc.DataArray:
    """Mean residual over |s| and rotation, where radiation damage shows.

    Parameters
    ----------
    residuals, s, phi:
        Residuals, length of s (1/Å) and place in the rotation (degrees);
        dims (observation).

    Returns
    -------
    :
        dims (s, phi); see :func:`residual_map`.
    """
    low, high = (float(phi.min()), float(phi.max())) if phi.size else (0.0, 1.0)
    far = float(s.max()) if s.size else 1.0
    # A cell has a width even where all observations lie at one angle
    rotation = Axis("phi", "deg", low, max(high, low + 1e-6))
    resolution = Axis("s", "1/angstrom", 0.0, max(far, 1e-6))
    return residual_map(residuals, (resolution, s), (rotation, phi))
