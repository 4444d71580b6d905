r"""The constant background in what pixels count elastically, for vanadium and its can.

A pixel spends the time :math:`n\,[t_s(k_-) - t_s(k_+)]` in the elastic window, n pulses of it,
and counts its level all the while.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.geometry.neutron import wavenumber
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.cut_options import TimeBackgroundOptions
from ewaldite.spectroscopy.forbidden_time import count_run, forbidden_live
from ewaldite.spectroscopy.live_time import pulses_at
from ewaldite.spectroscopy.run_input import RunInput
from ewaldite.spectroscopy.time_level import TimeLevel, check_measured, time_level

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ConstantCounts:
    """Counts of a constant background in each pixel.

    Attributes
    ----------
    total:
        dims (pixel), counts.
    error:
        Of runs, the standard error from the level of each pixel's group; dims (run, pixel),
        counts.
    group:
        Which pixels have one level; dims (pixel), int64.
    """

    total: FloatArray
    error: FloatArray
    group: NDArray[np.int64]

    def less(self, other: ConstantCounts, ratio: float) -> ConstantCounts:
        """Less ``ratio`` times that of another run, which has levels of its own."""
        error = np.concatenate([self.error, -ratio * other.error])
        return ConstantCounts(self.total - ratio * other.total, error, self.group)

    def root(self, rows: NDArray[np.int64]) -> FloatArray:
        """Errors of some pixels, each column one standard deviation of one level of a run.

        dims (pixel, level), counts.
        """
        number = int(self.group.max(initial=0)) + 1
        out = np.zeros((rows.size, self.error.shape[0], number))
        for run, error in enumerate(self.error):
            out[np.arange(rows.size), run, self.group[rows]] = error[rows]
        return out.reshape(rows.size, -1)


def level_of_run(run: RunInput, options: TimeBackgroundOptions) -> TimeLevel:
    """Levels of one run, by what it counted in forbidden time itself.

    Raises
    ------
    UserError
        If it has no forbidden time.
    """
    guard = parse_quantity(options.guard, "s", "[time_background] guard")
    events, live = count_run(run, guard), forbidden_live(run, guard)
    instrument = run.converter.instrument
    level = time_level(instrument, events.sum(axis=1), live.sum(axis=1), options.group)
    check_measured(level, run.keep, run.raw.path.name)
    return level


def elastic_constant(
    run: RunInput, options: TimeBackgroundOptions, window: float
) -> ConstantCounts:
    """Counts of the constant background in the elastic window.

    Parameters
    ----------
    run:
        The run.
    options:
        How levels are measured.
    window:
        Half width of elastic energy transfer, meV.

    Raises
    ------
    UserError
        As :func:`level_of_run`.
    """
    level, primary = level_of_run(run, options), run.converter.primary
    energy = run.converter.instrument.final_energy
    first = primary.frames.earliest
    limits = [
        primary.time(primary.sample_distance, wavenumber(np.maximum(energy + off, 1e-6)))
        for off in (window, -window)
    ]
    # what a table does not know, and what is another frame, is no time of these events
    start, end = (
        np.clip(np.nan_to_num(t, nan=otherwise), first, first + primary.frames.period)
        for t, otherwise in zip(limits, (first, np.inf), strict=True)
    )
    pulses = pulses_at(run.pulses, (start + end) / 2.0, run.steps(360.0)).sum(axis=0)
    time = pulses * (end - start)
    value, error = (time * x[level.group] for x in (level.value, level.error))
    return ConstantCounts(value, error[None], level.group)
