"""The decoder against sequences put together from the description of the format."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.kernels.lz4 import decode_block

Sequence = tuple[bytes, int, int]


def more(length: int) -> bytes:
    """What follows a half byte of 15."""
    return b"\xff" * ((length - 15) // 255) + bytes([(length - 15) % 255])


def encoded(sequences: list[Sequence], last: bytes) -> bytes:
    """Literals, then a match ``back`` bytes behind, of n + 4 bytes; and the last literals."""
    out = b""
    for literals, back, n in [*sequences, (last, 0, 0)]:
        out += bytes([min(len(literals), 15) << 4 | min(n, 15)])
        out += (more(len(literals)) if len(literals) >= 15 else b"") + literals
        if back:
            out += back.to_bytes(2, "little") + (more(n) if n >= 15 else b"")
    return out


def plain(sequences: list[Sequence], last: bytes) -> bytes:
    out = bytearray()
    for literals, back, n in sequences:
        out += literals
        for _ in range(n + 4):
            out.append(out[-back])
    return bytes(out + last)


def decoded(data: bytes, size: int) -> bytes | None:
    room = np.full(size + 40, 77, np.uint8)
    sound = decode_block(np.frombuffer(data, np.uint8), 0, len(data), room[20:], size)
    assert np.all(room[:20] == 77)
    assert np.all(room[20 + size :] == 77)
    return room[20 : 20 + size].tobytes() if sound else None


@st.composite
def blocks(draw: st.DrawFn) -> tuple[list[Sequence], bytes]:
    made, sequences = 0, []
    for _ in range(draw(st.integers(0, 6))):
        literals = draw(st.binary(min_size=0 if made else 1, max_size=40))
        made += len(literals)
        back = draw(st.one_of(st.just(1), st.integers(1, made)))
        n = draw(st.one_of(st.integers(0, 20), st.integers(250, 600)))
        sequences.append((literals, back, n))
        made += n + 4
    return sequences, draw(st.binary(min_size=1, max_size=300))


@settings(deadline=None, max_examples=150)
@given(blocks())
def test_literals_and_matches_of_any_length(block: tuple[list[Sequence], bytes]) -> None:
    expected = plain(*block)
    assert decoded(encoded(*block), len(expected)) == expected
    assert decoded(encoded(*block), len(expected) + 1) is None
    assert decoded(encoded(*block), len(expected) - 1) is None


@settings(deadline=None, max_examples=100)
@given(blocks(), st.integers(0, 10**6))
def test_a_block_that_is_cut_is_refused(
    block: tuple[list[Sequence], bytes], where: int
) -> None:
    data = encoded(*block)
    assert decoded(data[: where % len(data)], len(plain(*block))) is None


@settings(deadline=None, max_examples=200)
@given(blocks(), st.binary(min_size=1, max_size=20), st.integers(0, 10**6))
def test_damage_does_no_harm(
    block: tuple[list[Sequence], bytes], noise: bytes, where: int
) -> None:
    """What is outside the block stays as it is, as :func:`decoded` asserts."""
    data, size = encoded(*block), len(plain(*block))
    at = where % len(data)
    decoded((data[:at] + noise + data[at + len(noise) :])[: len(data)], size)
    decoded(noise, size)


def test_a_match_before_the_beginning_is_refused() -> None:
    assert decoded(encoded([(b"abc", 3, 0)], b"x"), 8) == b"abcabcax"
    assert decoded(encoded([(b"abc", 4, 0)], b"x"), 8) is None
    assert decoded(encoded([(b"abc", 65535, 0)], b"x"), 8) is None
    assert decoded(bytes([0x31, *b"abc", 0, 0, 0x10, *b"x"]), 9) is None
