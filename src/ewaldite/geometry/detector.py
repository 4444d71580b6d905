"""Where the pixels of a panel are, and which pixel a ray meets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.model.experiment import FloatArray, IntArray, Panel

_GRAZING = 1e-9


def pixel_positions(
    panel: Panel,
    slow: ArrayLike,
    fast: ArrayLike,
    *,
    shift: tuple[ArrayLike, ArrayLike] = (0.0, 0.0),
) -> FloatArray:
    r"""Laboratory positions of points of a panel.

    .. math:: x = o + (i_f + \Delta_f + 1/2) p_f e_f + (i_s + \Delta_s + 1/2) p_s e_s

    Parameters
    ----------
    panel:
        The panel.
    slow, fast:
        Indices in the panel, 0-based, integer at the centre of a pixel, may be fractional;
        dims (...), pixels, float64; the two are broadcast against each other.
    shift:
        (slow, fast) displacement that is added to the indices; dims (...), pixels, float64.

    Returns
    -------
    :
        Positions; dims (..., xyz), mm, float64.
    """
    along_slow = (np.asarray(slow, np.float64) + np.asarray(shift[0]) + 0.5) * panel.pixel_size[
        1
    ]
    along_fast = (np.asarray(fast, np.float64) + np.asarray(shift[1]) + 0.5) * panel.pixel_size[
        0
    ]
    position = (
        panel.origin
        + along_fast[..., np.newaxis] * panel.fast
        + along_slow[..., np.newaxis] * panel.slow
    )
    return np.asarray(position, dtype=np.float64)


def foot_of_normal(panel: Panel) -> FloatArray:
    """Point of the panel's plane nearest to the sample.

    Parameters
    ----------
    panel:
        The panel.

    Returns
    -------
    :
        Position, on the panel or outside of it; dims (xyz), mm, float64.
    """
    normal = panel.normal
    return np.asarray(np.dot(panel.origin, normal) * normal, dtype=np.float64)


def distance_and_cosine(panel: Panel, xyz: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Length of the rays to points of a panel and cosine of their incidence.

    Parameters
    ----------
    panel:
        The panel.
    xyz:
        Points; dims (..., xyz), mm, float64.

    Returns
    -------
    :
        The distance d from the sample; dims (...), mm, float64; and cos w = abs(n · xyz) / d of
        the angle w between ray and normal; dims (...), dimensionless, float64.
    """
    points = np.asarray(xyz, dtype=np.float64)
    distance = np.linalg.norm(points, axis=-1)
    cosine = np.abs(points @ panel.normal) / distance
    return np.asarray(distance, dtype=np.float64), np.asarray(cosine, dtype=np.float64)


def scattering_vector(xyz: ArrayLike, s0: ArrayLike) -> FloatArray:
    r"""Scattering vectors of elastic rays from the sample.

    .. math:: s = s_1 - s_0,\quad s_1 = |s_0|\, x / |x|,\quad |s| = 2 \sin\theta / \lambda

    Parameters
    ----------
    xyz:
        Points on the rays; dims (..., xyz), mm, float64.
    s0:
        Incident wavevector of length 1/λ; dims (xyz), 1/Å, float64.

    Returns
    -------
    :
        Scattering vectors (without 2π); dims (..., xyz), 1/Å, float64.
    """
    points = np.asarray(xyz, dtype=np.float64)
    incident = np.asarray(s0, dtype=np.float64)
    length = np.linalg.norm(points, axis=-1, keepdims=True)
    return np.asarray(points * (np.linalg.norm(incident) / length) - incident)


def panel_index(panels: Sequence[Panel], slow: ArrayLike, fast: ArrayLike) -> IntArray:
    """Which panel an image pixel is on.

    Parameters
    ----------
    panels:
        Panels with their offsets in the image.
    slow, fast:
        Indices in the **image**, 0-based, integer at the centre of a pixel; dims (...), pixels.

    Returns
    -------
    :
        Position in ``panels``, −1 between panels; dims (...), int64.
    """
    row, column = np.broadcast_arrays(
        np.floor(np.asarray(slow, np.float64) + 0.5),
        np.floor(np.asarray(fast, np.float64) + 0.5),
    )
    found = np.full(row.shape, -1, dtype=np.int64)
    for number, panel in enumerate(panels):
        top, left = panel.offset
        rows, columns = panel.shape
        found[
            (row >= top) & (row < top + rows) & (column >= left) & (column < left + columns)
        ] = number
    return found


def ray_intersection(panel: Panel, s1: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Where rays from the sample meet the plane of a panel, without parallax.

    Parameters
    ----------
    panel:
        The panel.
    s1:
        Directions of the rays, of any length; dims (..., xyz), float64.

    Returns
    -------
    :
        (fast, slow) indices in the panel, 0-based, integer at the centre of a pixel, not
        limited to the panel's size; NaN where the ray runs along the plane (cosine of the
        incidence below 1e-9) or away from it; dims (...), pixels, float64.
    """
    rays = np.asarray(s1, dtype=np.float64)
    # Rows of the inverse of (fast, slow, origin): also right if fast and slow are not
    # exactly perpendicular, as after rounding in a file
    inverse = np.linalg.inv(np.column_stack([panel.fast, panel.slow, panel.origin]))
    projected = rays @ inverse.T
    depth = projected[..., 2]
    # depth · distance / |ray| is the cosine of the incidence
    ahead = depth * panel.distance > _GRAZING * np.linalg.norm(rays, axis=-1)
    along = np.full((*rays.shape[:-1], 2), np.nan)
    np.divide(
        projected[..., :2], depth[..., np.newaxis], out=along, where=ahead[..., np.newaxis]
    )
    return (
        np.asarray(along[..., 0] / panel.pixel_size[0] - 0.5),
        np.asarray(along[..., 1] / panel.pixel_size[1] - 0.5),
    )
