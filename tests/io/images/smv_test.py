"""SMV images."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import fabio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ewaldite.io.images.series import FrameError
from ewaldite.io.images.smv import SmvCodec

QUIET = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def smv(image: np.ndarray, size: int = 512, **items: str) -> bytes:
    """An SMV file; the keyword arguments override or add header items."""
    head = {
        "DIM": "2",
        "BYTE_ORDER": "little_endian",
        "TYPE": "unsigned_short",
        "SIZE1": str(image.shape[1]),
        "SIZE2": str(image.shape[0]),
        "PIXEL_SIZE": "0.08",
        **items,
    }
    lines = "".join(f"{key}={value};\n" for key, value in head.items())
    return f"{{\nHEADER_BYTES= {size};\n{lines}}}\n".encode().ljust(size) + image.tobytes()


def image_of(dtype: str = "<u2", shape: tuple[int, int] = (7, 11)) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(0, 60000, shape).astype(dtype)


@pytest.mark.parametrize(
    ("kind", "order", "dtype"),
    [
        ("unsigned_short", "little_endian", "<u2"),
        ("unsigned_short", "big_endian", ">u2"),
        ("signed_short", "little_endian", "<i2"),
        ("unsigned_long", "big_endian", ">u4"),
        ("long_integer", "little_endian", "<i4"),
    ],
)
def test_types_and_byte_orders(tmp_path: Path, kind: str, order: str, dtype: str) -> None:
    image = image_of(dtype)
    path = tmp_path / "a.img"
    path.write_bytes(smv(image, TYPE=kind, BYTE_ORDER=order))
    read = SmvCodec().read(path)
    np.testing.assert_array_equal(read, image)
    assert read.dtype == np.dtype(dtype).newbyteorder("=") == SmvCodec().header(path).dtype
    assert read.flags.writeable


def test_fabio_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(smv(image_of()))
    with fabio.open(str(path)) as other:
        np.testing.assert_array_equal(SmvCodec().read(path), other.data)


def test_a_padded_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(smv(image_of()) + bytes(300))
    np.testing.assert_array_equal(SmvCodec().read(path), image_of())


@QUIET
@given(share=st.floats(0, 0.9999))
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_a_cut_file_is_noticed(tmp_path: Path, pack, share: float) -> None:
    path = tmp_path / "a.img"
    raw = pack(smv(image_of()))
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(FrameError, match=r"a\.img"):
        SmvCodec().read(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"TYPE": "float"}, "data type is not known"),
        ({"COMPRESSION": "PCK"}, "data type is not known"),
        ({"SIZE1": "many"}, "states no size"),
        ({"SIZE2": "8"}, "truncated"),
    ],
)
def test_headers_that_do_not_fit(tmp_path: Path, change: dict[str, str], message: str) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(smv(image_of(), **change))
    with pytest.raises(FrameError, match=message):
        SmvCodec().read(path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(b"{\nsomething else")
    with pytest.raises(FrameError, match="not an SMV file"):
        SmvCodec().header(path)


def test_what_the_header_says(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    items = {
        "TIME": "2.00", "DISTANCE": "57.43", "PHI": "3.5", "OSC_START": "3.5",
        "OSC_RANGE": "0.500", "WAVELENGTH": "0.90800", "BEAM_CENTER_X": "0.40",
        "BEAM_CENTER_Y": "0.24", "CCD_IMAGE_SATURATION": "65535", "IMAGE_PEDESTAL": "40",
        "DETECTOR_SN": "010",
    }  # fmt: skip
    path.write_bytes(smv(image_of(), **items))
    header = SmvCodec().header(path)
    assert (header.start, header.width, header.exposure) == (3.5, 0.5, 2.0)
    assert (header.distance, header.wavelength, header.overload) == (57.43, 0.908, 65535)
    assert header.pixel_size == (0.08, 0.08)
    assert header.beam_centre == pytest.approx((5.0, 3.0))
    assert (header.pedestal, header.detector, header.period) == (40.0, "S/N 010", None)


def test_phi_stands_in_for_a_missing_start(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(smv(image_of(), PHI="12.0", OSC_RANGE="0"))
    assert (SmvCodec().header(path).start, SmvCodec().header(path).width) == (12.0, 0.0)


def test_a_beam_centre_outside_the_image_in_mm_is_in_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(smv(image_of(), BEAM_CENTER_X="6", BEAM_CENTER_Y="4"))
    assert SmvCodec().header(path).beam_centre == (6.0, 4.0)


def test_real_images(shared_data: Path) -> None:
    for path in (
        shared_data / "snase" / "snc_newhead_00003.img.bz2",
        shared_data / "images" / "TIMEPIX_SU_512-stdgoni_0001.img.bz2",
    ):
        with fabio.open(str(path)) as other:
            np.testing.assert_array_equal(SmvCodec().read(path), other.data)
