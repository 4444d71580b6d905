from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.kernels.bitshuffle import decode_chunk, unshuffle

TYPES = [np.uint16, np.uint32, np.uint64]


def shuffled(values: np.ndarray) -> bytes:
    """Bits of all elements by their place in the element, the lowest first."""
    bits = np.unpackbits(
        values.view(np.uint8).reshape(values.size, -1), axis=1, bitorder="little"
    )
    return np.packbits(bits.T, bitorder="little").tobytes()


def literal_block(data: bytes) -> bytes:
    """LZ4 of bytes that are all literals."""
    n = len(data)
    long = b"\xff" * ((n - 15) // 255) + bytes([(n - 15) % 255]) if n >= 15 else b""
    return bytes([min(n, 15) << 4]) + long + data


def chunk_of(values: np.ndarray, block: int) -> bytes:
    """A chunk with so many elements in a block."""
    whole = values.size - values.size % 8
    out = values.nbytes.to_bytes(8, "big") + (block * values.itemsize).to_bytes(4, "big")
    for first in range(0, whole, block):
        data = literal_block(shuffled(values[first : min(first + block, whole)]))
        out += len(data).to_bytes(4, "big") + data
    return out + values[whole:].tobytes()


def drawn(data: st.DataObject, dtype: type, size: int) -> np.ndarray:
    top = data.draw(st.sampled_from([1, 5, 200, 70_000, int(np.iinfo(dtype).max)]))
    seed = data.draw(st.integers(0, 2**32 - 1))
    top = min(top, int(np.iinfo(dtype).max))
    return np.random.default_rng(seed).integers(0, top, size, dtype, endpoint=True)


@pytest.mark.parametrize("dtype", TYPES)
@settings(deadline=None, max_examples=30)
@given(data=st.data(), eighths=st.integers(1, 40))
def test_bits_are_put_together(dtype: type, data: st.DataObject, eighths: int) -> None:
    values = drawn(data, dtype, 8 * eighths)
    out = np.full(values.size, 77, dtype)
    scratch = np.empty(eighths + 2, np.uint64)
    unshuffle(np.frombuffer(shuffled(values), np.uint8), scratch, out)
    np.testing.assert_array_equal(out, values)


@pytest.mark.parametrize("dtype", TYPES)
@settings(deadline=None, max_examples=30)
@given(data=st.data(), size=st.integers(1, 200), block=st.sampled_from([8, 64, 1024]))
def test_chunks_of_any_size(dtype: type, data: st.DataObject, size: int, block: int) -> None:
    values = drawn(data, dtype, size)
    chunk = np.frombuffer(chunk_of(values, block), np.uint8)
    out = np.full(size, 77, dtype)
    assert decode_chunk(chunk, out)
    np.testing.assert_array_equal(out, values)
    assert not decode_chunk(chunk[:-1], out)
    assert not decode_chunk(np.r_[chunk, np.uint8(0)], out)
    assert not decode_chunk(chunk, np.empty(size + 1, dtype))


@pytest.mark.parametrize(("at", "value"), [(7, 0), (10, 0), (11, 4), (12, 1), (15, 0)])
def test_a_damaged_header_is_refused(at: int, value: int) -> None:
    values = np.arange(64, dtype=np.uint16)
    chunk = np.frombuffer(chunk_of(values, 64), np.uint8).copy()
    assert chunk[8:12].tolist() == [0, 0, 0, 128]
    assert decode_chunk(chunk, np.empty_like(values))
    if at == 10:
        chunk[11] = 0
    chunk[at] = value
    assert not decode_chunk(chunk, np.empty_like(values))
    assert not decode_chunk(chunk[:5], np.empty_like(values))
