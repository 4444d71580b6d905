"""Headers of mini-CBF images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.io.images.cbf import CbfCodec
from ewaldite.io.images.frame_header import first_number, numbers
from ewaldite.io.images.minicbf import header_items, parse_minicbf
from ewaldite.model.experiment import Sensor

# Header lines of a PILATUS3 6M at Diamond I03 (dxtbx test data, DLS_I03_smargon_0001.cbf).
PILATUS = """###CBF: VERSION 1.5, CBFlib v0.7.8 - PILATUS detectors
# Detector: PILATUS3 6M, S/N 60-0126
# 2017-11-23T15:23:41.880
# Pixel_size 172e-6 m x 172e-6 m
# Silicon sensor, thickness 0.001000 m
# Exposure_time 0.0090000 s
# Exposure_period 0.0100000 s
# Tau = 0 s
# Count_cutoff 91795 counts
# Wavelength 0.97625 A
# Detector_distance 0.29147 m
# Beam_xy (1229.30, 1200.48) pixels
# Filter_transmission 30.0376
# Start_angle 45.0000 deg.
# Angle_increment 0.1000 deg.
# Polarization 0.990
# Oscillation_axis X.CW
"""


def parse(text: str):
    return parse_minicbf(text, (2527, 2463), np.dtype(np.int32))


def test_every_item_of_a_pilatus_header() -> None:
    header = parse(PILATUS)
    assert header.shape == (2527, 2463)
    assert (header.start, header.width) == (45.0, 0.1)
    assert (header.exposure, header.period) == (0.009, 0.01)
    assert header.wavelength == 0.97625
    assert header.pixel_size == pytest.approx((0.172, 0.172), rel=1e-12)
    assert header.distance == pytest.approx(291.47, rel=1e-12)
    assert header.beam_centre == (1229.3, 1200.48)
    assert header.overload == 91795
    assert header.sensor == Sensor("Si", 1.0)
    assert header.polarization_fraction == 0.99
    assert header.transmission == pytest.approx(0.300376)
    assert header.detector == "PILATUS3 6M, S/N 60-0126"
    assert header.pedestal is None
    # Tau = 0: the detector's software has not corrected the counts
    assert (header.dead_time, header.rate_corrected, header.flux) == (None, False, None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # As PILATUS 6MF-0109 at SLS wrote it
        ("# Tau = 199.1e-09 s", (pytest.approx(199.1e-9), True, None)),
        ("# Tau = 0 s\n# Flux 0.0000 ph/s", (None, False, None)),
        ("# Flux 1.23e+11 ph/s", (None, None, 1.23e11)),
    ],
)
def test_dead_time_and_flux(line: str, expected: tuple[object, ...]) -> None:
    header = parse(line)
    assert (header.dead_time, header.rate_corrected, header.flux) == expected


def test_an_empty_header_says_nothing() -> None:
    header = parse("###CBF: VERSION 1.5\n")
    said = {key: value for key, value in vars(header).items() if value is not None}
    assert set(said) == {"shape", "dtype"}


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("# Wavelength 0.0 A", "wavelength"),
        ("# Exposure_time 0 s", "exposure"),
        ("# Detector_distance 0.0 m", "distance"),
        ("# Polarization 0", "polarization_fraction"),
        ("# Count_cutoff 0 counts", "overload"),
        ("# Pixel_size 0 m x 0 m", "pixel_size"),
        ("# Silicon sensor, thickness 0 m", "sensor"),
        ("# Wavelength unknown", "wavelength"),
        ("# Beam_xy (nan, nan) pixels", "beam_centre"),
    ],
)
def test_what_the_control_software_was_not_told_is_none(line: str, key: str) -> None:
    assert getattr(parse(line), key) is None


def test_zero_angles_are_angles() -> None:
    header = parse("# Start_angle 0.0 deg.\n# Angle_increment 0.0 deg.")
    assert (header.start, header.width) == (0.0, 0.0)


@pytest.mark.parametrize(("text", "fraction"), [("0.011", 0.011), ("1.0", 1.0), ("9.5", 0.095)])
def test_transmission_above_one_is_a_percentage(text: str, fraction: float) -> None:
    assert parse(f"# Filter_transmission {text}").transmission == pytest.approx(fraction)


@pytest.mark.parametrize(
    ("name", "formula"), [("CdTe", "CdTe"), ("Silicon", "Si"), ("GaAs", "GaAs"), ("Ge", "Ge")]
)
def test_sensor_materials(name: str, formula: str) -> None:
    assert parse(f"# {name} sensor, thickness 0.00075 m").sensor == Sensor(formula, 0.75)


@pytest.mark.parametrize("separator", [" ", ": ", " = "])
def test_separators(separator: str) -> None:
    assert header_items(f"# Exposure_time{separator}0.5 s\r\n") == {"Exposure_time": "0.5 s"}


def test_the_first_of_two_alike_counts() -> None:
    assert parse("# Start_angle 1 deg.\n# Start_angle 2 deg.").start == 1.0


@settings(deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), max_size=4))
def test_numbers_are_found_among_words(values: list[float]) -> None:
    text = "(" + ", ".join(map(repr, values)) + ") pixels"
    assert numbers(text) == values
    assert first_number(text) == (values[0] if values else None)


@pytest.mark.parametrize(
    ("name", "phi", "width", "exposure", "wavelength", "thickness", "cutoff"),
    [
        # As printed in the files' headers.
        ("DLS_I03_smargon_0001.cbf.gz", 45.0, 0.1, 0.009, 0.97625, 1.0, 91795),
        ("DLS_I23_P12M_thau_00001.cbf.gz", -210.0, 0.05, 0.097, 2.7552, 0.32, 28575),
        ("dlsnxs2cbf_therm_0001.cbf.gz", 174.0, 0.25, 0.008, 0.98027, 0.45, 65535),
        ("phi_scan_001.cbf", 9.5, 0.5, 0.5, 0.68937, 0.32, 1541621),
    ],
)
def test_real_headers(
    shared_data: Path, name: str, phi: float, width: float, exposure: float,
    wavelength: float, thickness: float, cutoff: int,
) -> None:  # fmt: skip
    header = CbfCodec().header(shared_data / "images" / name)
    assert (header.start, header.width, header.exposure) == (phi, width, exposure)
    assert (header.wavelength, header.overload) == (wavelength, cutoff)
    assert header.sensor is not None
    assert header.sensor.material == "Si"
    assert header.sensor.thickness == pytest.approx(thickness)
