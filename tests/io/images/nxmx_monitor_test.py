"""Monitors and fluxes of NXmx files."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from ewaldite.io.images import EigerHeader, open_images, write_eiger
from ewaldite.io.images.series import ImageMetadata


def metadata(tmp_path: Path, items: dict[str, object], **selection: object) -> ImageMetadata:
    """What a series of four frames of half a second says with some items more."""
    master = write_eiger(tmp_path, np.zeros((4, 3, 5), "u4"), EigerHeader(count_time=0.5))
    with h5py.File(master, "a") as file:
        for path, value in items.items():
            file[f"entry/{path}"] = value
    series = open_images(master, tmp_path, **selection)  # type: ignore[arg-type]
    meta = series.metadata
    series.close()
    return meta


@pytest.mark.parametrize("field", ["data", "integral"])
def test_counts_of_the_monitor_are_a_rate(field: str, tmp_path: Path) -> None:
    meta = metadata(tmp_path, {f"control/{field}": [100, 110, 90, 105]})
    assert meta.monitor_name == "NXmonitor control"
    np.testing.assert_allclose(meta.monitor, [200, 220, 180, 210])


def test_frames_that_are_chosen(tmp_path: Path) -> None:
    meta = metadata(tmp_path, {"control/data": [100, 110, 90, 105]}, frames=(2, 4), exclude=[3])
    np.testing.assert_allclose(meta.monitor, [220, 210])


def test_one_integral_is_that_of_all_frames(tmp_path: Path) -> None:
    meta = metadata(tmp_path, {"control/integral": 400}, frames=(1, 2))
    np.testing.assert_allclose(meta.monitor, [200, 200])


@pytest.mark.parametrize("field", ["total_flux", "flux"])
@pytest.mark.parametrize("beam", ["instrument/beam", "sample/beam"])
def test_flux_of_the_beam(beam: str, field: str, tmp_path: Path) -> None:
    each = metadata(tmp_path, {f"{beam}/{field}": [1e12, 2e12, 3e12, 4e12]})
    assert each.monitor_name == field
    np.testing.assert_allclose(each.monitor, [1e12, 2e12, 3e12, 4e12])


def test_one_flux_for_all_and_a_monitor_before_it(tmp_path: Path) -> None:
    meta = metadata(tmp_path, {"sample/beam/total_flux": 5e11})
    np.testing.assert_allclose(meta.monitor, np.full(4, 5e11))
    (tmp_path / "both").mkdir()
    both = {"sample/beam/total_flux": 5e11, "control/data": [1, 2, 3, 4]}
    assert metadata(tmp_path / "both", both).monitor_name == "NXmonitor control"


@pytest.mark.parametrize(
    "items",
    [
        {},
        {"sample/beam/total_flux": 0.0},
        {"control/data": [0, 0, 0, 0]},
        {"control/mode": "monitor", "control/preset": 5.0},
        {"control/data": "none"},
    ],
)
def test_what_is_no_reading(items: dict[str, object], tmp_path: Path) -> None:
    meta = metadata(tmp_path, items)
    assert (meta.monitor, meta.monitor_name) == (None, None)


def test_readings_of_other_frames_are_told(tmp_path: Path) -> None:
    meta = metadata(tmp_path, {"control/data": [1.0, 2.0]})
    assert meta.monitor is None
    assert any("2 values for 4 frames" in note for note in meta.notes)


@pytest.mark.parametrize("place", ["", "detectorSpecific/"])
@pytest.mark.parametrize("applied", [True, False])
def test_whether_rates_are_corrected(applied: bool, place: str, tmp_path: Path) -> None:
    path = f"instrument/detector/{place}countrate_correction_applied"
    assert metadata(tmp_path, {path: applied}).rate_corrected is applied


def test_dead_time(tmp_path: Path) -> None:
    assert metadata(tmp_path, {"instrument/detector/dead_time": 2e-7}).dead_time == 2e-7
    (tmp_path / "none").mkdir()
    none = metadata(tmp_path / "none", {})
    assert (none.dead_time, none.rate_corrected) == (None, None)
