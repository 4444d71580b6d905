"""The vocabulary of XDS' geometry: what its files state, before it is interpreted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Segment:
    """A flat part of the detector, in the detector's coordinate system.

    Attributes
    ----------
    limits:
        x1, x2, y1, y2: first and last pixel, 1-based and inclusive.
    origin:
        SEGMENT_ORGX, SEGMENT_ORGY, pixels.
    distance:
        SEGMENT_DISTANCE, mm.
    x_axis, y_axis:
        Directions of the pixel axes; dims (xyz).
    """

    limits: tuple[int, int, int, int]
    origin: tuple[float, float] = (0.0, 0.0)
    distance: float = 0.0
    x_axis: Numbers = (1.0, 0.0, 0.0)
    y_axis: Numbers = (0.0, 1.0, 0.0)


@dataclass(frozen=True)
class XdsGeometry:
    """Geometry as the files of XDS state it; None where this file does not.

    Attributes
    ----------
    path:
        Where it comes from.
    wavelength:
        Å.
    beam, axis, x_axis, y_axis:
        Incident beam, spindle, detector axes in the laboratory, of any length; dims (xyz).
    starting_frame, starting_angle, oscillation:
        Frame whose rotation begins at the angle, and rotation per frame; degrees.
    cell:
        a, b, c, α, β, γ; Å and degrees.
    axes:
        Cell axes a, b, c in the laboratory at spindle angle 0; dims (abc, xyz), Å.
    space_group:
        Number in International Tables.
    shape:
        NX, NY, pixels.
    pixel_size:
        QX, QY, mm.
    origin:
        ORGX, ORGY, 1-based pixels.
    distance:
        DETECTOR_DISTANCE, signed, mm.
    segments:
        Parts of the detector; empty for one flat detector.
    """

    path: Path
    wavelength: float | None = None
    beam: Numbers | None = None
    axis: Numbers | None = None
    starting_frame: int | None = None
    starting_angle: float | None = None
    oscillation: float | None = None
    cell: Numbers | None = None
    axes: tuple[Numbers, Numbers, Numbers] | None = None
    space_group: int | None = None
    shape: tuple[int, int] | None = None
    pixel_size: Numbers | None = None
    origin: Numbers | None = None
    distance: float | None = None
    x_axis: Numbers | None = None
    y_axis: Numbers | None = None
    segments: tuple[Segment, ...] = ()

    def updated(self, newer: XdsGeometry) -> XdsGeometry:
        """Return this geometry with everything that ``newer`` states in its place."""
        stated = {k: v for k, v in vars(newer).items() if v is not None and v != ()}
        return replace(self, **stated)
