"""Maps as CCP4/MRC files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.cell import cell_from_axes
from ewaldite.crystal.map_axes import RECIPROCAL, MapAxes
from ewaldite.errors import UserError
from ewaldite.io.atomic import PathLike, atomic_path
from ewaldite.io.nexus.layout import intensity_unit

#: Å of the file for 1/Å of reciprocal space.
SCALE = 100.0

_WORDS = 256
_MODE_FLOAT = 2
_VERSION = 20140
# how far, in steps, a centre may lie from a multiple of the step
_CLOSE = 1e-3


def write_ccp4(
    path: PathLike,
    array: sc.DataArray,
    cell: ArrayLike,
    *,
    missing: float | None = None,
    label: str = "",
) -> None:
    """Write a map in the format of CCP4 and MRC2014, 32-bit reals, little-endian.

    The file's cell is the box that the map spans, with one grid interval for each voxel, and
    the number of the first voxel along each axis puts the origin of space at the origin
    (Cheng et al., J. Struct. Biol. 192 (2015) 146; CCP4's maplib). Real space is in Å, along a,
    b and c. Reciprocal space is along a*, b* and c* with their true angles, 1/Å drawn as 100 Å,
    so that a* = 0.02/Å is 2 Å long. Columns, rows and sections are X, Y and Z; the space group
    is P 1.

    Parameters
    ----------
    path:
        File to write; one of this name is replaced.
    array:
        dims (h, k, l), centres at multiples of their distance in r.l.u., or (u, v, w), Å;
        any masks. It is written section by section, in little more memory than it has.
    cell:
        a, b, c, α, β, γ of the crystal; dims (constant), Å and degrees.
    missing:
        Value of masked voxels; NaN if None.
    label:
        What it is, for the header.

    Raises
    ------
    UserError
        If the array is no map, its voxels do not lie on multiples of their distance, or the
        file cannot be written.
    """
    axes = MapAxes.of(array, cell)
    exact = axes.start / axes.step
    first = np.rint(exact).astype(np.int64)
    if np.abs(exact - first).max() > _CLOSE:
        raise UserError(
            f"write {path}",
            "a CCP4 map has voxels at whole multiples of their distance, and this one is at "
            + ", ".join(f"{x:.2f}" for x in exact),
            "Make the map in the mode 'node', or write it as NeXus or CSV.",
        )
    scale = SCALE if axes.dims == RECIPROCAL else 1.0
    vectors = (axes.basis * (axes.step * axes.count * scale)[:, None]).T
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(bytes(4 * _WORDS))
        sums = _write_sections(file, array.transpose(axes.dims), missing)
        labels = [_line(x) for x in ("ewaldite", *_labels(array, axes, label))]
        file.seek(0)
        file.write(_header(axes, first, cell_from_axes(vectors), sums, labels))


@dataclass
class _Sums:
    """Running statistics of the finite values."""

    low: float = np.inf
    high: float = -np.inf
    number: int = 0
    total: float = 0.0
    square: float = 0.0

    def add(self, values: NDArray[np.float32]) -> None:
        finite = values[np.isfinite(values)].astype(np.float64)
        if finite.size:
            self.low = min(self.low, float(finite.min()))
            self.high = max(self.high, float(finite.max()))
            self.number += finite.size
            self.total += float(finite.sum())
            self.square += float(finite @ finite)


def _write_sections(file: BinaryIO, array: sc.DataArray, missing: float | None) -> _Sums:
    fill = np.nan if missing is None else missing
    sums = _Sums()
    third = array.dims[2]
    for number in range(array.sizes[third]):
        section = array[third, number]
        values = np.asarray(section.values, dtype=np.float64)
        for mask in section.masks.values():
            values = np.where(mask.broadcast(sizes=section.sizes).values, np.nan, values)
        single = np.where(np.isnan(values), fill, values).T.astype("<f4")
        sums.add(single)
        file.write(np.ascontiguousarray(single).tobytes())
    return sums


def _header(
    axes: MapAxes,
    first: NDArray[np.int64],
    box: NDArray[np.float64],
    sums: _Sums,
    labels: list[bytes],
) -> bytes:
    words = np.zeros(_WORDS, dtype="<i4")
    reals = words.view("<f4")
    words[0:3] = axes.count
    words[3] = _MODE_FLOAT
    words[4:7] = first
    words[7:10] = axes.count
    reals[10:16] = box
    words[16:19] = 1, 2, 3
    mean = sums.total / sums.number if sums.number else 0.0
    rms = np.sqrt(max(sums.square / sums.number - mean**2, 0.0)) if sums.number else 0.0
    # MRC2014 marks statistics that are not known by a maximum below the minimum
    reals[19:22] = (sums.low, sums.high, mean) if sums.number else (0.0, -1.0, -2.0)
    words[22] = 1
    words[27] = _VERSION
    words[52] = np.frombuffer(b"MAP ", dtype="<i4")[0]
    words[53] = np.frombuffer(b"\x44\x44\x00\x00", dtype="<i4")[0]
    reals[54] = rms
    words[55] = len(labels)
    text = b"".join(labels).ljust(800)
    return words[:56].tobytes() + text


def _labels(array: sc.DataArray, axes: MapAxes, label: str) -> list[str]:
    space = "1/angstrom drawn as 100 angstrom" if axes.dims == RECIPROCAL else "real space"
    lines = [
        f"{array.name or 'intensity'} ({intensity_unit(array)})",
        f"axes {' '.join(axes.dims)}, {space}",
    ]
    return [*lines, label] if label else lines


def _line(text: str) -> bytes:
    return (
        text.replace("²", "^2")
        .replace("Å", "angstrom")
        .replace("³", "^3")
        .replace("Δ", "delta")
        .encode("ascii", "replace")[:80]
        .ljust(80)
    )
