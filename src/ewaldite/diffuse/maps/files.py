"""Maps as files of other programs, beside the NeXus file that they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipp as sc

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup, space_group
from ewaldite.diffuse.maps.expand import to_table
from ewaldite.diffuse.maps.options import Export
from ewaldite.diffuse.observations import grid_of, index_of
from ewaldite.errors import UserError
from ewaldite.io.atomic import PathLike
from ewaldite.io.export import write_ccp4, write_csv, write_mtz
from ewaldite.io.nexus import Sample, iterate, load, read_info


def map_name(part: str) -> str:
    """File of a part: ``map.nxs`` is the diffuse one."""
    return "map.nxs" if part == "diffuse" else f"map_{part}.nxs"


def write_exports(
    path: Path,
    array: sc.DataArray | None,
    table: sc.DataArray | None,
    sample: Sample,
    kinds: Sequence[Export],
    *,
    missing: float | None = None,
    friedel: bool = True,
) -> list[Path]:
    """Write a map under the name of its NeXus file with other suffixes.

    Parameters
    ----------
    path:
        The NeXus file.
    array:
        The map; dims (h, k, l) or (u, v, w); None where only its table is exported.
    table:
        Its rows in the asymmetric unit, for MTZ and CSV; None where there is no such unit:
        CSV then holds every present voxel, and there is no MTZ.
    sample:
        Cell and space group.
    kinds:
        What to write.
    missing:
        Value of absent voxels in CCP4 files, NaN if None.
    friedel:
        Whether mates were merged.

    Returns
    -------
    :
        The files.

    Raises
    ------
    UserError
        If the format has no place for the map, or a file cannot be written.
    """
    made = []
    rows = (
        voxel_rows(array) if table is None and array is not None and "csv" in kinds else table
    )
    for kind in kinds:
        target = path.with_suffix(f".{kind}")
        if kind == "ccp4" and array is not None:
            write_ccp4(target, array, _cell(sample, path), missing=missing)
        elif kind == "csv" and rows is not None:
            write_csv(target, rows, sample.cell, space_group=sample.space_group)
        elif kind == "mtz" and table is not None:
            group = space_group(sample.space_group or "P 1", cell=_cell(sample, path))
            write_mtz(target, table, _cell(sample, path), group, friedel=friedel)
        else:
            continue
        made.append(target)
    return made


def export_file(
    path: PathLike,
    kind: Export,
    target: PathLike | None = None,
    *,
    missing: float | None = None,
) -> Path:
    """Write a result of this program in the format of others.

    Parameters
    ----------
    path:
        NeXus file of a map (CCP4, CSV, and MTZ of its asymmetric unit) or of a merged table
        (CSV, MTZ), which is read block by block.
    kind:
        ``"ccp4"``, ``"mtz"`` or ``"csv"``.
    target:
        File to write; the name of the result with the suffix of the kind if None.
    missing:
        Value of absent voxels in a CCP4 file, NaN if None.

    Returns
    -------
    :
        The file.

    Raises
    ------
    UserError
        If the file cannot be read, or the format has no place for what it holds.
    """
    info, source = read_info(path), Path(path)
    out = Path(target) if target is not None else source.with_suffix(f".{kind}")
    if out.exists() and out.samefile(source):
        raise UserError(f"export {source}", "it would be replaced", "Name another file.")
    sample = info.sample
    if info.kind == "table":
        if kind == "ccp4":
            raise UserError(
                f"export {source} to CCP4",
                "it holds a table",
                "Give a map, as map.nxs, or export it to MTZ or CSV.",
            )
        if kind == "csv":
            write_csv(out, iterate(path), sample.cell, space_group=sample.space_group)
        else:
            group = space_group(sample.space_group or "P 1", cell=_cell(sample, source))
            write_mtz(
                out,
                iterate(path),
                _cell(sample, source),
                group,
                friedel=_in_asymmetric_unit(path, group),
            )
        return out
    array = load(path)
    if not isinstance(array, sc.DataArray):
        raise UserError(
            f"export {source}",
            "it holds neither a map nor a table",
            "Give map.nxs, pdf.nxs, merged.nxs or another of the kind.",
        )
    if kind == "ccp4":
        write_ccp4(out, array, _cell(sample, source), missing=missing)
    elif kind == "csv":
        write_csv(out, voxel_rows(array), sample.cell, space_group=sample.space_group)
    else:
        if "n_h" not in array.coords:
            raise UserError(
                f"export {source} to MTZ",
                "its voxels are not those of a grid in reciprocal space",
                "Give a map over h, k, l, or export it to CCP4 or CSV.",
            )
        group = space_group(sample.space_group or "P 1", cell=_cell(sample, source))
        write_mtz(out, to_table(array, group), _cell(sample, source), group)
    return out


def voxel_rows(array: sc.DataArray) -> sc.DataArray:
    """Present voxels of a map as a table.

    Parameters
    ----------
    array:
        dims (h, k, l) or (u, v, w), any masks.

    Returns
    -------
    :
        dims (voxel); the axes and scalars of the map as coordinates.
    """
    dims = tuple(array.dims)
    present = np.isfinite(array.values)
    for mask in array.masks.values():
        present &= ~mask.broadcast(sizes=array.sizes).values
    place = np.nonzero(present)
    coords = {
        name: sc.array(
            dims=["voxel"],
            values=array.coords[name].values[at],
            unit=array.coords[name].unit,
        )
        for name, at in zip(dims, place, strict=True)
    }
    coords |= {str(n): c for n, c in array.coords.items() if c.dims == ()}
    variances = None if array.variances is None else array.variances[place]
    data = sc.array(
        dims=["voxel"], values=array.values[place], variances=variances, unit=array.unit
    )
    return sc.DataArray(data, coords=coords, name=array.name)


def _in_asymmetric_unit(path: PathLike, group: SpaceGroup) -> bool:
    """Whether all rows of a table are; they are not where mates were kept apart."""
    for block in iterate(path, columns=(*"hkl", "n_h", "n_k", "n_l", "grid_mode")):
        index = index_of(block)
        if not np.array_equal(AsuMap(grid_of(block), group)(index)[0], index):
            return False
    return True


def _cell(sample: Sample, path: Path) -> tuple[float, ...]:
    if sample.cell is None:
        raise UserError(
            f"export {path}",
            "the file does not say the unit cell",
            "Give a result of a run, as map.nxs.",
        )
    return sample.cell
