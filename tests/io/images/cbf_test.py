"""CBF images: decoding, its checks, and the writer."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
from pathlib import Path

import fabio
import numpy as np
import pytest
from fabio.compression import compByteOffset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ewaldite.io.images.cbf import SECTION, STARTER, CbfCodec, find_section
from ewaldite.io.images.cbf_writer import CbfHeader, write_minicbf
from ewaldite.io.images.series import FrameError
from ewaldite.model.experiment import Sensor

QUIET = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
COUNTS = st.one_of(st.integers(-3, 40), st.integers(-(2**30) + 1, 2**30 - 1))


def poisson_image(seed: int = 0, shape: tuple[int, int] = (61, 47)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = rng.poisson(3.0, shape).astype(np.int32)
    image[5:8] = -1
    image[20, 20] = 1_000_000
    image[30, 30] = -2
    return image


def raw_cbf(blob: bytes, shape: tuple[int, int], kind: str, *extra: str) -> bytes:
    """A CBF file from its parts, without checksum unless given."""
    lines = [
        "###CBF: VERSION 1.5", "data_x", "_array_data.data", ";", SECTION.decode(),
        "Content-Type: application/octet-stream;", '     conversions="x-CBF_BYTE_OFFSET"',
        f"X-Binary-Size: {len(blob)}", f'X-Binary-Element-Type: "{kind}"',
        f"X-Binary-Size-Fastest-Dimension: {shape[1]}",
        f"X-Binary-Size-Second-Dimension: {shape[0]}", *extra, "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + STARTER + blob + b"\r\n" + SECTION + b"--\r\n"


@QUIET
@given(image=arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=COUNTS))
def test_what_is_written_is_read(tmp_path: Path, image: np.ndarray) -> None:
    path = tmp_path / "a.cbf"
    write_minicbf(path, image)
    read = CbfCodec().read(path)
    assert read.dtype == np.int32
    np.testing.assert_array_equal(read, image)


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2"])
def test_fabio_reads_what_is_written(tmp_path: Path, suffix: str) -> None:
    image = poisson_image()
    path = tmp_path / f"a_0001.cbf{suffix}"
    write_minicbf(path, image)
    with fabio.open(str(path)) as other:
        np.testing.assert_array_equal(other.data, image)
        digest = base64.b64decode(other.header["Content-MD5"])
    np.testing.assert_array_equal(CbfCodec().read(path), image)
    raw = path.read_bytes()
    raw = {"": bytes, ".gz": gzip.decompress, ".bz2": bz2.decompress}[suffix](raw)
    section = find_section(raw, path)
    blob = raw[section.start : section.start + section.size]
    assert hashlib.md5(blob).digest() == digest


@pytest.mark.parametrize(
    "name",
    [
        "DLS_I03_smargon_0001.cbf.gz",
        "dlsnxs2cbf_therm_0001.cbf.gz",
        "phi_scan_001.cbf",
    ],
)
def test_real_images_read_as_fabio_reads_them(shared_data: Path, name: str) -> None:
    path = shared_data / "images" / name
    with fabio.open(str(path)) as other:
        np.testing.assert_array_equal(CbfCodec().read(path), other.data)


def test_the_memory_of_an_image_is_used_again_where_it_fits(tmp_path: Path) -> None:
    path = tmp_path / "a.cbf"
    write_minicbf(path, poisson_image())
    for unfit in (np.zeros((61, 48), np.int32), np.zeros((61, 47), np.int64)):
        read = CbfCodec().read(path, unfit)
        assert not unfit.any()
        np.testing.assert_array_equal(read, poisson_image())
    view = np.zeros((61, 94), np.int32)[:, ::2]
    assert CbfCodec().read(path, view) is not view
    fixed = np.zeros((61, 47), np.int32)
    fixed.flags.writeable = False
    assert CbfCodec().read(path, fixed) is not fixed
    other = np.full((61, 47), 7, np.int32)
    assert CbfCodec().read(path, other) is other
    np.testing.assert_array_equal(other, poisson_image())


def test_the_result_may_be_written_to(tmp_path: Path) -> None:
    path = tmp_path / "a.cbf"
    write_minicbf(path, poisson_image())
    read = CbfCodec().read(path)
    assert read.flags.writeable
    assert read.flags.c_contiguous


@QUIET
@given(share=st.floats(0.0, 0.999))
@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2"])
def test_a_truncated_file_is_noticed(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"a.cbf{suffix}"
    write_minicbf(path, poisson_image())
    raw = path.read_bytes()
    end = len(raw)
    if not suffix:
        # The padding behind the last byte of the image says nothing.
        section = find_section(raw, path)
        end = section.start + section.size
    path.write_bytes(raw[: int(share * end)])
    with pytest.raises(FrameError, match=r"a\.cbf"):
        CbfCodec().read(path)


@QUIET
@given(at=st.floats(0, 0.999), flip=st.integers(1, 255))
def test_a_flipped_byte_is_noticed(tmp_path: Path, at: float, flip: int) -> None:
    path = tmp_path / "a.cbf"
    write_minicbf(path, poisson_image())
    raw = bytearray(path.read_bytes())
    section = find_section(bytes(raw), path)
    raw[section.start + int(at * section.size)] ^= flip
    path.write_bytes(raw)
    with pytest.raises(FrameError, match="MD5"):
        CbfCodec().read(path)


@pytest.mark.parametrize("change", [-1, 1, 40])
def test_a_wrong_number_of_pixels_is_noticed_without_checksum(
    tmp_path: Path, change: int
) -> None:
    image = np.arange(100, dtype=np.int32).reshape(10, 10)
    blob = compByteOffset(image.ravel())
    blob = blob[:change] if change < 0 else blob + b"\x01" * change
    path = tmp_path / "a.cbf"
    path.write_bytes(raw_cbf(blob, image.shape, "signed 32-bit integer"))
    with pytest.raises(FrameError, match="100 pixels"):
        CbfCodec().read(path)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("unsigned 16-bit integer", np.uint16),
        ("unsigned 32-bit integer", np.uint32),
        ("signed 64-bit integer", np.int64),
    ],
)
def test_any_integer_type_is_kept(tmp_path: Path, kind: str, dtype: type) -> None:
    top = np.iinfo(dtype).max if dtype is not np.int64 else 2**40
    image = np.array([[0, 1, top], [top - 1, 0, 5]], dtype=dtype)
    path = tmp_path / "a.cbf"
    path.write_bytes(raw_cbf(compByteOffset(image.ravel().astype(np.int64)), (2, 3), kind))
    read = CbfCodec().read(path)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image)


def test_a_step_beyond_32_bits_in_an_int32_image_is_decoded(tmp_path: Path) -> None:
    image = np.array([[2**31 - 1, -(2**31), 7, 8]], dtype=np.int64)
    path = tmp_path / "a.cbf"
    path.write_bytes(raw_cbf(compByteOffset(image.ravel()), (1, 4), "signed 32-bit integer"))
    np.testing.assert_array_equal(CbfCodec().read(path), image)


def test_a_count_that_does_not_fit_its_type_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.cbf"
    blob = compByteOffset(np.array([1, 70000], dtype=np.int64))
    path.write_bytes(raw_cbf(blob, (1, 2), "unsigned 16-bit integer"))
    with pytest.raises(FrameError, match="does not fit uint16"):
        CbfCodec().read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"no image at all", "not a CBF file"),
        (b"###CBF: VERSION 1.5\r\ndata_x\r\n", "holds no image"),
        (raw_cbf(b"\x01", (1, 1), "nonsense"), "header of its image is damaged"),
        (
            raw_cbf(
                b"\x01", (1, 1), "signed 32-bit integer", "X-Binary-Size-Third-Dimension: 2"
            ),
            "stack of images",
        ),
        (
            raw_cbf(b"\x01", (1, 1), "signed 32-bit integer").replace(b"OFFSET", b"PACKED"),
            "compression",
        ),
    ],
)
def test_garbage_gets_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.cbf"
    path.write_bytes(content)
    with pytest.raises(FrameError, match=message) as caught:
        CbfCodec().read(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="does not exist"):
        CbfCodec().read(tmp_path / "none.cbf")


@pytest.mark.parametrize(
    "image", [np.zeros((2, 2)), np.zeros(4, np.int32), np.full((2, 2), 2**30, np.int32)]
)
def test_the_writer_refuses_what_it_cannot_hold(tmp_path: Path, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"int32|2\^30"):
        write_minicbf(tmp_path / "a.cbf", image)


@QUIET
@given(
    start=st.floats(-360, 720).map(lambda x: round(x, 6)),
    width=st.floats(-2, 2).map(lambda x: round(x, 6)),
    distance=st.floats(10, 1000),
    thickness=st.floats(0.1, 2),
    material=st.sampled_from(["Si", "CdTe", "GaAs"]),
)
def test_the_header_survives_the_round_trip(
    tmp_path: Path, start: float, width: float, distance: float, thickness: float, material: str
) -> None:
    header = CbfHeader(
        start_angle=start,
        angle_increment=width,
        exposure_time=0.097,
        exposure_period=0.1,
        wavelength=0.97625,
        distance=distance,
        beam_centre=(1229.25, 1200.5),
        count_cutoff=91795,
        sensor=Sensor(material, thickness),
        polarization=0.99,
        transmission=0.3,
    )
    path = tmp_path / "a_0007.cbf"
    write_minicbf(path, poisson_image(), header)
    read = CbfCodec().header(path)
    assert read.shape == (61, 47)
    assert read.start == pytest.approx(start, rel=1e-11)
    assert read.width == pytest.approx(width, rel=1e-11)
    assert read.distance == pytest.approx(distance, rel=1e-10)
    assert read.sensor is not None
    assert read.sensor.material == material
    assert read.sensor.thickness == pytest.approx(thickness, rel=1e-10)
    assert (read.exposure, read.period, read.wavelength) == (0.097, 0.1, 0.97625)
    assert read.pixel_size == pytest.approx((0.172, 0.172), rel=1e-12)
    assert (read.beam_centre, read.overload) == ((1229.25, 1200.5), 91795)
    assert (read.polarization_fraction, read.transmission) == (0.99, 0.3)
