"""Events of all triplets, and the pulses that they have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose

from ewaldite.errors import UserError
from ewaldite.io.bifrost.event_sources import (
    extent,
    frames_of_triplets,
    last_common,
    silent,
    triplet_sources,
)
from ewaldite.io.bifrost.raw_file import open_bifrost
from spectroscopy.raw_files import PERIOD_NS, Raw, write

EVENTS = {
    (5, 0): [(551, 10_000_000, 3), (552, 20_000_000, 3), (1451, 5, 7)],
    (4, 2): [(5801, 71_000_000, 0)],
    (4, 1): [],
}
NAMES = ["channel_5_2_triplet", "channel_5_3_triplet", "channel_6_1_triplet"]


@pytest.fixture
def instrument(tmp_path: Path) -> Iterator[h5py.Group]:
    path = write(tmp_path / "raw.nxs", Raw(EVENTS, monitor_events=[(5, 2), (9, 6)]))
    with h5py.File(path, "r+") as file:
        yield file["entry/instrument"]


def test_triplets_are_in_file_order_with_their_events(instrument: h5py.Group) -> None:
    notes: list[str] = []
    first, last = frames_of_triplets(instrument)
    found = triplet_sources(instrument, first, notes)
    assert [s.name for s in found] == NAMES
    assert [s.size for s in found] == [0, 1, 3]
    assert notes == []
    assert silent(found) == ["no events in 1 of 3 triplets: channel_5_2_triplet"]
    assert silent(found[1:]) == []
    # all have the same pulses, whose times are kept once
    assert found[2].pulse_time is found[0].pulse_time
    assert last is not None
    assert_allclose((last - first) * 1e-9, found[2].pulse_time[-1])
    # one that begins later and ends earlier says nothing of first and last
    frames = instrument[NAMES[0]]["data/event_time_zero"]
    attributes, times = dict(frames.attrs), frames[5:50]
    del instrument[NAMES[0]]["data/event_time_zero"]
    instrument[NAMES[0]]["data/event_time_zero"] = times
    instrument[NAMES[0]]["data/event_time_zero"].attrs.update(attributes)
    assert frames_of_triplets(instrument) == (first, last)
    assert (
        extent(found)
        == f"read up to pulse 60, {59 * PERIOD_NS * 1e-9:.1f} s after its first one"
    )


def test_a_triplet_without_a_group_of_events(instrument: h5py.Group) -> None:
    for name in NAMES[:2]:
        for child in list(instrument[name]):
            if instrument[name][child].attrs.get("NX_class") == "NXevent_data":
                del instrument[name][child]
    notes: list[str] = []
    found = triplet_sources(instrument, 0, notes)
    assert [s.size for s in found] == [0, 0, 3]
    assert notes == [f"{name} has no events group" for name in NAMES[:2]]
    assert frames_of_triplets(instrument)[1] is not None
    del instrument[NAMES[2]]["data"]
    assert frames_of_triplets(instrument) == (0, None)


def test_many_silent_triplets_are_not_all_named(instrument: h5py.Group) -> None:
    one = triplet_sources(instrument, 0, [])[0]
    assert silent([one] * 6)[0].endswith("channel_5_2_triplet")
    assert silent([one] * 7)[0].startswith("no events in 7 of 7 triplets: ")
    assert silent([one] * 7)[0].endswith(" …")


def test_the_last_pulse_that_all_have(instrument: h5py.Group) -> None:
    first, _ = frames_of_triplets(instrument)
    counted = [s for s in triplet_sources(instrument, first, []) if s.size]
    # monitor too
    whole = last_common(counted, instrument, first)
    short = [counted[0], counted[1].until(5 * PERIOD_NS * 1e-9)]
    assert last_common(short, instrument, first) < whole
    assert_allclose(last_common(short, instrument, first), 5 * PERIOD_NS * 1e-9)


@pytest.mark.parametrize(
    ("limit", "sizes"), [(np.inf, [0, 1, 3]), (0.3, [0, 1, 2]), (0.0, [0, 1, 0])]
)
def test_pulses_after_a_limit_are_left_out(
    tmp_path: Path, limit: float, sizes: list[int]
) -> None:
    path = write(tmp_path / "raw.nxs", Raw(EVENTS))
    with open_bifrost(path, limit=limit) as raw:
        assert [s.size for s in raw.sources] == sizes
        assert raw.until == limit
        said = [n for n in raw.notes if "read up to pulse" in n]
        assert len(said) == np.isfinite(limit)


def test_nothing_before_the_limit_is_no_run(tmp_path: Path) -> None:
    path = write(tmp_path / "raw.nxs", Raw({(5, 0): [(551, 10, 3)]}))
    with (
        open_bifrost(path, limit=0.1) as raw,
        pytest.raises(UserError, match="no triplet has counted anything"),
    ):
        assert raw.sources
