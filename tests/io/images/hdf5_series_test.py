"""Series in NXmx and Eiger files."""

from __future__ import annotations

import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.io.images import EigerHeader, FrameError, open_images, write_eiger

SHAPE = (19, 23)
COUNT = 11


def frames(count: int = COUNT, dtype: str = "u4") -> np.ndarray:
    made = np.random.default_rng(5).poisson(2.0, (count, *SHAPE)).astype(dtype)
    made[:, 0, 0] = np.arange(1, count + 1)
    return made


def header(**items: object) -> EigerHeader:
    return EigerHeader(omega=174.0 + 0.25 * np.arange(COUNT), omega_increment=0.25, **items)  # type: ignore[arg-type]


@pytest.mark.parametrize("virtual", [False, True])
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i2", "i4", "i8"])
def test_round_trip(tmp_path: Path, virtual: bool, compress: bool, dtype: str) -> None:
    # Four a file, so that the last file is short.
    images = frames(dtype=dtype)
    write_eiger(
        tmp_path, images, header(), images_per_file=4, virtual=virtual, compress=compress
    )
    series = open_images("series_master.h5", tmp_path)
    assert (len(series), series.shape, series.dtype) == (COUNT, SHAPE, np.dtype(dtype))
    np.testing.assert_array_equal(series.frames, np.arange(1, COUNT + 1))
    for i in range(COUNT):
        read = series.read(i)
        assert read.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(read, images[i])
    bits = 8 * np.dtype(dtype).itemsize
    unsigned = (2**bits - 2, 2**bits - 1) if dtype[0] == "u" else ()
    assert series.markers == unsigned
    assert series.notes == ()
    assert [p.name for p in series.paths] == [
        "series_master.h5", "series_data_000001.h5", "series_data_000002.h5",
        "series_data_000003.h5",
    ]  # fmt: skip
    series.close()
    np.testing.assert_array_equal(series.read(3), images[3])
    series.close()


def test_range_and_exclusion_are_one_based(tmp_path: Path) -> None:
    master = write_eiger(tmp_path, frames(), header(), images_per_file=4)
    series = open_images(master, tmp_path, frames=(4, 9), exclude=[5])
    assert [int(series.read(i)[0, 0]) for i in range(5)] == [4, 6, 7, 8, 9]
    np.testing.assert_allclose(series.metadata.phi, 174.125 + 0.25 * np.array([3, 5, 6, 7, 8]))
    assert "frame 6" in series.source(1)
    assert "series_data_000002.h5" in series.source(1)
    series.close()


def test_a_range_beyond_the_end(tmp_path: Path) -> None:
    master = write_eiger(tmp_path, frames(), header())
    with pytest.raises(UserError, match=r"frame 12.*run from 1 to 11"):
        open_images(master, tmp_path, frames=(1, 12))


def test_several_triggers_and_a_short_last_file(tmp_path: Path) -> None:
    # Three triggers of five images, jumping by 10 degrees, aborted after 11.
    omega = np.concatenate([10.0 * k + 0.1 * np.arange(5) for k in range(3)])
    asked = EigerHeader(omega=omega, omega_increment=0.1, ntrigger=3, nimages=5)
    master = write_eiger(tmp_path, frames(), asked, images_per_file=5)
    series = open_images(master, tmp_path)
    np.testing.assert_allclose(series.metadata.phi, omega[:COUNT] + 0.05)
    np.testing.assert_allclose(series.metadata.width, np.full(COUNT, 0.1))
    assert "announces 15 images and 11 exist" in series.notes[0]
    series.close()


@pytest.mark.parametrize("virtual", [False, True])
def test_a_missing_data_file(tmp_path: Path, virtual: bool) -> None:
    master = write_eiger(tmp_path, frames(), header(), images_per_file=4, virtual=virtual)
    (tmp_path / "series_data_000002.h5").unlink()
    with pytest.raises(UserError, match=r"series_data_000002\.h5 \(frame 5\) and 3 more"):
        open_images(master, tmp_path)
    series = open_images(master, tmp_path, missing="skip")
    assert [int(series.read(i)[0, 0]) for i in range(len(series))] == [1, 2, 3, 4, 9, 10, 11]
    assert series.missing == (5, 6, 7, 8)
    assert any("4 missing images are skipped" in note for note in series.notes)
    assert len(open_images(master, tmp_path, frames=(1, 4))) == 4
    series.close()


@pytest.mark.parametrize("virtual", [False, True])
def test_no_data_file_at_all(tmp_path: Path, virtual: bool) -> None:
    master = write_eiger(tmp_path, frames(), header(), virtual=virtual)
    (tmp_path / "series_data_000001.h5").unlink()
    with pytest.raises(UserError, match=r"none of its data files exists .*series_data_000001"):
        open_images(master, tmp_path, missing="skip")


