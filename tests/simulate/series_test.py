from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from pathlib import Path

import fabio
import numpy as np
import pytest

from ewaldite.simulate.presets import small_demo
from ewaldite.simulate.series import cbf_header, images, write_series
from ewaldite.simulate.simulation import Simulation


@pytest.fixture
def short() -> Simulation:
    sweep = small_demo(frames=3)[0]
    return replace(sweep, experiment=replace(sweep.experiment, first_frame=8))


def test_images_come_back_from_fabio(short: Simulation, tmp_path: Path) -> None:
    series = write_series(tmp_path, short, "x")
    assert series == ("x_####.cbf", "x_background_####.cbf")
    for i, drawn in enumerate(images(short)):
        with fabio.open(tmp_path / f"x_{8 + i:04d}.cbf") as file:
            assert np.array_equal(file.data, drawn)
    for j in range(4):
        with fabio.open(tmp_path / f"x_background_{j + 1:04d}.cbf") as file:
            assert np.array_equal(file.data, short.background_frame(j))
    assert len(list(tmp_path.iterdir())) == 3 + 4


def test_checksum_is_that_of_the_compressed_bytes(short: Simulation, tmp_path: Path) -> None:
    write_series(tmp_path, short, "x")
    head, payload = (tmp_path / "x_0008.cbf").read_bytes().split(b"\x0c\x1a\x04\xd5", 1)
    items = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    compressed = payload[: int(items["X-Binary-Size"])]
    assert items["Content-MD5"] == base64.b64encode(hashlib.md5(compressed).digest()).decode()
    assert (
        payload[len(compressed) :]
        .strip(b"\0")
        .startswith(b"\r\n--CIF-BINARY-FORMAT-SECTION----")
    )


def test_files_are_the_same_for_any_number_of_threads(
    short: Simulation, tmp_path: Path
) -> None:
    write_series(tmp_path / "one", short, "x", workers=1)
    write_series(tmp_path / "three", short, "x", workers=3)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "three" / path.name).read_bytes()


def test_without_background_no_template_is_given(short: Simulation, tmp_path: Path) -> None:
    bare = replace(short, experiment=replace(short.experiment, background_frames=0))
    assert write_series(tmp_path, bare, "x").background is None
    assert len(list(tmp_path.iterdir())) == 3


def test_header_states_angle_exposure_and_beam(short: Simulation) -> None:
    experiment = replace(short.experiment, beam=(0.0, 0.0, 1.0))
    header = cbf_header(experiment, 12.8, 0.8, 0.25)
    assert (header.start_angle, header.angle_increment) == (12.8, 0.8)
    assert (header.exposure_time, header.wavelength, header.distance) == (0.25, 1.0, 60.0)
    # ORGX is the 1-based number of a centre: half a pixel less from the corner
    assert header.beam_centre == pytest.approx((249.8, 240.3), abs=1e-12)


def test_angles_in_the_files_are_those_of_the_frames(short: Simulation, tmp_path: Path) -> None:
    write_series(tmp_path, short, "x")
    for i in range(3):
        text = (tmp_path / f"x_{8 + i:04d}.cbf").read_bytes().decode("latin-1")
        items = dict(x[2:].split(" ", 1) for x in text.splitlines() if x.startswith("# "))
        middle = float(items["Start_angle"].split()[0]) + 0.5 * short.experiment.width
        assert middle == pytest.approx(short.experiment.phi(i), abs=1e-9)
        assert items["Exposure_time"] == "0.5 s"
    text = (tmp_path / "x_background_0002.cbf").read_bytes().decode("latin-1")
    assert "# Exposure_time 10 s" in text
