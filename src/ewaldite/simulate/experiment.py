"""A rotation experiment as its maker knows it exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.simulate.detector import Detector, Vector

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class RotationExperiment:
    """Beam, spindle, crystal and detector of a sweep, in the laboratory frame of XDS.

    Attributes
    ----------
    detector:
        The detector.
    wavelength:
        Å.
    beam:
        Direction of the incident beam, of any length.
    axis:
        Spindle; rotation by a positive angle about it is right-handed.
    axes:
        Cell axes a, b, c (one each) in the laboratory at spindle angle 0, Å.
    start, width:
        Angle at which the first frame begins and angle that each sweeps, degrees.
    frames:
        Number of frames.
    exposure:
        Counting time of a frame, s.
    first_frame:
        Number of the first frame in file names.
    background_frames, background_exposure, background_width:
        Images without the crystal: number, s, degrees.
    polarization:
        Fraction of the intensity whose electric field lies in the plane with the normal
        ``polarization_normal`` (0.5: unpolarized), as FRACTION_OF_POLARIZATION of XDS.
    polarization_normal:
        Normal of that plane, of any length.
    space_group, hall:
        Number in International Tables and Hall symbol, for the files.
    seed, sweep:
        The random numbers of frame i come from the seed (seed, sweep, i) alone.
    """

    detector: Detector
    wavelength: float
    beam: Vector
    axis: Vector
    axes: tuple[Vector, Vector, Vector]
    start: float
    width: float
    frames: int
    exposure: float
    first_frame: int = 1
    background_frames: int = 0
    background_exposure: float = 1.0
    background_width: float = 1.0
    polarization: float = 0.99
    polarization_normal: Vector = (0.0, 1.0, 0.0)
    space_group: int = 1
    hall: str = " P 1"
    seed: int = 0
    sweep: int = 0

    def __post_init__(self) -> None:
        if not np.linalg.det(self.real_axes) > 0.0:
            raise UserError(
                "simulate a crystal",
                f"the cell axes {self.axes} are singular or left-handed",
                "Give a, b, c with (a × b)·c > 0.",
            )

    @property
    def s0(self) -> FloatArray:
        """Incident wavevector of length 1/λ; dims (xyz), 1/Å, float64."""
        beam = np.array(self.beam, dtype=np.float64)
        return np.asarray(beam / np.linalg.norm(beam) / self.wavelength)

    @property
    def spindle(self) -> FloatArray:
        """Unit vector of the spindle; dims (xyz), float64."""
        axis = np.array(self.axis, dtype=np.float64)
        return np.asarray(axis / np.linalg.norm(axis))

    @property
    def real_axes(self) -> FloatArray:
        """Cell axes as columns; dims (xyz, abc), Å, float64."""
        return np.array(self.axes, dtype=np.float64).T

    @property
    def cell(self) -> tuple[float, ...]:
        """Cell constants a, b, c (Å), α, β, γ (degrees)."""
        a, b, c = (np.array(x) for x in self.axes)
        angles = [_angle(b, c), _angle(c, a), _angle(a, b)]
        return (*(float(np.linalg.norm(x)) for x in (a, b, c)), *angles)

    def phi(self, frame: float) -> float:
        """Spindle angle at the middle of the 0-based frame, degrees."""
        return self.start + (frame + 0.5) * self.width

    def turned_axes(self, phi: float) -> FloatArray:
        """Cell axes at a spindle angle, so that ``hkl = s · axes``.

        A vector across the spindle u turns as ``v cos φ + (u × v) sin φ``.

        Parameters
        ----------
        phi:
            degrees.

        Returns
        -------
        :
            As columns; dims (xyz, abc), Å, float64.
        """
        u, angle, axes = self.spindle, np.deg2rad(phi), self.real_axes
        along = np.outer(u, u @ axes)
        turned = np.cross(u, axes - along, axisa=0, axisb=0, axisc=0)
        return np.asarray(along + np.cos(angle) * (axes - along) + np.sin(angle) * turned)


def placed_axes(
    cell: tuple[float, ...], near: tuple[Vector, Vector, Vector]
) -> tuple[Vector, Vector, Vector]:
    """Axes that have exactly a cell and lie as near as a rotation can to given ones.

    The axes are known up to a rotation from their metric G, of which ``chol(G)`` is one
    placement; the best rotation is the orthogonal factor of the correlation with the axes that
    are given (Kabsch, Acta Cryst. A32 (1976) 922).

    Parameters
    ----------
    cell:
        a, b, c, α, β, γ; Å and degrees.
    near:
        a, b, c in the laboratory, rounded, Å.

    Returns
    -------
    :
        a, b, c in the laboratory, Å.

    Raises
    ------
    UserError
        If no cell has such angles.
    """
    lengths, cosines = np.array(cell[:3]), np.cos(np.deg2rad(cell[3:]))
    metric = np.eye(3)
    metric[1, 2] = metric[2, 1] = cosines[0]
    metric[0, 2] = metric[2, 0] = cosines[1]
    metric[0, 1] = metric[1, 0] = cosines[2]
    if not np.linalg.det(metric) > 0.0:
        raise UserError(
            "simulate a crystal", f"no cell has the constants {cell}", "Mend its angles."
        )
    rows = np.linalg.cholesky(metric * np.outer(lengths, lengths))
    left, _, right = np.linalg.svd(rows.T @ np.array(near))
    left[:, -1] *= np.linalg.det(left) * np.linalg.det(right)
    placed = rows @ left @ right
    return _vector(placed[0]), _vector(placed[1]), _vector(placed[2])


def _vector(row: FloatArray) -> Vector:
    return float(row[0]), float(row[1]), float(row[2])


def _angle(first: FloatArray, second: FloatArray) -> float:
    across = float(np.linalg.norm(np.cross(first, second)))
    return float(np.rad2deg(np.arctan2(across, float(first @ second))))
