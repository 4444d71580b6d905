"""The pictures of maps that the options ask for, and single ones of any result."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipp as sc

from ewaldite.crystal.map_axes import RECIPROCAL
from ewaldite.diffuse.maps.files import map_name
from ewaldite.diffuse.maps.options import MapOptions
from ewaldite.diffuse.maps.picture_options import LineOptions, SliceOptions
from ewaldite.diffuse.maps.sections import ends_of_line, line_section
from ewaldite.errors import UserError
from ewaldite.io.atomic import PathLike
from ewaldite.io.export import write_csv
from ewaldite.io.nexus import load, read_info
from ewaldite.plot.map_lines import line_figure
from ewaldite.plot.sections import SectionView, section_figure
from ewaldite.plot.style import save_figure

Cell = tuple[float, ...]


def draw_pictures(folder: Path, options: MapOptions) -> list[Path]:
    """Draw all pictures of ``[[map.slice]]`` and ``[[map.line]]``.

    Parameters
    ----------
    folder:
        Where the maps are, and the pictures will be.
    options:
        The section ``[map]``.

    Returns
    -------
    :
        The files, ``slice_NAME.FORMAT`` and ``line_NAME.FORMAT``.

    Raises
    ------
    UserError
        If a map is not there, or a plane or a line misses it.
    """
    made: list[Path] = []
    wanted: list[tuple[str, SliceOptions | LineOptions]] = []
    for one in options.slice:
        name = one.name or file_name(one.plane or one.spec.name)
        wanted.append((f"slice_{name}" + _of_part(one.part, one.name), one))
    for number, line in enumerate(options.line, 1):
        name = line.name or str(number)
        wanted.append((f"line_{name}" + _of_part(line.part, line.name), line))
    # a map is read once, however many pictures are made of it
    for part in dict.fromkeys(one.part for _, one in wanted):
        array, cell = read_map(folder / ("pdf.nxs" if part == "pdf" else map_name(part)))
        for name, picture in wanted:
            if picture.part == part:
                targets = [folder / f"{name}.{fmt}" for fmt in picture.format]
                if isinstance(picture, SliceOptions):
                    draw_slice_file(array, cell, picture, targets)
                else:
                    draw_line_file(array, cell, picture, targets)
                made += targets
    return made


def read_map(path: PathLike) -> tuple[sc.DataArray, Cell]:
    """Map of a file with the cell that it belongs to.

    Raises
    ------
    UserError
        If the file is no map, or does not say the cell.
    """
    info = read_info(path)
    if len(info.sizes) != 3 or info.sample.cell is None:
        raise UserError(
            f"draw {path}",
            "it is no map with a unit cell",
            "Give map.nxs, another map of a run, or pdf.nxs.",
        )
    array: sc.DataArray = load(path)
    return array, info.sample.cell


def draw_slice_file(
    array: sc.DataArray, cell: Cell, options: SliceOptions, targets: Sequence[Path]
) -> None:
    """Write a plane as pictures, or as CSV with its indices.

    Parameters
    ----------
    array:
        The map.
    cell:
        a, b, c, α, β, γ; Å and degrees.
    options:
        Which plane, and how it looks.
    targets:
        Files; the suffix says the format: .png, .svg, .pdf or .csv.
    """
    pictures = [t for t in targets if t.suffix != ".csv"]
    if pictures:
        figure = section_figure(
            array,
            cell,
            options.spec,
            thickness=options.thickness,
            limits=options.limits,
            colours=options.colours,
            rings=options.rings,
        )
        for target in pictures:
            save_figure(target, figure)
    for target in targets:
        if target.suffix == ".csv":
            view = SectionView.of(array, cell, options.spec, options.thickness)
            write_csv(target, plane_rows(view), cell, notes=[f"plane {view.title}"])


def draw_line_file(
    array: sc.DataArray, cell: Cell, options: LineOptions, targets: Sequence[Path]
) -> None:
    """Write a line as pictures, or as CSV; as :func:`draw_slice_file`."""
    if options.direction is not None:
        start, end = ends_of_line(array, cell, options.direction, options.origin)
    else:
        start, end = np.array(options.start), np.array(options.end)
    line = line_section(array, cell, start, end, radius=options.radius, number=options.number)
    for target in targets:
        if target.suffix == ".csv":
            write_csv(target, line.rename_dims(point="voxel"), cell)
        else:
            save_figure(target, line_figure({"": line}))


def plane_rows(view: SectionView) -> sc.DataArray:
    """Samples of a plane that are present, as a table.

    Returns
    -------
    :
        dims (voxel); coordinates of the map's axes, and ``length`` from the origin.
    """
    layer, spec = view.layer, view.spec
    there = np.nonzero(np.isfinite(layer.values))
    p, q = (layer.coords[x].values[at] for x, at in zip("pq", there, strict=True))
    points = spec.origin + p[:, None] * spec.u + q[:, None] * spec.v
    names, unit = (("u", "v", "w"), "angstrom") if view.real else (RECIPROCAL, "one")
    coords = {
        name: sc.array(dims=["voxel"], values=points[:, i], unit=unit)
        for i, name in enumerate(names)
    }
    coords["length"] = sc.array(
        dims=["voxel"],
        values=np.linalg.norm(points @ view.basis, axis=1),
        unit="angstrom" if view.real else "1/angstrom",
    )
    coords |= {str(n): c for n, c in layer.coords.items() if c.dims == ()}
    spread = None if layer.variances is None else layer.variances[there]
    data = sc.array(
        dims=["voxel"], values=layer.values[there], variances=spread, unit=layer.unit
    )
    return sc.DataArray(data, coords=coords, name=layer.name)


def file_name(plane: str) -> str:
    """Letters and digits of a plane: ``h_k_1-2`` for ``h k 1/2``."""
    text = plane.replace("−", "-").replace("/", "-")
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("_")


def _of_part(part: str, name: str | None) -> str:
    return "" if part == "diffuse" or name else f"_{part}"
