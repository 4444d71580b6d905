r"""The orientation of a crystal on the sample table: Busing and Levy's UB matrix.

Frame of the sample table: that of the laboratory (z along the beam, y up) when the table stands
at zero. With reciprocal-lattice vectors :math:`\mathbf h = (h, k, l)`

.. math:: \mathbf Q_{table} = 2\pi\, U B\, \mathbf h, \qquad
          (h, k, l) = \tfrac{1}{2\pi} (U B)^{-1} \mathbf Q_{table}

(W. R. Busing & H. A. Levy, Acta Cryst. 22 (1967) 457). B holds the reciprocal axes as columns,
1/Å without 2π.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.crystal.cell import nearest_rotation, orthogonalization
from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray

#: Vectors at a smaller angle (rad) are collinear: they say nothing of the plane.
_COLLINEAR = 1e-6
_ROUNDING = 1e-14


def busing_levy(cell: ArrayLike) -> FloatArray:
    r"""Matrix B: reciprocal axes with a* along x and b* in the plane of x and y.

    .. math:: B = \begin{pmatrix} a^* & b^*\cos\gamma^* & c^*\cos\beta^* \\
        0 & b^*\sin\gamma^* & -c^*\sin\beta^*\cos\alpha \\ 0 & 0 & 1/c \end{pmatrix}

    Parameters
    ----------
    cell:
        a, b, c, α, β, γ; dims (constant), Å and degrees, float64.

    Returns
    -------
    :
        dims (xyz, reciprocal axis), 1/Å without 2π, float64.

    Raises
    ------
    UserError
        If the constants belong to no cell.
    """
    reciprocal = np.linalg.inv(orthogonalization(cell)).T
    # The upper triangle with a positive diagonal that has the same metric
    return np.asarray(np.linalg.cholesky(reciprocal.T @ reciprocal).T)


def orient(b: ArrayLike, u: ArrayLike, v: ArrayLike) -> FloatArray:
    """Matrix U that puts one reciprocal-lattice vector along the beam and another beside it.

    With the table at zero, u lies along +z, and v in the horizontal plane with a positive
    component on +x, so that u × v points up.

    Parameters
    ----------
    b:
        Matrix B; dims (xyz, reciprocal axis), 1/Å.
    u, v:
        hkl; dims (axis).

    Returns
    -------
    :
        Rotation; dims (table xyz, crystal xyz), float64.

    Raises
    ------
    UserError
        If u and v are zero or collinear.
    """
    names = (f"u = {_plain(u)}", f"v = {_plain(v)}")
    crystal = _triad(np.asarray(b) @ _hkl(u), np.asarray(b) @ _hkl(v), names)
    table = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    return np.asarray(table @ crystal.T)


def orient_by_reflections(
    b: ArrayLike, first: ArrayLike, q_first: ArrayLike, second: ArrayLike, q_second: ArrayLike
) -> FloatArray:
    """Matrix U from two reflections that were found.

    The first gives the direction, the second the plane (Busing & Levy, eqs 23-27): lengths
    are not used, so an error of the cell does not turn the crystal.

    Parameters
    ----------
    b:
        Matrix B; dims (xyz, reciprocal axis), 1/Å.
    first, second:
        hkl; dims (axis).
    q_first, q_second:
        Where they were found, in the frame of the table, in any unit; dims (xyz).

    Returns
    -------
    :
        Rotation; dims (table xyz, crystal xyz), float64.

    Raises
    ------
    UserError
        If the reflections, or the places where they were found, are zero or collinear.
    """
    names = (f"the reflections {_plain(first)}", _plain(second))
    crystal = _triad(np.asarray(b) @ _hkl(first), np.asarray(b) @ _hkl(second), names)
    found = ("Q of the first reflection", "of the second one")
    table = _triad(np.asarray(q_first), np.asarray(q_second), found)
    return np.asarray(table @ crystal.T)


def hkl_matrix(u: ArrayLike, b: ArrayLike) -> FloatArray:
    """Matrix (U B)⁻¹ / 2π that turns Q on the sample table into hkl.

    Parameters
    ----------
    u:
        Rotation, nearly: the nearest rotation is taken; dims (xyz, xyz).
    b:
        dims (xyz, reciprocal axis), 1/Å.

    Returns
    -------
    :
        dims (hkl, table xyz), Å, float64.

    Raises
    ------
    UserError
        If ``u`` is no rotation.
    """
    given = np.asarray(u, dtype=np.float64)
    if given.shape == (3, 3) and np.all(np.isfinite(given)):
        turn = nearest_rotation(given)
        if np.abs(turn - given).max() < 1e-3:
            matrix = np.linalg.inv(turn @ np.asarray(b)) / (2.0 * np.pi)
            # A zero of rounding would scatter points of a lattice plane about it
            matrix[np.abs(matrix) < _ROUNDING * np.abs(matrix).max()] = 0.0
            return np.asarray(matrix)
    raise UserError(
        "orient the crystal",
        f"U = {given.tolist()} is no rotation",
        "Give an orthogonal matrix with determinant 1, or u and v, or two reflections.",
    )


def table_q(a3: float, scattering_angle: float) -> FloatArray:
    """Direction of Q on the table of an elastic reflection in the horizontal plane.

    Parameters
    ----------
    a3:
        Angle of the table, offset included, degrees.
    scattering_angle:
        A4 from the beam, positive towards +x, degrees.

    Returns
    -------
    :
        Q / k; dims (xyz), float64.
    """
    turn, angle = np.deg2rad(a3), np.deg2rad(scattering_angle)
    x, z = -np.sin(angle), 2.0 * np.sin(angle / 2.0) ** 2
    # R_y(-a3)
    return np.array(
        [np.cos(turn) * x - np.sin(turn) * z, 0.0, np.sin(turn) * x + np.cos(turn) * z]
    )


def _triad(first: FloatArray, second: FloatArray, names: tuple[str, str]) -> FloatArray:
    """Right-handed unit vectors as columns: along the first, beside it, and normal to both."""
    normal = np.cross(first, second)
    lengths = np.linalg.norm(first) * np.linalg.norm(second)
    if not np.linalg.norm(normal) > _COLLINEAR * lengths or not np.isfinite(lengths):
        raise UserError(
            "orient the crystal",
            f"{names[0]} and {names[1]} are collinear or zero",
            "Give two vectors that span the horizontal plane, as [1, 0, 0] and [0, 1, 0].",
        )
    along, up = first / np.linalg.norm(first), normal / np.linalg.norm(normal)
    return np.stack([along, np.cross(up, along), up], axis=-1)


def _hkl(value: ArrayLike) -> FloatArray:
    vector = np.asarray(value, dtype=np.float64)
    if vector.shape != (3,):
        raise UserError(
            "orient the crystal",
            f"{_plain(value)} is no reciprocal-lattice vector",
            "Give three numbers, as [1, 0, 0].",
        )
    return vector


def _plain(value: ArrayLike) -> str:
    return str(np.asarray(value).tolist())
