"""Geometry in the terms of XDS, whichever of its files it comes from.

Pixel convention: XDS counts pixels from 1 and puts the **centre** of pixel ``IX`` at
``QX (IX - ORGX)``, so the outer corner of the first pixel of a segment that begins at ``x1``
is at ``QX (x1 - 1/2 - ORGX)`` (XDS manual, "Coordinate systems").
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np

from ewaldite.crystal.cell import orientation, orthogonalization
from ewaldite.errors import UserError
from ewaldite.io.geometry.checks import asked, check_axes, check_wavelength, unit_vector
from ewaldite.io.geometry.xds_model import Numbers, Segment, XdsGeometry
from ewaldite.model.experiment import (
    Beam,
    FloatArray,
    IntArray,
    Panel,
    ParallaxConvention,
    Sensor,
)

T = TypeVar("T")

MAX_DISAGREEMENT = 0.01  # between cell and axes, relative to the length of an axis
MAX_OBLIQUITY = 0.01  # cosine of the angle between the detector's axes


def phi_of_frames(geometry: XdsGeometry, frames: IntArray) -> FloatArray:
    """Spindle angle at the middle of frames.

    ``phi = STARTING_ANGLE + OSCILLATION_RANGE (frame - STARTING_FRAME + 1/2)``

    Parameters
    ----------
    geometry:
        With starting frame, starting angle and oscillation range.
    frames:
        Frame numbers; dims (frame), int64.

    Returns
    -------
    :
        dims (frame), degrees, float64.

    Raises
    ------
    UserError
        If the oscillation range or the frame where the rotation starts is missing.
    """
    oscillation = _need(geometry.oscillation, "OSCILLATION_RANGE", geometry)
    first = _need(geometry.starting_frame, "STARTING_FRAME", geometry)
    start = 0.0 if geometry.starting_angle is None else geometry.starting_angle
    return np.asarray(start + oscillation * (frames - first + 0.5), dtype=np.float64)


def beam_of(geometry: XdsGeometry) -> Beam:
    """Incident beam; its polarization is in XDS.INP only.

    Raises
    ------
    UserError
        If the wavelength or the direction is missing or senseless.
    """
    direction = _need(geometry.beam, "INCIDENT_BEAM_DIRECTION", geometry)
    return Beam(
        wavelength=check_wavelength(geometry.wavelength, geometry.path),
        direction=unit_vector(direction, "INCIDENT_BEAM_DIRECTION", geometry.path),
    )


def axis_of(geometry: XdsGeometry) -> FloatArray:
    """Return the unit vector of the spindle; dims (xyz), float64.

    Raises
    ------
    UserError
        If it is missing or has no direction.
    """
    axis = _need(geometry.axis, "ROTATION_AXIS", geometry)
    return unit_vector(axis, "ROTATION_AXIS", geometry.path)


def axes_of(geometry: XdsGeometry) -> FloatArray:
    """Cell axes at spindle angle 0 that have exactly the refined cell.

    ``Rc·O`` with O from the cell and Rc the rotation that brings it nearest to the axes in the
    file, which are rounded or older than the cell.

    Parameters
    ----------
    geometry:
        With cell and axes, or with axes alone, which are then taken as they are.

    Returns
    -------
    :
        dims (xyz, abc), Å, float64.

    Raises
    ------
    UserError
        If there is no crystal, its axes are singular or left-handed, or disagree with the
        cell by more than 1 %.
    """
    if geometry.axes is None:
        raise UserError(
            asked(geometry.path),
            "it names no crystal axes (UNIT_CELL_A-AXIS, B, C)",
            "Index the data, or give a file that holds the crystal.",
        )
    axes = check_axes(np.array(geometry.axes, dtype=np.float64).T, geometry.path)
    if geometry.cell is None:
        return axes
    exact = orientation(geometry.cell, axes) @ orthogonalization(geometry.cell)
    lengths = np.linalg.norm(axes, axis=0)
    disagreement = float(np.max(np.linalg.norm(exact - axes, axis=0) / lengths))
    if disagreement > MAX_DISAGREEMENT:
        raise UserError(
            asked(geometry.path),
            f"the cell constants {' '.join(f'{x:g}' for x in geometry.cell)} and the cell axes"
            f" disagree by {100.0 * disagreement:.1f} %",
            "Take cell and axes from the same step of the processing.",
        )
    return np.asarray(exact, dtype=np.float64)


def panels_of(
    geometry: XdsGeometry, sensor: Sensor | None, parallax: ParallaxConvention
) -> tuple[Panel, ...]:
    """Panels, one a segment.

    The position in the laboratory of pixel (IX, IY) of a segment with axes ``d`` is
    ``ED ((QX (IX - ORGXS)) d1 + (QY (IY - ORGYS)) d2 + FS d3 - (QX ORGX, QY ORGY, -F))`` with
    ``ED`` the axes of the detector as columns (XDS manual, "Coordinate systems").

    Parameters
    ----------
    geometry:
        With everything about the detector.
    sensor:
        The sensor, or None.
    parallax:
        The convention of the refinement.

    Returns
    -------
    :
        In the order of the file.

    Raises
    ------
    UserError
        If something is missing, or the detector axes are not at right angles.
    """
    qx, qy = _need(geometry.pixel_size, "QX, QY", geometry)
    orgx, orgy = _need(geometry.origin, "ORGX, ORGY", geometry)
    distance = _need(geometry.distance, "DETECTOR_DISTANCE", geometry)
    nx, ny = _need(geometry.shape, "NX, NY", geometry)
    if not (qx > 0 and qy > 0 and nx > 0 and ny > 0):
        raise UserError(
            asked(geometry.path),
            f"the detector has {nx} × {ny} pixels of {qx:g} × {qy:g} mm",
            "Mend NX, NY, QX, QY in the file.",
        )
    x_axis = _need(geometry.x_axis, "DIRECTION_OF_DETECTOR_X-AXIS", geometry)
    y_axis = _need(geometry.y_axis, "DIRECTION_OF_DETECTOR_Y-AXIS", geometry)
    detector = _frame(x_axis, y_axis, "detector", geometry.path)
    panels: list[Panel] = []
    for segment in geometry.segments or (Segment((1, nx, 1, ny)),):
        x1, x2, y1, y2 = segment.limits
        if not (1 <= x1 <= x2 <= nx and 1 <= y1 <= y2 <= ny):
            raise UserError(
                asked(geometry.path),
                f"a segment reaches from pixel {x1}, {y1} to {x2}, {y2} of {nx} × {ny}",
                "Mend the segment in the file.",
            )
        local = _frame(segment.x_axis, segment.y_axis, "segment", geometry.path)
        corner = local @ np.array(
            [
                qx * (x1 - 0.5 - segment.origin[0]),
                qy * (y1 - 0.5 - segment.origin[1]),
                segment.distance,
            ]
        )
        directions = detector @ local
        panels.append(
            Panel(
                origin=detector @ (corner - np.array([qx * orgx, qy * orgy, -distance])),
                fast=directions[:, 0],
                slow=directions[:, 1],
                pixel_size=(float(qx), float(qy)),
                shape=(y2 - y1 + 1, x2 - x1 + 1),
                offset=(y1 - 1, x1 - 1),
                name=f"segment {len(panels) + 1}",
                sensor=sensor,
                parallax=parallax,
            )
        )
    return tuple(panels)


def _frame(x_axis: Numbers, y_axis: Numbers, what: str, path: Path) -> FloatArray:
    x = unit_vector(x_axis, f"the {what}'s x-axis", path)
    y = unit_vector(y_axis, f"the {what}'s y-axis", path)
    if abs(float(x @ y)) > MAX_OBLIQUITY:
        raise UserError(
            asked(path),
            f"the {what}'s axes {x.tolist()} and {y.tolist()} are not at right angles",
            "Mend the directions in the file.",
        )
    normal = np.cross(x, y)
    normal /= np.linalg.norm(normal)
    return np.stack([x, np.cross(normal, x), normal], axis=1)


def _need(value: T | None, keyword: str, geometry: XdsGeometry) -> T:
    if value is None:
        raise UserError(
            asked(geometry.path),
            f"it does not state {keyword}",
            "Give a complete file of XDS, or the folder that XDS ran in.",
        )
    return value
