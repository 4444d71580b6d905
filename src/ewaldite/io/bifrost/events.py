"""Events of a detector or monitor, slab by slab."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.io.bifrost.access import conversion, instants, need, nexus_class, where
from ewaldite.model.experiment import FloatArray, IntArray

#: Events of a slab: some MB, so that reading is fast and memory small.
SLAB = 250_000
_EVENT_FIELDS = {"event_id", "event_time_offset", "event_time_zero", "event_index"}


@dataclass(frozen=True)
class EventSlab:
    """Consecutive events.

    Attributes
    ----------
    start:
        Number of the first one in its source.
    number:
        Detector number; dims (event), any integer type; empty for a monitor.
    offset:
        Time from the beginning of the pulse's frame; dims (event), in units of ``scale``.
    scale:
        s.
    first_pulse:
        Row of the pulse of the first event.
    index:
        Number (from ``start``) of the first event of each pulse from ``first_pulse`` on, and
        where the last one ends; dims (pulse + 1), int64.
    """

    start: int
    number: NDArray[Any]
    offset: NDArray[Any]
    scale: float
    first_pulse: int
    index: IntArray

    def __len__(self) -> int:
        return int(self.offset.size)

    def pulse_of_event(self) -> IntArray:
        """Row of the pulse of each event; dims (event), int64."""
        found = np.searchsorted(self.index, np.arange(len(self)), side="right") - 1
        return np.asarray(self.first_pulse + found, dtype=np.int64)


@dataclass(frozen=True)
class EventSource:
    """Events of one NXevent_data, that are read when they are wanted.

    Attributes
    ----------
    name:
        Of the group of the detector.
    size:
        Number of events.
    pulse_time:
        Beginning of each frame from the reference; dims (pulse), s, float64.
    index:
        Number of the first event of each pulse; dims (pulse), int64.
    number, offset:
        Datasets; ``number`` is None where there is none.
    scale:
        Unit of ``offset``, s.
    """

    name: str
    size: int
    pulse_time: FloatArray
    index: IntArray
    number: Any
    offset: Any
    scale: float

    @classmethod
    def of(
        cls, group: h5py.Group, reference: int, like: EventSource | None = None
    ) -> EventSource:
        """Look at an NXevent_data.

        Taken from it: ``event_id`` (not for monitors), ``event_time_offset``,
        ``event_time_zero``, ``event_index``. A file that is still growing may have unequal
        lengths: what all of them have is taken; of a file that is open while it is written,
        pulses up to the last one that is complete: the next one has begun.

        Parameters
        ----------
        group:
            The NXevent_data.
        reference:
            Zero of times, ns since 1970.
        like:
            A source that may have the same frames: their times are kept once.

        Raises
        ------
        UserError
            If a dataset is missing, has a wrong unit, or the index or the times of the pulses
            do not ascend.
        """
        offset = need(group, "event_time_offset")
        number = group.get("event_id")
        size = len(offset) if number is None else min(len(offset), len(number))
        time = np.atleast_1d(instants(need(group, "event_time_zero")))
        index = np.atleast_1d(np.asarray(need(group, "event_index")[()])).astype(np.int64)
        if size and (not index.size or index[0] > 0 or np.any(np.diff(index) < 0)):
            raise UserError(
                f"read the events {where(group)}",
                "event_index does not ascend from 0",
                "The file is damaged; copy it again from where it is whole.",
            )
        late = np.flatnonzero(np.diff(time) < 0)
        if late.size and group.file.swmr_mode:
            time = time[: late[0] + 1]  # what is to come is zero until it is written
        elif late.size:
            raise UserError(
                f"read the events {where(group)}",
                f"event_time_zero decreases after pulse {late[0] + 1} of {time.size}",
                "The file is damaged; copy it again from where it is whole.",
            )
        pulses = min(time.size, index.size)
        if group.file.swmr_mode:
            pulses = min(pulses, max(int(np.searchsorted(index, size, side="right")) - 1, 0))
        if pulses < index.size and size > index[pulses]:
            size = int(index[pulses])
        begins = np.asarray((time[:pulses] - reference) * 1e-9, dtype=np.float64)
        if like is not None and np.array_equal(like.pulse_time, begins):
            begins = like.pulse_time
        return cls(
            name=group.parent.name.rsplit("/", 1)[1],
            size=size if pulses else 0,
            pulse_time=begins,
            index=np.minimum(index[:pulses], size),
            number=number,
            offset=offset,
            scale=conversion(offset, "s"),
        )

    def until(self, time: float) -> EventSource:
        """Leave out pulses that begin after a time, s from the reference."""
        pulses = int(np.searchsorted(self.pulse_time, time, side="right"))
        if pulses == self.pulse_time.size:
            return self
        return replace(
            self,
            size=int(self.index[pulses]),
            pulse_time=self.pulse_time[:pulses],
            index=self.index[:pulses],
        )

    def slabs(
        self, rows: int = SLAB, first: int = 0, end: int | None = None
    ) -> Iterator[EventSlab]:
        """Events in order.

        Parameters
        ----------
        rows:
            Most events of a slab.
        first, end:
            First event, and the one after the last; all if None.

        Yields
        ------
        :
            Slabs; none for a source without events.
        """
        whole = self.size if end is None else min(end, self.size)
        for start in range(first, whole, rows):
            yield self.slab(start, min(start + rows, whole))

    def slab(self, start: int, stop: int) -> EventSlab:
        """Events from one number to before another, at least one.

        Raises
        ------
        UserError
            If one comes before its pulse, or its time is no number.
        """
        # Of pulses without events before the first event the last one holds it
        first = int(np.searchsorted(self.index, start, side="right")) - 1
        last = int(np.searchsorted(self.index, stop, side="left"))
        bounds = self.index[first : last + 1]
        if last == self.index.size:
            bounds = np.append(bounds, self.size)
        empty = np.zeros(0, dtype=np.int32)
        offset = read_rows(self.offset, start, stop)
        if not offset.min() >= 0:
            bad = int(np.argmax(~(offset >= 0)))
            raise UserError(
                f"read the events of {self.name} in {self.offset.file.filename}",
                f"event {start + bad + 1} has the time {offset[bad]} after its pulse "
                "(event_time_offset)",
                "The file is damaged; copy it again from where it is whole.",
            )
        return EventSlab(
            start=start,
            number=empty if self.number is None else read_rows(self.number, start, stop),
            offset=offset,
            scale=self.scale,
            first_pulse=first,
            index=np.clip(bounds - start, 0, stop - start),
        )


def event_group(group: h5py.Group) -> h5py.Group | None:
    """Find where the events of a detector or monitor are.

    Returns
    -------
    :
        The first NXevent_data in it that holds something, or the group itself if it has the
        events; None if neither.
    """
    found = [node for node in group.values() if nexus_class(node) == "NXevent_data"]
    for node in (*found, group):
        if _EVENT_FIELDS & set(node):
            return node
    return None


def read_rows(dataset: h5py.Dataset, start: int, stop: int) -> NDArray[Any]:
    """Read rows of a dataset; those of a plain one straight from the file.

    HDF5 copies a contiguous dataset twice; reading the bytes at its address does not.

    Parameters
    ----------
    dataset:
        dims (event).
    start, stop:
        First row, and the one after the last.

    Returns
    -------
    :
        dims (event), dtype as stored.
    """
    address: int | None = dataset.id.get_offset() if dataset.chunks is None else None
    plain = dataset.file.driver == "sec2" and dataset.dtype.isnative and not dataset.external
    if address is None or not plain:
        return np.asarray(dataset[start:stop])
    rows = np.empty(stop - start, dtype=dataset.dtype)
    with open(dataset.file.filename, "rb", buffering=0) as file:
        place = address + start * rows.itemsize
        got = os.preadv(file.fileno(), [rows.data], place)
    return rows if got == rows.nbytes else np.asarray(dataset[start:stop])
