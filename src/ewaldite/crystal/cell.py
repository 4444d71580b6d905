"""The unit cell: constants, axes, volume and orientation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray


def orthogonalization(cell: ArrayLike) -> FloatArray:
    r"""Real-space cell axes in the crystal's own Cartesian frame.

    The convention of the Protein Data Bank: a along x, b in the xy plane, c* along z
    (International Tables for Crystallography B (2008), 3.3.1.1):

    .. math::

        O = \begin{pmatrix} a & b\cos\gamma & c\cos\beta \\
        0 & b\sin\gamma & c(\cos\alpha - \cos\beta\cos\gamma)/\sin\gamma \\
        0 & 0 & V/(ab\sin\gamma) \end{pmatrix}

    Parameters
    ----------
    cell:
        a, b, c, α, β, γ; dims (constant), Å and degrees, float64.

    Returns
    -------
    :
        The axes a, b, c as columns; dims (xyz, abc), Å, float64.

    Raises
    ------
    UserError
        If a length is not positive or the angles close no cell.
    """
    a, b, c, *angles = _constants(cell)
    cos_alpha, cos_beta, cos_gamma = np.cos(np.deg2rad(angles))
    sin_gamma = np.sin(np.deg2rad(angles[2]))
    y = (cos_alpha - cos_beta * cos_gamma) / sin_gamma
    z = _root(cos_alpha, cos_beta, cos_gamma) / sin_gamma
    return np.array(
        [[a, b * cos_gamma, c * cos_beta], [0.0, b * sin_gamma, c * y], [0.0, 0.0, c * z]]
    )


def volume(cell: ArrayLike) -> float:
    r"""Volume of the unit cell.

    .. math:: V = abc\sqrt{1 - \cos^2\alpha - \cos^2\beta - \cos^2\gamma
              + 2\cos\alpha\cos\beta\cos\gamma}

    Parameters
    ----------
    cell:
        a, b, c, α, β, γ; dims (constant), Å and degrees, float64.

    Returns
    -------
    :
        Å³.

    Raises
    ------
    UserError
        If a length is not positive or the angles close no cell.
    """
    a, b, c, *angles = _constants(cell)
    return float(a * b * c * _root(*np.cos(np.deg2rad(angles))))


def cell_from_axes(axes: ArrayLike) -> FloatArray:
    """Cell constants of three axes.

    Parameters
    ----------
    axes:
        The axes a, b, c as columns; dims (xyz, abc), Å, float64.

    Returns
    -------
    :
        a, b, c, α, β, γ; dims (constant), Å and degrees, float64.
    """
    columns = np.asarray(axes, dtype=np.float64)
    lengths = np.linalg.norm(columns, axis=0)
    angles = []
    for i, j in ((1, 2), (0, 2), (0, 1)):
        u, v = columns[:, i], columns[:, j]
        # atan2 keeps its digits near 0° and 180°, where acos loses them
        angles.append(np.rad2deg(np.arctan2(np.linalg.norm(np.cross(u, v)), u @ v)))
    return np.concatenate([lengths, angles])


def nearest_rotation(matrix: ArrayLike) -> FloatArray:
    """Proper rotation R that is nearest to a matrix M, min |R − M| in the Frobenius norm.

    The orthogonal factor U·diag(1, 1, det UVᵀ)·Vᵀ of the singular value decomposition
    (Kabsch, Acta Cryst. A32 (1976) 922).

    Parameters
    ----------
    matrix:
        dims (row, column), any unit, float64.

    Returns
    -------
    :
        dims (row, column), dimensionless, float64.
    """
    u, _, vt = np.linalg.svd(np.asarray(matrix, dtype=np.float64))
    sign = np.linalg.det(u @ vt)
    return np.asarray((u * np.array([1.0, 1.0, sign])) @ vt)


def orientation(cell: ArrayLike, axes: ArrayLike) -> FloatArray:
    """Rotation Rc that brings the axes of a cell nearest to given ones: min |Rc·O − axes|.

    Programs print cell and axes rounded, each on its own; Rc·O are the axes that have the
    cell exactly (mdx-lib's definition of the crystal's orientation).

    Parameters
    ----------
    cell:
        a, b, c, α, β, γ; dims (constant), Å and degrees, float64.
    axes:
        Observed axes as columns; dims (xyz, abc), Å, float64.

    Returns
    -------
    :
        dims (row, column), dimensionless, float64.

    Raises
    ------
    UserError
        If the cell is impossible.
    """
    return nearest_rotation(np.asarray(axes, dtype=np.float64) @ orthogonalization(cell).T)


def _root(cos_alpha: float, cos_beta: float, cos_gamma: float) -> float:
    squares = cos_alpha**2 + cos_beta**2 + cos_gamma**2
    return float(np.sqrt(1.0 - squares + 2.0 * cos_alpha * cos_beta * cos_gamma))


def _constants(cell: ArrayLike) -> list[float]:
    constants = np.asarray(cell, dtype=np.float64)
    if constants.shape == (6,) and np.all(np.isfinite(constants)):
        lengths, angles = constants[:3], constants[3:]
        alpha, beta, gamma = angles
        closed = angles.sum() < 360.0 and max(alpha, beta, gamma) < angles.sum() / 2.0
        if lengths.min() > 0.0 and angles.min() > 0.0 and closed:
            return [float(x) for x in constants]
    raise UserError(
        "build the unit cell",
        f"the cell constants {constants.tolist()} belong to no cell",
        "Give positive a, b, c in Å and α, β, γ in degrees, as in 27.4 32.2 34.5 89 108 112.",
    )
