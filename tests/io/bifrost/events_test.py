from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io.bifrost.events import EventSource, event_group, read_rows
from spectroscopy.raw_files import PERIOD_NS, group, write_events

#: 2026-01-01, from which files count
START_NS = 1_767_225_600 * 10**9

frames = st.lists(st.integers(0, 9), max_size=40)


def source(file: h5py.File, events: list[tuple[int, int, int]], chunked: bool) -> EventSource:
    triplet = group(file, "channel_1_1_triplet", "NXdetector")
    write_events(group(triplet, "data", "NXevent_data"), events, 10, chunked=chunked)
    found = event_group(triplet)
    assert found is not None
    return EventSource.of(found, 0)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(frames, st.integers(1, 50), st.booleans())
def test_slabs_together_are_the_file(
    tmp_path: Path, pulses: list[int], rows: int, chunked: bool
) -> None:
    events = [(n + 1, 1000 * n, pulse) for n, pulse in enumerate(sorted(pulses))]
    path = tmp_path / "events.nxs"
    with h5py.File(path, "w") as file:
        source(file, events, chunked)
        file.flush()
    with h5py.File(path, "r") as file:
        one = EventSource.of(file["channel_1_1_triplet/data"], START_NS - PERIOD_NS)
        slabs = list(one.slabs(rows))
        assert one.size == len(events)
        assert sum(len(slab) for slab in slabs) == len(events)
        assert all(0 < len(slab) <= rows for slab in slabs)
        starts = [slab.start for slab in slabs]
        assert starts == list(range(0, len(events), rows))
        for slab in slabs:
            part = events[slab.start : slab.start + len(slab)]
            np.testing.assert_array_equal(slab.number, [e[0] for e in part])
            np.testing.assert_allclose(slab.offset * slab.scale, [1e-9 * e[1] for e in part])
            np.testing.assert_array_equal(slab.pulse_of_event(), [e[2] for e in part])
            assert slab.index[0] == 0
            assert slab.index[-1] == len(slab)
        np.testing.assert_allclose(one.pulse_time, np.arange(1, 11) * PERIOD_NS * 1e-9)


@pytest.mark.parametrize("dtype", ["<i4", ">i4", "<u4", "<i8", "<f8"])
@pytest.mark.parametrize("chunks", [None, (100,)])
def test_rows_are_read_whatever_the_storage(
    tmp_path: Path, dtype: str, chunks: tuple[int] | None
) -> None:
    values = np.arange(1000).astype(dtype)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset(
            "x", data=values, chunks=chunks, compression="gzip" if chunks else None
        )
    with h5py.File(tmp_path / "x.h5", "r") as file:
        for start, stop in ((0, 1000), (3, 4), (17, 801)):
            np.testing.assert_array_equal(read_rows(file["x"], start, stop), values[start:stop])


def test_pulses_that_go_back_in_time(tmp_path: Path) -> None:
    """Of a finished file they are damage; of a growing one, what is not written yet."""
    events = [(n + 1, 1000 * n, n) for n in range(10)]
    path = tmp_path / "events.nxs"
    with h5py.File(path, "w", libver="latest") as file:
        source(file, events, chunked=True)
        file["channel_1_1_triplet/data/event_time_zero"][6:] = 0
    said = "event_time_zero decreases after pulse 6 of 10"
    with h5py.File(path, "r") as file, pytest.raises(UserError, match=said):
        EventSource.of(file["channel_1_1_triplet/data"], START_NS)
    with h5py.File(path, "r", libver="latest", swmr=True) as file:
        growing = EventSource.of(file["channel_1_1_triplet/data"], START_NS)
        assert growing.size == 6
        assert growing.pulse_time.size == 6
        assert np.all(np.diff(growing.pulse_time) > 0)


def test_events_may_lie_in_the_detector_itself(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        flat = group(file, "flat", "NXdetector")
        write_events(flat, [(1, 5, 0)], 10)
        assert event_group(flat) == flat
        assert event_group(group(file, "none", "NXdetector")) is None
        both = group(file, "both", "NXdetector")
        group(both, "a_log", "NXevent_data")
        write_events(group(both, "z_events", "NXevent_data"), [(1, 5, 0)], 10)
        assert event_group(both) == both["z_events"]
