"""The way of events into cuts, against the converter's, and in pieces."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.spectroscopy import reduce_events as module
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_events import EventCounts, EventSums
from ewaldite.spectroscopy.cut_grid import cut_grid
from ewaldite.spectroscopy.event_decoder import Buffers, EventDecoder
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.pixels import Pixels, pixels
from ewaldite.spectroscopy.reduce_events import CutRun, pieces, reduce_events
from ewaldite.spectroscopy.run_input import RunInput, open_run
from spectroscopy.raw_files import PERIOD_NS, Raw, write

RNG = np.random.default_rng(11)
FRAMES = 600
PLACES = [(0, 0), (4, 2), (8, 4), (3, 1)]
HE = Cut(
    name="he", axes=["h", "energy_transfer"],
    bins={"h": (-2, 2, 0.25), "energy_transfer": (-2, 3, 0.25)}, integrate={"l": (-1, 0.3)},
)  # fmt: skip
POWDER = Cut(name="q", axes=["Q"], bins={"Q": (0, 3, 0.1)})


def events(channel: int, arc: int) -> list[tuple[int, int, int]]:
    """Some 1,500 events of a triplet; the last triplet is dead."""
    size = 0 if (channel, arc) == (3, 1) else 1500
    tube, x = RNG.integers(0, 3, size), RNG.integers(0, 100, size)
    number = 2700 * arc + 900 * tube + 100 * channel + x + 1
    time = RNG.integers(0, PERIOD_NS, size)
    frame = np.sort(RNG.integers(0, FRAMES, size))
    return list(zip(number.tolist(), time.tolist(), frame.tolist(), strict=True))


TURNS = {
    # steps, the tank on its way for three seconds
    "steps": (
        [(0.0, 0.0), (14.0, 5.0), (28.0, 10.0)],
        [(0.0, 40.0), (20.0, 40.0), (22.0, 44.0)],
    ),
    "rotation": ([(t / 2, t / 2) for t in range(90)], [(0.0, 40.0)]),
}  # fmt: skip


@pytest.fixture(scope="module", params=list(TURNS))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param)
    a3, a4 = TURNS[request.param]
    charge = [(n / 14, 0.1 if n % 50 == 7 else 10.0) for n in range(FRAMES)]
    found = {place: events(*place) for place in PLACES}
    found[(0, 0)].append((99_999, 5, 3))
    write(path / "raw.nxs", Raw(found, a3=a3, a4=a4, charge=charge, frames=FRAMES,
                                monitor=np.full((1, 500), 1e5)))  # fmt: skip
    return path


OPTIONS: dict[str, Any] = {
    "run": [{"file": "raw.nxs"}],
    "primary": {"emission_time": "1.72 ms", "earliest_at_sample": "143 ms"},
    "sample": {"cell": [5, 5, 5, 90, 90, 90], "u": [1, 0, 0], "v": [0, 0, 1]},
    "mask": {
        "tube_ends": 3, "unknown_pixels": True, "minimum_charge": 0.5,
        "window": [{"name": "prompt", "start": "20 ms", "stop": "23 ms"}],
    },
}  # fmt: skip


@contextmanager
def opened(folder: Path, **more: Any) -> Iterator[RunInput]:
    options = SpectroscopyOptions.model_validate(OPTIONS | more)
    with open_run(options, options.run[0], folder) as run:
        yield run


def pixels_of(run: RunInput) -> Pixels:
    one = run.converter.instrument
    value = np.linspace(0.3, 2.0, len(one)) * run.keep
    size = len(one)
    own = np.zeros(size)
    backend = Backend(one.detector_number, value, own, own.astype(int), np.zeros((1, 0)))
    return pixels(one.direction, one.k_f, one.final_energy, backend)


def cuts_of(run: RunInput) -> list[CutRun]:
    made = []
    for cut in (HE, POWDER):
        grid = cut_grid(cut, run.converter.sample.to_hkl)  # type: ignore[union-attr]
        exposed, steps = run.expose(grid)
        sums = EventSums(grid, pixels_of(run), exposed)
        made.append(CutRun(sums, steps, 0, steps.moving))
    return made


def same(a: EventCounts, b: EventCounts) -> None:
    np.testing.assert_array_equal(a.counts, b.counts)
    np.testing.assert_array_equal(a.tally, b.tally)
    assert a.masks == b.masks


def test_events_are_decoded_as_they_are_converted(folder: Path) -> None:
    with opened(folder) as run:
        decoder, room = EventDecoder(run.converter), Buffers.of(2000)
        converted = list(run.events())
        for source, slow in zip((s for s in run.raw.sources if s.size), converted, strict=True):
            flags = run.converter.pulse_flags(source.pulse_time)
            slab = source.slab(0, source.size)
            fast = decoder.decode(slab, source.pulse_time, flags, room)
            good = slow.flags == 0
            assert 500 < len(fast) < source.size
            np.testing.assert_array_equal(fast.row, slow.row[good])
            np.testing.assert_array_equal(fast.k_i, slow.k_i[good])
            np.testing.assert_array_equal(fast.time, slow.time[good])
        bits = run.converter.bits
        total = decoder.mask_counts(room.masked, run.size)
        flags_of_all = np.concatenate([c.flags for c in converted])
        assert total.rejected == np.count_nonzero(flags_of_all)
        expected = {n: int(bits.of(flags_of_all, n).sum()) for n in bits.names}
        assert total.counts == {n: c for n, c in expected.items() if c}
        assert {"tube_end", "unknown_pixel"} < set(total.counts)


def test_cuts_are_those_of_converted_events(folder: Path) -> None:
    with opened(folder) as run:
        cuts = cuts_of(run)
        made = reduce_events(run, cuts)
        for cut, counts in zip(cuts, made, strict=True):
            slow = EventSums(cut.sums.grid, cut.sums.pixel, cut.sums.exposed)
            for slab in run.events():
                good = slab.flags == 0
                angles = {"a3": slab.a3[good], "a4": slab.a4[good]} if cut.moving else {}
                step = cut.steps.at(slab.time[good])
                slow.add(slab.row[good], slab.k_i[good], step, **angles)
            np.testing.assert_array_equal(counts.counts, slow.total.counts)
            np.testing.assert_array_equal(counts.tally, slow.total.tally)
            assert counts.tally.sum() + counts.masks.rejected == run.size
            assert counts.tally[0] > 100


@settings(deadline=None, max_examples=5)
@given(st.lists(st.integers(0, 4501), max_size=4), st.integers(1, 3))
def test_pieces_add_up_to_the_bit(folder: Path, ends: list[int], threads: int) -> None:
    with opened(folder) as run:
        cuts = cuts_of(run)
        whole = reduce_events(run, cuts)
        bounds = [0, *sorted(ends), run.size]
        total = [EventCounts.nothing(cut.sums.grid.size) for cut in cuts]
        for span in pairwise(bounds):
            for one, more in zip(
                total, reduce_events(run, cuts, span, threads=threads), strict=True
            ):
                one.add(more)
        for a, b in zip(total, whole, strict=True):
            same(a, b)


def test_cuts_that_were_sent_sum_the_same_from_a_file_opened_anew(folder: Path) -> None:
    with opened(folder) as run:
        cuts = cuts_of(run)
        expected = reduce_events(run, cuts, (100, 3000))
    sent = pickle.loads(pickle.dumps(cuts))
    with opened(folder) as run:
        made = reduce_events(run, sent, (100, 3000), threads=2)
    for a, b in zip(made, expected, strict=True):
        same(a, EventCounts.of_arrays(b.arrays()))


def test_threads_share_the_counts_of_a_large_cut(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    with opened(folder) as run:
        cuts = cuts_of(run)
        expected = reduce_events(run, cuts)
        monkeypatch.setattr(module, "_COPIES", 0)
        monkeypatch.setattr(module, "SLAB", 256)
        made = reduce_events(run, cuts, threads=3, told=told.append)
    for a, b in zip(made, expected, strict=True):
        same(a, b)
    assert sum(told) == 4501


def test_an_unknown_pixel_is_named(folder: Path) -> None:
    mask = OPTIONS["mask"] | {"unknown_pixels": False}
    with opened(folder, mask=mask) as run, pytest.raises(UserError, match="number 99999"):
        reduce_events(run, cuts_of(run))


def test_slabs_keep_to_their_source() -> None:
    assert list(pieces([5, 0, 3], (0, 8))) == [(0, 0, 5), (2, 0, 3)]
    assert list(pieces([5, 0, 3], (4, 6))) == [(0, 4, 5), (2, 0, 1)]
    assert list(pieces([5], (2, 2))) == []
