"""A series of images in NXmx or Eiger files."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.images.direct_chunk import decoded, stored_chunk
from ewaldite.io.images.hdf5_files import HDF5_ERRORS, Hdf5Files, load_filters
from ewaldite.io.images.hdf5_layout import Block, find_blocks
from ewaldite.io.images.lz4_check import damaged_chunk
from ewaldite.io.images.nxmx import (
    bit_depth,
    detector_of,
    group_of,
    nominal_frames,
    read_metadata,
)
from ewaldite.io.images.other_formats import as_counts
from ewaldite.io.images.payload import corrupt
from ewaldite.io.images.pixel_mask import read_pixel_masks
from ewaldite.io.images.selection import Missing, select_frames
from ewaldite.io.images.series import (
    BoolArray,
    FrameError,
    Image,
    ImageMetadata,
    files_digest,
    no_data_markers,
)
from ewaldite.model.experiment import IntArray


class Hdf5Series:
    """The images behind a master file; see `ImageSeries` for what its members mean.

    Parameters
    ----------
    master:
        The master file, or a file that holds everything.
    frames:
        Inclusive (first, last) 1-based frame number; None for all.
    exclude:
        Frame numbers to leave out.
    missing:
        What to do with frames whose data file is missing.

    Raises
    ------
    UserError
        If it is no such file, or a frame of the range does not exist.
    """

    def __init__(
        self,
        master: Path,
        frames: tuple[int, int] | None = None,
        exclude: Sequence[int] = (),
        missing: Missing = "error",
    ) -> None:
        self._master = master
        self._files = Hdf5Files()
        with self._files.open(master) as file:
            entry = group_of(file, "NXentry", "entry")
            if entry is None:
                raise UserError(
                    f"read the images in {master}",
                    "it has no NXentry",
                    "Name an NXmx or Eiger master file.",
                )
            self._entry = str(entry.name)
            group = group_of(entry, "NXdata", "data")
            nominal = nominal_frames(detector_of(entry))
            self._bits = bit_depth(detector_of(entry))
        data = str(group.name) if group is not None else f"{self._entry}/data"
        blocks = find_blocks(self._files, master, data)
        self._blocks = tuple(block for block in blocks if block.exists)
        self._select(blocks, nominal, frames, exclude, missing)
        block, _ = self._place(0)
        with self._files.open(block.path) as file:
            dataset = file[block.dataset]
            load_filters(dataset)
            self._shape = (int(dataset.shape[-2]), int(dataset.shape[-1]))
            self._dtype = dataset.dtype.newbyteorder("=")

    def _select(
        self,
        blocks: tuple[Block, ...],
        nominal: int | None,
        frames: tuple[int, int] | None,
        exclude: Sequence[int],
        missing: Missing,
    ) -> None:
        available = {n for b in self._blocks for n in range(b.first, b.last + 1)}
        lost = [block for block in blocks if not block.exists]
        if not available:
            raise UserError(
                f"read the images in {self._master}",
                f"none of its data files exists ({lost[0].path if lost else 'no links'})",
                "Put the data files beside the master file.",
            )
        whole = (1, max(block.last for block in blocks))
        self._selection = select_frames(
            available, frames or whole, exclude, missing, lambda n: _name(self._master, lost, n)
        )
        self._total = len(available)
        self._notes: tuple[str, ...] = ()
        if nominal is not None and self._total < nominal:
            self._notes += (
                f"{self._master.name} announces {nominal} images and {self._total} exist: "
                "those count",
            )
        if self._selection.missing:
            count = len(self._selection.missing)
            self._notes += (f"{count} missing images are skipped: {self._selection.missing}",)

    def __len__(self) -> int:
        return len(self._selection.frames)

    @property
    def frames(self) -> IntArray:
        """1-based frame numbers; dims (frame)."""
        return np.array(self._selection.frames, dtype=np.int64)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of pixels (slow, fast)."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Integer type of the counts, of the data file rather than of a virtual dataset."""
        return self._dtype if self._dtype.kind in "iu" else np.dtype(np.int32)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The master and the data files."""
        return tuple(dict.fromkeys([self._master, *(block.path for block in self._blocks)]))

    @property
    def markers(self) -> tuple[int, ...]:
        """Counts that mean "no data" beside all negative ones."""
        return no_data_markers(self.dtype, self._bits)

    @property
    def missing(self) -> tuple[int, ...]:
        """Frame numbers that were skipped because their data file is missing."""
        return self._selection.missing

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about the series."""
        return self._notes + self.metadata.notes

    @cached_property
    def metadata(self) -> ImageMetadata:
        """What the master file says."""
        with self._files.open(self._master) as file:
            return read_metadata(file[self._entry], self.frames, self.dtype, self._total)

    def read(self, i: int, out: Image | None = None) -> Image:
        """Return the ``i``-th frame; dims (slow, fast), counts.

        Raises
        ------
        FrameError
            If it cannot be decompressed, was never written, or differs from the first in
            size or type.
        """
        block, index = self._place(i)
        try:
            with self._files.open(block.path) as file:
                dataset = file[block.dataset]
                _check_written(dataset, index, self.source(i), block.path)
                chunk = stored_chunk(dataset, index)
                kind = (dataset.shape[-2:], dataset.dtype)
                if chunk is None:
                    if damaged_chunk(dataset, index):
                        raise corrupt(block.path, f"the compressed {self.source(i)} is damaged")
                    image = dataset[index] if dataset.ndim == 3 else dataset[()]
        except HDF5_ERRORS as error:
            raise corrupt(block.path, f"{self.source(i)} does not decode ({error})") from error
        if chunk is not None:
            # Outside the lock of HDF5, so that other threads go on
            image = decoded(chunk, *kind, out)
            if image is None:
                raise corrupt(block.path, f"the compressed {self.source(i)} is damaged")
        if image.shape != self._shape or image.dtype.newbyteorder("=") != self._dtype:
            raise FrameError(
                f"read {self.source(i)}",
                f"it is {image.dtype} of shape {image.shape}, the first image of the series "
                f"{self._dtype} of shape {self._shape}",
                "Give images of another size a sweep of their own, or leave them out with "
                "'exclude'.",
            )
        return as_counts(image, block.path)

    def source(self, i: int) -> str:
        """Name the file and index of the ``i``-th frame."""
        block, index = self._place(i)
        number = self._selection.frames[i]
        return f"frame {number} ({block.path}, {block.dataset}[{index}])"

    def masks(self) -> dict[str, BoolArray]:
        """Return one mask per bit of the pixel mask; True is excluded; dims (slow, fast).

        Raises
        ------
        UserError
            If the pixel mask has another size than the images.
        """
        with self._files.open(self._master) as file:
            return read_pixel_masks(detector_of(file[self._entry]), self._shape)

    def digest(self) -> str:
        """Return a hash of names, sizes and modification times of the files."""
        return files_digest(self.paths)

    def close(self) -> None:
        """Close the files; a later ``read`` opens them again."""
        self._files.close()

    def _place(self, i: int) -> tuple[Block, int]:
        number = self._selection.frames[i]
        k = bisect_right([block.first for block in self._blocks], number) - 1
        block = self._blocks[k]
        return block, block.offset + number - block.first


def _name(master: Path, lost: Sequence[Block], number: int) -> str:
    gone = [b.path for b in lost if b.first <= number <= b.last]
    return str(gone[0]) if gone else f"{master}, image {number}"


def _check_written(dataset: h5py.Dataset, index: int, source: str, path: Path) -> None:
    # An aborted run leaves space without chunks, which HDF5 would read as zeros.
    if dataset.chunks is None or dataset.ndim != 3:
        return
    if dataset.id.get_chunk_info_by_coord((index, 0, 0)).size == 0:
        raise corrupt(path, f"{source} was never written")
