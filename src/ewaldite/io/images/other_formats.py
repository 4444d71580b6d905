"""Images of every other format that fabio reads."""

from __future__ import annotations

import importlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import MissingExtraError
from ewaldite.io.images.frame_header import FrameHeader
from ewaldite.io.images.payload import BZIP2, GZIP, corrupt, read_payload
from ewaldite.io.images.series import Image

# What fabio's readers of many formats raise on cut and damaged files.
FABIO_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RuntimeError,
    NameError,
    SyntaxError,
    MemoryError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class FabioCodec:
    """Reads what fabio recognises by its first bytes or its name."""

    name: str = "fabio"

    def header(self, path: Path) -> FrameHeader:
        """Return size and type; the headers of these formats are not interpreted.

        Raises
        ------
        FrameError
            If fabio cannot read it.
        """
        image = self.read(path)
        return FrameHeader((image.shape[0], image.shape[1]), image.dtype)

    def read(self, path: Path, out: Image | None = None) -> Image:
        """Return the counts, in memory of fabio's; dims (slow, fast).

        Raises
        ------
        FrameError
            If fabio cannot read it, pads what is cut, or it holds several images.
        MissingExtraError
            If fabio is not installed.
        """
        try:
            fabio = importlib.import_module("fabio")
        except ImportError as error:
            raise MissingExtraError("fabio", "xray", f"read the image {path}") from error
        _check_compression(path)
        try:
            image = fabio.open(str(path))
            data, several = image.data, image.nframes > 1
            cut = getattr(image, "incomplete_data", False)
            image.close()
        except FABIO_ERRORS as error:
            reason = f"{type(error).__name__}: {error}"
            raise corrupt(path, f"fabio cannot read it ({reason})") from error
        if data is None or cut:
            raise corrupt(path, "the file is truncated or damaged")
        if several or data.ndim != 2:
            raise corrupt(path, "it holds several images where one a file is expected")
        return as_counts(data, path)


def as_counts(data: NDArray[Any], path: Path) -> Image:
    """Return an image as integers in native byte order.

    Floating-point images are accepted where every value is a whole number or NaN, which
    becomes −1 (no data).

    Parameters
    ----------
    data:
        Counts; dims (slow, fast), any numeric dtype.
    path:
        The file, for messages.

    Raises
    ------
    FrameError
        If values are not whole numbers.
    """
    if data.dtype.kind in "iu":
        return data.astype(data.dtype.newbyteorder("="), copy=False)
    if data.dtype.kind == "f":
        whole = np.where(np.isnan(data), -1.0, data)
        if np.all(np.abs(whole) < 2**31) and np.array_equal(whole, np.rint(whole)):
            return whole.astype(np.int32)
    raise corrupt(path, f"its values ({data.dtype}) are not counts, that is whole numbers")


def _check_compression(path: Path) -> None:
    # fabio takes a cut stream for the end of the file in some of its formats.
    try:
        with path.open("rb") as stream:
            magic = stream.read(3)
    except OSError as error:
        raise corrupt(path, f"the file cannot be read ({error.strerror})") from error
    if magic.startswith((GZIP, BZIP2)):
        read_payload(path)
