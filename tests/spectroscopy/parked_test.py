"""The instrument simulated with McStas, against its truth."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ewaldite.crystal.ub import busing_levy, hkl_matrix, orient
from ewaldite.io.bifrost.raw_file import open_bifrost
from ewaldite.spectroscopy.converted import Converted
from ewaldite.spectroscopy.converter import Converter
from ewaldite.spectroscopy.frames import Frames
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.primary import parked
from ewaldite.spectroscopy.sample_frame import SampleFrame

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "bifrost"
K2_TO_MEV = 2.0721248
EMISSION = 1.72e-3

pytestmark = pytest.mark.skipif(
    not (FOLDER / "bifrost_parked.nxs").is_file(), reason="no simulated BIFROST events here"
)


@cache
def world() -> tuple[Instrument, Converted, dict[str, np.ndarray]]:
    with np.load(FOLDER / "bifrost_parked_truth.npz") as file:
        truth = {name: file[name] for name in file}
    with open_bifrost(FOLDER / "bifrost_parked.nxs") as raw:
        instrument = Instrument.from_triplets(
            raw.triplets, primary_length=raw.primary_length, a3=raw.a3(), a4=raw.a4()
        )
        b = busing_levy((5, 5, 5, 90, 90, 90))
        sample = SampleFrame(hkl_matrix(orient(b, (1, 0, 0), (0, 0, 1)), b))
        way_in = parked(raw.primary_length, EMISSION, Frames(0.143))
        converter = Converter(instrument, way_in, sample)
        parts = []
        for source in raw.sources:
            flags = converter.pulse_flags(source.pulse_time)
            parts += [
                converter.convert(s, source.pulse_time, flags) for s in source.slabs(2000)
            ]
    converted = Converted(
        np.concatenate([part.columns for part in parts], axis=1),
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.flags for part in parts]),
    )
    return instrument, converted, truth


def differences() -> dict[str, np.ndarray]:
    instrument, events, truth = world()
    k_i, k_f = (truth[name].astype(float) for name in ("k_i", "k_f"))
    final = K2_TO_MEV * np.sum(k_f**2, axis=1)
    transfer = K2_TO_MEV * np.sum(k_i**2, axis=1) - final
    return {
        "final_energy": instrument.final_energy[events.row] - final,
        "A4": events.A4 - np.rad2deg(np.arctan2(k_f[:, 0], k_f[:, 2])),
        "final_time": instrument.final_time[events.row]
        - (truth["time_of_arrival_s"] - truth["time_at_sample_s"]),
        "energy_transfer": events.energy_transfer - transfer,
    }


LARGEST_SPREAD = {
    "final_energy": 0.0153,  # meV
    "A4": 0.213,  # degrees
    "final_time": 6.92e-6,  # s
    "energy_transfer": 0.0523,  # meV
}


def weighted(values: np.ndarray, weight: np.ndarray) -> tuple[float, float, float]:
    """Mean, standard error and spread."""
    mean = np.average(values, weights=weight)
    spread = np.sqrt(np.average((values - mean) ** 2, weights=weight))
    effective = weight.sum() ** 2 / np.sum(weight**2)
    return float(mean), float(spread / np.sqrt(effective)), float(spread)


def test_events_are_read_in_the_order_of_the_truth() -> None:
    instrument, events, truth = world()
    assert len(events) == 166_184
    np.testing.assert_array_equal(
        instrument.detector_number[events.row], truth["detector_number"]
    )
    np.testing.assert_allclose(events.a3, 15.0 * truth["setting"], atol=1e-9)
    at_sample = truth["time_of_arrival_s"] - instrument.final_time[events.row]
    np.testing.assert_allclose(events.time_at_sample, at_sample, atol=1e-9)
    assert not np.any(events.flags)


@pytest.mark.parametrize("name", LARGEST_SPREAD)
def test_agrees_with_the_truth_overall(name: str) -> None:
    mean, error, spread = weighted(differences()[name], world()[2]["weight"].astype(float))
    assert abs(mean) <= 3 * error
    assert spread <= LARGEST_SPREAD[name]


@pytest.mark.parametrize("name", LARGEST_SPREAD)
@pytest.mark.parametrize("part", ["arc", "tube"])
def test_agrees_with_the_truth_part_by_part(name: str, part: str) -> None:
    instrument, events, truth = world()
    weight, difference = truth["weight"].astype(float), differences()[name]
    belongs = getattr(instrument, part)[events.row]
    for number in np.unique(belongs):
        here = belongs == number
        mean, error, _ = weighted(difference[here], weight[here])
        assert abs(mean) <= 3 * error, f"{part} {number}: {mean} ± {error}"


def test_pixels_run_towards_larger_angles() -> None:
    """A reversed tube leaves E_f untouched and shows in the spread of A4."""
    instrument, _, _ = world()
    spots = [instrument.rows(1 + 900 + 400 + pixel) for pixel in (0, 50, 99)]
    np.testing.assert_allclose(instrument.A4[spots] + 50.0, [47.19, 50.03, 52.81], atol=0.006)
