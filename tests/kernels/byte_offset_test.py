"""The decoder against an encoder that is written from the description, and damaged streams."""

from __future__ import annotations

import numpy as np
import pytest
from fabio.compression import compByteOffset, decByteOffset
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.kernels.byte_offset import NO_FIT, TOO_SHORT, decode

TYPES = [np.uint16, np.int32, np.int64]


def encoded(counts: list[int]) -> bytes:
    """Differences in 1, 2, 4 or 8 bytes, each longer form announced by the smallest number."""
    out, before = b"", 0
    for count in counts:
        step, before = count - before, count
        size = 1
        while size < 8 and abs(step) >= 1 << 8 * size - 1:
            out += (1 << 8 * size - 1).to_bytes(size, "little")
            size *= 2
        out += step.to_bytes(size, "little", signed=True)
    return out


def decoded(stream: bytes, pixels: int, dtype: type = np.int32) -> tuple[int, np.ndarray]:
    out, limits = np.full(pixels, 77, dtype), np.iinfo(dtype)
    read = decode(np.frombuffer(stream, np.uint8), limits.min, limits.max, out)
    return int(read), out


def images(dtype: type) -> st.SearchStrategy[list[int]]:
    """Mostly small steps, so that whole blocks are single bytes; sometimes any count."""
    limits = np.iinfo(dtype)
    low, high = max(limits.min, -(2**62)), min(limits.max, 2**62)
    small = st.integers(max(low, -3), min(high, 100))
    return st.lists(
        st.one_of(small, small, small, small, small, st.integers(low, high)), max_size=150
    )


@pytest.mark.parametrize("dtype", TYPES)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_every_type_survives_the_round_trip(dtype: type, data: st.DataObject) -> None:
    counts = data.draw(images(dtype))
    stream = encoded(counts)
    read, out = decoded(stream, len(counts), dtype)
    assert read == len(stream)
    assert out.tolist() == counts


@settings(deadline=None, max_examples=60)
@given(images(np.int32))
def test_it_decodes_as_fabio_does(counts: list[int]) -> None:
    stream = bytes(compByteOffset(np.array(counts, np.int64)))
    assert stream == encoded(counts)
    _, out = decoded(stream, len(counts), np.int64)
    np.testing.assert_array_equal(out, decByteOffset(stream, len(counts)))


@settings(deadline=None, max_examples=60)
@given(images(np.int32), st.integers(0, 10**6))
def test_a_stream_that_is_cut_is_too_short(counts: list[int], where: int) -> None:
    stream = encoded(counts)
    if stream:
        assert decoded(stream[: where % len(stream)], len(counts))[0] == TOO_SHORT


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.integers(0, 100))
def test_garbage_is_decoded_or_refused_and_nothing_else(stream: bytes, pixels: int) -> None:
    room, limits = np.full(pixels + 40, 77, np.int32), np.iinfo(np.int32)
    read = decode(
        np.frombuffer(stream, np.uint8), limits.min, limits.max, room[20 : 20 + pixels]
    )
    assert read in (TOO_SHORT, NO_FIT) or pixels <= read <= len(stream)
    assert np.all(room[:20] == 77)
    assert np.all(room[20 + pixels :] == 77)


@pytest.mark.parametrize("dtype", TYPES[:-1])
@pytest.mark.parametrize("before", [0, 1, 15, 16, 40])
def test_counts_that_do_not_fit(dtype: type, before: int) -> None:
    limits = np.iinfo(dtype)
    for last, beyond in ((limits.max, 1), (limits.min, -1)):
        counts = [int(last)] * (before + 1)
        assert decoded(encoded(counts), before + 1, dtype)[0] > 0
        counts[-1] += beyond
        assert decoded(encoded(counts), before + 1, dtype)[0] == NO_FIT


def test_small_steps_that_lead_out_of_the_range_are_noticed() -> None:
    start = 2**31 - 1000
    counts = [start + 100 * i for i in range(30)]
    assert decoded(encoded(counts[:10]), 10)[0] > 0
    assert decoded(encoded(counts), 30)[0] == NO_FIT


def test_what_follows_the_last_pixel_is_not_read() -> None:
    counts = list(range(32))
    read, out = decoded(encoded(counts) + b"\x05\x80", 32)
    assert read == 32
    assert out.tolist() == counts
