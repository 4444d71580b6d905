"""Files that the absolute scale reads: a structure model and reference reflections."""

from __future__ import annotations

from pathlib import Path

import scipp as sc
from numpy.typing import ArrayLike

from ewaldite.crystal.cell import volume
from ewaldite.crystal.contents import CellContents
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.absolute.contents import cell_contents
from ewaldite.diffuse.absolute.options import AbsoluteOptions, ContentsOptions
from ewaldite.diffuse.absolute.reference import with_reference
from ewaldite.io.reflections import Reflections, read_reflections
from ewaldite.io.structure_file import read_structure_text

# Volumes of cells that differ by more deserve a word
_SAME_CELL = 0.05


def read_contents(options: ContentsOptions, base: Path, cell: ArrayLike) -> CellContents:
    """Contents of the unit cell, the model's file read.

    Parameters
    ----------
    options:
        The section ``[contents]``.
    base:
        Folder to which its paths refer.
    cell:
        Cell of the data; dims (constant), Å and degrees.

    Returns
    -------
    :
        See :func:`~ewaldite.diffuse.absolute.contents.cell_contents`.

    Raises
    ------
    UserError
        The file cannot be read, or the contents are impossible.
    """
    model = None if options.file is None else read_structure_text(base / options.file)
    return cell_contents(options, cell, model)


def read_reference(options: AbsoluteOptions, base: Path) -> Reflections | None:
    """Reflections of the reference file; None where the options name none.

    Parameters
    ----------
    options:
        The section ``[absolute]``.
    base:
        Folder to which its paths refer.

    Raises
    ------
    UserError
        The file cannot be read.
    """
    if options.reference is None:
        return None
    return read_reflections(base / options.reference, options.reference_columns)


def completed_bragg(
    options: AbsoluteOptions,
    base: Path,
    bragg_merged: sc.DataArray,
    cell: ArrayLike,
    group: SpaceGroup,
) -> tuple[sc.DataArray, tuple[str, ...]]:
    """Bragg table, completed from the reference file where the options name one.

    Parameters
    ----------
    options:
        The section ``[absolute]``.
    base:
        Folder to which its paths refer.
    bragg_merged, cell, group:
        As in :func:`~ewaldite.diffuse.absolute.reference.with_reference`.

    Returns
    -------
    :
        The table, and what is to be said of it.

    Raises
    ------
    UserError
        The file cannot be read, or does not fit.
    """
    found = read_reference(options, base)
    if found is None:
        return bragg_merged, ()
    notes: tuple[str, ...] = ()
    if found.cell is not None and abs(volume(found.cell) / volume(cell) - 1) > _SAME_CELL:
        notes = (
            f"The cell of {options.reference} has {volume(found.cell):.0f} Å³, that of the "
            f"data {volume(cell):.0f} Å³: check that it is of this crystal and setting.",
        )
    table, scale = with_reference(
        bragg_merged,
        found.hkl,
        found.intensity,
        found.sigma,
        cell,
        group,
        use=options.reference_use,
    )
    return table, (*notes, f"{found.columns}: {scale.note()}")
