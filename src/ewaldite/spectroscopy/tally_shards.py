"""What became of the events of runs, shard by shard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ewaldite.run.plan import Need
from ewaldite.run.telling import tell
from ewaldite.spectroscopy.cell_mask import cell_names
from ewaldite.spectroscopy.decoded_events import decoded_events
from ewaldite.spectroscopy.event_decoder import Buffers
from ewaldite.spectroscopy.event_ranges import EventShard, OverEvents
from ewaldite.spectroscopy.event_tally import EventTally
from ewaldite.spectroscopy.reduce_events import SLAB
from ewaldite.spectroscopy.run_input import RunInput
from ewaldite.spectroscopy.step_needs import Workload, tally_need

#: Tallies by the number of the run.
Tallies = dict[int, EventTally]

_FIELDS = ("pixels", "masks", "nowhere")


def save_tallies(tallies: Tallies, path: Path) -> None:
    """Write tallies to an NPZ file."""
    arrays: dict[str, Any] = {
        f"{run}/{name}": getattr(tally, name)
        for run, tally in tallies.items()
        for name in _FIELDS
    }
    with path.open("wb") as stream:
        np.savez(stream, **arrays)


def load_tallies(path: Path) -> Tallies:
    """Read what :func:`save_tallies` wrote."""
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        runs = dict.fromkeys(int(key.split("/")[0]) for key in content.files)
        return {
            n: EventTally(
                content[f"{n}/pixels"], content[f"{n}/masks"], int(content[f"{n}/nowhere"])
            )
            for n in runs
        }


@dataclass(frozen=True)
class TallyEvents(OverEvents[Tallies]):
    """The reduction of events to tallies of the runs. Plain data."""

    def need(self, work: Workload) -> Need:
        """Predicted memory."""
        return tally_need(len(self.sizes), work)

    def reduce_shard(self, shard: EventShard) -> Tallies:
        """Count the events of a shard."""
        return {shard.run: tally_run(self.run_of(shard), shard.first, shard.stop)}

    def add(self, total: Tallies, more: Tallies) -> Tallies:
        """Add the tallies of two shards."""
        for run, tally in more.items():
            total[run] = total[run] + tally if run in total else tally
        return total


def tally_run(run: RunInput, first: int, stop: int) -> EventTally:
    """Count events of a run by pixel and mask.

    Masks of cells are those of the event itself: a cut leaves out the events of a masked cell,
    which at the border of a region are not quite the same.

    Parameters
    ----------
    run:
        The run, opened.
    first, stop:
        First event, and the one after the last.
    """
    if cell_names(run.converter):
        return _tally_converted(run, first, stop)
    instrument = run.converter.instrument
    rows, known = len(instrument), instrument.row_by_number
    room = Buffers.of(SLAB)
    seen, kept = np.zeros(known.size, np.int64), np.zeros(rows, np.int64)
    for slab, events in decoded_events(run, first, stop, room=room):
        inside = slab.number[(slab.number >= 0) & (slab.number < known.size)]
        seen += np.bincount(inside, minlength=known.size)
        kept += np.bincount(events.row, minlength=rows)
        tell(len(slab))
    tally = EventTally.of(rows)
    whole = np.zeros(rows, np.int64)
    whole[known[known >= 0]] = seen[known >= 0]
    tally.pixels[:, 0], tally.pixels[:, 1] = kept, whole - kept
    names = len(run.converter.bits.names)
    tally.masks[:names] = room.masked[:names]
    tally.nowhere = stop - first - int(whole.sum())
    return tally


def _tally_converted(run: RunInput, first: int, stop: int) -> EventTally:
    """Tally events with the masks that need their energy, and maybe hkl, too."""
    tally = EventTally.of(len(run.converter.instrument))
    # a converted event is twice as large as a decoded one
    for events in run.converted(SLAB // 2, full=False, first=first, stop=stop):
        tally.add(events.row, events.flags)
        tell(len(events))
    return tally
