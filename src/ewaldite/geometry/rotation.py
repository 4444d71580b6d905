"""Rotations about an axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray


def rotation_matrix(axis: ArrayLike, degrees: ArrayLike) -> FloatArray:
    r"""Active right-handed rotation about an axis.

    .. math:: R = \cos\phi\, 1 + \sin\phi\, [n]_\times + (1 - \cos\phi)\, n n^T

    (Rodrigues' formula; International Tables for Crystallography B (2008), 1.1.4), so that
    ``R @ v`` turns the column vector ``v`` by ``phi`` counter-clockwise, seen with ``n``
    pointing at the viewer.

    Parameters
    ----------
    axis:
        Direction of the axis, of any length but zero; dims (xyz), dimensionless, float64.
    degrees:
        Angles; dims (...), degrees, float64.

    Returns
    -------
    :
        Rotation matrices; dims (..., row, column), dimensionless, float64.

    Raises
    ------
    UserError
        If the axis has no direction (zero length or not finite).
    """
    vector = np.asarray(axis, dtype=np.float64)
    length = float(np.linalg.norm(vector))
    if vector.shape != (3,) or not np.isfinite(length) or length == 0.0:
        raise UserError(
            "rotate about an axis",
            f"the axis {vector.tolist()} has no direction",
            "Give three finite numbers that are not all zero.",
        )
    x, y, z = vector / length
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    phi = np.deg2rad(np.asarray(degrees, dtype=np.float64))[..., None, None]
    # 2 sin²(φ/2) keeps its digits at small angles, where 1 − cos φ loses them
    versine = 2.0 * np.sin(phi / 2.0) ** 2
    matrix = np.eye(3) + np.sin(phi) * cross + versine * (cross @ cross)
    return np.asarray(matrix, dtype=np.float64)
