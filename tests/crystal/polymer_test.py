from __future__ import annotations

import gemmi
import numpy as np
import pytest

from ewaldite.crystal.bond_geometry import from_graph
from ewaldite.crystal.polymer import from_smiles, polymer, water
from ewaldite.crystal.smiles import parse_smiles
from ewaldite.errors import UserError

CODES = [
    *("ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE"),
    *("LEU", "LYS", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL"),
]
# Formal charges of the residues as the chemical component dictionary has them, where a
# proton is there that a neutral residue lacks
PROTONS = {"ARG": 1, "HIS": 1, "LYS": 1}
LYSOZYME = (
    "KVFGRCELAAAMKRHGLDNYRGYSLGNWVCAAKFESNFNTQATNRNTDGSTDYGILQINSRWWCNDGRTPGSRNLCNIPCSALLSSDI"
    "TASVNCAKKIVSDGNGMNAWVAWRNRCKGTDVQAWIRGCRL"
)


@pytest.mark.parametrize("code", CODES)
def test_amino_acids_are_those_of_gemmi(code: str) -> None:
    info = gemmi.find_tabulated_residue(code)
    one = polymer(info.one_letter_code.upper())
    assert one.elements["H"] == info.hydrogen_count - PROTONS.get(code, 0)
    assert one.mass + 1.008 * PROTONS.get(code, 0) == pytest.approx(info.weight, abs=0.03)


@pytest.mark.parametrize(
    ("kind", "code"), [("dna", "DA"), ("dna", "DC"), ("dna", "DG"), ("dna", "DT")]
    + [("rna", x) for x in "ACGU"],
)  # fmt: skip
def test_nucleotides_are_those_of_gemmi(kind: str, code: str) -> None:
    info = gemmi.find_tabulated_residue(code)
    one = polymer(code[-1], kind)  # type: ignore[arg-type]
    # a nucleotide without the phosphate, which gemmi's has: H PO3
    assert one.mass + 1.008 + 30.974 + 3 * 15.999 == pytest.approx(info.weight, abs=0.03)
    two = polymer(code[-1] * 2, kind)  # type: ignore[arg-type]
    assert two.elements["P"] == 1


def test_lysozyme() -> None:
    # the formula of the reference inventory, with free cysteines
    free = polymer(LYSOZYME)
    assert dict(free.elements) == {"C": 613, "H": 959, "N": 193, "O": 185, "S": 10}
    assert free.n_electrons == 7628
    bridged = polymer(LYSOZYME, disulfides=4)
    assert bridged.elements["H"] == 951
    assert bridged.mass == pytest.approx(14305, abs=2)
    assert bridged.volume == pytest.approx(1.21 * bridged.mass)
    sulfurs = bridged.pairs.z[:, 0] == 16
    assert bridged.pairs.number[sulfurs].tolist() == [4.0]
    assert not np.any(free.pairs.z[:, 0] == 16)


def test_blanks_and_stops_are_skipped() -> None:
    assert polymer("ga\nv *").elements == polymer("GAV").elements


@pytest.mark.parametrize(
    ("sequence", "kind", "words"),
    [("ABX", "protein", "it holds B, X"), ("", "protein", "empty"), ("ACGU", "dna", "U")],
)
def test_bad_sequences(sequence: str, kind: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        polymer(sequence, kind)  # type: ignore[arg-type]


def test_too_many_bridges() -> None:
    with pytest.raises(UserError, match="has 3 C"):
        polymer("CCCA", disulfides=2)


@pytest.mark.parametrize(
    ("text", "elements", "charge"),
    [
        ("O", {"O": 1, "H": 2}, 0),
        ("OCC(O)CO", {"C": 3, "H": 8, "O": 3}, 0),
        ("[O-][N+](=O)[O-]", {"N": 1, "O": 3}, -1),
        ("[O-]S(=O)(=O)[O-]", {"S": 1, "O": 4}, -2),
        ("CC(=O)[O-].[Na+]", {"C": 2, "H": 3, "O": 2, "Na": 1}, 0),
        ("C1=CC=CC=C1", {"C": 6, "H": 6}, 0),
        ("N[C@@H](C)C(=O)O", {"C": 3, "H": 7, "N": 1, "O": 2}, 0),
        ("C#N", {"C": 1, "H": 1, "N": 1}, 0),
        ("[NH4+]", {"N": 1, "H": 4}, 1),
        ("[Mg+2]", {"Mg": 1}, 2),
        ("C%12CC%12", {"C": 3, "H": 6}, 0),
        ("F/C=C/Cl", {"C": 2, "H": 2, "F": 1, "Cl": 1}, 0),
    ],
)
def test_smiles(text: str, elements: dict[str, float], charge: int) -> None:
    molecule = from_smiles(text)
    assert dict(molecule.elements) == elements
    assert molecule.charge == charge


@pytest.mark.parametrize(
    "text", ["", "c1ccccc1", "C(", "C)", "C1CC", "[Xq]", "C(C)(C)(C)(C)C", "C$C", "[C?]"]
)
def test_bad_smiles(text: str) -> None:
    with pytest.raises(UserError):
        parse_smiles(text)


def test_distances_of_small_molecules() -> None:
    pairs = water().pairs
    assert dict(zip(map(tuple, pairs.z.tolist()), pairs.distance, strict=True)) == {
        (1, 1): pytest.approx(1.53, abs=0.01),
        (1, 8): 0.97,
    }
    benzene = from_graph(parse_smiles("C1=CC=CC=C1"), "benzene").pairs
    carbon = (benzene.z == 6).all(axis=1)
    assert benzene.distance[carbon] == pytest.approx([1.40, 1.40 * np.sqrt(3)], abs=1e-6)
    assert benzene.number[carbon].tolist() == [6.0, 6.0]
    # a ring of five: across it 108°
    ring = from_graph(parse_smiles("C1CCCC1"), "cyclopentane").pairs
    across = (ring.z == 6).all(axis=1) & (ring.bonds == 2)
    assert ring.distance[across] == pytest.approx([2 * 1.53 * np.sin(np.deg2rad(54))])
    assert ring.number[across] == [5.0]
    linear = from_graph(parse_smiles("C#N"), "hydrogen cyanide").pairs
    assert linear.distance[linear.bonds == 2] == pytest.approx([1.09 + 1.14])
    # elements without a listed bond length: the sum of covalent radii
    silane = from_graph(parse_smiles("[SiH4]"), "silane").pairs
    assert silane.distance[silane.bonds == 1] == pytest.approx([1.48], abs=0.1)
