"""Events of a run, decoded slab by slab."""

from __future__ import annotations

from collections.abc import Iterator

from ewaldite.io.bifrost.events import EventSlab
from ewaldite.spectroscopy.converter import UNKNOWN
from ewaldite.spectroscopy.event_decoder import Buffers, Decoded, EventDecoder
from ewaldite.spectroscopy.reduce_events import SLAB, pieces
from ewaldite.spectroscopy.run_input import RunInput


def decoded_events(
    run: RunInput, first: int = 0, stop: int | None = None, *, room: Buffers | None = None
) -> Iterator[tuple[EventSlab, Decoded]]:
    """Raw events, and those of them without a mask; masks of cells are left to cuts.

    Parameters
    ----------
    run:
        The run, opened.
    first, stop:
        First event, and the one after the last, in the order of the file; all if None.
    room:
        Where they are decoded to, for :data:`~ewaldite.spectroscopy.reduce_events.SLAB` of
        them; its counters of masks grow.

    Yields
    ------
    :
        A slab; what is decoded holds until the next one.

    Raises
    ------
    UserError
        If an event is of no pixel, and such are not to be masked.
    """
    converter, sources = run.converter, run.raw.sources
    decoder, room = EventDecoder(converter), room or Buffers.of(SLAB)
    unknown = converter.bits.names.index(UNKNOWN)
    span = first, run.size if stop is None else stop
    for number, start, end in pieces([s.size for s in sources], span):
        source = sources[number]
        slab, before = source.slab(start, end), int(room.masked[unknown])
        events = decoder.decode(slab, source.pulse_time, run.pulse_flags(source), room)
        if room.masked[unknown] > before and not run.unknown:
            raise run.unknown_pixel(source, slab)
        yield slab, events
