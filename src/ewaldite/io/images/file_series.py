"""A series of files with one image each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ewaldite.io.images.cbf import MAGIC as CBF_MAGIC
from ewaldite.io.images.cbf import CbfCodec
from ewaldite.io.images.frame_header import FrameHeader
from ewaldite.io.images.other_formats import FabioCodec
from ewaldite.io.images.payload import read_head
from ewaldite.io.images.scan import scan_metadata
from ewaldite.io.images.selection import Selection
from ewaldite.io.images.series import (
    BoolArray,
    FrameError,
    Image,
    ImageMetadata,
    files_digest,
    no_data_markers,
)
from ewaldite.io.images.smv import MAGIC as SMV_MAGIC
from ewaldite.io.images.smv import SmvCodec
from ewaldite.model.experiment import IntArray


class Codec(Protocol):
    """Reads the images of one file format; it has no state, so any thread may use it."""

    def header(self, path: Path) -> FrameHeader:
        """Return what the header of an image says."""

    def read(self, path: Path, out: Image | None = None) -> Image:
        """Return the counts of an image, in ``out`` if it likes; dims (slow, fast)."""


def codec_of(path: Path) -> Codec:
    """Return the reader for a file by its first (uncompressed) bytes.

    Raises
    ------
    FrameError
        If the file cannot be read.
    """
    head = read_head(path, b"\n", limit=512)
    if head.startswith(CBF_MAGIC):
        return CbfCodec()
    if re.match(SMV_MAGIC, head):
        return SmvCodec()
    return FabioCodec()


class FileSeries:
    """A series of files with one image each; see `ImageSeries` for what its members mean.

    Parameters
    ----------
    files:
        File of each frame number.
    selection:
        The frames to read.

    Raises
    ------
    FrameError
        If the first image cannot be read.
    """

    def __init__(self, files: Mapping[int, Path], selection: Selection) -> None:
        self._selection = selection
        self._paths = tuple(files[number] for number in selection.frames)
        self._codec = codec_of(self._paths[0])
        self._first = self._codec.header(self._paths[0])

    def __len__(self) -> int:
        return len(self._paths)

    @property
    def frames(self) -> IntArray:
        """Frame numbers as in the file names; dims (frame)."""
        return np.array(self._selection.frames, dtype=np.int64)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of pixels (slow, fast)."""
        return self._first.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Integer type of the counts."""
        return self._first.dtype

    @property
    def paths(self) -> tuple[Path, ...]:
        """One file a frame."""
        return self._paths

    @property
    def markers(self) -> tuple[int, ...]:
        """Counts that mean "no data" beside all negative ones."""
        return no_data_markers(self.dtype)

    @property
    def missing(self) -> tuple[int, ...]:
        """Frame numbers that were skipped because no file has them."""
        return self._selection.missing

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about the series."""
        skipped = len(self.missing)
        gaps = (f"{skipped} missing images are skipped: {self.missing}",) if skipped else ()
        return gaps + self.metadata.notes

    @cached_property
    def metadata(self) -> ImageMetadata:
        """What the first and the last header say; every header where those disagree."""
        return scan_metadata(self._selection.frames, self._header)

    def read(self, i: int, out: Image | None = None) -> Image:
        """Return the ``i``-th frame; dims (slow, fast), counts.

        Raises
        ------
        FrameError
            If the frame is truncated, corrupt, or differs from the first in size or type.
        """
        path = self._paths[i]
        image = self._codec.read(path, out)
        if image.shape != self.shape or image.dtype != self.dtype:
            raise FrameError(
                f"read the image {path}",
                f"it has {image.shape[1]} x {image.shape[0]} pixels of {image.dtype}, the "
                f"first image of the series {self.shape[1]} x {self.shape[0]} of {self.dtype}",
                "Give images of another size a sweep of their own, or leave them out with "
                "'exclude'.",
            )
        return image

    def source(self, i: int) -> str:
        """Name the file of the ``i``-th frame."""
        return str(self._paths[i])

    def masks(self) -> dict[str, BoolArray]:
        """Return nothing: these formats mark pixels by their counts alone."""
        return {}

    def digest(self) -> str:
        """Return a hash of names, sizes and modification times of the files."""
        return files_digest(self._paths)

    def close(self) -> None:
        """Do nothing: every read closes its file."""

    def _header(self, i: int) -> FrameHeader:
        return self._first if i == 0 else self._codec.header(self._paths[i])
