"""SMV images (ADSC and others): ``KEY=value;`` lines in braces, then plain counts.

Keys and units: the header of ADSC's software; ``Data_type``: Rigaku's d*TREK Image Format 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ewaldite.io.images.frame_header import FrameHeader, first_number, positive
from ewaldite.io.images.payload import corrupt, read_head, read_payload
from ewaldite.io.images.series import Image, room_for

MAGIC = re.compile(rb"\{\s*HEADER_BYTES\s*=\s*(\d+)\s*;")
_ITEM = re.compile(r"^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*;", re.MULTILINE)
TYPES: Mapping[str, str] = {
    "unsigned_short": "u2",
    "unsigned short int": "u2",
    "signed_short": "i2",
    "short": "i2",
    "short int": "i2",
    "unsigned_long": "u4",
    "unsigned long int": "u4",
    "signed_long": "i4",
    "long_integer": "i4",
    "long int": "i4",
    "long": "i4",
    "unsigned_char": "u1",
    "unsigned char": "u1",
}


@dataclass(frozen=True)
class SmvCodec:
    """Reads SMV images."""

    name: str = "SMV"

    def header(self, path: Path) -> FrameHeader:
        """Return what the header says.

        Raises
        ------
        FrameError
            If it is not an SMV header.
        """
        items, _ = smv_items(read_head(path, b"}"), path)
        return parse_smv(items, path)

    def read(self, path: Path, out: Image | None = None) -> Image:
        """Return the counts in native byte order, in ``out`` if they fit; dims (slow, fast).

        Raises
        ------
        FrameError
            If the file holds fewer bytes than its header states.
        """
        data = read_payload(path)
        items, offset = smv_items(data, path)
        slow, fast = _shape(items, path)
        stored = _stored_type(items, path)
        needed = offset + slow * fast * stored.itemsize
        if len(data) < needed:
            raise corrupt(path, f"the file is truncated: {len(data)} of {needed} bytes")
        counts = np.frombuffer(data, stored, count=slow * fast, offset=offset)
        image = room_for((slow, fast), stored.newbyteorder("="), out)
        image[...] = counts.reshape(slow, fast)
        return image


def smv_items(data: bytes, path: Path) -> tuple[dict[str, str], int]:
    """Return the header's items and the number of its bytes.

    Raises
    ------
    FrameError
        If it does not begin as SMV does or the closing brace is missing.
    """
    match = MAGIC.match(data)
    if match is None:
        raise corrupt(path, "it is not an SMV file")
    size = int(match.group(1))
    end = data.find(b"}", 0, size)
    if end < 0:
        raise corrupt(path, "the SMV header is truncated or damaged")
    return dict(_ITEM.findall(data[1:end].decode("latin-1"))), size


def parse_smv(items: Mapping[str, str], path: Path) -> FrameHeader:
    """Return what an SMV header says.

    ``OSC_RANGE = 0`` is a still. ``BEAM_CENTER_X/Y`` are mm; where they lie outside the image
    in mm they are taken as pixels, which some detectors write.

    Parameters
    ----------
    items:
        Keys and values.
    path:
        The file, for messages.
    """
    shape = _shape(items, path)
    value = {key: first_number(text) for key, text in items.items()}
    pixel = positive(value.get("PIXEL_SIZE"))
    start = value.get("OSC_START")
    overload = positive(value.get("CCD_IMAGE_SATURATION"))
    return FrameHeader(
        shape=shape,
        dtype=_stored_type(items, path).newbyteorder("="),
        start=start if start is not None else value.get("PHI"),
        width=value.get("OSC_RANGE"),
        exposure=positive(value.get("TIME")),
        wavelength=positive(value.get("WAVELENGTH")),
        pixel_size=(pixel, pixel) if pixel is not None else None,
        distance=positive(value.get("DISTANCE")),
        beam_centre=_beam_centre(value, shape, pixel),
        overload=int(overload) if overload is not None else None,
        detector=_detector(items),
        pedestal=value.get("IMAGE_PEDESTAL"),
    )


def _detector(items: Mapping[str, str]) -> str | None:
    serial = items.get("DETECTOR_SN")
    return f"S/N {serial}" if serial else None


def _beam_centre(
    value: Mapping[str, float | None], shape: tuple[int, int], pixel: float | None
) -> tuple[float, float] | None:
    x, y = value.get("BEAM_CENTER_X"), value.get("BEAM_CENTER_Y")
    if x is None or y is None or pixel is None:
        return None
    if x > shape[1] * pixel or y > shape[0] * pixel:
        return (x, y)
    return (x / pixel, y / pixel)


def _shape(items: Mapping[str, str], path: Path) -> tuple[int, int]:
    try:
        fast, slow = int(items["SIZE1"]), int(items["SIZE2"])
    except (KeyError, ValueError) as error:
        raise corrupt(path, f"the SMV header states no size ({error})") from error
    return slow, fast


def _stored_type(items: Mapping[str, str], path: Path) -> np.dtype[Any]:
    name = items.get("Data_type") or items.get("TYPE") or "unsigned_short"
    if name not in TYPES or items.get("COMPRESSION", "None").lower() != "none":
        kind = f"{name}, compression {items.get('COMPRESSION', 'none')}"
        raise corrupt(path, f"its data type is not known ({kind})")
    order = ">" if "big" in items.get("BYTE_ORDER", "little_endian").lower() else "<"
    return np.dtype(order + TYPES[name])
