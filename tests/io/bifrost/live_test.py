"""Files that are read while another process writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.io.bifrost.events import EventSource, event_group
from ewaldite.io.bifrost.raw_file import open_bifrost
from spectroscopy.live_writer import writer
from spectroscopy.raw_files import Raw, write

EVENTS = {
    (4, 0): [(401 + n, 1_000_000 * n, 2 * n) for n in range(10)],
    (4, 1): [(3101 + n, 1_000_000 * n, 3 * n) for n in range(8)],
    (4, 2): [],
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    monitor = [(1000 * n, n) for n in range(60)]
    return write(tmp_path / "raw.nxs", Raw(EVENTS, monitor_events=monitor, frames=30))


def test_reads_complete_pulses_of_a_file_that_grows(source: Path, tmp_path: Path) -> None:
    live = tmp_path / "live.nxs"
    with writer(source, live) as growing:
        growing.write("event_time_zero=9 event_index=9 event_id=4 event_time_offset=4")
        with open_bifrost(live) as raw:
            # the monitor has counted in four pulses
            assert [s.pulse_time.size for s in raw.sources] == [4, 4, 4]
            assert raw.monitor("normalization_monitor").counts.sum() == 4
        monitor = "normalization_monitor/data/event"
        growing.write(f"{monitor}_id=9 {monitor}_time_offset=9")
        with open_bifrost(live) as raw:
            assert raw.live
            first, second, dead = raw.sources
            # pulse 8 has begun, and may still get events
            assert first.pulse_time.size == 8
            assert first.size == 4
            assert second.size == 3
            assert dead.size == 0
            assert second.pulse_time.size == 8
            assert raw.until == pytest.approx(7 / 14)
            assert "still being written; read up to pulse 8, 0.5 s" in raw.notes[0]
            assert raw.monitor("normalization_monitor").counts.sum() == 8
        growing.write("event_time_zero=99 event_index=99 event_id=99 event_time_offset=99")
        with open_bifrost(live) as raw:
            assert [s.size for s in raw.sources] == [10, 8, 0]
            # the last pulse may still grow
            assert raw.until == pytest.approx(28 / 14)
            (slab,) = raw.sources[0].slabs()
            np.testing.assert_array_equal(slab.pulse_of_event(), 2 * np.arange(10))
    with open_bifrost(live) as raw:
        assert not raw.live
        assert raw.until == np.inf
        assert raw.sources[0].pulse_time.size == 30


def test_pulses_of_one_exposure(source: Path, tmp_path: Path) -> None:
    """A triplet that was flushed later must not count longer than the others."""
    live = tmp_path / "live.nxs"
    with writer(source, live) as growing:
        growing.write("event_time_zero=99 event_index=99 event_id=99 event_time_offset=99")
        growing.write("channel_5_2_triplet/data/event_index=8")
        with open_bifrost(live) as raw:
            assert [s.pulse_time.size for s in raw.sources] == [7, 7, 7]
            assert [s.size for s in raw.sources] == [4, 3, 0]


def test_other_writers_are_refused(source: Path, tmp_path: Path) -> None:
    live = tmp_path / "live.nxs"
    with writer(source, live, "no") as growing:
        growing.write("event_id=1")
        with pytest.raises(UserError, match="still being written"), open_bifrost(live):
            pass


def test_nothing_yet(source: Path, tmp_path: Path) -> None:
    live = tmp_path / "live.nxs"
    with writer(source, live) as growing:
        growing.write("event_time_zero=2")
        with open_bifrost(live) as raw, pytest.raises(UserError, match="counted anything"):
            assert raw.sources


def test_until_keeps_what_is_before(source: Path) -> None:
    with open_bifrost(source) as raw:
        group = event_group(raw.instrument["channel_5_1_triplet"])
        assert group is not None
        whole = EventSource.of(group, raw.reference)
        part = whole.until(5.5 / 14)
        assert (part.size, part.pulse_time.size) == (3, 6)
        assert sum(len(slab) for slab in part.slabs(2)) == 3
        assert whole.until(99.0) is whole


def test_a_limit_holds_whatever_was_written_since(source: Path) -> None:
    with open_bifrost(source, limit=6.5 / 14) as raw:
        assert not raw.live
        assert raw.until == 6.5 / 14
        assert [s.size for s in raw.sources] == [4, 3, 0]
        assert raw.monitor("normalization_monitor").counts.sum() == 7
        assert raw.notes[0] == "read up to pulse 7, 0.4 s after its first one"
