"""A sweep of images with a known truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.simulate.background import Background
from ewaldite.simulate.experiment import RotationExperiment
from ewaldite.simulate.factors import Factors, relative_position
from ewaldite.simulate.pixel_table import PixelTable, pixel_table
from ewaldite.simulate.truth import Truth

FloatArray = NDArray[np.float64]
Image = NDArray[np.int32]


class TruthFrame(NamedTuple):
    """What a frame expects, each with dims (slow, fast), float64.

    Attributes
    ----------
    signal, bragg, background:
        Expected counts: diffuse scattering with ring, Bragg spots, background.
    exposure:
        Solid angle · corrections · time, mrad² s: ``signal = a (b D intensity + c) exposure``.
    h, k, l:
        Reciprocal-lattice units, at the pixel's centre and the middle of the frame.
    """

    signal: FloatArray
    exposure: FloatArray
    bragg: FloatArray
    background: FloatArray
    h: FloatArray
    k: FloatArray
    l: FloatArray


@dataclass(frozen=True)
class Simulation:
    r"""Images of an experiment on a crystal of known intensity.

    A pixel p of frame i expects

    .. math:: λ_{p,i} = t \left[ C_p\, a \left( b\, D\, I(\mathbf{hkl}(p, φ_i)) + c \right)
        + B_p \right]

    counts, with φ at the middle of the frame, C from
    `ewaldite.simulate.pixel_table.pixel_table`, the factors of
    `ewaldite.simulate.factors.Factors` and the background rate B. The counts are drawn
    from a Poisson distribution by a generator seeded with (seed, sweep, i), so that a frame is
    the same whatever was drawn before. Frames count from 0.

    Attributes
    ----------
    experiment:
        Geometry and counting time.
    truth:
        Intensity.
    background:
        Background.
    factors:
        Scale factors and offset of the crystal.
    subframes:
        Angles a frame over which the intensity is averaged; 1 is the middle alone.
    subpixels:
        Points a pixel and direction over which it is averaged; 1 is the centre alone.
    """

    experiment: RotationExperiment
    truth: Truth = field(default_factory=Truth)
    background: Background = field(default_factory=Background)
    factors: Factors = field(default_factory=Factors)
    subframes: int = 1
    subpixels: int = 1

    def __post_init__(self) -> None:
        self.truth.check_cell(self.experiment.real_axes)

    @cached_property
    def table(self) -> PixelTable:
        """Scattering vectors and corrections at the pixels' centres."""
        return pixel_table(self.experiment)

    @cached_property
    def valid(self) -> NDArray[np.bool_]:
        """Pixels that count: neither in a gap nor dead; dims (slow, fast), bool."""
        return np.asarray(self.experiment.detector.marks() == 0)

    @cached_property
    def background_rate(self) -> FloatArray:
        """Expected background; dims (slow, fast), counts/s, float64."""
        return self.background.rate(self.experiment)

    @property
    def exposure(self) -> FloatArray:
        """Exposure of every pixel in a frame; dims (slow, fast), mrad² s, float64."""
        return self.table.share * self.experiment.exposure

    def hkl(self, frame: int) -> FloatArray:
        """Position of the pixels in reciprocal space at the middle of a frame.

        Returns
        -------
        :
            dims (hkl, slow, fast), reciprocal-lattice units, float64.
        """
        axes = self.experiment.turned_axes(self.experiment.phi(frame))
        return np.asarray(np.einsum("xsf,xa->asf", self.table.s, axes))

    def signal(self, frame: int) -> FloatArray:
        """Return expected counts of all but spots and background; dims (slow, fast)."""
        return self._counts(frame, bragg=False)

    def bragg(self, frame: int) -> FloatArray:
        """Return the expected counts of the Bragg spots; dims (slow, fast), float64."""
        return self._counts(frame, smooth=False)

    def expected_background(self) -> FloatArray:
        """Return the expected background counts of any frame; dims (slow, fast), float64."""
        return self.background_rate * self.experiment.exposure

    def expected_frame(self, frame: int) -> FloatArray:
        """Return the expected counts, in gaps as well; dims (slow, fast), float64."""
        return self._counts(frame) + self.expected_background()

    def frame(self, frame: int) -> Image:
        """Image: counts, -1 in gaps, -2 where dead; dims (slow, fast), int32."""
        key = [self.experiment.seed, self.experiment.sweep, frame]
        return self._draw(self.expected_frame(frame), np.random.default_rng(key))

    def background_frame(self, frame: int) -> Image:
        """Image without the crystal; dims (slow, fast), int32."""
        # a fourth word, because numpy's seed sequences end in any number of zeros
        key = [self.experiment.seed, self.experiment.sweep, frame, 1]
        expected = self.background_rate * self.experiment.background_exposure
        return self._draw(expected, np.random.default_rng(key))

    def truth_frame(self, frame: int) -> TruthFrame:
        """Return what a frame expects, part by part: to be binned on any grid."""
        h, k, l = self.hkl(frame)
        return TruthFrame(
            self.signal(frame),
            self.exposure,
            self.bragg(frame),
            self.expected_background(),
            h,
            k,
            l,
        )

    def truth_map(self, hkl: ArrayLike) -> FloatArray:
        """Intensity of diffuse scattering and ring at points of reciprocal space.

        Parameters
        ----------
        hkl:
            dims (..., 3), reciprocal-lattice units, float64.

        Returns
        -------
        :
            dims (...), counts/(mrad² s), float64.
        """
        return self.truth.smooth(*self._points(hkl))

    def bragg_map(self, hkl: ArrayLike) -> FloatArray:
        """Bragg intensity at points of reciprocal space; as `truth_map`."""
        return self.truth.spots(*self._points(hkl))

    def _points(self, hkl: ArrayLike) -> tuple[FloatArray, FloatArray]:
        axes = self.experiment.real_axes
        s = np.asarray(hkl, dtype=np.float64) @ np.linalg.inv(axes)
        return np.moveaxis(s, -1, 0), axes

    def _counts(self, frame: int, *, smooth: bool = True, bragg: bool = True) -> FloatArray:
        if not 0 <= frame < self.experiment.frames:
            raise UserError(
                "simulate a frame",
                f"frame {frame} of {self.experiment.frames}",
                "Frames count from 0.",
            )
        parts = self.subframes
        angles = [self.experiment.phi(frame + (j + 0.5) / parts - 0.5) for j in range(parts)]
        total = np.zeros(self.valid.shape)
        for table in self._tables():
            for angle in angles:
                axes = self.experiment.turned_axes(angle)
                if smooth:
                    total += self.truth.smooth(table.s, axes)
                if bragg:
                    total += self.truth.spots(table.s, axes)
        total /= parts * self.subpixels**2
        if self.factors == Factors():
            return np.asarray(total * self.exposure)
        return self._disturbed(total, frame, smooth)

    def _disturbed(self, intensity: FloatArray, frame: int, smooth: bool) -> FloatArray:
        """Expected counts of an intensity with the factors, and offset, of a frame."""
        experiment, factors = self.experiment, self.factors
        nx, ny = experiment.detector.shape
        x, y = relative_position(
            experiment.detector, experiment.s0, np.arange(nx), np.arange(ny)[:, np.newaxis]
        )
        x, y = np.broadcast_arrays(x, y)
        length = np.sqrt(np.sum(self.table.s**2, axis=0))
        time = np.full(1, (frame + 0.5) / experiment.frames)
        turned = np.full(1, (frame + 0.5) * experiment.width)
        seen = intensity * factors.b(time) * factors.damping(length, time)
        if smooth:
            seen += factors.c(length, time)
        return np.asarray(self.exposure * factors.a(x, y, turned) * seen)

    def _tables(self) -> list[PixelTable]:
        if self.subpixels == 1:
            return [self.table]
        offsets = (np.arange(self.subpixels) + 0.5) / self.subpixels - 0.5
        return [pixel_table(self.experiment, (x, y)) for y in offsets for x in offsets]

    def _draw(self, expected: FloatArray, rng: np.random.Generator) -> Image:
        marks = self.experiment.detector.marks()
        counts = rng.poisson(expected).astype(np.int32)
        return np.where(marks == 0, counts, marks).astype(np.int32)
