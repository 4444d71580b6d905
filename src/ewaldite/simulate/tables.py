"""Tables that a simulation of many crystals draws, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
LabelArray = NDArray[np.int32]


@dataclass(frozen=True)
class ObservationTable:
    """What was counted, unmerged; every array has the dim voxel.

    Attributes
    ----------
    index:
        hkl as indexed; dims (voxel, 3), int64.
    counts:
        Photons; float64.
    pixels:
        (pixel, frame) pairs; float64.
    exposure:
        Sum over the pairs of solid angle, corrections and time; mrad² s, float64.
    background, background_variance:
        Background counts as known from other images; float64.
    fraction:
        Swept part of the voxel; float64.
    s:
        Scattering vector in the laboratory; dims (voxel, 3), 1/Å, float64.
    ix, iy, iz:
        Fast and slow pixel (0-based) and position in the scan, frames; float64.
    panel, wedge, sweep:
        Detector module, block of frames and crystal; int32.
    """

    index: IntArray
    counts: FloatArray
    pixels: FloatArray
    exposure: FloatArray
    background: FloatArray
    background_variance: FloatArray
    fraction: FloatArray
    s: FloatArray
    ix: FloatArray
    iy: FloatArray
    iz: FloatArray
    panel: LabelArray
    wedge: LabelArray
    sweep: LabelArray


@dataclass(frozen=True)
class ObservationTruth:
    """What made an observation expect ``exposure · scale · (intensity + offset) + background``.

    Every array has the dim voxel, float64 unless stated.

    Attributes
    ----------
    hkl:
        The voxel's real hkl; dims (voxel, 3), int64.
    a, b, d, damping:
        Factors; see `ewaldite.simulate.factors.Factors`.
    c:
        Offset, counts/mrad²/s.
    isotropic, anisotropic:
        Parts of the crystal's intensity, counts/mrad²/s.
    expected:
        Expected counts, background included.
    sign:
        1 or -1 where an outlier was planted above or below, else 0; int8.
    """

    hkl: IntArray
    a: FloatArray
    b: FloatArray
    c: FloatArray
    d: FloatArray
    damping: FloatArray
    isotropic: FloatArray
    anisotropic: FloatArray
    expected: FloatArray
    sign: NDArray[np.int8]

    @property
    def intensity(self) -> FloatArray:
        """Both parts together, counts/mrad²/s."""
        return self.isotropic + self.anisotropic

    @property
    def scale(self) -> FloatArray:
        """All factors together."""
        return self.a * self.b * self.d * self.damping

    @property
    def offset(self) -> FloatArray:
        """Offset beside the intensity, ``c / (b · damping)``, counts/mrad²/s."""
        return self.c / (self.b * self.damping)

    @property
    def is_outlier(self) -> NDArray[np.bool_]:
        """Where an outlier was planted."""
        return np.asarray(self.sign != 0)


@dataclass(frozen=True)
class BraggTable:
    """Bragg reflections; every array has the dim voxel, float64 unless stated.

    Attributes
    ----------
    index:
        hkl as indexed; dims (voxel, 3), int64.
    intensity, variance:
        Integral over the spot in units of the reciprocal cell, counts/mrad²/s, and its
        variance; the diffuse scattering under the spot is in it.
    diffuse:
        That diffuse scattering.
    counts, pixels, exposure, fraction:
        As in :class:`ObservationTable`, of the spot.
    ix, iy, iz, panel, wedge, sweep:
        As there; the last three int32.
    expected:
        Expected intensity of the Bragg peak alone, ``a b d damping I``, counts/mrad²/s.
    """

    index: IntArray
    intensity: FloatArray
    variance: FloatArray
    diffuse: FloatArray
    counts: FloatArray
    pixels: FloatArray
    exposure: FloatArray
    fraction: FloatArray
    ix: FloatArray
    iy: FloatArray
    iz: FloatArray
    panel: LabelArray
    wedge: LabelArray
    sweep: LabelArray
    expected: FloatArray


Table = TypeVar("Table", ObservationTable, ObservationTruth, BraggTable)


def joined(tables: Sequence[Table]) -> Table:
    """Rows of tables of one kind, one after another."""
    names = [f.name for f in fields(tables[0])]
    return type(tables[0])(
        **{n: np.concatenate([getattr(t, n) for t in tables]) for n in names}
    )