def test_a_source_shorter_than_the_virtual_dataset_is_not_filled_with_zeros(
    tmp_path: Path,
) -> None:
    master = write_eiger(tmp_path, frames(), header(), images_per_file=6, virtual=True)
    with h5py.File(tmp_path / "series_data_000002.h5", "r+") as file:
        file["entry/data/data"].resize(2, axis=0)
    series = open_images(master, tmp_path, missing="skip")
    assert [int(series.read(i)[0, 0]) for i in range(len(series))] == list(range(1, 9))
    assert any("announces 11 images and 8 exist" in note for note in series.notes)
    series.close()


def test_the_folder_may_be_moved_and_the_master_linked_to(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write_eiger(tmp_path / "a", frames(), header(), images_per_file=4)
    shutil.move(tmp_path / "a", tmp_path / "b")
    os.symlink(tmp_path / "b" / "series_master.h5", tmp_path / "link.h5")
    for spec in ("b/series_master.h5", "link.h5"):
        series = open_images(spec, tmp_path)
        np.testing.assert_array_equal(series.read(10), frames()[10])
        series.close()


def test_an_absolute_link_that_is_gone_is_tried_beside_the_master(tmp_path: Path) -> None:
    master = write_eiger(tmp_path, frames(), header())
    with h5py.File(master, "r+") as file:
        del file["entry/data/data_000001"]
        file["entry/data/data_000001"] = h5py.ExternalLink(
            "/gone/series_data_000001.h5", "/entry/data/data"
        )
    series = open_images(master, tmp_path)
    np.testing.assert_array_equal(series.read(0), frames()[0])
    series.close()


def test_a_virtual_dataset_over_a_soft_and_an_external_link(tmp_path: Path) -> None:
    # As Diamond writes it: the source is "." and leads through a link to another file.
    with h5py.File(tmp_path / "x_000001.h5", "w") as file:
        file["data"] = frames()
    with h5py.File(tmp_path / "x.nxs", "w") as file:
        data = file.create_group("entry/data")
        data["data_000001"] = h5py.ExternalLink("x_000001.h5", "/data")
        data["alias"] = h5py.SoftLink("/entry/data/data_000001")
        # A wider type, as in real files: the data file's own counts.
        layout = h5py.VirtualLayout((8, *SHAPE), "i8")
        source = h5py.VirtualSource(".", "/entry/data/alias", (COUNT, *SHAPE))
        layout[:3] = source[2:5]
        layout[3:8] = source[6:11]
        data.create_virtual_dataset("data", layout)
    series = open_images("x.nxs", tmp_path)
    assert series.dtype == np.uint32
    assert [int(series.read(i)[0, 0]) for i in range(8)] == [3, 4, 5, 7, 8, 9, 10, 11]
    series.close()


def test_modules_tiled_by_a_virtual_dataset(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["top"], file["bottom"] = frames(), frames()[:, ::-1]
    with h5py.File(tmp_path / "x.nxs", "w") as file:
        layout = h5py.VirtualLayout((COUNT, 2 * SHAPE[0], SHAPE[1]), "u4")
        layout[:, : SHAPE[0]] = h5py.VirtualSource("m.h5", "top", (COUNT, *SHAPE))
        layout[:, SHAPE[0] :] = h5py.VirtualSource("m.h5", "bottom", (COUNT, *SHAPE))
        file.create_group("entry/data").create_virtual_dataset("data", layout)
    series = open_images("x.nxs", tmp_path)
    expected = np.concatenate([frames()[4], frames()[4, ::-1]])
    np.testing.assert_array_equal(series.read(4), expected)
    series.close()
    (tmp_path / "m.h5").unlink()
    with pytest.raises(UserError, match=r"m\.h5 is missing"):
        open_images("x.nxs", tmp_path)


def test_a_frame_that_was_never_written(tmp_path: Path) -> None:
    master = write_eiger(tmp_path, frames(), header())
    with h5py.File(tmp_path / "series_data_000001.h5", "r+") as file:
        file["entry/data/data"].resize(COUNT + 2, axis=0)
    series = open_images(master, tmp_path)
    assert series.read(10)[0, 0] == 11
    with pytest.raises(FrameError, match=r"frame 13 .* was never written"):
        series.read(12)
    series.close()


def test_a_damaged_chunk_is_an_error_and_no_crash(tmp_path: Path) -> None:
    master = write_eiger(tmp_path, frames(), header())
    with h5py.File(tmp_path / "series_data_000001.h5", "r+") as file:
        data = file["entry/data/data"].id
        chunk = data.read_direct_chunk((4, 0, 0))[1]
        data.write_direct_chunk((4, 0, 0), chunk[: len(chunk) // 2] + bytes(len(chunk) // 2))
    series = open_images(master, tmp_path)
    assert series.read(5)[0, 0] == 6
    with pytest.raises(FrameError, match=r"frame 5 \(.*series_data_000001\.h5.* is damaged"):
        series.read(4)
    series.close()


def test_a_damaged_zstd_chunk_is_an_error(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        options = hdf5plugin.Bitshuffle(cname="zstd")
        data = file.create_dataset(
            "entry/data/data", data=frames(), chunks=(1, *SHAPE), **options
        )
        data.id.write_direct_chunk((4, 0, 0), bytes(200))
    series = open_images("x.h5", tmp_path)
    with pytest.raises(FrameError, match=r"frame 5 .* does not decode"):
        series.read(4)
    series.close()


@pytest.mark.parametrize("name", ["series_master.h5", "series_data_000001.h5"])
def test_a_truncated_file(tmp_path: Path, name: str) -> None:
    master = write_eiger(tmp_path, frames(), header())
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FrameError, match=rf"{name}: HDF5 cannot open it .*truncated"):
        open_images(master, tmp_path)


def test_a_data_file_of_another_size(tmp_path: Path) -> None:
    master = write_eiger(tmp_path, frames(), header(), images_per_file=6)
    with h5py.File(tmp_path / "series_data_000002.h5", "w") as file:
        file["entry/data/data"] = np.zeros((5, 3, 4), "u4")
    series = open_images(master, tmp_path)
    with pytest.raises(FrameError, match=r"shape \(3, 4\), the first image .* \(19, 23\)"):
        series.read(6)
    series.close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda file: None, "no NXentry"),
        (lambda file: file.create_group("entry/data"), "neither 'data' nor 'data_000001'"),
        (
            lambda file: file.create_dataset("entry/data/data", (2, 3, 4, 5), "u2"),
            r"shape \(2, 3, 4, 5\), not \(frame, slow, fast\)",
        ),
        (lambda file: file.create_group("entry/data/data"), "has the shape nothing"),
    ],
)
def test_files_of_something_else(tmp_path: Path, make, message: str) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        make(file)
    with pytest.raises(UserError, match=message):
        open_images("x.h5", tmp_path)


def test_threads_pickles_and_digests(tmp_path: Path) -> None:
    images = frames()
    master = write_eiger(tmp_path, images, header(), images_per_file=1)
    series = open_images(master, tmp_path)
    series.read(0)
    other = pickle.loads(pickle.dumps(series))
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(other.read, list(range(COUNT)) * 4))
    for i, counts in enumerate(read):
        np.testing.assert_array_equal(counts, images[i % COUNT])
    assert other.digest() == series.digest()
    os.utime(tmp_path / "series_data_000003.h5", ns=(1, 1))
    assert other.digest() != pickle.loads(pickle.dumps(series)).metadata
    assert open_images(master, tmp_path, frames=(4, 4)).digest() != ""
    series.close()
    other.close()


