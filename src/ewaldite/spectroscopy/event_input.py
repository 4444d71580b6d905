"""A file of events, opened, with all that converts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.bifrost.events import EventSlab, EventSource
from ewaldite.io.bifrost.raw_file import RawFile, open_bifrost
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.converted import Converted
from ewaldite.spectroscopy.converter import Converter
from ewaldite.spectroscopy.event_table import EventTable, MonitorWeight
from ewaldite.spectroscopy.live import limit_of
from ewaldite.spectroscopy.options import (
    MonitorOptions,
    RunFileOptions,
    SpectroscopyOptions,
)
from ewaldite.spectroscopy.plain_table import is_plain
from ewaldite.spectroscopy.resolve import resolve, resolve_plain

#: Events of a block of the table: some 25 MB with all its columns.
BLOCK = 100_000


@dataclass(frozen=True)
class EventInput:
    """A file of events, opened, with all that converts it.

    Attributes
    ----------
    table:
        Makes tables of its events.
    blocks:
        The tables, in the order of the file.
    total:
        Number of events.
    notes:
        What a user should know; grows while the blocks are made.
    prepare:
        Compiles the loops, or loads them compiled: worth a word before events are counted.
    """

    table: EventTable
    blocks: Iterator[sc.DataArray]
    total: int
    notes: list[str]
    prepare: Callable[[], None]


@contextmanager
def open_events(
    options: SpectroscopyOptions, run: RunFileOptions, base: Path
) -> Iterator[EventInput]:
    """Open a raw file, or a plain table, for conversion.

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
        If the file cannot be read or lacks something, or options do not fit.
    """
    path = base / run.file
    if is_plain(path):
        plain = resolve_plain(options, run, base)
        table = EventTable(plain.converter)
        yield EventInput(table, plain.blocks(table), plain.total, plain.notes, lambda: None)
        return
    gap = parse_quantity(run.longest_gap, "s", "[[run]] longest_gap")
    with open_bifrost(path, gap, limit_of(run)) as raw:
        converter = resolve(options, run, raw, base)
        table = EventTable(converter, monitor=monitor_weight(options.monitor, raw, converter))
        events = converted(converter, raw, BLOCK, mask_unknown=options.mask.unknown_pixels)
        blocks = (table.block(one) for one in events)
        total = sum(source.size for source in raw.sources)
        yield EventInput(table, blocks, total, raw.notes, lambda: _prepare(converter, raw))


def _prepare(converter: Converter, raw: RawFile) -> None:
    """Convert one event, with the types of number that the file has."""
    source = next(source for source in raw.sources if source.size)
    flags = converter.pulse_flags(source.pulse_time)
    converter.convert(next(source.slabs(1)), source.pulse_time, flags)


def converted(
    converter: Converter,
    raw: RawFile,
    rows: int,
    *,
    full: bool = True,
    mask_unknown: bool = False,
    first: int = 0,
    stop: int | None = None,
) -> Iterator[Converted]:
    """Convert the events of a raw file, in its order.

    Parameters
    ----------
    converter:
        Of this file.
    raw:
        The file.
    rows:
        Most events at once.
    full:
        Whether Q and ω are wanted; see :meth:`Converter.convert`.
    mask_unknown:
        Whether events of no pixel are masked, instead of an error.
    first, stop:
        First event, and the one after the last, numbered through all triplets; all if None.

    Yields
    ------
    :
        Events of one triplet.

    Raises
    ------
    UserError
        If an event is of no pixel.
    """
    before = 0
    for source in raw.sources:
        begin = max(first - before, 0)
        end = source.size if stop is None else min(stop - before, source.size)
        before += source.size
        if begin >= end:
            continue
        flags = converter.pulse_flags(source.pulse_time)
        for slab in source.slabs(rows, begin, end):
            events = converter.convert(slab, source.pulse_time, flags, full=full)
            if not mask_unknown and np.any(events.row < 0):
                raise unknown_pixel(raw, source, slab, converter)
            yield events


def unknown_pixel(
    raw: RawFile, source: EventSource, slab: EventSlab, converter: Converter
) -> UserError:
    """Say which event of a slab is the first of no pixel."""
    numbers, known = converter.instrument.detector_number, converter.instrument.row_by_number
    inside = (slab.number >= 0) & (slab.number < known.size)
    row = np.where(inside, known[np.where(inside, slab.number, 0)], -1)
    first = int(np.argmax(row < 0))
    return UserError(
        f"convert the events of {source.name} in {raw.path}",
        f"event {slab.start + first + 1} is of detector number {slab.number[first]}, which no "
        f"pixel has (they run from {numbers.min()} to {numbers.max()})",
        "Give the right file, or [mask] unknown_pixels = true to mask such events.",
    )


def monitor_weight(
    options: MonitorOptions, raw: RawFile, converter: Converter
) -> MonitorWeight | None:
    """Weights from a monitor; None, with a note, where the file has none.

    Raises
    ------
    UserError
        If the monitor cannot be read or has counted nothing.
    """
    names = raw.monitor_names()
    if options.name not in names:
        raw.notes.append(f"there is no monitor '{options.name}': no monitor_weight")
        return None
    monitor = raw.monitor(options.name)
    counts = monitor.counts.sum(axis=0)
    if not counts.max(initial=0.0) > 0.0:
        raise UserError(
            f"weight the events of {raw.path} with its monitor",
            f"{options.name} has counted nothing",
            f"Give another one as [monitor] name, of {', '.join(names)}.",
        )
    offset = parse_quantity(options.offset, "s", "[monitor] offset")
    return MonitorWeight(
        edges=monitor.edges - offset,
        counts=counts,
        upstream=converter.primary.sample_distance - monitor.distance,
        period=converter.primary.frames.period,
        empty=options.empty,
    )
