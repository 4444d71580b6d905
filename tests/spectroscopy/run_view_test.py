"""What pictures and the report are told of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipp as sc

from ewaldite.io.nexus import load, save
from ewaldite.simulate.bifrost_source import Source
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.event_tally import EventTally
from ewaldite.spectroscopy.run_input import open_run
from ewaldite.spectroscopy.run_view import view_run
from spectroscopy.simulated_files import (
    PARKED,
    SPINNING,
    configuration,
    flat_run,
    part,
    write,
)

MASKS = (
    '[mask]\ntube_ends = 4\n[[mask.window]]\nname = "prompt"\nstart = "20 ms"\nstop = "25 ms"'
)


def view(folder: Path, source: Source, *more: str) -> tuple[sc.DataGroup[Any], Any]:
    """View of a small simulated run, and the true events."""
    truth = write(folder / "sample.nxs", flat_run(source, pulses=30))
    path = folder / "c.toml"
    path.write_text(configuration(source, '[[run]]\nfile = "sample.nxs"', *more))
    options = read_config(path)
    with open_run(options, options.run[0], folder) as run:
        tally = EventTally.of(len(run.converter.instrument))
        size = sum(len(slab) for slab in run.events(tally))
        assert tally.total == size
        return view_run(run, tally, options), truth


@pytest.fixture(scope="module")
def parked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return view(tmp_path_factory.mktemp("parked"), PARKED, MASKS)


def test_pixels_hold_all_events(parked: Any) -> None:
    made, truth = parked
    pixels = made["pixels"]
    assert made["events"] == len(truth)
    assert pixels.sum().value + pixels.coords["rejected"].sum().value == len(truth)
    counted = np.bincount(part().detector_number[truth.pixel], minlength=13_501)
    both = pixels.values + pixels.coords["rejected"].values
    np.testing.assert_array_equal(both, counted[pixels.coords["detector_number"].values])


def test_masks_are_named_and_counted(parked: Any) -> None:
    made, _ = parked
    ends = made["pixels"].coords["position_in_tube"].values
    cut_off = (ends < 4) | (ends >= 96)
    np.testing.assert_array_equal(made["pixels"].masks["no_part"].values, cut_off)
    both = made["pixels"].values + made["pixels"].coords["rejected"].values
    assert made["masks"]["tube_end"] == both[cut_off].sum()
    assert 0 < made["masks"]["prompt"] < made["events"]
    assert made["rejected"] == made["pixels"].coords["rejected"].sum().value


def test_the_band_is_that_of_the_source(parked: Any) -> None:
    made, _ = parked
    assert made["way"]["band"] == pytest.approx(PARKED.band, abs=0.07)
    assert made["way"]["mode"] == "parked"
    assert made["way"]["reference_time"] == pytest.approx(PARKED.mean_emission)
    spectrum = made["monitor"]
    assert spectrum.unit == "counts"
    assert np.all(np.diff(spectrum.coords["wavelength"].values) > 0)
    assert {c["state"] for c in made["choppers"].values()} <= {"stands", "unknown"}


def test_it_is_a_file(parked: Any, tmp_path: Path) -> None:
    made, _ = parked
    save(tmp_path / "runs.nxs", sc.DataGroup({"one": made}))
    again = load(tmp_path / "runs.nxs")
    assert sc.identical(again["one"]["pixels"], made["pixels"])
    assert again["one"]["masks"] == made["masks"]
    assert again["one"]["way"] == made["way"]


def test_spinning_choppers_are_open_around_their_time(tmp_path: Path) -> None:
    made, _ = view(tmp_path, SPINNING)
    assert made["way"]["reference"] == pytest.approx(SPINNING.psc_distance, abs=1e-6)
    for disc in made["choppers"].values():
        assert disc["state"] == "turns"
        assert disc["frequency"] == 14
        first = disc["openings"].values[0]
        assert first.mean() == pytest.approx(SPINNING.psc_time, abs=1e-9)
        assert np.diff(first) == pytest.approx(SPINNING.opening, rel=1e-9)
