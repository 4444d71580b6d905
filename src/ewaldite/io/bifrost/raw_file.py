"""A raw file of BIFROST as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ewaldite.errors import UserError
from ewaldite.geometry.triplet import Triplet, numbers_agree
from ewaldite.io.bifrost.access import children, need, open_raw
from ewaldite.io.bifrost.angles import read_angle, sample_table
from ewaldite.io.bifrost.components import (
    Entries,
    RawChopper,
    read_charge,
    read_choppers,
    read_source,
)
from ewaldite.io.bifrost.event_sources import (
    extent,
    frames_of_triplets,
    last_common,
    silent,
    triplet_sources,
)
from ewaldite.io.bifrost.events import EventSource
from ewaldite.io.bifrost.monitors import RawMonitor, monitor_groups, read_monitor
from ewaldite.io.bifrost.transformations import Step, tank_of
from ewaldite.io.bifrost.triplets import read_triplet, triplet_groups
from ewaldite.model.experiment import FloatArray
from ewaldite.model.time_log import LONGEST_GAP, TimeLog

#: Of the ESS, s.
PULSE_PERIOD = 1.0 / 14.0


@dataclass
class RawFile:
    """An open raw file.

    It takes from the first NXentry: the NXinstrument with all NXdetector of triplets and their
    NXcrystal, NXmoderator, NXdisk_chopper, NXmonitor, the transformations that place them;
    the angle of the sample table from ``instrument/*sample_stack*/rotation_stage``,
    ``instrument/sample_rotation`` or ``parameters/a3``, that of the tank from the chain of the
    triplets; and the proton charge. What :mod:`ewaldite.io.bifrost.triplets`, ``components``,
    ``monitors`` and ``events`` take from each is said there.

    Attributes
    ----------
    path:
        The file.
    entry:
        Its entry.
    longest_gap:
        Entries of the logs of angles further apart are not joined by a line; s.
    limit:
        Pulses that begin later are left out, s from the first one; infinite for none.
    notes:
        What a user should know of it; grows while it is read.
    """

    path: Path
    entry: h5py.Group
    longest_gap: float = LONGEST_GAP
    limit: float = np.inf
    notes: list[str] = field(default_factory=list)

    @cached_property
    def instrument(self) -> h5py.Group:
        """The NXinstrument."""
        found = children(self.entry, "NXinstrument")
        return next(iter(found.values())) if found else need(self.entry, "instrument")

    @cached_property
    def _read(self) -> list[tuple[Triplet, list[Step]]]:
        groups = triplet_groups(self.instrument)
        return [read_triplet(group) for group in groups.values()]

    @cached_property
    def triplets(self) -> tuple[Triplet, ...]:
        """Triplets in file order, the tank at angle zero."""
        triplets = tuple(triplet for triplet, _ in self._read)
        odd = [t.name for t in triplets if not numbers_agree(t)]
        if odd:
            self.notes.append(
                f"detector numbers of {', '.join(odd)} are not those of BIFROST's numbering; "
                "those of the file are used"
            )
        return triplets

    @cached_property
    def sources(self) -> tuple[EventSource, ...]:
        """Events of the triplets, in the order of :attr:`triplets`.

        Raises
        ------
        UserError
            If no triplet has an event.
        """
        found = self._cut(triplet_sources(self.instrument, self.reference, self.notes))
        if not any(source.size for source in found):
            raise UserError(
                f"read the events of {self.path}",
                "no triplet has counted anything",
                "See whether the shutter was open; there is nothing to convert.",
            )
        self.notes += silent(found)
        return tuple(found)

    @property
    def live(self) -> bool:
        """Whether the file is still being written."""
        return bool(self.entry.file.swmr_mode)

    @cached_property
    def until(self) -> float:
        """Last pulse that takes part, s from the reference; infinite where all do."""
        if np.isfinite(self.limit) or not self.live:
            return self.limit
        assert self.sources
        return max(float(s.pulse_time[-1]) for s in self.sources if s.size)

    def _cut(self, sources: list[EventSource]) -> list[EventSource]:
        """Of a file that grows, pulses that all that counted have: one exposure."""
        counted = [s for s in sources if s.size]
        if not counted or not (self.live or np.isfinite(self.limit)):
            return sources
        last = self.limit
        if not np.isfinite(last):
            last = last_common(counted, self.instrument, self.reference)
        cut = [s.until(last) for s in sources]
        said = extent(cut)
        self.notes.append(f"the file is still being written; {said}" if self.live else said)
        return cut

    @cached_property
    def reference(self) -> int:
        """Zero of all times: the first frame of any triplet, ns since 1970."""
        return self._frames[0]

    @cached_property
    def _frames(self) -> tuple[int, int | None]:
        return frames_of_triplets(self.instrument)

    @cached_property
    def source(self) -> FloatArray:
        """Position of the source; dims (xyz), m."""
        return read_source(self.instrument)

    @cached_property
    def primary_length(self) -> float:
        """From the source to the sample, m."""
        return float(np.linalg.norm(self.source))

    @cached_property
    def choppers(self) -> tuple[RawChopper, ...]:
        """Discs in the order in which neutrons meet them."""
        return read_choppers(self.instrument, self.source)

    @cached_property
    def charge(self) -> Entries | None:
        """Proton charge of every pulse: ns since 1970, µC; None where it is not logged."""
        return read_charge(self.entry)

    def monitor_names(self) -> tuple[str, ...]:
        """Names of the monitors."""
        return tuple(monitor_groups(self.instrument))

    def monitor(self, name: str, *, interval: float = np.inf) -> RawMonitor:
        """Read a monitor; see :func:`~ewaldite.io.bifrost.monitors.read_monitor`.

        Raises
        ------
        UserError
            If there is none of this name, and as there.
        """
        groups = monitor_groups(self.instrument)
        if name not in groups:
            raise UserError(
                f"read the monitor '{name}' of {self.path}",
                f"it has {', '.join(groups) or 'none'}",
                "Give one of them as [monitor] name.",
            )
        return read_monitor(
            groups[name],
            self.source,
            self.reference,
            PULSE_PERIOD,
            interval=interval,
            until=self.until,
        )

    def a3(self, place: str | None = None) -> TimeLog:
        """Angle of the sample table.

        Parameters
        ----------
        place:
            Path of the log in the entry, None for the usual ones.

        Raises
        ------
        UserError
            If it is not there, or is no proper log in degrees.
        """
        node = sample_table(self.entry, self.instrument, place)
        if node is None:
            raise UserError(
                f"find the angle of the sample table, a3, in {self.path}",
                "there is no log of it"
                if place is None
                else f"it has no '{place}' in {self.entry.name}",
                "Give [[run]] a3, as in '12.5 deg', or the path of its log in the entry.",
            )
        return self._angle(node)

    def a4(self) -> TimeLog:
        """Angle of the tank, from the transformation that turns the triplets.

        Raises
        ------
        UserError
            If no transformation of a triplet is the tank's, two triplets name different ones,
            or it is no proper log in degrees.
        """
        tanks = {str(t[0].node.name): t for _, s in self._read if (t := tank_of(s))}
        if len(tanks) != 1:
            raise UserError(
                f"find the angle of the detector tank, a4, in {self.path}",
                "no transformation of a triplet has 'tank' in its name"
                if not tanks
                else f"triplets are turned by {sorted(tanks)}",
                "Give [[run]] a4, as in '50 deg'.",
            )
        tank, sign = next(iter(tanks.values()))
        log = self._angle(tank.node)
        if sign < 0:
            log = TimeLog(log.time, -log.value, log.longest_gap)
            self.notes.append("the tank's axis points down: the sign of a4 is changed")
        return log

    def _angle(self, node: Any) -> TimeLog:
        log = read_angle(node, self.reference, self.longest_gap, self.notes)
        first, last = self._frames
        late = float(log.time[0]) - (last - first) * 1e-9 if last is not None else 0.0
        if late > 0.0:
            self.notes.append(
                f"the log {node.name} begins {late:,.0f} s after the last event: its "
                "first value is taken for the whole run"
            )
        return log


@contextmanager
def open_bifrost(
    path: Path, longest_gap: float = LONGEST_GAP, limit: float = np.inf
) -> Iterator[RawFile]:
    """Open a raw file of BIFROST.

    Parameters
    ----------
    path:
        The file.
    longest_gap:
        Entries of the logs of angles further apart are not joined by a line; s.
    limit:
        Pulses that begin later are left out, s from the first one.

    Yields
    ------
    :
        The file.

    Raises
    ------
    UserError
        If it cannot be read or holds no NXentry.
    """
    with open_raw(path) as file:
        entries = children(file, "NXentry")
        if not entries:
            raise UserError(
                f"read {path}", "it holds no NXentry", "Give a NeXus file of BIFROST."
            )
        yield RawFile(Path(path), next(iter(entries.values())), longest_gap, limit)
