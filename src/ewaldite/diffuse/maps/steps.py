"""Steps from the merged table to maps, their exports and the 3D-ΔPDF."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipp as sc

from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.maps.common import SCALARS
from ewaldite.diffuse.maps.expand import expand, expand_layers, map_bytes, map_shape, to_table
from ewaldite.diffuse.maps.files import map_name, write_exports
from ewaldite.diffuse.maps.map_size import check_map_size, layers_at_a_time, needs_whole_map
from ewaldite.diffuse.maps.parts import KEPT, Part, isotropic_parts, make_parts
from ewaldite.diffuse.maps.pdf import delta_pdf, pdf_bytes
from ewaldite.diffuse.maps.targets import fractional_map, supercell_cell, supercell_map
from ewaldite.errors import UserError
from ewaldite.io.nexus import MapWriter, Sample, load, read_info, save
from ewaldite.model.experiment import FloatArray
from ewaldite.model.grid import Grid
from ewaldite.run.budget import memory_budget
from ewaldite.run.memory import current_rss, give_back
from ewaldite.run.sizes import format_bytes


def make_maps(
    context: Context, source: str = "merged.nxs", bragg: str = "bragg_merged.nxs"
) -> None:
    """Step ``map``: spread the merged table over reciprocal space.

    Writes ``map.nxs`` (the diffuse part) and ``map_PART.nxs`` for the others of ``[map]
    parts``, their supercell and fractional targets, and the exports of each. Some layers of a
    map are in memory at a time, or one whole map where targets or CCP4 files are made of it.

    Parameters
    ----------
    context:
        The run.
    source:
        Result that holds the merged table: ``merged.nxs`` or ``absolute.nxs``.
    bragg:
        Result that holds the merged Bragg intensities, in the same unit; read only where
        ``bragg`` or ``total`` is wanted.

    Raises
    ------
    UserError
        If a dense map does not fit in memory, or Bragg intensities are wanted and not there.
    """
    check_map_size(context, current_rss())
    options = context.options.map
    merged = _lean(context.path(source), whole=bool(options.export))
    peaks = None
    if {"bragg", "total"} & set(options.parts) and context.path(bragg).is_file():
        peaks = load(context.path(bragg))
    tables = make_parts(
        options.parts,
        merged,
        peaks,
        context.group,
        context.metric,
        width=options.shell_width,
        friedel=context.options.merge.friedel,
    )
    del merged
    for part in dict.fromkeys(options.parts):
        table = tables.pop(part)
        if needs_whole_map(options):
            _make_whole(context, part, table)
        else:
            _make_layers(context, part, table)
        give_back()


def _lean(path: Path, *, whole: bool) -> sc.DataArray:
    """A merged table with the columns that maps need, or with all of them."""
    if whole:
        table: sc.DataArray = load(path)
        return table
    there = read_info(path).columns
    lean: sc.DataArray = load(path, columns=[x for x in (*KEPT, *SCALARS) if x in there])
    return lean


def _expansion(
    context: Context, table: sc.DataArray, thickness: int | None
) -> Iterator[sc.DataArray]:
    options = context.options.map
    return expand_layers(
        table,
        context.group,
        context.metric,
        context.d_min,
        friedel=context.options.merge.friedel,
        limits=options.limits,
        asymmetric_unit=options.asymmetric_unit,
        thickness=thickness,
    )


def _make_layers(context: Context, part: Part, table: sc.DataArray) -> None:
    """Write a map some layers at a time, and what its table alone can be exported to."""
    name, sample = map_name(part), context.sample(context.options.map.grid)
    path, size = context.path(name), [0, 0]
    with MapWriter(path, context.provenance(), sample=sample) as writer:
        for layers in _expansion(context, table, layers_at_a_time(context)):
            writer.append(layers)
            size = list(layers.shape[1:])
            give_back()
    context.log.info("map: %s, %d × %d × %d voxels", part, writer.rows, *size)
    _export(context, path, None, sample, table)


def _make_whole(context: Context, part: Part, table: sc.DataArray) -> None:
    """Write a map, its targets and its exports, with all of it in memory."""
    (dense,) = _expansion(context, table, None)
    shape = " × ".join(str(n) for n in dense.shape)
    context.log.info("map: %s, %s voxels", part, shape)
    _save(context, map_name(part), dense, context.sample(context.options.map.grid), table)
    for name, array, sample in _targets(context, map_name(part), dense):
        _save(context, name, array, sample, None)


def make_pdf(context: Context, source: str = "merged.nxs") -> None:
    """Step ``pdf``: transform the variational part to real space, ``pdf.nxs``.

    Raises
    ------
    UserError
        If it does not fit in memory.
    """
    options = context.options
    d_min = max(context.d_min, options.pdf.d_min or 0.0)
    given = options.map.grid, context.group, context.metric, d_min
    needed = map_bytes(*given) + pdf_bytes(map_shape(*given), options.pdf.padding)
    budget = memory_budget(options.run.memory)
    if needed + current_rss() > budget.bytes:
        raise UserError(
            "make the 3D-ΔPDF",
            f"it needs {format_bytes(needed)} with the map, more than {budget} leaves",
            "Choose a larger [pdf] d_min or a smaller padding, or raise [run] memory.",
        )
    merged = load(context.path(source))
    friedel = options.merge.friedel
    _, variational, _ = isotropic_parts(
        merged, context.group, context.metric, width=options.map.shell_width, friedel=friedel
    )
    dense = expand(variational, context.group, context.metric, d_min, friedel=friedel)
    pdf = delta_pdf(dense, context.cell, d_min, options.pdf, friedel=friedel)
    context.log.info(
        "pdf: %s samples, %.1f %% of the range observed, sigma %.3g",
        " × ".join(str(n) for n in pdf.shape),
        100 * pdf.coords["coverage"].value,
        pdf.coords["sigma"].value,
    )
    sample = context.sample()
    save(context.path("pdf.nxs"), pdf, context.provenance(), sample=sample)
    wanted = [kind for kind in options.map.export if kind == "ccp4"]
    write_exports(
        context.path("pdf.nxs"), pdf, None, sample, wanted, missing=options.map.missing
    )


def _targets(
    context: Context, name: str, dense: sc.DataArray
) -> Iterator[tuple[str, sc.DataArray, Sample]]:
    """Supercell and fractions of a map, with their names and samples."""
    options = context.options.map
    stem = Path(name).stem
    if options.supercell is not None:
        cell = supercell_cell(context.cell, options.supercell)
        sample = Sample(cell=_six(cell), space_group="P 1", grid=Grid((1, 1, 1)))
        yield f"{stem}_supercell.nxs", supercell_map(dense, options.supercell), sample
    for number, fraction in enumerate(options.fractional, 1):
        sample = Sample(cell=_six(context.cell), space_group=context.group.name)
        yield f"{stem}_fraction_{number}.nxs", fractional_map(dense, fraction), sample


def _six(cell: FloatArray) -> tuple[float, float, float, float, float, float]:
    a, b, c, alpha, beta, gamma = (float(x) for x in np.asarray(cell))
    return a, b, c, alpha, beta, gamma


def _save(
    context: Context,
    name: str,
    array: sc.DataArray,
    sample: Sample,
    table: sc.DataArray | None,
) -> None:
    """Write a map and its exports; the table is what MTZ and CSV hold, if there is one."""
    path = context.path(name)
    save(path, array, context.provenance(), sample=sample)
    if table is None and "n_h" in array.coords:
        table = to_table(array, space_group("P 1"))
    _export(context, path, array, sample, table)


def _export(
    context: Context,
    path: Path,
    array: sc.DataArray | None,
    sample: Sample,
    table: sc.DataArray | None,
) -> None:
    options = context.options.map
    # voxels at a fraction of every cell have no place in a format of whole multiples
    on_grid = array is None or "n_h" in array.coords
    kinds = [kind for kind in options.export if kind == "csv" or on_grid]
    friedel = context.options.merge.friedel
    write_exports(path, array, table, sample, kinds, missing=options.missing, friedel=friedel)
