"""Step: events of a file, or of a piece of one, into the bins of all cuts at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.event_decode import find_angles, find_steps
from ewaldite.spectroscopy.converter import UNKNOWN
from ewaldite.spectroscopy.cut_events import EventCounts, EventSums
from ewaldite.spectroscopy.event_decoder import Buffers, Decoded, EventDecoder
from ewaldite.spectroscopy.run_input import RunInput
from ewaldite.spectroscopy.steps import Steps

#: Events of a slab: 1 MB as stored, 5 MB with all that is worked out of them.
SLAB = 1 << 17
#: Bytes of counts beyond which threads of one cut share them.
_COPIES = 256_000_000

Span = tuple[int, int]


@dataclass(frozen=True)
class CutRun:
    """What the events of one run need to find their bins in one cut; plain and picklable.

    Attributes
    ----------
    sums:
        The cut, with pixels and steps of all runs.
    steps:
        Of this run.
    first:
        Number of the first one among all.
    moving:
        Whether events have their own angles, since some step of some run turns.
    """

    sums: EventSums
    steps: Steps
    first: int
    moving: bool

    def bin(self, events: Decoded, room: Buffers, run: RunInput, into: EventCounts) -> None:
        """Add events of a slab."""
        n = len(events)
        step = room.step[:n]
        find_steps(events.time, self.steps.start, self.steps.end, self.first, step)
        angles = None
        if self.moving:
            angles = room.a3[:n], room.a4[:n]
            for log, angle in zip(run.converter.logs, angles, strict=True):
                find_angles(events.time, log, angle)
        self.sums.bin(events.row, events.k_i, step, into, angles)


def reduce_events(
    run: RunInput,
    cuts: Sequence[CutRun],
    span: Span | None = None,
    *,
    threads: int = 1,
    told: Callable[[int], None] | None = None,
) -> list[EventCounts]:
    """Sum events of a run for all cuts, reading them once.

    Counts are whole numbers, so the result is the same for any number of threads and for any
    pieces that it is the sum of.

    Parameters
    ----------
    run:
        The open run.
    cuts:
        The cuts.
    span:
        First event, and the one after the last, counted in the order of the file; all if None.
    threads:
        At work at once.
    told:
        Is told how many events are done.

    Returns
    -------
    :
        Counts of each cut.

    Raises
    ------
    UserError
        If an event is of no pixel, and such are not to be masked.
    """
    work = _Work(run, cuts, span or (0, run.size), threads, told)
    with ThreadPoolExecutor(threads) as pool:
        masked = list(pool.map(lambda _: work.run_all(), range(threads)))
    decoder = work.decoder
    masks = decoder.mask_counts(np.sum(masked, axis=0), work.span[1] - work.span[0])
    out = []
    for copies in work.copies:
        total = copies[0].counts
        for other in copies[1:]:
            total.add(other.counts)
        total.masks.plus(masks)
        out.append(total)
    return out


@dataclass(frozen=True)
class _Copy:
    """Counts that one thread at a time adds to."""

    counts: EventCounts
    lock: threading.Lock


class _Work:
    """Slabs that several threads take one after the other."""

    def __init__(
        self,
        run: RunInput,
        cuts: Sequence[CutRun],
        span: Span,
        threads: int,
        told: Callable[[int], None] | None,
    ) -> None:
        self.run, self.cuts, self.span, self.told = run, cuts, span, told
        self.decoder = EventDecoder(run.converter)
        self.pieces = pieces([s.size for s in run.raw.sources], span)
        self.lock = threading.Lock()
        self.copies = []
        for cut in cuts:
            one = EventCounts.nothing(cut.sums.grid.size)
            number = int(np.clip(_COPIES // max(one.counts.nbytes, 1), 1, threads))
            more = [EventCounts.nothing(cut.sums.grid.size) for _ in range(number - 1)]
            self.copies.append([_Copy(c, threading.Lock()) for c in (one, *more)])
        self.unknown = run.converter.bits.names.index(UNKNOWN)
        self.workers = 0

    def run_all(self) -> NDArray[np.int64]:
        """Work until there is nothing left, and return the counters of masks."""
        with self.lock:
            mine, self.workers = self.workers, self.workers + 1
        room = Buffers.of(SLAB)
        while True:
            with self.lock:
                piece = next(self.pieces, None)
            if piece is None:
                return room.masked
            self._reduce(*piece, room, mine)

    def _reduce(self, number: int, start: int, stop: int, room: Buffers, mine: int) -> None:
        source = self.run.raw.sources[number]
        slab = source.slab(start, stop)
        flags = self.run.pulse_flags(source)
        unknown = room.masked[self.unknown]
        events = self.decoder.decode(slab, source.pulse_time, flags, room)
        if room.masked[self.unknown] > unknown and not self.run.unknown:
            raise self.run.unknown_pixel(source, slab)
        for cut, copies in zip(self.cuts, self.copies, strict=True):
            copy = copies[mine % len(copies)]
            with copy.lock:
                cut.bin(events, room, self.run, copy.counts)
        if self.told is not None:
            with self.lock:
                self.told(len(slab))


def pieces(sizes: Sequence[int], span: Span) -> Iterator[tuple[int, int, int]]:
    """Cut a span of events into slabs.

    Parameters
    ----------
    sizes:
        Events of each source.
    span:
        First event, and the one after the last, of all sources one after the other.

    Yields
    ------
    :
        Source, first event in it, and the one after the last.
    """
    before = 0
    for number, size in enumerate(sizes):
        first, last = max(span[0] - before, 0), min(span[1] - before, size)
        for start in range(first, last, SLAB):
            yield number, start, min(start + SLAB, last)
        before += size
