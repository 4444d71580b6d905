from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from diffuse.absolute.mdx import ORACLE
from ewaldite.crystal.contents import WATER_VOLUME
from ewaldite.crystal.polymer import polymer, water
from ewaldite.diffuse.absolute.contents import cell_contents
from ewaldite.diffuse.absolute.inputs import read_contents
from ewaldite.diffuse.absolute.options import AbsoluteOptions, ContentsOptions
from ewaldite.errors import UserError

SEQUENCE = ORACLE["molecules"]["lysozyme_peptide"]["sequence"]
CELL = (27.42, 32.13, 34.51, 88.66, 108.46, 111.88)
MODEL = (
    "CRYST1   27.420   32.130   34.510  88.66 108.46 111.88 P 1           1\n"
    "HETATM    1 ZN    ZN A   1       3.000   4.000   5.000  1.00 10.00          ZN\n"
    "HETATM    2  O   HOH A   2       8.000   4.000   5.000  0.50 10.00           O\nEND\n"
)


def contents(**options: object):  # type: ignore[no-untyped-def]
    return cell_contents(ContentsOptions.model_validate(options), CELL)


def test_the_inventory_of_the_reference_numbers() -> None:
    found = contents(
        molecule=[
            {"name": "lysozyme", "formula": "C 613 H 959 N 193 O 185 S 10"},
            {"name": "nitrate", "formula": "N O3", "charge": -1, "count": 6},
            {"formula": "H2O", "count": 290},
        ]
    )
    assert found.n_electrons == ORACLE["inventory"]["nElectrons"] == 10720
    assert found.charge == -6
    # formulas have no bonds, but water's are known
    assert found.pairs.number.tolist() == [290.0, 580.0]
    assert "6 × nitrate (formula N O3)" in found.source


def test_sequence_fills_the_cell() -> None:
    found = contents(molecule=[{"sequence": SEQUENCE, "disulfides": 4}])
    protein = polymer(SEQUENCE, disulfides=4)
    number = (26608 - protein.volume) / WATER_VOLUME
    assert found.elements["O"] == pytest.approx(185 + number, rel=1e-3)
    assert f"{number:.0f} water molecules were added" in found.notes[0]
    assert found.n_electrons == pytest.approx(10720, rel=0.01)


def test_solvent_can_be_given() -> None:
    molecule = [{"sequence": SEQUENCE}]
    assert contents(molecule=molecule, waters=100).elements["O"] == 285
    assert contents(molecule=molecule, waters=0).elements["O"] == 185
    assert contents(molecule=molecule, fill=False).elements["O"] == 185
    some = contents(molecule=molecule, solvent_content=0.3)
    assert some.elements["O"] == pytest.approx(185 + 0.3 * 26608 / WATER_VOLUME, rel=1e-3)


def test_small_molecules_are_not_drowned() -> None:
    sugar = [{"formula": "C6H12O6", "count": 4}]
    assert dict(contents(molecule=sugar).elements) == {"C": 24, "H": 48, "O": 24}
    assert contents(molecule=sugar, fill=True).elements["O"] > 500


def test_smiles_brings_its_charge_and_bonds() -> None:
    found = contents(molecule=[{"smiles": "[O-][N+](=O)[O-]", "count": 3}])
    assert found.charge == -3
    assert found.n_electrons == 96
    assert found.pairs.number.sum() == 18


def test_a_cell_that_is_too_small() -> None:
    with pytest.raises(UserError, match="its molecules take up"):
        contents(molecule=[{"sequence": SEQUENCE, "count": 3}])


def test_nothing_to_count() -> None:
    assert not ContentsOptions().given
    with pytest.raises(UserError, match="neither a file nor a molecule"):
        contents()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"molecule": [{"count": 2}]}, "exactly one of formula, sequence and smiles"),
        ({"molecule": [{"formula": "C", "smiles": "C"}]}, "exactly one"),
        ({"molecule": [{"smiles": "C", "charge": 1}]}, "charge goes with a formula"),
        ({"waters": 3, "solvent_content": 0.4}, "not both"),
        ({"molecules": []}, "Extra inputs"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ContentsOptions.model_validate(options)


def test_defaults() -> None:
    options = AbsoluteOptions()
    assert (options.s_cutoff, options.bonds, options.recoil) == (0.7, 2, False)


def test_a_model_file(tmp_path: Path) -> None:
    (tmp_path / "model.pdb").write_text(MODEL)
    options = ContentsOptions(file=Path("model.pdb"))
    assert options.given
    found = read_contents(options, tmp_path, CELL)
    assert found.elements["Zn"] == 1
    # the zinc takes its mass times the volume of protein
    assert found.elements["O"] == pytest.approx(
        0.5 + (26608 - 1.21 * 65.4) / WATER_VOLUME - 0.5, rel=1e-3
    )
    more = read_contents(
        ContentsOptions(file=Path("model.pdb"), waters=7, molecule=[{"formula": "N O3"}]),
        tmp_path,
        CELL,
    )
    assert dict(more.elements) == {"N": 1, "O": 3 + 7.5, "Zn": 1, "H": 15}
    with pytest.raises(UserError, match=r"read the model .*nothing\.pdb"):
        read_contents(ContentsOptions(file=Path("nothing.pdb")), tmp_path, CELL)


def test_a_model_of_another_cell_deserves_a_word(tmp_path: Path) -> None:
    (tmp_path / "model.pdb").write_text(MODEL)
    found = read_contents(
        ContentsOptions(file=Path("model.pdb")), tmp_path, (30, 33, 36, 89, 108, 112)
    )
    assert "check that the model is of this crystal" in found.notes[0]


def test_water_is_the_same_however_it_is_given() -> None:
    by_formula = contents(molecule=[{"formula": "O H2", "count": 2}])
    by_smiles = contents(molecule=[{"smiles": "O", "count": 2}])
    for found in (by_formula, by_smiles):
        assert dict(found.elements) == {"H": 4, "O": 2}
        assert found.volume == 2 * WATER_VOLUME
        assert found.pairs.distance.tolist() == water().pairs.distance.tolist()
