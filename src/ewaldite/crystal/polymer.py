"""Proteins and nucleic acids from their sequence, hydrogens included."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Literal

from ewaldite.crystal.bond_geometry import from_graph
from ewaldite.crystal.contents import SPECIFIC_VOLUME, WATER_VOLUME, CellContents
from ewaldite.crystal.smiles import parse_smiles
from ewaldite.errors import UserError

PolymerKind = Literal["protein", "dna", "rna"]

# Side chains as they follow Cα; residues are neutral, which does not change the electrons:
# a proton more is a charge more
_SIDE_CHAINS = {
    "A": "C",
    "R": "CCCNC(=N)N",
    "N": "CC(=O)N",
    "D": "CC(=O)O",
    "C": "CS",
    "Q": "CCC(=O)N",
    "E": "CCC(=O)O",
    "G": "",
    "H": "CC1=CN=CN1",
    "I": "C(C)CC",
    "L": "CC(C)C",
    "K": "CCCCN",
    "M": "CCSC",
    "F": "CC1=CC=CC=C1",
    "S": "CO",
    "T": "C(C)O",
    "W": "CC1=CNC2=CC=CC=C12",
    "Y": "CC1=CC=C(O)C=C1",
    "V": "C(C)C",
    "U": "C[SeH]",
}
_BASES = {
    "A": "N2C=NC3=C2N=CN=C3N",
    "C": "N2C=CC(N)=NC2=O",
    "G": "N2C=NC3=C2NC(N)=NC3=O",
    "T": "N2C=C(C)C(=O)NC2=O",
    "U": "N2C=CC(=O)NC2=O",
}
_ALPHABET = {"protein": "ARNDCQEGHILKMFPSTWYVU", "dna": "ACGT", "rna": "ACGU"}


def polymer(
    sequence: str, kind: PolymerKind = "protein", *, disulfides: int = 0
) -> CellContents:
    """Atoms and bonds of a chain.

    Residues are neutral; a protein ends in NH2 and COOH, a nucleic acid in OH at both ends,
    without a phosphate at its 5′ end.

    Parameters
    ----------
    sequence:
        One letter a residue; blanks, line ends and ``*`` are skipped.
    kind:
        What the letters mean.
    disulfides:
        Number of bonds between cysteines of the chain, each of which costs two hydrogens.

    Returns
    -------
    :
        One chain, with pairs one and two bonds apart at usual distances, and the volume from
        the usual partial specific volume.

    Raises
    ------
    UserError
        A letter is unknown, or there are too few cysteines.
    """
    letters = "".join(sequence.split()).replace("*", "").upper()
    unknown = sorted(set(letters) - set(_ALPHABET[kind]))
    if unknown or not letters:
        raise UserError(
            f"read a {kind} sequence",
            f"it holds {', '.join(unknown)}" if unknown else "it is empty",
            f"Letters are {' '.join(_ALPHABET[kind])}; give other parts as a molecule with a "
            "formula.",
        )
    if 2 * disulfides > letters.count("C") * (kind == "protein"):
        raise UserError(
            f"make {disulfides} disulfide bonds",
            f"the {kind} sequence has {letters.count('C')} C",
            "Correct disulfides or the sequence.",
        )
    chain = _peptide(letters, disulfides) if kind == "protein" else _strand(letters, kind)
    molecule = from_graph(parse_smiles(chain), f"{kind} of {len(letters)} residues")
    return replace(molecule, volume=molecule.mass * SPECIFIC_VOLUME[kind])


def _peptide(letters: str, disulfides: int) -> str:
    parts, bridged = [], 0
    for letter in letters:
        if letter == "P":
            parts.append("N1C(CCC1)C(=O)")
            continue
        side = _SIDE_CHAINS[letter]
        if letter == "C" and bridged < 2 * disulfides:
            # every second cysteine closes the ring that the one before it opened; which one
            # is bonded to which changes no pair of these two kinds
            side = f"CS%{10 + bridged // 2 % 90}"
            bridged += 1
        parts.append(f"NC({side})C(=O)" if side else "NCC(=O)")
    return "".join(parts) + "O"


def _strand(letters: str, kind: PolymerKind) -> str:
    second = "C" if kind == "dna" else "C(O)"
    sugars = [f"OCC1OC({_BASES[letter]}){second}C1" for letter in letters]
    return "OP(=O)(O)".join(sugars) + "O"


@lru_cache(maxsize=1)
def water() -> CellContents:
    """One molecule of water."""
    molecule = from_graph(parse_smiles("O"), "water")
    return replace(molecule, volume=WATER_VOLUME)


def from_smiles(text: str) -> CellContents:
    """One molecule from its SMILES in Kekulé form, with pairs one and two bonds apart.

    Parameters
    ----------
    text:
        As in ``"[O-][N+](=O)[O-]"``.

    Returns
    -------
    :
        One molecule; its charge is that of its atoms.

    Raises
    ------
    UserError
        The text cannot be read.
    """
    return from_graph(parse_smiles(text), f"SMILES {text.strip()}")
