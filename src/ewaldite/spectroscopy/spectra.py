r"""Step: S of every pixel in every step of the rotation, block by block, for other programs.

Horace and NXspe know no coverage: a **pixel** of theirs is a detector in a run and a range of
energy transfer, with a signal and an error, and what falls in a bin is averaged. So each
range that was measured is a pixel, also if nothing was counted in it, with

.. math:: S = \frac{N}{\sum \Phi\, \Delta E_i\, N_b\, k_f / k_i}, \qquad
          \sigma^2 = \frac{N}{(\sum \Phi\, \Delta E_i\, N_b\, k_f / k_i)^2}.

The variance is N, not N + 1 as in cuts: those programs add the variances of thousands of
pixels, most of them without a count, and only Σ N is right then. Errors of monitor and
vanadium, which pixels share, have no place in these files.

A range takes part if at least half of it is covered: less would give a few pixels at the ends
of the band large errors, which an average without weights spreads to their neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.kernels import spectra as kernel
from ewaldite.kernels.cut_events import REASONS as NUMBER_OF_REASONS
from ewaldite.kernels.cut_events import weigh_events
from ewaldite.spectroscopy.cell_mask import cell_bits
from ewaldite.spectroscopy.cut_events import REASONS
from ewaldite.spectroscopy.exposure import Exposure
from ewaldite.spectroscopy.pixels import Pixels
from ewaldite.spectroscopy.run_input import RunInput
from ewaldite.spectroscopy.steps import Steps
from ewaldite.tables.neutron import K2_TO_MEV

FloatArray = NDArray[np.float64]

#: Part of a range of energy transfer that must be covered.
LEAST = 0.5
#: Bins whose events are counted at once, and whose coverage is summed at once.
COUNTED, COVERED = 16_000_000, 1_000_000
_EVENTS = 500_000


@dataclass(frozen=True)
class Ranges:
    """Ranges of energy transfer of one width.

    Attributes
    ----------
    low, width:
        Lower end of the first one and width of each, meV.
    number:
        How many.
    """

    low: float
    width: float
    number: int

    @property
    def edges(self) -> FloatArray:
        """Edges; dims (range + 1), meV."""
        return np.asarray(self.low + self.width * np.arange(self.number + 1), np.float64)


@dataclass(frozen=True)
class Block:
    """Spectra of consecutive pixels in consecutive steps.

    Attributes
    ----------
    first_step, first_pixel:
        Where it begins.
    counts:
        dims (step, pixel, range), uint32; zeros where only the coverage was wanted.
    coverage:
        What would be counted for S = 1; same dims, float64.
    covered:
        Part of the range; same dims, float64.
    """

    first_step: int
    first_pixel: int
    counts: NDArray[np.uint32]
    coverage: FloatArray
    covered: FloatArray

    @property
    def taken(self) -> NDArray[np.bool_]:
        """Which ranges take part; dims (step, pixel, range)."""
        return np.asarray((self.coverage > 0.0) & (self.covered >= LEAST))

    def intensity(self, scale: float) -> tuple[FloatArray, FloatArray]:
        """S and its standard error.

        Parameters
        ----------
        scale:
            S is this times counts over coverage.

        Returns
        -------
        :
            dims (step, pixel, range); NaN and 0 where a range takes no part.
        """
        taken = self.taken
        one = np.where(taken, scale / np.where(taken, self.coverage, 1.0), np.nan)
        error = np.where(taken, np.sqrt(self.counts) * one, 0.0)
        return np.asarray(self.counts * one, np.float64), error


@dataclass(frozen=True)
class Spectra:
    """Spectra of a run.

    Attributes
    ----------
    run:
        The run.
    steps, exposed:
        Of its rotation, with its flux.
    pixel:
        Its pixels, in the order of the instrument, with N_b.
    ranges:
        Of energy transfer.
    tally:
        Events by what became of them; grows while they are counted.
    """

    run: RunInput
    steps: Steps
    exposed: Exposure
    pixel: Pixels
    ranges: Ranges
    tally: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(NUMBER_OF_REASONS, np.int64)
    )

    @property
    def reasons(self) -> dict[str, int]:
        """Number of events by what became of them."""
        return dict(zip(REASONS, self.tally.tolist(), strict=True))

    def blocks(self, *, counted: bool = True) -> Iterator[Block]:
        """Spectra triplet by triplet, in each by step.

        Memory does not depend on the number of events, nor on that of steps.

        Parameters
        ----------
        counted:
            Whether events are wanted, or only the coverage.

        Raises
        ------
        UserError
            If an event is of no pixel.
        """
        first = 0
        for number, triplet in enumerate(self.run.raw.triplets):
            pixels = triplet.detector_number.size
            size = pixels * self.ranges.number
            together = max(COUNTED // size, 1)
            for start in range(0, len(self.steps), together):
                stop = min(start + together, len(self.steps))
                shape = (stop - start, pixels, self.ranges.number)
                if counted:
                    counts = np.zeros(shape, np.uint32)
                    self._count(number, first, start, counts)
                else:
                    counts = np.broadcast_to(np.zeros(1, np.uint32), shape)
                part = max(COVERED // size, 1)
                for begin in range(start, stop, part):
                    rows = slice(begin - start, min(begin + part, stop) - start)
                    yield self._covered(begin, first, np.ascontiguousarray(counts[rows]))
            first += pixels

    def _covered(self, step: int, pixel: int, counts: NDArray[np.uint32]) -> Block:
        coverage, covered = np.zeros(counts.shape), np.zeros(counts.shape)
        r = self.ranges
        kernel.cover(
            pixel, step, self.pixel.columns, self.exposed.table, r.low, r.width, K2_TO_MEV,
            coverage, covered,
        )  # fmt: skip
        return Block(step, pixel, counts, coverage, covered)

    def _count(self, number: int, pixel: int, step: int, out: NDArray[np.uint32]) -> None:
        run, r = self.run, self.ranges
        source = run.raw.sources[number]
        hidden = ~cell_bits(run.converter)
        flags = run.pulse_flags(source)
        for slab in source.slabs(_EVENTS):
            events = run.converter.convert(slab, source.pulse_time, flags, full=False)
            unknown = events.row < 0
            if not run.unknown and np.any(unknown):
                raise run.unknown_pixel(source, slab)
            good = ((events.flags & hidden) == 0) & ~unknown
            row, k_i = events.row[good], np.ascontiguousarray(events.k_i[good])
            at = self.steps.at(events.time[good]).astype(np.int32)
            weight, reason = np.empty(row.size), np.empty(row.size, np.int8)
            columns = self.pixel.columns
            weigh_events(row, k_i, at, columns, self.exposed.table, weight, reason)
            kernel.count_events(
                row, k_i, at, reason, pixel, step, columns, r.low, r.width, K2_TO_MEV, out,
                self.tally,
            )  # fmt: skip


def spectra(run: RunInput, pixel: Pixels, ranges: Ranges, turn: float) -> Spectra:
    """Spectra of a run.

    Parameters
    ----------
    run:
        The run.
    pixel:
        Its pixels with N_b.
    ranges:
        Of energy transfer.
    turn:
        Steps of the rotation are no longer than this, degrees.

    Raises
    ------
    UserError
        If the monitor does not serve, or the steps cannot be counted.
    """
    if turn <= 0.0:
        raise UserError("cut the rotation into steps", f"they are {turn} degrees", "Give more.")
    steps = run.steps(turn)
    return Spectra(run, steps, run.exposed(steps, ranges.width), pixel, ranges)
