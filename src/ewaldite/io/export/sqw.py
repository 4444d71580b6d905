"""SQW files of Horace, version 4.0.

A file is a head (program, version, type, number of dims), a table of blocks, and the blocks:

=================================  ====================================================
block                              content
=================================  ====================================================
main_header                        title, number of runs, date
detpar                             detectors for Tobyfit: empty
data / metadata, nd_data           the image: axes, projection; mean, its variance, pixels
experiment_info / instruments, …   instrument and sample of every run
experiment_info / expdata          fixed energies, energy transfers, orientation of every run
pix / metadata, data_wrap          the pixels: nine columns of float32
=================================  ====================================================

Sources: "SQW" in the developer documentation of scippneutron 26.7 and the readers of Horace 4
(pace-neutrons/Horace). Components of a pixel are those of Horace: Q in the frame of the
crystal (x along a*, y in the plane of a* and b*; Busing & Levy) in 1/Å, energy transfer in meV,
and numbers of run, detector and energy range from 1.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.io.atomic import PathLike, atomic_path
from ewaldite.io.export.matlab_values import Pieces, Ready, serialised, size_of
from ewaldite.io.export.sqw_pixels import BYTES, ImageGrid, SortedPixels
from ewaldite.kernels.spectra import PIXEL_COLUMNS

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Name = tuple[str, str]

_LABELS = (r"Q_\zeta", r"Q_\xi", r"Q_\eta", "E")
_INDIRECT = 2.0
_MOST_BYTES = 2**32 - 1
_PIXELS: Name = ("pix", "data_wrap")
_IMAGE: Name = ("data", "nd_data")
_RANGES: Name = ("pix", "metadata")


@dataclass(frozen=True)
class SqwRun:
    """A run of Horace: one step of the rotation.

    Attributes
    ----------
    name:
        Of its file.
    psi:
        From the beam to ``u``, right-handed about the vertical, rad.
    """

    name: str
    psi: float


@dataclass(frozen=True)
class SqwHead:
    """What a file says beside its pixels.

    Attributes
    ----------
    title:
        Of the data.
    instrument, sample:
        Names.
    cell:
        a, b, c in Å, α, β, γ in degrees.
    u, v:
        hkl along the beam at psi = 0, and beside it in the plane.
    final_energy:
        Of every detector; dims (detector), meV.
    energy:
        Edges of the energy transfer; dims (range + 1), meV.
    runs:
        In the order of their numbers.
    created:
        When.
    """

    title: str
    instrument: str
    sample: str
    cell: tuple[float, float, float, float, float, float]
    u: FloatArray
    v: FloatArray
    final_energy: FloatArray
    energy: FloatArray
    runs: Sequence[SqwRun]
    created: datetime


@contextmanager
def sqw_writer(
    path: PathLike, head: SqwHead, grid: ImageGrid, counts: IntArray
) -> Iterator[SortedPixels]:
    """Write an SQW file; it appears under its name when it is complete.

    Parameters
    ----------
    path:
        The file.
    head:
        What it says beside its pixels.
    grid:
        Of the image.
    counts:
        Pixels that will come in each bin of it, the first axis running fastest; dims (bin).

    Yields
    ------
    :
        Takes the pixels.

    Raises
    ------
    UserError
        If there are no pixels or more than the format holds (4 GB), or the file cannot be
        written.
    """
    asked = f"write {os.fspath(path)}"
    total = int(np.sum(counts))
    size = 12 + total * BYTES
    if total == 0 or size > _MOST_BYTES:
        found = f"there are {total:,} pixels" + (", more than 4 GB" if total else "")
        raise UserError(asked, found, "Choose other, or wider, ranges of energy transfer.")
    target = Path(path)
    blocks = {name: serialised(value) for name, value in _blocks(target, head, grid)}
    blocks[_RANGES] = _ranges(target, total, np.zeros((PIXEL_COLUMNS, 2)))
    sizes: dict[Name, int] = {}
    for name, pieces in blocks.items():
        sizes[name] = size_of(pieces)
        if name == ("data", "metadata"):
            sizes[_IMAGE] = 4 + 4 * grid.number.size + 24 * grid.size
    sizes[_PIXELS] = size
    start, table = _table(sizes)
    with atomic_path(path) as temporary, open(temporary, "w+b") as file:
        file.write(table)
        for name, pieces in blocks.items():
            _put(file, start[name], pieces)
        _put(file, start[_PIXELS], [struct.pack("<IQ", PIXEL_COLUMNS, total)])
        pixels = SortedPixels(file, start[_PIXELS] + 12, grid, counts)
        yield pixels
        pixels.finish()
        _put(file, start[_RANGES], _ranges(target, total, pixels.limits))
        _put(file, start[_IMAGE], _image(grid, pixels))


def _put(file: BinaryIO, position: int, pieces: Pieces) -> None:
    file.seek(position)
    file.writelines(pieces)


def _table(sizes: dict[Name, int]) -> tuple[dict[Name, int], bytes]:
    """Positions of the blocks, and the head of the file with the table of them."""
    kinds = {_PIXELS: "pix_data_block", _IMAGE: "dnd_data_block"}
    head = _text("horace") + struct.pack("<dII", 4.0, 1, 4)

    def rows(position: dict[Name, int]) -> bytes:
        found = struct.pack("<I", len(sizes))
        for name, size in sizes.items():
            found += _text(kinds.get(name, "data_block")) + _text(name[0]) + _text(name[1])
            found += struct.pack("<QII", position[name], size, 0)
        return found

    at = len(head) + 4 + len(rows(dict.fromkeys(sizes, 0)))
    position = {}
    for name, size in sizes.items():
        position[name] = at
        at += size
    listed = rows(position)
    return position, head + struct.pack("<I", len(listed)) + listed


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("ascii")


def _object(serial_name: str, version: float, /, **fields: Any) -> dict[str, Any]:
    return {"serial_name": serial_name, "version": version, **fields}


def _unique(base: str, container: str, objects: tuple[Any, ...], number: int) -> dict[str, Any]:
    """One object for all runs."""
    held = _object(
        "unique_objects_container", 1.0, baseclass=base, unique_objects=objects,
        idx=np.ones(number),
    )  # fmt: skip
    name = f"GLOBAL_NAME_{container}_CONTAINER"
    return _object(
        "unique_references_container", 1.0, stored_baseclass=base, global_name=name,
        unique_objects=held,
    )  # fmt: skip


def _blocks(target: Path, head: SqwHead, grid: ImageGrid) -> Iterator[tuple[Name, Any]]:
    date = head.created.isoformat(timespec="seconds")
    number = len(head.runs)
    yield (
        ("", "main_header"),
        _object(
            "main_header_cl", 2.0, full_filename=str(target), title=head.title, nfiles=number,
            creation_date=date, creation_date_defined_privately=False,
        ),
    )  # fmt: skip
    yield ("", "detpar"), _unique("IX_detector_array", "DETECTORS", (), 0)
    lattice = {"alatt": np.array(head.cell[:3]), "angdeg": np.array(head.cell[3:])}
    axes = _object(
        "line_axes", 7.0, filename=target.name, filepath=str(target.parent), title=head.title,
        label=_LABELS, img_scales=np.ones(4), img_range=np.stack([grid.low, grid.high], axis=1),
        nbins_all_dims=grid.number.astype(np.float64),
        single_bin_defines_iax=np.ones(4, np.bool_), dax=np.arange(1.0, 5.0),
        offset=np.zeros(4), changes_aspect_ratio=True,
    )  # fmt: skip
    projection = _object(
        "line_proj", 7.0, **lattice, offset=np.zeros(4), title=head.title, label=_LABELS,
        u=np.array([1.0, 0.0, 0.0]), v=np.array([0.0, 1.0, 0.0]), w=np.zeros(0),
        nonorthogonal=False, type="aaa",
    )  # fmt: skip
    yield (
        ("data", "metadata"),
        _object("dnd_metadata", 1.0, axes=axes, proj=projection, creation_date_str=date),
    )
    source = _object("IX_source", 2.0, name="ESS", target_name="", frequency=14.0)
    instrument = _object("IX_null_inst", 2.0, source=source, name=head.instrument)
    sample = _object("IX_sample", 3.0, **lattice, name=head.sample)
    for base, container, one in (
        ("IX_inst", "instruments", instrument),
        ("IX_samp", "samples", sample),
    ):
        yield (
            ("experiment_info", container),
            _unique(base, container.upper(), (one,), number),
        )
    # the same for all runs, so that a thousand of them do not fill the memory
    fixed = Ready(serialised(head.final_energy))
    transfer = Ready(serialised(head.energy[None, :]))
    runs = [
        {
            "filename": run.name, "filepath": "", "run_id": float(n), "efix": fixed,
            "emode": _INDIRECT, "en": transfer, "psi": run.psi, "u": head.u, "v": head.v,
            "omega": 0.0, "dpsi": 0.0, "gl": 0.0, "gs": 0.0, "angular_is_degree": False,
        }
        for n, run in enumerate(head.runs, 1)
    ]  # fmt: skip
    yield ("experiment_info", "expdata"), _object("IX_experiment", 3.0, array_dat=runs)


def _ranges(target: Path, total: int, limits: FloatArray) -> Pieces:
    value = _object(
        "pix_metadata", 1.0, full_filename=str(target), npix=float(total), data_range=limits
    )
    return serialised(value)


def _image(grid: ImageGrid, pixels: SortedPixels) -> Pieces:
    shape = struct.pack(f"<{grid.number.size + 1}I", grid.number.size, *grid.number.tolist())
    mean, variance = pixels.means()
    counts = pixels.counts.astype("<u8")
    return [
        shape,
        mean.astype("<f8").tobytes(),
        variance.astype("<f8").tobytes(),
        counts.tobytes(),
    ]
