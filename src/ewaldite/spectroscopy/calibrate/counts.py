"""Elastic counts of runs, by pixel and by how late they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ewaldite.errors import UserError
from ewaldite.geometry.triplet import Triplet
from ewaldite.model.experiment import FloatArray, IntArray
from ewaldite.run.progress import Progress
from ewaldite.spectroscopy.event_input import BLOCK
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.options import (
    RunFileOptions,
    SampleOptions,
    SpectroscopyOptions,
)
from ewaldite.spectroscopy.primary import Primary
from ewaldite.spectroscopy.raw_run import open_raw_run

#: Width of a bin of lateness, s.
BIN = 25e-6
_STILL = 0.01  # degrees


@dataclass(frozen=True)
class ElasticCounts:
    r"""Counts of a run around the elastic line.

    A neutron is late by

    .. math:: \Delta = t_s - t(E_f)

    with t(E_f) the time at which the way in as it is set brings neutrons of the final energy to
    the sample.

    Attributes
    ----------
    name:
        Of the file.
    triplets:
        Nominal, in the order of the file.
    instrument:
        Pixels as they were calibrated when the events were read.
    primary:
        The way in.
    a4:
        Of the tank, degrees.
    late:
        Middle of the bins of lateness; dims (bin), s.
    counts:
        Of pixels that no mask leaves out; dims (row, bin), int64.
    keep:
        Pixels that no mask leaves out; dims (row), bool.
    """

    name: str
    triplets: tuple[Triplet, ...]
    instrument: Instrument
    primary: Primary
    a4: float
    late: FloatArray
    counts: IntArray
    keep: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

    def rows(self, arc: int, channel: int) -> IntArray:
        """Rows of the pixels of a triplet, tube by tube; dims (row), int64."""
        one = self.instrument
        return np.flatnonzero((one.arc == arc) & (one.channel == channel))


def read_counts(
    options: SpectroscopyOptions, base: Path, window: float, progress: Progress
) -> list[ElasticCounts]:
    """Read the runs of a calibration.

    Parameters
    ----------
    options:
        The configuration; its [sample] and the masks that need it do not matter.
    base:
        Folder to which paths refer.
    window:
        On either side of the line, s.
    progress:
        Is told how far it is.

    Returns
    -------
    :
        One a run.

    Raises
    ------
    UserError
        If there is no run, a file cannot be read, or the tank moves in one.
    """
    if not options.run:
        raise UserError(
            "calibrate", "the configuration has no [[run]]", "Add a [[run]] for each file."
        )
    plain = options.mask.model_copy(
        update={"bragg": None, "currat_axe": None, "higher_orders": None, "polygon": []}
    )
    bare = options.model_copy(update={"sample": SampleOptions(), "mask": plain})
    progress.start("read", len(bare.run), "runs")
    found = []
    for run in bare.run:
        found.append(_read(bare, run, base, window))
        progress.advance()
    progress.finish()
    return found


def _read(
    options: SpectroscopyOptions, run: RunFileOptions, base: Path, window: float
) -> ElasticCounts:
    path = base / run.file
    half = round(window / BIN)
    edges = BIN * np.arange(-half, half + 1)
    bins = edges.size - 1
    with open_raw_run(options, run, base) as opened:
        raw, converter = opened.raw, opened.converter
        one, primary = converter.instrument, converter.primary
        expected = primary.time(primary.sample_distance, one.k_f)
        counts = np.zeros((len(one), bins), dtype=np.int64)
        for events in opened.converted(BLOCK, full=False):
            good = (events.flags == 0) & (events.row >= 0)
            row = events.row[good].astype(np.int64)
            late = events.time_at_sample[good] - expected[row]
            place = np.floor(late / BIN) + half
            inside = (place >= 0) & (place < bins)
            if not np.any(inside):
                continue
            # A block is of one triplet, whose rows stand together
            first, last = int(row[inside].min()), int(row[inside].max())
            cell = (row[inside] - first) * bins + place[inside].astype(np.int64)
            held = np.bincount(cell, minlength=(last + 1 - first) * bins)
            counts[first : last + 1] += held.reshape(-1, bins)
        tank = one.a4.value
        if np.ptp(tank) > _STILL:
            raise UserError(
                f"calibrate with {path}",
                f"its tank goes from {tank.min():g} to {tank.max():g} degrees",
                "Give a run for each tank angle.",
            )
        return ElasticCounts(
            run.file.name, raw.triplets, one, primary, float(tank.mean()),
            (edges[1:] + edges[:-1]) / 2.0, counts, converter.pixel_flags == 0,
        )  # fmt: skip


def merged(runs: Sequence[ElasticCounts]) -> ElasticCounts:
    """Sum of runs, for what does not depend on the tank.

    Raises
    ------
    UserError
        If their detectors or their ways in differ.
    """
    first = runs[0]
    for run in runs[1:]:
        same = np.array_equal(
            run.instrument.detector_number, first.instrument.detector_number
        ) and np.allclose(run.instrument.k_f, first.instrument.k_f, rtol=1e-9)
        timed = run.primary.reference_time, run.primary.reference_distance
        known = first.primary.reference_time, first.primary.reference_distance
        if not same or not np.allclose(timed, known, atol=1e-9):
            raise UserError(
                f"calibrate with {run.name} and {first.name} together",
                "their detectors or the times of their choppers are not the same",
                "Calibrate with each by itself.",
            )
    total = first.counts.copy()
    for run in runs[1:]:
        total += run.counts
    keep = np.logical_and.reduce([run.keep for run in runs])
    return ElasticCounts(
        ", ".join(run.name for run in runs), first.triplets, first.instrument, first.primary,
        first.a4, first.late, total, keep,
    )  # fmt: skip
