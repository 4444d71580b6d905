"""Sweeps of many crystals as tables of observations, with all that made them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ewaldite.simulate.background import Background
from ewaldite.simulate.crossings import Crossings, crossings, lattice_points
from ewaldite.simulate.experiment import RotationExperiment
from ewaldite.simulate.factors import Factors, relative_position
from ewaldite.simulate.footprint import module_of, modules_of
from ewaldite.simulate.laue import Matrix
from ewaldite.simulate.outliers import plant
from ewaldite.simulate.tables import BraggTable, ObservationTable, ObservationTruth, joined
from ewaldite.simulate.truth import Truth

FloatArray = NDArray[np.float64]

UNTURNED: Matrix = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
# Part of a reciprocal cell that a Bragg spot is given
SPOT = 0.03


@dataclass(frozen=True)
class CrystalSweep:
    """One crystal turned before the detector.

    Attributes
    ----------
    experiment:
        Geometry, orientation and counting times.
    factors:
        Scale factors and offsets.
    background:
        What the pixels count beside the crystal.
    indexed:
        Matrix R with which the indexing went astray: the table says R · hkl.
    """

    experiment: RotationExperiment
    factors: Factors
    background: Background = field(default_factory=Background)
    indexed: Matrix = UNTURNED


@dataclass(frozen=True)
class Crystals:
    """Crystals of one kind on one detector.

    Attributes
    ----------
    sweeps:
        The crystals; their experiments share cell and detector.
    truth:
        Intensity.
    gains:
        Factor d of every detector module; dims (module), float64.
    s_min, s_max:
        Range of the length of s, 1/Å.
    wedge_degrees:
        Rotation of a wedge.
    """

    sweeps: tuple[CrystalSweep, ...]
    truth: Truth
    gains: FloatArray
    s_min: float = 0.04
    s_max: float = 0.7
    wedge_degrees: float = 10.0

    def __post_init__(self) -> None:
        for sweep in self.sweeps:
            self.truth.check_cell(sweep.experiment.real_axes)
            if modules_of(sweep.experiment.detector) != len(self.gains):
                raise ValueError("there must be one gain for each module of the detector")

    def intensity(self, hkl: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """True intensity of voxels: isotropic and anisotropic part.

        Parameters
        ----------
        hkl:
            Whole numbers, not those of a crystal gone astray; dims (voxel, 3).

        Returns
        -------
        :
            dims (voxel), counts/mrad²/s, float64, both.
        """
        axes, s = self._points(hkl)
        total, isotropic = self.truth.smooth(s, axes), self.truth.isotropic(s)
        return isotropic, total - isotropic

    def bragg(self, hkl: NDArray[np.int64]) -> FloatArray:
        """True Bragg intensity, a mean over the reciprocal cell; as `intensity`."""
        axes, s = self._points(hkl)
        return self.truth.spots(s, axes)

    def observe(
        self, *, seed: int, outliers: float = 0.05
    ) -> tuple[ObservationTable, ObservationTruth, BraggTable]:
        """Draw what the sweeps count.

        Counts follow the Poisson law of :class:`~ewaldite.simulate.factors.Factors`. The
        background is known from images of ``background_exposure`` in all: a voxel stays on a
        pixel for m frames, so that its background is m times a count on fewer pixels.

        Parameters
        ----------
        seed:
            Crystal j draws from a generator seeded with (seed, j).
        outliers:
            Share of the observations that :func:`~ewaldite.simulate.outliers.plant` spoils.

        Returns
        -------
        :
            Observations on the grid of whole hkl, the truth behind each, and Bragg reflections.
        """
        nodes = lattice_points(self.sweeps[0].experiment, self.s_min, self.s_max)
        drawn = [
            self._sweep(number, nodes, outliers, np.random.default_rng([seed, number]))
            for number in range(len(self.sweeps))
        ]
        tables, truths, spots = zip(*drawn, strict=True)
        return joined(tables), joined(truths), joined(spots)

    def _points(self, hkl: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        axes = self.sweeps[0].experiment.real_axes
        return axes, np.asarray(hkl @ np.linalg.inv(axes)).T

    def _sweep(
        self, number: int, nodes: NDArray[np.int64], outliers: float, rng: np.random.Generator
    ) -> tuple[ObservationTable, ObservationTruth, BraggTable]:
        sweep = self.sweeps[number]
        seen = crossings(sweep.experiment, nodes, wedge_degrees=self.wedge_degrees)
        exposure = seen.share * seen.pixels * sweep.experiment.exposure
        dark, background, variance = _background(sweep, seen, rng)
        truth = self._truth(sweep, seen, exposure, dark)
        counts, sign = plant(
            rng.poisson(truth.expected), truth.expected, variance, outliers, rng
        )
        table = ObservationTable(
            index=seen.hkl @ np.array(sweep.indexed, dtype=np.int64).T,
            counts=counts,
            pixels=seen.pixels,
            exposure=exposure,
            background=background,
            background_variance=variance,
            fraction=seen.fraction,
            s=seen.s,
            ix=seen.ix,
            iy=seen.iy,
            iz=seen.iz,
            panel=module_of(sweep.experiment.detector, seen.ix, seen.iy),
            wedge=seen.wedge,
            sweep=np.full(len(seen), number, dtype=np.int32),
        )
        spots = self._spots(number, nodes, rng)
        return table, replace(truth, sign=sign), spots

    def _truth(
        self, sweep: CrystalSweep, seen: Crossings, exposure: FloatArray, dark: FloatArray
    ) -> ObservationTruth:
        experiment, factors = sweep.experiment, sweep.factors
        detector = experiment.detector
        x, y = relative_position(detector, experiment.s0, seen.ix, seen.iy)
        time = (seen.iz + 0.5) / experiment.frames
        length = np.sqrt(np.einsum("ij,ij->i", seen.s, seen.s))
        isotropic, anisotropic = self.intensity(seen.hkl)
        truth = ObservationTruth(
            hkl=seen.hkl,
            a=factors.a(x, y, (seen.iz + 0.5) * experiment.width),
            b=factors.b(time),
            c=factors.c(length, time),
            d=self.gains[module_of(detector, seen.ix, seen.iy)],
            damping=factors.damping(length, time),
            isotropic=isotropic,
            anisotropic=anisotropic,
            expected=dark,
            sign=np.zeros(len(seen), np.int8),
        )
        signal = exposure * truth.scale * (truth.intensity + truth.offset)
        return replace(truth, expected=signal + dark)

    def _spots(
        self, number: int, nodes: NDArray[np.int64], rng: np.random.Generator
    ) -> BraggTable:
        """The middle of every crossing, with its peak; the background is known exactly."""
        sweep = self.sweeps[number]
        seen = crossings(
            sweep.experiment,
            nodes,
            wedge_degrees=self.wedge_degrees,
            size=SPOT ** (1.0 / 3.0),
        )
        exposure = seen.share * seen.pixels * sweep.experiment.exposure
        dark, _, _ = _background(sweep, seen, rng)
        truth = self._truth(sweep, seen, exposure, dark)
        swept = SPOT * seen.fraction
        peak = truth.scale * self.bragg(truth.hkl)
        counts = rng.poisson(truth.expected + exposure * peak / SPOT).astype(np.float64)
        return BraggTable(
            index=seen.hkl @ np.array(sweep.indexed, dtype=np.int64).T,
            intensity=(counts - dark) / exposure * swept,
            variance=counts * (swept / exposure) ** 2,
            diffuse=truth.scale * (truth.intensity + truth.offset) * swept,
            counts=counts,
            pixels=seen.pixels,
            exposure=exposure,
            fraction=seen.fraction,
            ix=seen.ix,
            iy=seen.iy,
            iz=seen.iz,
            panel=module_of(sweep.experiment.detector, seen.ix, seen.iy),
            wedge=seen.wedge,
            sweep=np.full(len(seen), number, dtype=np.int32),
            expected=peak,
        )


def _background(
    sweep: CrystalSweep, seen: Crossings, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Background that the crossings expect, what is known of it, and the variance of that."""
    experiment = sweep.experiment
    rate = sweep.background.rate_at(experiment, seen.ix, seen.iy)
    dark = rate * seen.pixels * experiment.exposure
    known = experiment.background_frames * experiment.background_exposure
    if known == 0.0:
        return dark, dark, np.zeros(len(seen))
    stays = np.maximum(seen.frames * seen.fraction, 1.0)
    weight = stays * experiment.exposure / known
    drawn = weight * rng.poisson(dark / weight)
    return dark, drawn, weight * drawn
