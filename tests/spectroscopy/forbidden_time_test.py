"""Events at times at which no neutron can arrive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.simulate.bifrost_sample import Sample
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.converter import FORBIDDEN, Converter, Window
from ewaldite.spectroscopy.design import design_triplets
from ewaldite.spectroscopy.forbidden_time import ForbiddenTime, count_run, forbidden_live
from ewaldite.spectroscopy.frames import PULSE_PERIOD, Frames
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.primary import parked
from ewaldite.spectroscopy.run_input import RunInput, open_run
from spectroscopy.constant_files import (
    CONSTANT,
    LATEST,
    NARROW,
    narrow_configuration,
    narrow_run,
    write_narrow,
)
from spectroscopy.simulated_files import write

GUARD = 2e-4
MASKS = """
[mask]
tube_ends = 7
pixels = [401, 402, 1350]
times = [[0.5, 1.7]]
[[mask.window]]
name = "prompt"
start = "3 ms"
stop = "14 ms"
[[mask.window]]
name = "tail"
start = "12 ms"
stop = "19.5 ms"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("constant")
    write_narrow(path)
    return path


@pytest.fixture(params=["", MASKS], ids=["plain", "masked"])
def run(folder: Path, request: pytest.FixtureRequest) -> Iterator[RunInput]:
    config = folder / "c.toml"
    config.write_text(narrow_configuration(request.param))
    given = read_config(config)
    with open_run(given, given.run[0], folder) as opened:
        yield opened


def test_it_counts_what_the_converter_calls_forbidden_and_nothing_else(run: RunInput) -> None:
    spans = ForbiddenTime.of(run.converter, GUARD, "x").spans
    assert spans.shape == (1, 2)
    steps = run.steps(360.0)
    only = run.converter.bits.bit(FORBIDDEN)
    expected = np.zeros(len(run.converter.instrument), np.int64)
    for events in run.converted(100_000):
        t = events.time_at_sample
        good = (events.flags == only) & (t >= spans[0, 0]) & (t < spans[0, 1])
        good &= steps.at(events.columns[2]) >= 0
        expected += np.bincount(events.row[good], minlength=expected.size)
    found = count_run(run, GUARD)
    assert expected.sum() > 500
    np.testing.assert_array_equal(found.sum(axis=1), expected)
    parts = [count_run(run, GUARD, a, b) for a, b in ((0, 700), (700, 701), (701, run.size))]
    np.testing.assert_array_equal(sum(parts), found)


def test_the_planted_rate_is_found_within_its_error(run: RunInput) -> None:
    """Masked pixels, pulses and windows shorten the time as they take events."""
    events, live = count_run(run, GUARD), forbidden_live(run, GUARD)
    assert not events[live == 0].any()
    for half in range(2):
        number, expected = events[:, half].sum(), CONSTANT * live[:, half].sum()
        assert abs(number - expected) < 4 * np.sqrt(expected)
    per_pixel = CONSTANT * live.sum(axis=1)
    used = per_pixel > 0
    chi2 = ((events.sum(axis=1)[used] - per_pixel[used]) ** 2 / per_pixel[used]).mean()
    assert chi2 == pytest.approx(1.0, abs=4 * np.sqrt(2 / used.sum()))


BEHIND_CHOPPERS = """
[[run]]
file = "sample.nxs"
[primary]
mode = "{}"
"""


@pytest.mark.parametrize("mode", ["parked", "table"])
def test_choppers_alone_say_what_is_forbidden(tmp_path: Path, mode: str) -> None:
    source = NARROW
    if mode != "parked":
        source = replace(NARROW, mode="spinning", psc_time=9.35e-3, opening=0.3e-3)
    run = replace(narrow_run(sample=Sample(flat=0.05), constant=0.0, pulses=100), source=source)
    write(tmp_path / "sample.nxs", run, band_choppers=True)
    config = tmp_path / "c.toml"
    config.write_text(BEHIND_CHOPPERS.format(mode))
    given = read_config(config)
    with open_run(given, given.run[0], tmp_path) as opened:
        assert count_run(opened, GUARD).sum() == 0
        assert opened.size > 5000
    still = replace(run, sample=Sample(), constant=1.0)
    write(tmp_path / "sample.nxs", still, band_choppers=True)
    with open_run(given, given.run[0], tmp_path) as opened:
        number, live = count_run(opened, GUARD).sum(), forbidden_live(opened, GUARD).sum()
        assert live > 0.3 * 300 / 14 * 1500
        # give or take a pulse at the ends of the run
        assert number / live == pytest.approx(1.0, abs=4 / np.sqrt(live) + 1 / 300)


INSTRUMENT = Instrument.from_triplets(design_triplets()[:5])
FORBIDDEN_SPANS = np.array([[0.170, 0.181], [0.190, 0.1905]])
FRAMES = Frames(0.143, forbidden=FORBIDDEN_SPANS)
CONVERTER = Converter(INSTRUMENT, parked(161.9988, 1.72e-3, FRAMES))


@given(
    st.lists(st.tuples(st.floats(0, 70e-3), st.floats(0, 15e-3)), max_size=4),
    st.booleans(),
)
@settings(max_examples=40)
def test_time_in_windows_is_not_counted(
    given_windows: list[tuple[float, float]], source: bool
) -> None:
    turns = 0.0 if not source else 2 * PULSE_PERIOD
    windows = tuple(Window("w", a + turns, a + b + turns) for a, b in given_windows)
    converter = replace(CONVERTER, windows=windows, source_frames=source)
    time = ForbiddenTime.of(converter, 1e-4, "x")
    found = time.length()
    pieces, part = time.halves
    some = np.arange(0, len(INSTRUMENT), 211)
    grid = 1e-5
    for half in range(2):
        expected = np.zeros(some.size)
        for low, high in pieces[part == half]:
            n = round((high - low) / grid)
            t = low + (np.arange(n) + 0.5) * (high - low) / n
            at = t + INSTRUMENT.final_time[some, None]
            if not source:
                at = np.mod(at, PULSE_PERIOD)
            hidden = np.zeros(at.shape, bool)
            for w in windows:
                hidden |= (at >= w.start) & (at < w.stop)
            expected += (~hidden).sum(axis=1) * (high - low) / n
        np.testing.assert_allclose(found[some, half], expected, atol=20 * grid)
    halves = [np.diff(pieces[part == half], axis=1).sum() for half in range(2)]
    assert halves[0] == pytest.approx(halves[1])


def test_without_forbidden_time_it_says_what_to_give() -> None:
    never = replace(CONVERTER, primary=parked(161.9988, 1.72e-3, Frames(0.143)))
    with pytest.raises(UserError, match=r"r\.nxs.*at all times.*latest_at_sample"):
        ForbiddenTime.of(never, 1e-4, "r.nxs")
    with pytest.raises(UserError, match=r"11\.00 ms long at most.*below 5\.50 ms"):
        ForbiddenTime.of(CONVERTER, 6e-3, "r.nxs")
    kept = ForbiddenTime.of(CONVERTER, 3e-4, "r.nxs").spans
    np.testing.assert_allclose(kept, [[0.1703, 0.1807]])


def test_the_latest_arrival_of_the_simulation_lets_nothing_leak(tmp_path: Path) -> None:
    write_narrow(tmp_path, constant=0.0)
    config = tmp_path / "c.toml"
    config.write_text(narrow_configuration())
    given = read_config(config)
    with open_run(given, given.run[0], tmp_path) as opened:
        assert opened.converter.primary.frames.forbidden[0, 0] == pytest.approx(LATEST)
        assert count_run(opened, GUARD).sum() == 0
