"""CBF images: the binary section, byte-offset compression, and its checks.

Layout: CBFlib manual, section 3.3.3 (the byte-offset scheme of A. Hammersley).
Only the short header in front of the binary section is looked at per frame; decoding a 6M
image costs less than the checksum over it.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ewaldite.io.images.frame_header import FrameHeader
from ewaldite.io.images.minicbf import parse_minicbf
from ewaldite.io.images.payload import corrupt, read_head, read_payload
from ewaldite.io.images.series import Image, room_for
from ewaldite.kernels import byte_offset

MAGIC = b"###CBF"
SECTION = b"--CIF-BINARY-FORMAT-SECTION--"
STARTER = b"\x0c\x1a\x04\xd5"
TYPES = {
    f"{sign}signed {bits}-bit integer": np.dtype(f"{'u' if sign else ''}int{bits}")
    for sign in ("", "un")
    for bits in (8, 16, 32, 64)
}


@dataclass(frozen=True)
class BinarySection:
    """Where and what the compressed image is.

    Attributes
    ----------
    start, size:
        Position and number of its bytes.
    shape:
        (slow, fast).
    dtype:
        Type of the counts.
    md5:
        Checksum of the bytes, or None.
    text_end:
        Where the text header ends.
    """

    start: int
    size: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    md5: bytes | None
    text_end: int


@dataclass(frozen=True)
class CbfCodec:
    """Reads CBF images."""

    name: str = "CBF"

    def header(self, path: Path) -> FrameHeader:
        """Return what the header says.

        Raises
        ------
        FrameError
            If the file has no binary section.
        """
        head = read_head(path, STARTER)
        section = find_section(head, path)
        text = head[: section.text_end].decode("latin-1")
        return parse_minicbf(text, section.shape, section.dtype)

    def read(self, path: Path, out: Image | None = None) -> Image:
        """Return the counts, in ``out`` if they fit; dims (slow, fast).

        Raises
        ------
        FrameError
            If bytes are missing, their checksum differs, or they do not decode to the number
            of pixels that the header states.
        """
        data = read_payload(path)
        section = find_section(data, path)
        payload = memoryview(data)[section.start : section.start + section.size]
        if len(payload) < section.size:
            raise corrupt(
                path,
                f"the file is truncated: {len(payload)} of {section.size} bytes of the image",
            )
        if section.md5 is not None and hashlib.md5(payload).digest() != section.md5:
            raise corrupt(path, "the image is damaged (its MD5 checksum does not match)")
        return decode(payload, section, path, out)


def find_section(data: bytes, path: Path) -> BinarySection:
    """Return the place and type of the binary section.

    Raises
    ------
    FrameError
        If there is none, or one that is not a byte-offset compressed image.
    """
    if not data.startswith(MAGIC):
        raise corrupt(path, "it is not a CBF file")
    start = data.find(STARTER)
    begin = data.rfind(SECTION, 0, start) if start >= 0 else -1
    if begin < 0:
        raise corrupt(path, "the CBF file holds no image: it is truncated or damaged")
    items = _items(data[begin:start])
    try:
        size = int(items["x-binary-size"])
        fast = int(items["x-binary-size-fastest-dimension"])
        slow = int(items["x-binary-size-second-dimension"])
        dtype = TYPES[items["x-binary-element-type"].strip('"')]
        md5 = base64.b64decode(items["content-md5"]) if "content-md5" in items else None
    except (KeyError, ValueError) as error:
        raise corrupt(path, f"the header of its image is damaged ({error})") from error
    if int(items.get("x-binary-size-third-dimension") or 1) > 1:
        raise corrupt(path, "it holds a stack of images, not one")
    if "x-cbf_byte_offset" not in items.get("conversions", "").lower():
        raise corrupt(path, f"its compression {items.get('conversions')} is not byte-offset")
    return BinarySection(start + len(STARTER), size, (slow, fast), dtype, md5, begin)


def decode(
    payload: memoryview, section: BinarySection, path: Path, out: Image | None = None
) -> Image:
    """Return the counts of a byte-offset compressed image, in ``out`` if they fit.

    Raises
    ------
    FrameError
        If the number of elements is wrong or a count does not fit the type.
    """
    counts = room_for(section.shape, section.dtype, out)
    range_ = np.iinfo(section.dtype)
    # No difference leads beyond what an int64 holds
    high = min(range_.max, np.iinfo(np.int64).max)
    read = byte_offset.decode(
        np.frombuffer(payload, np.uint8), range_.min, high, counts.reshape(-1)
    )
    if read == byte_offset.NO_FIT:
        raise corrupt(path, f"the image is damaged: a count does not fit {section.dtype}")
    if read != section.size:
        raise corrupt(path, f"the image is damaged: it does not decode to {counts.size} pixels")
    return counts


def _items(block: bytes) -> dict[str, str]:
    items: dict[str, str] = {}
    for line in block.decode("latin-1").splitlines()[1:]:
        separator = "=" if line.lstrip().startswith("conversions") else ":"
        key, _, value = line.partition(separator)
        items[key.strip().lower()] = value.strip()
    return items
