"""BIFROST, built from its drawing alone: pixels, where they are and what they count.

Frames: z along the beam, y up. An arm at the angle ``arm`` about y carries the analysers, whose
neutrons go down and back to the tubes. Everything here is written from the formulas of the
instrument and shares none with the reduction.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import constants

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Spacing of graphite (002), Å, and energies of its arcs, meV.
SPACING = 3.355
ARC_ENERGY = (2.7, 3.2, 3.8, 4.4, 5.0)
#: Distances from the moderator, m: sample, monitor, and the middle of the pulse-shaping
#: choppers.
SAMPLE, MONITOR = 161.99882399465903, 161.43582422152824
PULSE_SHAPING = (6.324596786927214, 6.373594446509285)
PERIOD = 1.0 / 14.0
PIXELS, TUBES, CHANNELS, ARCS = 100, 3, 9, 5

_LSA = (
    (1.1, 1.238, 1.342, 1.443, 1.557),
    (1.189, 1.316, 1.42, 1.521, 1.623),
    (1.276, 1.392, 1.497, 1.599, 1.701),
)
_LAD = (1.189, 1.316, 1.42, 1.521, 1.623)
_HALF = (
    *(55.11686361324948, 48.89554296489496, 43.74660612617149),
    *(39.985775500642646, 37.0714010755597),
)
_LENGTH = (
    (0.2279, 0.252, 0.2708, 0.2892, 0.3088),
    (0.236, 0.259, 0.2779, 0.2963, 0.3148),
    (0.2439, 0.2659, 0.2849, 0.3034, 0.3219),
)
TUBE_RADIUS, TUBE_DISTANCE = 0.005, 0.014
_MOSAIC = 0.018  # rad, of a blade with its width
_HEIGHT = 0.05  # m, of the analysers


def energy_of_speed(speed: FloatArray) -> FloatArray:
    """Energy m v²/2; m/s to meV."""
    return np.asarray(0.5 * constants.m_n * speed**2 / constants.electron_volt * 1e3)


def speed_of_energy(energy: FloatArray) -> FloatArray:
    """Speed √(2E/m); meV to m/s."""
    joule = np.asarray(energy) * 1e-3 * constants.electron_volt
    return np.asarray(np.sqrt(2.0 * joule / constants.m_n))


def wavenumber_of_speed(speed: FloatArray) -> FloatArray:
    """Wavenumber m v/ħ; m/s to 1/Å."""
    return np.asarray(constants.m_n * speed / constants.hbar * 1e-10)


def _modules() -> FloatArray:
    return np.zeros((ARCS, CHANNELS // 3))


@dataclass(frozen=True)
class Misalignment:
    """Where the tubes really are, and what the file does not say.

    Attributes
    ----------
    gain, offset:
        True position along a tube = offset + gain · nominal; dims (arc, channel, tube), m.
    angle:
        Of modules of three channels, about the vertical through the middle of their middle
        triplet, right-handed about up; dims (arc, module), degrees.
    along, across:
        Their shift away from the sample and towards larger A4, in the frame of the middle
        triplet; dims (arc, module), m.
    """

    gain: FloatArray
    offset: FloatArray
    angle: FloatArray = field(default_factory=_modules)
    along: FloatArray = field(default_factory=_modules)
    across: FloatArray = field(default_factory=_modules)

    @classmethod
    def none(cls) -> Misalignment:
        """Everything is where the file says."""
        shape = (ARCS, CHANNELS, TUBES)
        return cls(np.ones(shape), np.zeros(shape))

    @classmethod
    def drawn(
        cls,
        rng: np.random.Generator,
        *,
        gain: float = 0.0,
        offset: float = 0.0,
        angle: float = 0.0,
        shift: float = 0.0,
    ) -> Misalignment:
        """Draw all of them, each from a normal distribution of the given σ."""
        tubes, modules = (ARCS, CHANNELS, TUBES), (ARCS, CHANNELS // 3)
        return cls(
            1.0 + gain * rng.standard_normal(tubes),
            offset * rng.standard_normal(tubes),
            angle * rng.standard_normal(modules),
            shift * rng.standard_normal(modules),
            shift * rng.standard_normal(modules),
        )

    def moved(
        self,
        arc: IntArray,
        channel: IntArray,
        middle: FloatArray,
        forward: FloatArray,
        along: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Turn and shift points with their modules, in the frames of their own triplets.

        Parameters
        ----------
        arc, channel:
            dims (pixel).
        middle:
            How far the middle triplet's centre is from the sample's vertical, m; dims (pixel).
        forward, along:
            Horizontal coordinates of the pixels, m; dims (pixel).
        """
        module = channel // 3
        side = np.deg2rad(10.0 * (channel - 3 * module - 1))
        turn = np.deg2rad(self.angle[arc, module])
        c_x, c_y = middle * np.cos(side), -middle * np.sin(side)
        t_x, t_y = self.along[arc, module], self.across[arc, module]
        x, y = forward - c_x, along - c_y
        new_x = c_x + np.cos(turn) * x - np.sin(turn) * y
        new_y = c_y + np.sin(turn) * x + np.cos(turn) * y
        new_x += np.cos(side) * t_x + np.sin(side) * t_y
        new_y += np.cos(side) * t_y - np.sin(side) * t_x
        return np.asarray(new_x), np.asarray(new_y)


