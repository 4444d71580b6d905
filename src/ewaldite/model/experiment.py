"""The experiment that made a sweep: beam, detector, scan, crystal, wedges.

Laboratory frame
    Right-handed; the incident beam runs along about +z (the frame of XDS). DIALS and NXmx
    frames are turned into it on import by a proper rotation.
Pixel convention
    Inside the program pixel ``[slow, fast]`` is 0-based and its **centre** lies at
    ``origin + (fast + 1/2) p_fast e_fast + (slow + 1/2) p_slow e_slow`` where ``origin`` is the
    outer corner of pixel ``[0, 0]`` of the panel.
Spindle
    ``hkl = s · Rs(phi) · axes`` for a row vector ``s`` in the laboratory, ``axes`` holding the
    real-space cell axes **as columns**, in the laboratory at ``phi = 0``, and ``Rs`` the
    right-handed rotation by ``phi`` about the spindle axis.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ParallaxConvention = Literal["none", "xds", "dials"]


@dataclass(frozen=True)
class Sensor:
    """The absorbing layer of a detector.

    Attributes
    ----------
    material:
        Chemical formula, ``"Si"``, ``"CdTe"``, ``"GaAs"``.
    thickness:
        Thickness in mm.
    attenuation:
        Linear attenuation coefficient in 1/mm where the geometry file gives it, else None.
    """

    material: str
    thickness: float
    attenuation: float | None = None


@dataclass(frozen=True)
class Panel:
    """One flat piece of detector.

    Attributes
    ----------
    origin:
        Laboratory position of the outer corner of pixel [0, 0]; dims (xyz), mm, float64.
    fast, slow:
        Unit vectors along the fast and the slow direction; dims (xyz), dimensionless.
    pixel_size:
        (fast, slow), mm.
    shape:
        Number of pixels (slow, fast).
    offset:
        Index (slow, fast) of the panel's first pixel in the image.
    name:
        Name in the file that it came from.
    sensor:
        The sensor, or None where no file says what it is.
    parallax:
        Convention by which the refinement of this geometry mapped millimetres to pixels.
    """

    origin: FloatArray
    fast: FloatArray
    slow: FloatArray
    pixel_size: tuple[float, float]
    shape: tuple[int, int]
    offset: tuple[int, int] = (0, 0)
    name: str = "panel"
    sensor: Sensor | None = None
    parallax: ParallaxConvention = "none"

    @property
    def normal(self) -> FloatArray:
        """Unit normal ``fast × slow``; dims (xyz), dimensionless."""
        normal = np.cross(self.fast, self.slow)
        return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)

    @property
    def distance(self) -> float:
        """Distance from the sample to the plane of the panel along its normal, mm, positive."""
        return float(abs(np.dot(self.origin, self.normal)))


@dataclass(frozen=True)
class Beam:
    """The incident beam.

    Attributes
    ----------
    wavelength:
        Å.
    direction:
        Unit vector of propagation, source to sample; dims (xyz).
    polarization_fraction:
        Fraction of the beam polarized perpendicular to ``polarization_normal``'s plane in the
        convention of XDS (0.5 is unpolarized), or None where no file says it.
    polarization_normal:
        Normal of the polarization plane; dims (xyz).
    polarization_measured:
        False where the value is only a default of the program that wrote the file.
    """

    wavelength: float
    direction: FloatArray
    polarization_fraction: float | None = None
    polarization_normal: FloatArray = field(default_factory=lambda: np.array([0.0, 1.0, 0.0]))
    polarization_measured: bool = True

    @property
    def s0(self) -> FloatArray:
        """Incident wavevector of length 1/λ; dims (xyz), 1/Å."""
        direction = np.asarray(self.direction, dtype=np.float64)
        return np.asarray(direction / np.linalg.norm(direction) / self.wavelength)


@dataclass(frozen=True)
class Scan:
    """The frames of a sweep: one entry a frame, so that a sweep may jump.

    Attributes
    ----------
    frames:
        Frame numbers as in the file names or 1-based in an HDF5 series; dims (frame), int64.
    phi:
        Spindle angle at the middle of the frame; dims (frame), degrees.
    width:
        Angle swept by the frame, 0 for a still; dims (frame), degrees.
    exposure:
        Time during which photons were counted; dims (frame), s; None where no file says it.
    """

    frames: IntArray
    phi: FloatArray
    width: FloatArray
    exposure: FloatArray | None = None

    def __len__(self) -> int:
        return int(self.frames.size)


@dataclass(frozen=True)
class Wedge:
    """Consecutive frames that share one refined geometry.

    Attributes
    ----------
    index:
        0-based number in the sweep.
    start, stop:
        Half-open range of positions in the scan (not frame numbers).
    beam, panels:
        Refined beam and detector.
    axis:
        Unit vector of the spindle in the laboratory; dims (xyz).
    axes:
        Real-space cell axes as columns in the laboratory at phi = 0 for every frame of the
        wedge; dims (frame, xyz, abc), Å.
    """

    index: int
    start: int
    stop: int
    beam: Beam
    panels: tuple[Panel, ...]
    axis: FloatArray
    axes: FloatArray

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def mean_axes(self) -> FloatArray:
        """Mean cell axes over the frames; dims (xyz, abc), Å."""
        return np.asarray(self.axes.mean(axis=0))


@dataclass(frozen=True)
class Region:
    """An untrusted part of the image, in 0-based pixel coordinates with integer centres.

    Attributes
    ----------
    kind:
        ``"rectangle"`` (points hold two opposite corners), ``"ellipse"`` (two corners of its
        bounding box), or ``"polygon"`` (three or more vertices).
    points:
        dims (vertex, 2) as (fast, slow), pixels. Pixels whose centre lies strictly inside are
        excluded; for a rectangle with XDS' exclusive bounds likewise.
    name:
        What it is, for the counted mask.
    """

    kind: Literal["rectangle", "ellipse", "polygon"]
    points: FloatArray
    name: str


@dataclass(frozen=True)
class Sweep:
    """Everything about one sweep but its pixels' counts.

    Attributes
    ----------
    scan:
        The frames.
    wedges:
        Wedges in order; together they hold every frame once, none straddles a jump.
    image_shape:
        (slow, fast).
    space_group:
        Hermann–Mauguin or Hall name where the geometry says it, else None.
    untrusted:
        Regions named by the geometry file.
    trusted_range:
        (smallest valid count, smallest overloaded count) where the file says it.
    resolution_range:
        (d_max, d_min) in Å named by the geometry file, for information only.
    excluded_resolution:
        Ranges of d in Å that the geometry file leaves out: ice rings.
    template:
        Image template named by the geometry file, or None.
    source:
        ``"xds"``, ``"dials"``, ``"nxmx"``.
    notes:
        What a user should know: defaults assumed, values in conflict.
    """

    scan: Scan
    wedges: tuple[Wedge, ...]
    image_shape: tuple[int, int]
    space_group: str | None = None
    untrusted: tuple[Region, ...] = ()
    trusted_range: tuple[int, int] | None = None
    resolution_range: tuple[float, float] | None = None
    excluded_resolution: tuple[tuple[float, float], ...] = ()
    template: str | None = None
    source: str = ""
    notes: tuple[str, ...] = ()
