"""Where reciprocal cells cross the Ewald sphere, and how much of them a sweep sees."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from ewaldite.simulate.experiment import RotationExperiment
from ewaldite.simulate.footprint import live_part, pixel_share, solid_angle

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# What a wedge sees less of than this is no observation
SMALLEST_PART = 0.02


@dataclass(frozen=True)
class Crossings:
    """Passages of voxels through the Ewald sphere; every array has the dim crossing.

    Attributes
    ----------
    hkl:
        Centres; dims (crossing, 3), int64.
    s:
        Scattering vector in the laboratory as the centre crosses; dims (crossing, 3), 1/Å.
    ix, iy:
        Where on the detector, 0-based, centres of pixels at whole numbers.
    iz:
        When, 0-based frames, the middle of a frame at a whole number.
    wedge:
        Block of frames; int32.
    share:
        Solid angle · polarization · efficiency · attenuation of a pixel, mrad².
    frames:
        Number of frames that a pixel stays within the voxel while it crosses as a whole.
    fraction:
        Part of the voxel that the wedge and the live pixels see.
    pixels:
        (pixel, frame) pairs in that part.
    """

    hkl: IntArray
    s: FloatArray
    ix: FloatArray
    iy: FloatArray
    iz: FloatArray
    wedge: NDArray[np.int32]
    share: FloatArray
    frames: FloatArray
    fraction: FloatArray
    pixels: FloatArray

    def __len__(self) -> int:
        return len(self.ix)

    def select(self, rows: BoolArray | IntArray) -> Crossings:
        """Return some of the rows."""
        return Crossings(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def lattice_points(experiment: RotationExperiment, s_min: float, s_max: float) -> IntArray:
    """Nodes of the reciprocal lattice between two lengths of s.

    Parameters
    ----------
    experiment:
        Holds the cell.
    s_min, s_max:
        Bounds, 1/Å.

    Returns
    -------
    :
        dims (node, 3), int64.
    """
    axes = experiment.real_axes
    steps = [np.arange(-n, n + 1) for n in (np.linalg.norm(axes, axis=0) * s_max).astype(int)]
    hkl = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    length = np.linalg.norm(hkl @ np.linalg.inv(axes), axis=1)
    return np.asarray(hkl[(length >= s_min) & (length <= s_max)], dtype=np.int64)


def crossings(
    experiment: RotationExperiment,
    hkl: IntArray,
    *,
    wedge_degrees: float,
    widest: float = 30.0,
    size: float = 1.0,
) -> Crossings:
    r"""Follow voxels of one reciprocal cell through a sweep.

    With the spindle u, the part :math:`\mathbf{s}_∥` of s along it and the part
    :math:`\mathbf{s}_⊥` across it at angle 0, the centre lies on the sphere,
    :math:`2\,\mathbf{s}·\mathbf{s}_0 + s^2 = 0`, where

    .. math:: \cos φ\; \mathbf{s}_⊥·\mathbf{s}_0 + \sin φ\; (\mathbf{u}×\mathbf{s})·\mathbf{s}_0
        = -\tfrac12 s^2 - \mathbf{s}_∥·\mathbf{s}_0 .

    There the point runs through the surface at :math:`v = λ\,|(\mathbf{u}×\mathbf{s})·
    \mathbf{s}_0|` per radian, and a pixel of solid angle Ω sweeps the volume
    :math:`Ω v Δφ / λ^2` in a frame. A voxel is taken as a cube of volume :math:`V^* =
    1/V_{cell}`: it needs the angle :math:`V^{*1/3}/v` to pass and covers a square of pixels;
    the square and the angle are cut at module gaps, the detector's edge, the borders of wedges
    and the ends of the sweep.

    Parameters
    ----------
    experiment:
        Geometry; photons are counted on the surface of the sensor (no parallax).
    hkl:
        Centres; dims (voxel, 3), int64.
    wedge_degrees:
        Rotation of a wedge.
    widest:
        Voxels that need more than this to pass, those near the spindle, are left out; degrees.
    size:
        Edge of the cube that is followed, in units of that of a voxel.

    Returns
    -------
    :
        Crossings, in the order of the wedges' parts.
    """
    u, s0 = experiment.spindle, experiment.s0
    at_zero = hkl @ np.linalg.inv(experiment.real_axes)
    along = np.outer(at_zero @ u, u)
    across, turned = at_zero - along, np.cross(u, at_zero)
    cosine, sine = across @ s0, turned @ s0
    wanted = -0.5 * np.einsum("ij,ij->i", at_zero, at_zero) - along @ s0
    reach = np.hypot(cosine, sine)
    meets = np.flatnonzero(np.abs(wanted) < reach)
    half = np.arccos(wanted[meets] / reach[meets])
    middle = np.arctan2(sine[meets], cosine[meets])
    row, phi = np.tile(meets, 2), np.concatenate([middle - half, middle + half])
    s = along[row] + np.cos(phi)[:, None] * across[row] + np.sin(phi)[:, None] * turned[row]
    speed = np.abs(np.cross(u, s) @ s0) * experiment.wavelength
    edge = size * _volume(experiment) ** (1.0 / 3.0)
    width = np.rad2deg(edge / np.maximum(speed, 1e-12))
    passes = width <= widest
    hkl, s, width, phi = hkl[row[passes]], s[passes], width[passes], phi[passes]
    # A ray that leaves the detector's plane behind it meets it nowhere
    ahead = (s + experiment.s0) @ experiment.detector.frame[:, 2] > 0.05 / experiment.wavelength
    once = _on_detector(experiment, hkl[ahead], s[ahead], width[ahead], edge)
    return _in_wedges(experiment, once, np.rad2deg(phi[ahead]), wedge_degrees)


def _volume(experiment: RotationExperiment) -> float:
    """Volume of a reciprocal cell, 1/Å³."""
    return float(1.0 / np.linalg.det(experiment.real_axes))


def _on_detector(
    experiment: RotationExperiment,
    hkl: IntArray,
    s: FloatArray,
    width: FloatArray,
    edge: float,
) -> Crossings:
    """Crossings with what is live of their pixels; when they happen is yet to come."""
    detector = experiment.detector
    s1 = (s + experiment.s0) * experiment.wavelength
    ray = s1 @ detector.frame
    way = detector.distance / ray[:, 2] / detector.pixel
    side = edge * experiment.wavelength * way
    columns, rows = detector.gaps()
    foot_x, foot_y = (ray[:, i] * way + detector.origin[i] - 1.0 for i in range(2))
    ix, part_x = live_part(foot_x, side, detector.shape[0], columns)
    iy, part_y = live_part(foot_y, side, detector.shape[1], rows)
    # Ω v Δφ / λ², with v Δφ = edge Δφ / width
    swept = solid_angle(detector, s1) * edge * experiment.width
    swept /= width * experiment.wavelength**2
    fraction = part_x * part_y
    unknown = np.zeros(len(ix))
    return Crossings(
        hkl=hkl,
        s=s,
        ix=ix,
        iy=iy,
        iz=unknown,
        wedge=unknown.astype(np.int32),
        share=pixel_share(experiment, s1),
        frames=width / experiment.width,
        fraction=fraction,
        pixels=fraction * edge**3 / swept,
    )


def _in_wedges(
    experiment: RotationExperiment, once: Crossings, phi: FloatArray, wedge_degrees: float
) -> Crossings:
    """What every wedge sees of crossings that are centred at angles (degrees) in any turn."""
    whole = experiment.width * experiment.frames
    passage = once.frames * experiment.width
    most = int(np.max(passage, initial=0.0) // wedge_degrees) + 2
    rows, middles, fractions, wedges = [], [], [], []
    for turn, later in itertools.product(range(-1, int(whole // 360.0) + 1), range(most)):
        centre = np.mod(phi - experiment.start, 360.0) + 360.0 * turn
        begin = np.maximum(centre - passage / 2, 0.0)
        wedge = np.floor(begin / wedge_degrees) + later
        low = np.maximum(begin, wedge * wedge_degrees)
        high = np.minimum(centre + passage / 2, np.minimum((wedge + 1) * wedge_degrees, whole))
        seen = once.fraction * np.minimum((high - low) / passage, 1.0)
        row = np.flatnonzero(seen > SMALLEST_PART)
        rows.append(row)
        middles.append(0.5 * (low + high)[row])
        fractions.append(seen[row])
        wedges.append(wedge[row])
    cut = once.select(np.concatenate(rows))
    fraction = np.concatenate(fractions)
    return replace(
        cut,
        iz=np.concatenate(middles) / experiment.width - 0.5,
        wedge=np.concatenate(wedges).astype(np.int32),
        fraction=fraction,
        pixels=np.maximum(np.rint(cut.pixels * fraction / cut.fraction), 1.0),
    )
