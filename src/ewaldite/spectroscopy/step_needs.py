"""Memory that each step of a run needs, as a function of sizes.

The bytes of a bin or an event were counted in the code and measured step by step.
"""

from __future__ import annotations

from dataclasses import dataclass

from ewaldite.kernels.coverage import COLUMNS, ERRORS
from ewaldite.kernels.cut_events import EVENT_COLUMNS
from ewaldite.run.first_use import compiler_bytes
from ewaldite.run.memory import current_rss
from ewaldite.run.plan import Need
from ewaldite.run.tree import held_sums
from ewaldite.spectroscopy.coverage_work import TERMS
from ewaldite.spectroscopy.reduce_events import SLAB

#: The program with its compiled loops, bytes.
PROGRAM = 285_000_000
#: Parts of a constant background.
PARTS = 8
#: Of an open run: its pixels, logs and pulses.
RUN = 15_000_000
# Of an event of a slab: number and time as read, pixel, step, wavenumber, time, weight,
# reason, two angles
_EVENT = 8 + 4 + 4 + 8 + 8 + 8 + 1 + 16
_PIXELS = 13_500
_TERM = 24
# Of an entry of a sparse matrix
_ENTRY = 12
# Pixels, or readings of the monitor, that a bin is made of: a few hundred
_TERMS_OF_BIN = 600
# Groups of pixels that share errors: final energies of all arcs, in steps of 0.03 meV
GROUPS = 20
# While the errors of the vanadium's flux go through
_VANADIUM = 40_000_000
# Of a bin, and of one with a group: estimates with their errors, as they are made and written
_BIN, _GROUP_BIN = 450, 16
# Of an event of an empty run: kept; while it is read and sorted; turned
_KEPT, _EMPTY, _TURNED = 12, 44, 60


@dataclass(frozen=True)
class Workload:
    """What the memory of a reduction depends on.

    Attributes
    ----------
    shards:
        Their number.
    workers:
        Most that are at work at once.
    """

    shards: int
    workers: int


def program_bytes() -> int:
    """Of the program, as it is or will be."""
    return max(current_rss(), PROGRAM + compiler_bytes())


def event_need(bins: int, work: Workload) -> Need:
    """Events of a cut of so many bins."""
    return _summed(bins * EVENT_COLUMNS * 8, SLAB * _EVENT, work)


def tally_need(runs: int, work: Workload) -> Need:
    """Tallies of so many runs."""
    one = 4 * 8 * _PIXELS
    return _summed(one, 2 * one + SLAB * _EVENT, work, base=runs * one)


def coverage_need(bins: int, groups: int, work: Workload) -> Need:
    """Coverage of a cut, whose pixels share errors in so many groups.

    What is held in the end, or before it: the terms of the factors as they were found and as
    a sparse matrix; by group, the coverage as it was summed and as it is kept.
    """
    terms = min(TERMS, bins * _TERMS_OF_BIN) * _TERM
    share = 2 * terms // max(work.shards, 1)
    part = bins * (COLUMNS + 1) * 8
    whole = bins * (COLUMNS + 2 * groups * ERRORS) * 8 + 3 * terms
    making = bins * (COLUMNS + 1) * 8 + share
    need = _summed(part, making, work)
    ending = program_bytes() + whole
    return Need(base=max(need.base, ending), worker=making, result=part)


def background_need(bins: int, events: int, largest: int, work: Workload) -> Need:
    """Turned background of a cut.

    Parameters
    ----------
    bins:
        Of the cut.
    events:
        Of the empty run.
    largest:
        Most events of a shard.
    work:
        Shards and workers.
    """
    held = events * _KEPT
    return _summed(bins * 3 * 8, bins * 6 * 8 + largest * _TURNED, work, base=held)


def time_background_need(bins: int, groups: int, work: Workload, empty: int = 0) -> Need:
    """Constant background of a cut with levels of so many groups.

    A worker has the columns of its groups, as they are made and joined; in the end all are held
    twice. With an empty run of so many events there are two columns of each.
    """
    parts = max(work.shards, 1)
    found = bins * -(-groups // parts) * _ENTRY * (2 if empty else 1)
    kept = min(found, max(TERMS // parts, bins) * _ENTRY)
    making = bins * (COLUMNS + 4) * 8 + 3 * found
    need = _summed(bins * 8 + kept, making, work, base=empty * _KEPT)
    ending = program_bytes() + empty * _KEPT + bins * 8 + 2 * parts * kept
    return Need(base=max(need.base, ending), worker=making, result=need.result)


def root_bytes(bins: int, groups: int) -> int:
    """Of the errors of a constant background, while a cut is finished with them."""
    return 4 * min(bins * groups, max(TERMS, PARTS * bins)) * _ENTRY


def _summed(one: int, making: int, work: Workload, base: int = 0) -> Need:
    """Sums of shards that wait for one another; see :func:`~ewaldite.run.tree.held_sums`."""
    waiting = max(held_sums(work.shards, work.workers) - work.workers - 1, 0)
    return Need(base=program_bytes() + base + waiting * one, worker=making, result=one)


def held_bytes(step: str, *, runs: int, bins: int, cells: int, empty: int) -> int:
    """Memory besides the program of a step that works on one thing at a time.

    Parameters
    ----------
    step:
        ``vanadium``, ``background``, ``exposure NAME``, or ``cut NAME``.
    runs:
        That are open.
    bins:
        Of the cut.
    cells:
        That may be masked: steps · pixels · intervals.
    empty:
        Events of the empty run.
    """
    what = step.partition(" ")[0]
    if what == "vanadium":
        return 2 * RUN + _VANADIUM
    if what == "exposure":
        return runs * RUN + cells // 4
    if what == "background":
        return RUN + empty * _EMPTY
    return bins * (_BIN + _GROUP_BIN * GROUPS) + 2 * min(TERMS, bins * _TERMS_OF_BIN) * 16
