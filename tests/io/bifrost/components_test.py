from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.io.bifrost.raw_file import open_bifrost
from spectroscopy.raw_files import PERIOD_NS, Raw, write

EVENTS = {(5, 0): [(551, 10_000_000, 0)]}
DISCS = (
    {
        "name": "bandwidth_chopper_1",
        "distance": 78.0,
        "speed": ((0.0, 14.0),),
        "delay": ((0, 0.1),),
    },
    {"name": "pulse_shaping_chopper_1", "distance": 6.3},
    {
        "name": "frame_overlap_chopper_1",
        "distance": 8.5,
        "speed": ((0.0, -14.0), (5.0, -14.0)),
        "phase": ((0.0, 90.0), (5.0, 90.0)),
        "slits": (-10.0, 10.0, 170.0, 190.0),
    },
)


def test_choppers_come_in_the_order_of_the_beam(tmp_path: Path) -> None:
    with open_bifrost(write(tmp_path / "raw.nxs", Raw(EVENTS, choppers=DISCS))) as raw:
        shaping, overlap, band = raw.choppers
    assert [d.name[:5] for d in (shaping, overlap, band)] == ["pulse", "frame", "bandw"]
    np.testing.assert_allclose(
        [shaping.distance, overlap.distance, band.distance], [6.3, 8.5, 78.0]
    )
    assert shaping.speed is shaping.delay is shaping.phase is None
    assert overlap.speed is not None
    np.testing.assert_array_equal(overlap.speed[1], -14.0)
    np.testing.assert_array_equal(overlap.slits, [[-10, 10], [170, 190]])
    assert band.delay is not None
    assert band.delay[1] == [0.1]


def test_a_setpoint_is_preferred_and_values_may_be_plain(tmp_path: Path) -> None:
    path = write(tmp_path / "raw.nxs", Raw(EVENTS, choppers=DISCS))
    with h5py.File(path, "r+") as file:
        disc = file["entry/instrument/bandwidth_chopper_1"]
        disc["rotation_speed_setpoint"] = 7.0
        disc["rotation_speed_setpoint"].attrs["units"] = "Hz"
        disc["beam_position"] = np.pi
        disc["beam_position"].attrs["units"] = "rad"
    with open_bifrost(path) as raw:
        band = raw.choppers[2]
    assert band.speed is not None
    np.testing.assert_array_equal(band.speed[1], 7.0)
    np.testing.assert_allclose(band.beam, 180.0)


def test_slits_come_in_pairs(tmp_path: Path) -> None:
    odd = [{"name": "disc", "distance": 6.0, "slits": (1.0, 2.0, 3.0)}]
    path = write(tmp_path / "raw.nxs", Raw(EVENTS, choppers=odd))
    with open_bifrost(path) as raw, pytest.raises(UserError, match="it has 3 edges"):
        assert raw.choppers


def test_charge(tmp_path: Path) -> None:
    charge = ((0.0, 1.0), (0.0714, 2.0))
    with open_bifrost(write(tmp_path / "a.nxs", Raw(EVENTS, charge=charge))) as raw:
        assert raw.charge is not None
        time, value = raw.charge
        np.testing.assert_array_equal(value, [1.0, 2.0])
        np.testing.assert_allclose((time - raw.reference) * 1e-9, [0.0, 0.0714])
    path = write(tmp_path / "b.nxs", Raw(EVENTS, charge=charge))
    with h5py.File(path, "r+") as file:
        place = "entry/instrument/neutron_prod_info/pulse_charge"
        file.move(place, "entry/proton_charge")
    with open_bifrost(path) as raw:
        assert raw.charge is not None
    with open_bifrost(write(tmp_path / "c.nxs", Raw(EVENTS))) as raw:
        assert raw.charge is None


def test_monitor_as_histogram(tmp_path: Path) -> None:
    counts = np.arange(12.0).reshape(3, 4)
    with open_bifrost(write(tmp_path / "raw.nxs", Raw(EVENTS, monitor=counts))) as raw:
        assert raw.monitor_names() == ("normalization_monitor",)
        monitor = raw.monitor("normalization_monitor")
        with pytest.raises(UserError, match="it has normalization_monitor"):
            raw.monitor("another")
    np.testing.assert_array_equal(monitor.counts, counts)
    np.testing.assert_allclose(monitor.edges, np.linspace(0, PERIOD_NS * 1e-9, 5))
    np.testing.assert_allclose(monitor.time, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(monitor.distance, 161.4358, atol=1e-4)


def test_monitor_as_events(tmp_path: Path) -> None:
    counted = [(10_000_000, 0), (10_001_000, 1), (50_000_000, 30), (71_428_570, 59)]
    raw_file = Raw(EVENTS, monitor=None, monitor_events=counted)
    with open_bifrost(write(tmp_path / "raw.nxs", raw_file)) as raw:
        whole = raw.monitor("normalization_monitor")
        parts = raw.monitor("normalization_monitor", interval=1.5)
    assert whole.counts.shape[0] == 1
    np.testing.assert_allclose(np.diff(whole.edges), 20e-6, rtol=0.01)
    assert whole.counts.sum() == 4
    bins = np.searchsorted(whole.edges, [0.01, 0.05, 0.07142857], side="right") - 1
    np.testing.assert_array_equal(whole.counts[0, bins], [2, 1, 1])
    assert parts.counts.shape[0] == 3
    np.testing.assert_array_equal(parts.counts.sum(axis=1), [2, 1, 1])


def test_a_monitor_that_is_neither(tmp_path: Path) -> None:
    path = write(tmp_path / "raw.nxs", Raw(EVENTS))
    with h5py.File(path, "r+") as file:
        monitor = file["entry/instrument/normalization_monitor"]
        del monitor["data/frame_time"]
        monitor["data/frame_time"] = [0.0, 1.0]
        monitor["data/frame_time"].attrs["units"] = "ns"
    with open_bifrost(path) as raw, pytest.raises(UserError, match="2 ascending edges"):
        raw.monitor("normalization_monitor")
    with h5py.File(path, "r+") as file:
        del file["entry/instrument/normalization_monitor/data"]
    with open_bifrost(path) as raw, pytest.raises(UserError, match="neither a histogram"):
        raw.monitor("normalization_monitor")
