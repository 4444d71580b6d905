"""What every reader of geometry asks of the numbers that it has read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray, IntArray

MOST_FRAMES = 10_000_000
SINGULAR = 1e-3  # volume of the cell over the product of its edges


def asked(path: Path) -> str:
    """Return what was asked, for an error message."""
    return f"read the geometry from {path}"


def read_text(path: Path) -> str:
    """Text of a file.

    Raises
    ------
    UserError
        If the file is absent or cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(
            asked(path),
            f"the file cannot be opened ({error.strerror})",
            "Check the name and the permission of the file.",
        ) from error


def frame_range(first: int, last: int, name: str, path: Path) -> IntArray:
    """Frame numbers from the first to the last; dims (frame), int64.

    Raises
    ------
    UserError
        If there is none, or more than any detector takes.
    """
    if not 0 < last - first + 1 <= MOST_FRAMES:
        what = "leaves no frame" if last < first else "is more than any detector takes"
        raise UserError(
            asked(path),
            f"{name} is {first} to {last}, which {what}",
            "Mend the range in the file.",
        )
    return np.arange(first, last + 1, dtype=np.int64)


def unit_vector(value: ArrayLike, name: str, path: Path) -> FloatArray:
    """Normalise a direction; dims (xyz), float64.

    Raises
    ------
    UserError
        If it has no direction.
    """
    vector = np.asarray(value, dtype=np.float64)
    length = float(np.linalg.norm(vector))
    if vector.shape != (3,) or not np.isfinite(length) or length == 0.0:
        raise UserError(
            asked(path),
            f"{name} is {vector.tolist()}, which has no direction",
            "Give three finite numbers that are not all zero.",
        )
    return vector / length


def check_wavelength(value: float | None, path: Path) -> float:
    """Wavelength in Å.

    Raises
    ------
    UserError
        If it is missing or not positive.
    """
    if value is None or not np.isfinite(value) or value <= 0.0:
        found = "no wavelength" if value is None else f"a wavelength of {value} Å"
        raise UserError(
            asked(path), f"it holds {found}", "Put the wavelength in Å into the file."
        )
    return float(value)


def check_axes(axes: ArrayLike, path: Path) -> FloatArray:
    """Check that cell axes span space and are right-handed.

    Parameters
    ----------
    axes:
        Axes as columns; dims (..., xyz, abc), Å.
    path:
        The file, for the message.

    Returns
    -------
    :
        The same; dims (..., xyz, abc), Å, float64.

    Raises
    ------
    UserError
        If the axes are not finite, singular or left-handed.
    """
    columns = np.asarray(axes, dtype=np.float64)
    finite = np.where(np.isfinite(columns), columns, 0.0)
    edges = np.prod(np.linalg.norm(finite, axis=-2), axis=-1)
    triple = np.sum(finite[..., 0] * np.cross(finite[..., 1], finite[..., 2]), axis=-1)
    relative = triple / np.where(edges > 0.0, edges, 1.0)
    if not (np.isfinite(columns).all() and np.all(np.abs(relative) > SINGULAR)):
        raise UserError(
            asked(path),
            "the three cell axes lie in a plane (their volume is zero) or are not numbers",
            "Index the data again, or mend the axes in the file.",
        )
    if np.any(relative < 0.0):
        raise UserError(
            asked(path),
            "the three cell axes are left-handed (their volume is negative)",
            "Index the data again, or invert one axis in the file.",
        )
    return columns