@dataclass(frozen=True)
class Bifrost:
    """Pixels of the instrument, true and nominal.

    Attributes
    ----------
    detector_number:
        dims (pixel), int64; channel by channel, in it arc by arc, tube by tube.
    arc, channel, tube, pixel:
        dims (pixel), int64.
    direction:
        Unit vector from the sample to the analyser at tank angle 0; dims (pixel, xyz).
    final_speed:
        m/s; dims (pixel).
    path:
        Sample to detector, m; dims (pixel).
    n_b:
        ε ΔΩ ΔE_f; dims (pixel), sr meV.
    """

    detector_number: IntArray
    arc: IntArray
    channel: IntArray
    tube: IntArray
    pixel: IntArray
    direction: FloatArray
    final_speed: FloatArray
    path: FloatArray
    n_b: FloatArray

    @property
    def final_energy(self) -> FloatArray:
        """Dims (pixel), meV."""
        return energy_of_speed(self.final_speed)

    @property
    def final_wavenumber(self) -> FloatArray:
        """Dims (pixel), 1/Å."""
        return wavenumber_of_speed(self.final_speed)

    def select(self, pixels: NDArray[np.bool_] | IntArray) -> Bifrost:
        """Part of the pixels."""
        return Bifrost(**{name: value[pixels] for name, value in vars(self).items()})


def bifrost(
    misalignment: Misalignment | None = None,
    efficiency: FloatArray | float = 1.0,
    lit: float | None = None,
) -> Bifrost:
    """Build the instrument.

    Parameters
    ----------
    misalignment:
        None: all tubes are where the file says.
    efficiency:
        ε of the pixels; dims (pixel) in the order of :class:`Bifrost`, or one number.
    lit:
        What part of a tube's length the analysers light, about its true middle; None: all of
        it, wherever its pixels are.

    Returns
    -------
    :
        The instrument as it truly is.
    """
    shape = (CHANNELS, ARCS, TUBES, PIXELS)
    channel, arc, tube, pixel = (x.ravel() for x in np.indices(shape))
    off = misalignment or Misalignment.none()
    lsa, lad = np.array(_LSA)[channel % 3, arc], np.array(_LAD)[arc]
    half = np.deg2rad(np.array(_HALF))[arc]
    gain = off.gain[arc, channel, tube]
    length = np.array(_LENGTH)[channel % 3, arc]
    width = gain * length / PIXELS
    along = off.offset[arc, channel, tube] + gain * along_tube(channel, arc, pixel)
    seen = np.ones(along.size) if lit is None else _lit(along, width, lit * length / 2.0)
    # in the vertical plane of the analyser: forward, up; the beam leaves it downwards
    turn = 2.0 * half
    side = (tube - 1) * TUBE_DISTANCE
    forward = lsa + lad * np.cos(turn) + side * np.sin(turn)
    up = -lad * np.sin(turn) + side * np.cos(turn)
    middle = np.array(_LSA)[1, arc] + lad * np.cos(turn)
    forward, along = off.moved(arc, channel, middle, forward, along)
    in_plane = np.hypot(forward - lsa, up)
    sideways = along * lsa / (lsa + in_plane)
    first = np.stack([lsa, sideways, np.zeros_like(lsa)], axis=1)
    second = np.stack([forward - lsa, along - sideways, up], axis=1)
    l1, l2 = np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=1)
    bend = np.arccos(np.sum(first * second, axis=1) / (l1 * l2))
    wavelength = 2.0 * SPACING * np.sin(bend / 2.0)
    speed = constants.h / (constants.m_n * wavelength * 1e-10)
    a4 = np.deg2rad(10.0 * (channel - 4)) + np.arctan2(sideways, lsa)
    solid = width * lsa / (lsa + in_plane) * _HEIGHT / l1**2
    spread = 2.0 * energy_of_speed(speed) / np.tan(bend / 2.0) * _MOSAIC
    return Bifrost(
        detector_number=2700 * arc + 900 * tube + 100 * channel + pixel + 1,
        arc=arc,
        channel=channel,
        tube=tube,
        pixel=pixel,
        direction=np.stack([np.sin(a4), np.zeros_like(a4), np.cos(a4)], axis=1),
        final_speed=speed,
        path=l1 + l2,
        n_b=np.asarray(efficiency) * seen * solid * spread,
    )


def _lit(along: FloatArray, width: FloatArray, end: FloatArray) -> FloatArray:
    """Part of each pixel that lies within the ends; dims (pixel)."""
    upper, lower = along + width / 2.0, along - width / 2.0
    inside = np.minimum(upper, end) - np.maximum(lower, -end)
    return np.asarray(np.clip(inside / width, 0.0, 1.0))


def along_tube(channel: IntArray, arc: IntArray, pixel: IntArray) -> FloatArray:
    """Nominal place of a pixel along its tube, towards larger A4; m."""
    length = np.array(_LENGTH)[channel % 3, arc]
    return np.asarray(length * ((pixel + 0.5) / PIXELS - 0.5))


def half_take_off(arc: int) -> float:
    """Half of the angle by which an analyser bends the beam down, degrees."""
    return _HALF[arc]


def sample_analyser(channel: int, arc: int) -> float:
    """From the sample to the middle blade, m."""
    return _LSA[channel % 3][arc]


def analyser_detector(arc: int) -> float:
    """From the middle blade to the middle tube, m."""
    return _LAD[arc]
