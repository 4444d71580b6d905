"""An open raw file with all that converts its events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.io.bifrost.events import EventSlab, EventSource
from ewaldite.io.bifrost.raw_file import RawFile, open_bifrost
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.converted import Converted
from ewaldite.spectroscopy.converter import Converter
from ewaldite.spectroscopy.live import limit_of
from ewaldite.spectroscopy.options import RunFileOptions, SpectroscopyOptions
from ewaldite.spectroscopy.resolve import resolve


@dataclass(frozen=True)
class RawRun:
    """A raw file, opened.

    Attributes
    ----------
    raw:
        The file.
    converter:
        Of its events.
    unknown:
        Whether events of no pixel are masked, in place of an error.
    """

    raw: RawFile
    converter: Converter
    unknown: bool

    @property
    def size(self) -> int:
        """Number of events."""
        return sum(source.size for source in self.raw.sources)

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

    def converted(
        self, rows: int, *, full: bool = True, first: int = 0, stop: int | None = None
    ) -> Iterator[Converted]:
        """Convert events in the order of the file.

        Parameters
        ----------
        rows:
            Most events at once.
        full:
            Whether Q and ω are wanted; see :meth:`Converter.convert`.
        first, stop:
            First event, and the one after the last, numbered through all triplets; all if
            None.

        Yields
        ------
        :
            Events of one triplet.

        Raises
        ------
        UserError
            If an event is of no pixel, and such are not to be masked.
        """
        before = 0
        for source in self.raw.sources:
            begin = max(first - before, 0)
            end = source.size if stop is None else min(stop - before, source.size)
            before += source.size
            if begin >= end:
                continue
            flags = self.pulse_flags(source)
            for slab in source.slabs(rows, begin, end):
                events = self.converter.convert(slab, source.pulse_time, flags, full=full)
                if not self.unknown and np.any(events.row < 0):
                    raise self.unknown_pixel(source, slab)
                yield events

    def prepare(self) -> None:
        """Convert one event, with the types of number that the file has."""
        source = next(source for source in self.raw.sources if source.size)
        flags = self.pulse_flags(source)
        self.converter.convert(next(source.slabs(1)), source.pulse_time, flags)

    def unknown_pixel(self, source: EventSource, slab: EventSlab) -> UserError:
        """Say which event of a slab is the first of no pixel."""
        one = self.converter.instrument
        numbers, known = one.detector_number, one.row_by_number
        inside = (slab.number >= 0) & (slab.number < known.size)
        row = np.where(inside, known[np.where(inside, slab.number, 0)], -1)
        first = int(np.argmax(row < 0))
        return UserError(
            f"convert the events of {source.name} in {self.raw.path}",
            f"event {slab.start + first + 1} is of detector number {slab.number[first]}, which "
            f"no pixel has (they run from {numbers.min()} to {numbers.max()})",
            "Give the right file, or [mask] unknown_pixels = true to mask such events.",
        )


@contextmanager
def open_raw_run(
    options: SpectroscopyOptions, run: RunFileOptions, base: Path
) -> Iterator[RawRun]:
    """Open a raw file.

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
        The file.

    Raises
    ------
    UserError
        If it cannot be read or lacks something, or options do not fit.
    """
    gap = parse_quantity(run.longest_gap, "s", "[[run]] longest_gap")
    with open_bifrost(base / run.file, gap, limit_of(run)) as raw:
        yield RawRun(raw, resolve(options, run, raw, base), options.mask.unknown_pixels)
