"""Contents of the unit cell from a structure model: PDB or mmCIF."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import gemmi
import numpy as np

from ewaldite.crystal.contents import SPECIFIC_VOLUME, CellContents
from ewaldite.crystal.form_factors import atomic_number
from ewaldite.crystal.model_bonds import find_bonds
from ewaldite.crystal.pairs import Pairs, pairs_of_positions
from ewaldite.crystal.polymer import PolymerKind, polymer, water
from ewaldite.errors import UserError

ModelFormat = Literal["pdb", "mmcif"]

#: Bonds between the ends of the longest ways that are kept of a model.
MODEL_DEPTH = 3

_KINDS: dict[gemmi.PolymerType, PolymerKind] = {
    gemmi.PolymerType.PeptideL: "protein",
    gemmi.PolymerType.PeptideD: "protein",
    gemmi.PolymerType.Dna: "dna",
    gemmi.PolymerType.Rna: "rna",
}
_SPECIAL_POSITION = 0.4


@dataclass
class _Tally:
    """What was counted on the way through a model, per asymmetric unit."""

    elements: dict[str, float] = field(default_factory=dict)
    parts: list[CellContents] = field(default_factory=list)
    polymer_mass: dict[PolymerKind, float] = field(default_factory=dict)
    other_mass: float = 0.0
    waters: float = 0.0
    bare: dict[str, int] = field(default_factory=dict)
    completed: int = 0

    def add(self, symbol: str, number: float) -> None:
        """Count atoms."""
        self.elements[symbol] = self.elements.get(symbol, 0.0) + number


def from_model(text: str, form: ModelFormat, name: str) -> CellContents:
    """Contents of the unit cell from a structure model.

    Every atom counts with its occupancy, times the operations of the model's space group (and
    strict non-crystallographic symmetry), less what a special position makes coincide. What the
    model lacks is completed: a polymer chain without hydrogens is taken from its
    sequence, with the residues of SEQRES that were not seen; water gets its two hydrogens;
    other molecules those of gemmi's table of residues. Disordered solvent is not added here.

    Parameters
    ----------
    text:
        The file.
    form:
        Its format.
    name:
        Its name, for messages.

    Returns
    -------
    :
        Contents with pairs up to three bonds apart (two where atoms were completed), and
        the volume that the molecules take up.

    Raises
    ------
    UserError
        The text is no such file, has no atoms, an unknown element or an impossible occupancy.
    """
    structure = _read(text, form, name)
    model = structure[0]
    tally = _Tally()
    kept = gemmi.Model(1)
    for chain in model:
        _count_chain(structure, chain, tally, kept, name)
    copies = _copies(structure)
    contents = CellContents(tally.elements, pairs=_pairs(structure, kept))
    if tally.waters:
        tally.parts.append(water().times(tally.waters))
    for part in tally.parts:
        contents = contents + part
    volume = 1.21 * tally.other_mass + sum(
        mass * SPECIFIC_VOLUME[kind] for kind, mass in tally.polymer_mass.items()
    )
    volume += sum(part.volume for part in tally.parts)
    whole = contents.times(copies)
    return CellContents(
        whole.elements,
        whole.charge,
        whole.pairs,
        volume * copies,
        f"model {name} ({copies} asymmetric units)",
        _notes(structure, tally, name),
    )


def model_cell(text: str, form: ModelFormat, name: str) -> tuple[float, ...] | None:
    """Cell of a structure model, Å and degrees; None where the file has none.

    Raises
    ------
    UserError
        The text is no such file, or has no atoms.
    """
    cell = _read(text, form, name).cell
    return tuple(cell.parameters) if cell.is_crystal() else None


def _read(text: str, form: ModelFormat, name: str) -> gemmi.Structure:
    kinds = {"pdb": gemmi.CoorFormat.Pdb, "mmcif": gemmi.CoorFormat.Mmcif}
    remedy = "Give a PDB or mmCIF file with the coordinates of the crystal's molecules."
    try:
        structure = gemmi.read_structure_string(text, format=kinds[form])
    except (RuntimeError, ValueError) as error:
        raise UserError(f"read the model {name}", str(error), remedy) from error
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise UserError(f"read the model {name}", "it holds no atoms", remedy)
    structure.setup_entities()
    structure.expand_ncs(gemmi.HowToNameCopiedChain.Short)
    return structure


def _copies(structure: gemmi.Structure) -> int:
    group = structure.find_spacegroup()
    return 1 if group is None else len(group.operations())


def _count_chain(
    structure: gemmi.Structure,
    chain: gemmi.Chain,
    tally: _Tally,
    kept: gemmi.Model,
    name: str,
) -> None:
    span = chain.get_polymer()
    kind = _KINDS.get(span.check_polymer_type()) if len(span) else None
    bare = kind is not None and not any(a.is_hydrogen() for residue in span for a in residue)
    rest = gemmi.Chain(chain.name)
    if bare and kind is not None and _complete(structure, span, kind, tally):
        residues = [r for r in chain if r.entity_type != gemmi.EntityType.Polymer]
    else:
        residues = list(chain)
    for residue in residues:
        in_polymer = residue.entity_type == gemmi.EntityType.Polymer
        _count_residue(structure, residue, kind if in_polymer else None, tally, name)
        rest.add_residue(residue)
    kept.add_chain(rest)


def _complete(
    structure: gemmi.Structure, span: gemmi.ResidueSpan, kind: PolymerKind, tally: _Tally
) -> bool:
    """Take a chain from its sequence; False where that has residues without a template."""
    entity = structure.get_entity_of(span)
    names = [residue.name for residue in span]
    if entity is not None and entity.full_sequence:
        names = [gemmi.Entity.first_mon(monomer) for monomer in entity.full_sequence]
    letters = gemmi.one_letter_code(names).upper()
    try:
        whole = polymer(letters, kind)
    except UserError:
        return False
    occupancy = float(np.median([sum(_first_atom(r)) for r in span]))
    tally.parts.append(whole.times(min(occupancy, 1.0)))
    tally.completed += 1
    return True


def _first_atom(residue: gemmi.Residue) -> list[float]:
    """Occupancies of the conformers of the first atom."""
    first = residue[0].name
    return [atom.occ for atom in residue if atom.name == first]


def _count_residue(
    structure: gemmi.Structure,
    residue: gemmi.Residue,
    kind: PolymerKind | None,
    tally: _Tally,
    name: str,
) -> None:
    if residue.is_water():
        oxygens = [atom for atom in residue if not atom.is_hydrogen()]
        tally.waters += sum(_share(structure, atom, name) for atom in oxygens)
        return
    mass, hydrogens, share = 0.0, 0.0, 0.0
    for atom in residue:
        symbol = str(atom.element.name)
        if symbol == "X":
            raise UserError(
                f"read the model {name}",
                f"atom {atom.name} of {residue.name} {residue.seqid} has no known element",
                "Write its element in the columns for it (77-78 of a PDB file).",
            )
        number = _share(structure, atom, name)
        tally.add("H" if symbol == "D" else symbol, number)
        mass += number * atom.element.weight
        hydrogens += number if atom.is_hydrogen() else 0.0
        share = max(share, number)
    missing = _missing_hydrogens(residue, hydrogens, tally) if kind is None else 0
    if missing:
        tally.add("H", missing * share)
        mass += 1.008 * missing * share
    if kind is None:
        tally.other_mass += mass
    else:
        tally.polymer_mass[kind] = tally.polymer_mass.get(kind, 0.0) + mass


def _missing_hydrogens(residue: gemmi.Residue, present: float, tally: _Tally) -> int:
    if present > 0 or len(residue) == 1:
        return 0
    info = gemmi.find_tabulated_residue(residue.name)
    if info.found():
        return int(info.hydrogen_count)
    tally.bare[residue.name] = tally.bare.get(residue.name, 0) + 1
    return 0


def _share(structure: gemmi.Structure, atom: gemmi.Atom, name: str) -> float:
    """Occupancy, less what the mates on a special position take."""
    if not 0.0 <= atom.occ <= 1.0:
        raise UserError(
            f"count the atoms of {name}",
            f"atom {atom.serial} ({atom.name}) has the occupancy {atom.occ:g}",
            "Correct it: it is between 0 and 1.",
        )
    mates = structure.cell.is_special_position(atom.pos, _SPECIAL_POSITION)
    # gemmi holds occupancies in single precision
    return min(round(float(atom.occ), 6), 1.0 / (mates + 1))


def _pairs(structure: gemmi.Structure, model: gemmi.Model) -> Pairs:
    """Pairs of the atoms of an asymmetric unit; water comes with its own."""
    atoms, bonds, labels = find_bonds(model)
    if not atoms:
        return Pairs()
    return pairs_of_positions(
        np.array(
            [atomic_number("H" if a.element.name == "D" else a.element.name) for a in atoms]
        ),
        np.array([a.pos.tolist() for a in atoms]),
        bonds,
        MODEL_DEPTH,
        np.array([_share(structure, a, structure.name) for a in atoms]),
        labels,
    )


def _notes(structure: gemmi.Structure, tally: _Tally, name: str) -> tuple[str, ...]:
    notes = []
    if len(structure) > 1:
        notes.append(f"Of the {len(structure)} models in {name} the first was used.")
    if tally.completed:
        notes.append(
            f"{tally.completed} chains of {name} have no hydrogens and were taken from their "
            "sequence, residues that were not seen included."
        )
    for residue, number in sorted(tally.bare.items()):
        notes.append(
            f"Hydrogens of {number} {residue} in {name} are not known and were left out; add "
            "them as a molecule with a formula."
        )
    return tuple(notes)
