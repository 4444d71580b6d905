"""A file of events, opened, with all that converts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.bifrost.raw_file import RawFile
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.backend_file import Efficiency
from ewaldite.spectroscopy.converter import Converter
from ewaldite.spectroscopy.event_table import EventTable, MonitorWeight
from ewaldite.spectroscopy.options import (
    MonitorOptions,
    RunFileOptions,
    SpectroscopyOptions,
)
from ewaldite.spectroscopy.plain_table import is_plain
from ewaldite.spectroscopy.raw_run import open_raw_run
from ewaldite.spectroscopy.resolve import resolve_plain

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
    options: SpectroscopyOptions,
    run: RunFileOptions,
    base: Path,
    efficiency: Efficiency | None = None,
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
    efficiency:
        Of the pixels, from vanadium; None for 1.

    Yields
    ------
    :
        The file.

    Raises
    ------
    UserError
        If the file cannot be read or lacks something, options do not fit, or the efficiency
        is that of another instrument.
    """
    path = base / run.file
    if is_plain(path):
        plain = resolve_plain(options, run, base)
        backend = _backend(plain.converter, efficiency, path.name, plain.notes)
        table = EventTable(plain.converter, backend)
        yield EventInput(table, plain.blocks(table), plain.total, plain.notes, lambda: None)
        return
    with open_raw_run(options, run, base) as opened:
        raw, converter = opened.raw, opened.converter
        backend = _backend(converter, efficiency, path.name, raw.notes)
        weight = monitor_weight(options.monitor, raw, converter)
        table = EventTable(converter, backend, weight)
        blocks = (table.block(one) for one in opened.converted(BLOCK))
        yield EventInput(table, blocks, opened.size, raw.notes, opened.prepare)


def _backend(
    converter: Converter, efficiency: Efficiency | None, name: str, notes: list[str]
) -> Backend | None:
    """N_b of the pixels of an instrument, with notes."""
    if efficiency is None:
        return None
    notes += efficiency.check(converter.instrument, name)
    return efficiency.backend.of(converter.instrument.detector_number)


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
