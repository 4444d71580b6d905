"""An open raw file with all that its events and its coverage need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.geometry.neutron import energy
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.cell_mask import cell_bits, mask_cells
from ewaldite.spectroscopy.converted import Converted
from ewaldite.spectroscopy.cut_grid import CutGrid
from ewaldite.spectroscopy.event_tally import EventTally
from ewaldite.spectroscopy.exposure import Exposure, exposure
from ewaldite.spectroscopy.live_time import live_time
from ewaldite.spectroscopy.options import RunFileOptions, SpectroscopyOptions
from ewaldite.spectroscopy.plain_table import is_plain
from ewaldite.spectroscopy.raw_run import RawRun, open_raw_run
from ewaldite.spectroscopy.run_flux import (
    MonitorReading,
    Pulses,
    regular_pulses,
    run_pulses,
)
from ewaldite.spectroscopy.steps import Steps, find_steps, finest_turn

#: Events at once: 40 MB of columns.
BLOCK = 1_000_000


@dataclass(frozen=True)
class RunInput(RawRun):
    """A run with its flux.

    Attributes
    ----------
    reading:
        Of its monitor.
    start, end:
        First and last time at which it counted, s.
    """

    reading: MonitorReading
    start: float
    end: float

    @property
    def keep(self) -> NDArray[np.bool_]:
        """Pixels that take part: not masked, of a triplet that counted; dims (pixel)."""
        alive = [source.size > 0 for source in self.raw.sources]
        sizes = [triplet.detector_number.size for triplet in self.raw.triplets]
        return np.asarray((self.converter.pixel_flags == 0) & np.repeat(alive, sizes))

    @property
    def pulses(self) -> Pulses:
        """Pulses as time goes by: the live time of the detectors, in periods."""
        return regular_pulses(self.converter, self.start, self.end)

    def steps(self, turn: float) -> Steps:
        """Steps of the rotation; see :func:`~ewaldite.spectroscopy.steps.find_steps`."""
        one = self.converter.instrument
        return find_steps(one.a3, one.a4, self.start, self.end, turn)

    def expose(self, grid: CutGrid) -> tuple[Exposure, Steps]:
        """Steps and flux for a cut, without the cells that are masked."""
        fastest = self.converter.primary.wavenumber(
            self.converter.primary.sample_distance, self.converter.primary.frames.earliest
        )
        highest = max(
            float(energy(np.nan_to_num(fastest))),
            float(self.converter.instrument.final_energy.max()),
        )
        steps = self.steps(finest_turn(grid, highest))
        return self.exposed(steps, grid.energy_step), steps

    def exposed(self, steps: Steps, energy_step: float) -> Exposure:
        """Flux of steps, without the cells that are masked.

        Parameters
        ----------
        steps:
            Of the rotation.
        energy_step:
            Narrowest bin in energy transfer, meV.
        """
        flux = self.reading.flux(steps, energy_step)
        sample = self.converter.sample
        offset = 0.0 if sample is None else sample.offset
        live = live_time(flux.intervals, self.converter.primary, self.pulses, steps)
        exposed = exposure(flux, steps.a3 + offset, steps.a4, live)
        return mask_cells(exposed, self.converter, flux.intervals, steps)

    def events(
        self, tally: EventTally | None = None, first: int = 0, stop: int | None = None
    ) -> Iterator[Converted]:
        """Events slab by slab, with the flags that are not those of cells.

        Parameters
        ----------
        tally:
            Counts them with all their flags.
        first, stop:
            First event in the order of the file, and the one after the last; all if None.
        """
        hidden = ~cell_bits(self.converter)
        for slab in self.converted(BLOCK, full=False, first=first, stop=stop):
            if tally is not None:
                tally.add(slab.row, slab.flags)
            yield replace(slab, flags=slab.flags & hidden)


@contextmanager
def open_run(
    options: SpectroscopyOptions, run: RunFileOptions, base: Path
) -> Iterator[RunInput]:
    """Open a run.

    Parameters
    ----------
    options:
        The configuration.
    run:
        The file and what belongs to it.
    base:
        Folder to which paths refer.

    Yields
    ------
    :
        The run.

    Raises
    ------
    UserError
        If the file cannot be read or lacks something, or options do not fit.
    """
    path = base / run.file
    if is_plain(path):
        raise UserError(
            f"normalise the events of {path}",
            "a table of events has no monitor and no times of a run",
            "Give the raw file; tables are for 'ewaldite spectroscopy convert'.",
        )
    with open_raw_run(options, run, base) as opened:
        raw, converter = opened.raw, opened.converter
        frames = [s.pulse_time[[0, -1]] for s in raw.sources if s.pulse_time.size]
        period = converter.primary.frames.period
        start = min(float(f[0]) for f in frames)
        end = max(float(f[1]) for f in frames) + period
        pulses = run_pulses(converter, start, end)
        if not pulses.logged:
            raw.notes.append("no proton charge: all pulses count the same")
        monitor = options.monitor
        reading = MonitorReading(
            raw, monitor.name, converter, pulses,
            parse_quantity(monitor.offset, "s", "[monitor] offset"),
            options.normalise.monitor, options.normalise.minimum_counts, monitor.empty, end,
        )  # fmt: skip
        yield RunInput(raw, converter, opened.unknown, reading, start, end)
