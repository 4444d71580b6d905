"""Merged tables as MTZ files."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.cell import orthogonalization
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.crystal.symmorphic import point_group_name, symmorphic, triplets
from ewaldite.errors import UserError
from ewaldite.io.atomic import PathLike, atomic_path
from ewaldite.io.export.rows import Table, blocks_of, grid_of_block, shown
from ewaldite.io.nexus.layout import intensity_unit
from ewaldite.model.grid import Grid

FloatArray = NDArray[np.float64]

# Label and type of the columns beside H, K, L, I, SIGI, by coordinate
_MORE = {"fraction": ("FRACTION", "R"), "multiplicity": ("MULT", "I"), "s": ("S", "R")}
_DATA_START = 21
_LARGEST_HEADER_WORD = 2**31 - 1


def index_factors(grid: Grid) -> tuple[int, int, int]:
    """Factors that make the centres of a grid whole numbers.

    n in the mode ``node`` and for odd n, 2 n where nodes lie on corners.
    """
    odd = grid.numerator(np.zeros(3, dtype=np.int64)) % 2
    fh, fk, fl = (int(n * (1 + o)) for n, o in zip(grid.n, odd, strict=True))
    return fh, fk, fl


def write_mtz(
    path: PathLike,
    table: Table,
    cell: ArrayLike,
    group: SpaceGroup,
    *,
    friedel: bool = True,
    title: str = "",
) -> None:
    """Write a merged table as MTZ, the reflection format of CCP4.

    Columns: H, K, L, I (type J), SIGI (Q) and, where the table has them, FRACTION (swept part
    of the voxel), MULT (observations) and S (|s|, 1/Å). MTZ knows whole indices only: those of
    a grid that cuts the cell in n are written times n, in the cell (n_h a, n_k b, n_l c),
    whose reciprocal lattice the voxels are; resolutions stay what they are. On any grid the
    space group is the primitive symmorphic one of the crystal's point group, for diffuse
    intensity has no extinctions, and rows are moved to its asymmetric unit.

    Parameters
    ----------
    path:
        File to write; one of this name is replaced.
    table:
        dims (voxel), merged; or its blocks, for tables longer than memory. Rows without
        intensity and masked ones are left out.
    cell:
        a, b, c, α, β, γ of the crystal; dims (constant), Å and degrees.
    group:
        Space group of the crystal.
    friedel:
        Whether mates were merged; else rows keep their indices.
    title:
        What it is.

    Raises
    ------
    UserError
        If a block is no table with variances, the Laue group does not leave the grid
        invariant, or the file cannot be written.
    """
    asked = f"write {path}"
    plain = symmorphic(group)
    constants = np.asarray(cell, dtype=np.float64).copy()
    reciprocal = np.asarray(np.linalg.inv(orthogonalization(constants)))
    header: _Header | None = None
    unit = ""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(bytes(4 * (_DATA_START - 1)))
        for block in blocks_of(table, asked):
            if block.variances is None:
                raise UserError(asked, "the table has no variances", "Give a merged table.")
            grid = grid_of_block(block)
            if header is None:
                constants[:3] *= index_factors(grid)
                header = _Header(constants, plain, [x for x in _MORE if x in block.coords])
                unit = intensity_unit(block)
            asu = AsuMap(grid, plain) if friedel else None
            header.add(file, _rows(block, grid, asu, header.more), reciprocal, grid)
        if header is None or header.rows == 0:
            # gemmi and CCP4 take a file without reflections for a broken one
            raise UserError(
                asked, "no row has an intensity", "Look at the masks and limits of the table."
            )
        about = f"{title or 'ewaldite'}: I in {unit}"
        file.write(header.text(about))
        file.seek(0)
        word = _DATA_START + header.rows * header.columns
        far = word > _LARGEST_HEADER_WORD
        file.write(b"MTZ " + np.array([-1 if far else word], dtype="<i4").tobytes())
        file.write(b"\x44\x41\x00\x00" + np.array([word if far else 0], dtype="<i8").tobytes())


def _rows(
    block: sc.DataArray, grid: Grid, asu: AsuMap | None, more: list[str]
) -> NDArray[np.float32]:
    use = shown(block)
    centre = np.stack([block.coords[x].values[use] for x in "hkl"], axis=-1)
    index = grid.index(centre)
    if asu is not None:
        index, _ = asu(index)
    whole = np.rint(grid.centre(index) * index_factors(grid))
    columns = [*whole.T, block.values[use], np.sqrt(block.variances[use])]
    columns += [np.asarray(block.coords[x].values[use], dtype=np.float64) for x in more]
    return np.column_stack(columns).astype("<f4")


class _Header:
    """What is known of the rows while they are written."""

    def __init__(self, cell: FloatArray, group: SpaceGroup, more: list[str]) -> None:
        self.cell, self.group, self.more = cell, group, more
        self.labels = [("H", "H"), ("K", "H"), ("L", "H"), ("I", "J"), ("SIGI", "Q")]
        self.labels += [_MORE[x] for x in more]
        self.columns = len(self.labels)
        self.rows = 0
        self.low = np.full(self.columns, np.inf)
        self.high = np.full(self.columns, -np.inf)
        self.resolution = [np.inf, 0.0]

    def add(
        self,
        file: BinaryIO,
        rows: NDArray[np.float32],
        reciprocal: FloatArray,
        grid: Grid,
    ) -> None:
        file.write(np.ascontiguousarray(rows).tobytes())
        if len(rows) == 0:
            return
        self.rows += len(rows)
        self.low = np.minimum(self.low, rows.min(axis=0))
        self.high = np.maximum(self.high, rows.max(axis=0))
        hkl = rows[:, :3].astype(np.float64) / index_factors(grid)
        square = np.sum((hkl @ reciprocal) ** 2, axis=1)
        self.resolution[0] = min(self.resolution[0], float(square.min()))
        self.resolution[1] = max(self.resolution[1], float(square.max()))

    def text(self, title: str) -> bytes:
        operations = triplets(self.group)
        cell = " ".join(f"{x:9.4f}" for x in self.cell)
        reach = self.resolution if self.rows else [0.0, 0.0]
        low = np.where(np.isfinite(self.low), self.low, 0.0)
        high = np.where(np.isfinite(self.high), self.high, 0.0)
        lines = [
            "VERS MTZ:V1.1",
            f"TITLE {title.replace('²', '^2')}"[:76],
            f"NCOL {self.columns:8d} {self.rows:12d} {0:8d}",
            f"CELL  {cell}",
            "SORT    0   0   0   0   0",
            f"SYMINF {len(operations):3d} {len(operations):2d} P {self.group.number:5d} "
            f"{chr(39) + self.group.name + chr(39):>22s} PG{point_group_name(self.group)}",
            *(f"SYMM {x.upper()}" for x in operations),
            f"RESO {reach[0]:.12f} {reach[1]:.12f}",
            "VALM NAN",
        ]
        for (label, kind), least, most in zip(self.labels, low, high, strict=True):
            dataset = 0 if kind == "H" else 1
            lines.append(f"COLUMN {label:<30s} {kind} {least:17.9g} {most:17.9g} {dataset:4d}")
        lines.append("NDIF        2")
        for number, name in enumerate(("HKL_base", "diffuse")):
            lines += [
                f"PROJECT {number:7d} {name}",
                f"CRYSTAL {number:7d} {name}",
                f"DATASET {number:7d} {name}",
                f"DCELL   {number:7d} {cell}",
                f"DWAVEL  {number:7d} {0.0:10.5f}",
            ]
        lines += ["END", "MTZENDOFHEADERS"]
        # Every record has 80 bytes, whatever a title is made of
        return b"".join(f"{line:<80.80s}".encode("ascii", "replace") for line in lines)
