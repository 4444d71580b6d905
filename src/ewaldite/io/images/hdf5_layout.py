"""Which file, dataset and index hold each image of an NXmx or Eiger series.

HDF5 fills a virtual dataset with zeros where its source is missing or short, so frames are
read from their sources, and only those that exist count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
from h5py import h5s

from ewaldite.errors import UserError
from ewaldite.io.images.hdf5_files import Hdf5Files, beside, follow

_EIGER_DATA = re.compile(r"data_\d+")


@dataclass(frozen=True)
class Block:
    """Consecutive frames in one dataset.

    Attributes
    ----------
    path, dataset:
        File and path in it.
    first:
        Frame number (1-based) of the first.
    offset:
        Index of that frame in the dataset.
    count:
        Number of frames; of a missing file the number it should hold.
    exists:
        False where the file is missing.
    """

    path: Path
    dataset: str
    first: int
    offset: int
    count: int
    exists: bool = True

    @property
    def last(self) -> int:
        """Frame number of the last."""
        return self.first + self.count - 1


def find_blocks(files: Hdf5Files, master: Path, group: str) -> tuple[Block, ...]:
    """Return where the frames are, in order.

    Parameters
    ----------
    files:
        Open files.
    master:
        The master file.
    group:
        Path of its NXdata group.

    Raises
    ------
    UserError
        If the group holds no image data, or images in more than two dimensions.
    """
    with files.open(master) as file:
        names = list(file[group]) if group in file else []
        signal = file[group].attrs.get("signal", "data") if group in file else "data"
        signal = signal.decode() if isinstance(signal, bytes) else str(signal)
        linked = sorted(name for name in names if _EIGER_DATA.fullmatch(name))
        if signal in names:
            wanted = [follow(file, master, f"{group}/{signal}")]
        else:
            wanted = [follow(file, master, f"{group}/{name}") for name in linked]
    if not wanted:
        raise UserError(
            f"read the images in {master}",
            f"the group {group} holds neither 'data' nor 'data_000001'",
            "Name the master file of the series (…_master.h5 or .nxs).",
        )
    blocks: list[Block] = []
    for path, dataset in wanted:
        first = blocks[-1].last + 1 if blocks else 1
        usual = blocks[0].count if blocks else 0
        blocks += _resolve(files, path, dataset, first, usual, numbered=signal not in names)
    return tuple(sorted(blocks, key=lambda block: block.first))


def _resolve(
    files: Hdf5Files, path: Path, dataset: str, first: int, usual: int, *, numbered: bool
) -> list[Block]:
    """Blocks of a dataset, virtual or not.

    ``usual`` is what a missing file should hold; ``numbered`` data files say the number of
    their first frame.
    """
    if not path.is_file():
        return [Block(path, dataset, first, 0, usual, exists=False)]
    with files.open(path) as file:
        found = file.get(dataset)
        if not isinstance(found, h5py.Dataset) or found.ndim not in (2, 3):
            shape = getattr(found, "shape", "nothing")
            raise UserError(
                f"read the images in {path}",
                f"{dataset} has the shape {shape}, not (frame, slow, fast)",
                "Only series of two-dimensional images are read.",
            )
        count = found.shape[0] if found.ndim == 3 else 1
        if not found.is_virtual:
            low = int(found.attrs.get("image_nr_low", first)) if numbered else first
            return [Block(path, dataset, max(first, low), 0, count)]
        sources = found.virtual_sources()
        parts = [_whole_frames(source, found.shape) for source in sources]
    if any(part is None for part in parts):
        _check_sources(path, sources)
        return [Block(path, dataset, first, 0, count)]
    blocks: list[Block] = []
    for source, part in zip(sources, parts, strict=True):
        if part is not None:
            blocks += _of_source(files, path, source, first, part)
    return blocks


def _of_source(
    files: Hdf5Files, path: Path, source: Any, first: int, part: tuple[int, int, int]
) -> list[Block]:
    """Blocks behind one virtual source of whole frames: (position, index in source, count)."""
    at, offset, count = part
    with files.open(path) as file:
        target, dataset = (
            follow(file, path, source.dset_name)
            if source.file_name == "."
            else (beside(path, source.file_name), source.dset_name)
        )
    inner = _resolve(files, target, dataset, 1, offset + count, numbered=False)
    cut = []
    for block in inner:
        low, high = max(block.first, offset + 1), min(block.last, offset + count)
        if low <= high:
            cut.append(
                replace(
                    block,
                    first=first + at + low - offset - 1,
                    offset=block.offset + low - block.first,
                    count=high - low + 1,
                )
            )
    return cut


def _whole_frames(source: Any, shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """(position, index in source, count) of a source of whole frames, else None."""
    target = _slab(source.vspace)
    if len(shape) != 3 or target is None or source.file_name.count("%"):
        return None
    at, extent = target
    inner = _slab(source.src_space)
    start, size = inner if inner is not None else ((0, 0, 0), extent)
    if extent[1:] != shape[1:] or size != extent or at[1:] != (0, 0) or start[1:] != (0, 0):
        return None
    if inner is None and source.src_space.get_select_type() != h5s.SEL_ALL:
        return None
    return at[0], start[0], extent[0]


def _slab(space: Any) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """(start, extent) of a contiguous block in a dataspace, else None."""
    if space.get_select_type() != h5s.SEL_HYPERSLABS or not space.is_regular_hyperslab():
        return None
    start, stride, count, block = space.get_regular_hyperslab()
    extent = []
    for step, number, size in zip(stride, count, block, strict=True):
        if number > 1 and step != size:
            return None
        extent.append(int(number * size))
    return tuple(int(x) for x in start), tuple(extent)


def _check_sources(path: Path, sources: list[Any]) -> None:
    for source in sources:
        known = source.file_name == "." or "%" in source.file_name
        if not known and not beside(path, source.file_name).is_file():
            raise UserError(
                f"read the images in {path}",
                f"its data file {beside(path, source.file_name)} is missing",
                "Put the data files beside the master file.",
            )
