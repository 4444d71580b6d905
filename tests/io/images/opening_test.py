"""Opening a series of files."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.io.images import CbfHeader, FrameError, open_images, write_minicbf
from ewaldite.io.images.series import ImageSeries

SHAPE = (13, 17)


def image(number: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    made = np.random.default_rng(number).poisson(2.0, shape).astype(np.int32)
    made[0, 0] = number
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for n in range(1, 7):
        header = CbfHeader(start_angle=0.5 * (n - 1), angle_increment=0.5, exposure_time=0.2)
        write_minicbf(tmp_path / f"a_{n:04d}.cbf", image(n), header)
    return tmp_path


def numbers_read(series: ImageSeries) -> list[int]:
    return [int(series.read(i)[0, 0]) for i in range(len(series))]


@pytest.mark.parametrize(
    "spec",
    [
        "a_####.cbf",
        "a_%04d.cbf",
        "a_*.cbf",
        [f"a_{n:04d}.cbf" for n in range(1, 7)],
    ],
)
def test_a_series_by_any_name(folder: Path, spec: str | list[str]) -> None:
    series = open_images(spec, folder)
    np.testing.assert_array_equal(series.frames, [1, 2, 3, 4, 5, 6])
    assert (series.shape, series.dtype, series.markers) == (SHAPE, np.int32, ())
    assert numbers_read(series) == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(series.read(3), image(4))
    np.testing.assert_allclose(series.metadata.phi, 0.25 + 0.5 * np.arange(6))
    np.testing.assert_array_equal(series.metadata.exposure, np.full(6, 0.2))
    assert series.masks() == {}
    assert series.missing == ()
    assert series.notes == ()
    assert [p.name for p in series.paths] == [f"a_{n:04d}.cbf" for n in range(1, 7)]


def test_range_and_exclusion(folder: Path) -> None:
    series = open_images("a_####.cbf", folder, frames=(2, 5), exclude=[3])
    assert numbers_read(series) == [2, 4, 5]
    np.testing.assert_array_equal(series.frames, [2, 4, 5])
    np.testing.assert_allclose(series.metadata.phi, [0.75, 1.75, 2.25])
    assert series.source(1).endswith("a_0004.cbf")


def test_one_file(folder: Path) -> None:
    series = open_images(folder / "a_0003.cbf", Path("/elsewhere"))
    assert numbers_read(series) == [3]
    np.testing.assert_array_equal(series.frames, [3])


@pytest.mark.parametrize("spec", ["a_####.cbf", "a_*.cbf"])
def test_a_gap_is_an_error_or_counted(folder: Path, spec: str) -> None:
    (folder / "a_0004.cbf").unlink()
    with pytest.raises(UserError, match=r"a_0004\.cbf \(frame 4\) is missing"):
        open_images(spec, folder)
    series = open_images(spec, folder, missing="skip")
    assert numbers_read(series) == [1, 2, 3, 5, 6]
    assert series.missing == (4,)
    assert "1 missing images are skipped" in series.notes[0]


def test_gaps_in_a_list_are_meant_but_missing_files_are_not(folder: Path) -> None:
    names = ["a_0001.cbf", "a_0003.cbf", "a_0009.cbf"]
    assert numbers_read(open_images(names[:2], folder)) == [1, 3]
    with pytest.raises(UserError, match=r"a_0009\.cbf does not exist \(1 of 3"):
        open_images(names, folder)
    series = open_images(names, folder, missing="skip")
    assert (numbers_read(series), series.missing) == ([1, 3], (9,))
    assert numbers_read(open_images(names, folder, frames=(1, 5))) == [1, 3]
    assert numbers_read(open_images(names, folder, exclude=[9])) == [1, 3]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("b_####.cbf", "no file matches"),
        ("b.cbf", "does not exist"),
        (".", "is a folder"),
        ([], "list of files is empty"),
        (["b_1.cbf", "b_2.cbf"], "does not exist"),
    ],
)
def test_nothing_there(folder: Path, spec: str | list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        open_images(spec, folder)


def test_a_frame_of_another_size_is_an_error_when_it_is_read(folder: Path) -> None:
    write_minicbf(folder / "a_0003.cbf", image(3, (13, 18)))
    series = open_images("a_####.cbf", folder)
    assert series.read(1)[0, 0] == 2
    with pytest.raises(FrameError, match=r"a_0003\.cbf: it has 18 x 13 .* 17 x 13"):
        series.read(2)


def test_a_truncated_frame_is_an_error_when_it_is_read(folder: Path) -> None:
    path = folder / "a_0006.cbf"
    path.write_bytes(path.read_bytes()[:-4300])
    series = open_images("a_####.cbf", folder)
    assert series.metadata.phi is not None
    assert series.read(4)[0, 0] == 5
    with pytest.raises(FrameError, match=r"a_0006\.cbf: the file is truncated"):
        series.read(5)


def test_another_format_in_the_middle_is_an_error(folder: Path) -> None:
    (folder / "a_0002.cbf").write_bytes(b"garbage" * 100)
    with pytest.raises(FrameError, match=r"a_0002\.cbf: it is not a CBF file"):
        open_images("a_####.cbf", folder).read(1)


def test_the_digest_follows_the_files(folder: Path) -> None:
    before = open_images("a_####.cbf", folder).digest()
    assert open_images("a_####.cbf", folder).digest() == before
    assert open_images("a_####.cbf", folder, exclude=[2]).digest() != before
    write_minicbf(folder / "a_0002.cbf", image(77))
    series = open_images("a_####.cbf", folder)
    assert series.digest() != before
    (folder / "a_0002.cbf").unlink()
    with pytest.raises(FrameError, match=r"a_0002\.cbf"):
        series.digest()


def test_threads_and_pickles_read_the_same(folder: Path) -> None:
    series = pickle.loads(pickle.dumps(open_images("a_####.cbf", folder)))
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(series.read, list(range(6)) * 5))
    for i, counts in enumerate(read):
        np.testing.assert_array_equal(counts, image(i % 6 + 1))
    series.close()
    assert series.read(0)[0, 0] == 1


def test_frame_errors_survive_the_way_between_processes() -> None:
    error = FrameError("read a", "it is cut", "Restore it.")
    back = pickle.loads(pickle.dumps(error))
    assert str(back) == str(error) == "Cannot read a: it is cut. Restore it."
    assert isinstance(back, FrameError)


def test_real_stills(shared_data: Path) -> None:
    series = open_images("snc_newhead_#####.img", shared_data / "snase", frames=(2, 4))
    # PHI and TIME as printed in the headers (README of the data).
    np.testing.assert_allclose(series.metadata.phi, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(series.metadata.width, [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(series.metadata.exposure, [2.0, 2.0, 2.0])
    assert (series.shape, series.dtype) == ((1024, 1024), np.uint16)
    assert series.markers == (65534, 65535)
    assert series.read(1).shape == (1024, 1024)
