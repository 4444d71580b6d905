"""Contents of the unit cell from the options."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add

from numpy.typing import ArrayLike

from ewaldite.crystal.cell import volume
from ewaldite.crystal.contents import WATER_VOLUME, CellContents, fill_with_water
from ewaldite.crystal.formula import from_formula
from ewaldite.crystal.model_contents import ModelFormat, from_model, model_cell
from ewaldite.crystal.polymer import from_smiles, polymer, water
from ewaldite.diffuse.absolute.options import ContentsOptions, MoleculeOptions
from ewaldite.errors import UserError

# Volumes of the model's cell and of the data that differ by more deserve a word
_SAME_CELL = 0.05


def cell_contents(
    options: ContentsOptions,
    cell: ArrayLike,
    model: tuple[str, ModelFormat] | None = None,
) -> CellContents:
    """Count what the unit cell holds.

    Parameters
    ----------
    options:
        The section ``[contents]``.
    cell:
        Cell of the data; dims (constant), Å and degrees.
    model:
        Text and format of ``options.file``.

    Returns
    -------
    :
        The contents, disordered solvent included.

    Raises
    ------
    UserError
        There is nothing to count, something cannot be read, or it does not fit in the cell.
    """
    v = volume(cell)
    parts = [_molecule(m) for m in options.molecule]
    if options.file is not None and model is not None:
        parts.append(_from_file(options, model, v))
    if not parts:
        raise UserError(
            "count the contents of the unit cell",
            "[contents] names neither a file nor a molecule",
            "Give file = 'model.pdb', or [[contents.molecule]] with a sequence or a formula.",
        )
    contents = reduce(add, parts)
    return _with_solvent(options, contents, v)


def _from_file(
    options: ContentsOptions, model: tuple[str, ModelFormat], v: float
) -> CellContents:
    text, form = model
    name = str(options.file)
    found = from_model(text, form, name)
    own = model_cell(text, form, name)
    if own is None or abs(volume(own) / v - 1) <= _SAME_CELL:
        return found
    note = (
        f"The cell of {name} has {volume(own):.0f} Å³, that of the data {v:.0f} Å³: check that "
        "the model is of this crystal, in the same setting."
    )
    return replace(found, notes=(*found.notes, note))


def _molecule(options: MoleculeOptions) -> CellContents:
    if options.sequence is not None:
        one = polymer(options.sequence, options.polymer, disulfides=options.disulfides)
    elif options.smiles is not None:
        one = from_smiles(options.smiles)
    else:
        one = from_formula(options.formula or "", options.charge)
    if one.volume == 0:
        is_water = dict(one.elements) == {"H": 2.0, "O": 1.0}
        one = replace(one, volume=WATER_VOLUME if is_water else 1.21 * one.mass)
        if is_water and len(one.pairs) == 0:
            one = replace(one, pairs=water().pairs)
    if options.name:
        one = replace(one, source=f"{options.name} ({one.source})")
    return one.times(options.count)


def _with_solvent(options: ContentsOptions, contents: CellContents, v: float) -> CellContents:
    number = options.waters
    if options.solvent_content is not None:
        number = options.solvent_content * v / WATER_VOLUME
    if number is not None:
        return contents + water().times(number)
    has_polymer = options.file is not None or any(
        m.sequence is not None for m in options.molecule
    )
    if options.fill is False or (options.fill == "auto" and not has_polymer):
        return contents
    filled, added = fill_with_water(contents, v, water())
    note = (
        f"{added:.0f} water molecules were added to fill the {v:.0f} Å³ of the cell; salt and "
        "other solutes are to be named in [contents]."
    )
    return replace(filled, notes=(*filled.notes, note))