def test_the_digest_follows_a_data_file(tmp_path: Path) -> None:
    master = write_eiger(tmp_path, frames(), header(), images_per_file=4)
    before = open_images(master, tmp_path).digest()
    assert open_images(master, tmp_path).digest() == before
    os.utime(tmp_path / "series_data_000003.h5", ns=(1, 1))
    assert open_images(master, tmp_path).digest() != before


def test_more_files_than_are_held_open(tmp_path: Path) -> None:
    images = frames(25)
    master = write_eiger(tmp_path, images, EigerHeader(), images_per_file=1)
    series = open_images(master, tmp_path)
    for i in (*range(25), 0, 24, 3):
        np.testing.assert_array_equal(series.read(i), images[i])
    series.close()


def test_masks_and_limits(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, np.uint32)
    mask[0], mask[:, 3], mask[5, 5] = 1, 2, 16 + 256
    mask[0, 3] = 3
    master = write_eiger(
        tmp_path, frames(dtype="u2"), header(pixel_mask=mask, saturation_value=5000)
    )
    series = open_images(master, tmp_path)
    masks = series.masks()
    assert {name: int(m.sum()) for name, m in masks.items()} == {
        "pixel_mask gap (bit 0)": SHAPE[1],
        "pixel_mask dead (bit 1)": SHAPE[0],
        "pixel_mask noisy (bit 4)": 1,
        "pixel_mask user-defined (bit 8)": 1,
    }
    np.testing.assert_array_equal(np.any(list(masks.values()), axis=0), mask != 0)
    assert (series.markers, series.metadata.overload) == ((65534, 65535), 5000)
    series.close()


def test_the_writer_needs_images(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without images"):
        write_eiger(tmp_path, [])


def test_the_writer_takes_images_one_at_a_time(tmp_path: Path) -> None:
    images = frames()
    master = write_eiger(tmp_path, (image for image in images), images_per_file=4)
    series = open_images(master, tmp_path)
    np.testing.assert_array_equal(series.read(9), images[9])
    assert series.metadata.phi is None
    series.close()
