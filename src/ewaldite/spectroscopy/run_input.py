"""An open raw file with all that its events and its coverage need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.geometry.neutron import energy
from ewaldite.io.bifrost.events import EventSource
from ewaldite.io.bifrost.raw_file import RawFile, open_bifrost
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.cell_mask import cell_bits, mask_cells
from ewaldite.spectroscopy.converted import Converted
from ewaldite.spectroscopy.converter import Converter
from ewaldite.spectroscopy.cut_grid import CutGrid
from ewaldite.spectroscopy.event_input import converted
from ewaldite.spectroscopy.event_tally import EventTally
from ewaldite.spectroscopy.exposure import Exposure, exposure
from ewaldite.spectroscopy.live import limit_of
from ewaldite.spectroscopy.options import RunFileOptions, SpectroscopyOptions
from ewaldite.spectroscopy.plain_table import is_plain
from ewaldite.spectroscopy.resolve import resolve
from ewaldite.spectroscopy.run_flux import MonitorReading, run_pulses
from ewaldite.spectroscopy.steps import Steps, find_steps, finest_turn

#: Events at once: 40 MB of columns.
BLOCK = 1_000_000


@dataclass(frozen=True)
class RunInput:
    """A run.

    Attributes
    ----------
    raw:
        Its file.
    converter:
        Of its events.
    reading:
        Of its monitor.
    start, end:
        First and last time at which it counted, s.
    unknown:
        Whether events of no pixel are masked, in place of an error.
    """

    raw: RawFile
    converter: Converter
    reading: MonitorReading
    start: float
    end: float
    unknown: bool

    @property
    def keep(self) -> NDArray[np.bool_]:
        """Pixels that take part: not masked, of a triplet that counted; dims (pixel)."""
        alive = [source.size > 0 for source in self.raw.sources]
        sizes = [triplet.detector_number.size for triplet in self.raw.triplets]
        return np.asarray((self.converter.pixel_flags == 0) & np.repeat(alive, sizes))

    @cached_property
    def _flags(self) -> dict[tuple[int, int], tuple[int, NDArray[np.uint32]]]:
        return {}

    def pulse_flags(self, source: EventSource) -> tuple[int, NDArray[np.uint32]]:
        """Masks of the pulses of a source, worked out once for all that have the same pulses.

        See :meth:`~ewaldite.spectroscopy.converter.Converter.pulse_flags`.
        """
        key = (source.pulse_time.ctypes.data, source.pulse_time.size)
        if key not in self._flags:
            self._flags[key] = self.converter.pulse_flags(source.pulse_time)
        return self._flags[key]

    @property
    def size(self) -> int:
        """Number of events."""
        return sum(source.size for source in self.raw.sources)

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
        exposed = exposure(flux, steps.a3 + offset, steps.a4)
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
        for slab in converted(
            self.converter, self.raw, BLOCK, full=False, mask_unknown=self.unknown,
            first=first, stop=stop,
        ):  # fmt: skip
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
    gap = parse_quantity(run.longest_gap, "s", "[[run]] longest_gap")
    with open_bifrost(path, gap, limit_of(run)) as raw:
        converter = resolve(options, run, raw, base)
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
        yield RunInput(raw, converter, reading, start, end, options.mask.unknown_pixels)
