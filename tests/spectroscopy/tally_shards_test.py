from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ewaldite
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.convert import convert_file
from ewaldite.spectroscopy.decoded_events import decoded_events
from ewaldite.spectroscopy.event_tally import EventTally
from ewaldite.spectroscopy.open_runs import OpenRuns
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.run_input import RunInput, open_run
from ewaldite.spectroscopy.tally_shards import load_tallies, save_tallies, tally_run
from spectroscopy.tiny import write_tiny

MASKS = """
[mask]
tube_ends = 7
pixels = [401, 402, 1350]
times = [[0.5, 1.0]]
"""


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> tuple[SpectroscopyOptions, Path]:
    config = write_tiny(tmp_path_factory.mktemp("tiny"))
    config.write_text(config.read_text() + MASKS)
    return read_config(config), config.parent


@pytest.fixture
def run(options: tuple[SpectroscopyOptions, Path]) -> Iterator[RunInput]:
    given, base = options
    with open_run(given, given.run[0], base) as opened:
        yield opened


def test_it_counts_what_the_converter_finds(run: RunInput, tmp_path: Path) -> None:
    expected = EventTally.of(len(run.converter.instrument))
    for _ in run.events(expected):
        pass
    found = tally_run(run, 0, run.size)
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    names = run.converter.bits.names
    assert found.by_name(names) == expected.by_name(names)
    assert found.by_name(names)["tube_end"] > 100
    assert found.total == run.size
    parts = [tally_run(run, a, b) for a, b in ((0, 700), (700, 701), (701, run.size))]
    total = parts[0] + parts[1] + parts[2]
    np.testing.assert_array_equal(total.pixels, found.pixels)
    np.testing.assert_array_equal(total.masks, found.masks)
    save_tallies({3: total}, tmp_path / "t.npz")
    again = load_tallies(tmp_path / "t.npz")
    assert list(again) == [3]
    np.testing.assert_array_equal(again[3].pixels, total.pixels)
    assert again[3].nowhere == total.nowhere


OF_CELLS = """
[mask]
tube_ends = 7
bragg = { radius = 0.3, energy = 0.5 }
[[mask.window]]
name = "prompt"
start = "0 ms"
stop = "20 ms"
[[mask.polygon]]
name = "region"
axes = ["Q", "energy_transfer"]
vertices = [[0, -1], [2, -1], [2, 1], [0, 1]]
"""


def test_masks_of_cells_are_counted_too(options: tuple[SpectroscopyOptions, Path]) -> None:
    _, base = options
    config = base / "cells.toml"
    config.write_text((base / "tiny.toml").read_text().replace(MASKS, OF_CELLS))
    masked = read_config(config)
    with open_run(masked, masked.run[0], base) as run:
        found = tally_run(run, 0, run.size).by_name(run.converter.bits.names)
        total = tally_run(run, 0, 500) + tally_run(run, 500, run.size)
        size = run.size
    assert total.total == size
    assert total.by_name(tuple(found)) == found
    done = convert_file(masked, masked.run[0], base / "converted.nxs", base=base)
    assert {n: c for n, c in done.counts.counts.items() if n in found} == found
    assert min(found[name] for name in ("tube_end", "bragg", "prompt", "region")) > 20
    masks = ewaldite.load(base / "converted.nxs").masks
    out = np.logical_or.reduce([masks[name].values for name in found])
    assert total.rejected.sum() == np.count_nonzero(out)


def test_decoded_events_are_those_without_a_mask(run: RunInput) -> None:
    number = sum(len(events) for _, events in decoded_events(run))
    assert number == tally_run(run, 0, run.size).kept.sum()
    some = [len(slab) for slab, _ in decoded_events(run, 100, 900)]
    assert sum(some) == 800


def test_a_run_is_opened_once(options: tuple[SpectroscopyOptions, Path]) -> None:
    given, base = options
    runs = OpenRuns(most=1)
    first = runs.get(given, 0, base)
    cut = given.cut[0].widened("h", 2)
    assert runs.get(given.model_copy(update={"cut": [cut]}), 0, base) is first
    other = given.model_copy(update={"mask": given.mask.model_copy(update={"tube_ends": 1})})
    assert runs.get(other, 0, base) is not first
    # only one stays open
    assert not first.raw.entry.id.valid
    runs.close()
    again = runs.get(given, 0, base)
    assert again is not first
    runs.close()
    assert not again.raw.entry.id.valid
