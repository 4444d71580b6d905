from __future__ import annotations

import gemmi
import numpy as np
import pytest

from ewaldite.crystal.contents import fill_with_water
from ewaldite.crystal.model_bonds import find_bonds
from ewaldite.crystal.model_contents import from_model, model_cell
from ewaldite.crystal.polymer import polymer, water
from ewaldite.errors import UserError

CRYST = "CRYST1   30.000   40.000   50.000  90.00  90.00  90.00 {group:<11}\n"
LINE = (
    "{kind:<6}{serial:5d} {name:<4}{alt}{residue:>3} {chain}{number:4d}    "
    "{x:8.3f}{y:8.3f}{z:8.3f}{occupancy:6.2f}{b:6.2f}          {element:>2}\n"
)


def atom(
    name: str,
    residue: str,
    place: tuple[float, float, float],
    element: str,
    *,
    number: int = 1,
    occupancy: float = 1.0,
    alt: str = " ",
    kind: str = "ATOM",
    chain: str = "A",
) -> str:
    x, y, z = place
    return LINE.format(
        kind=kind, serial=1, name=name, alt=alt, residue=residue, chain=chain, number=number,
        x=x, y=y, z=z, occupancy=occupancy, b=10.0, element=element,
    )  # fmt: skip


def peptide(letters: str = "GAG", *, step: float = 3.6) -> str:
    """A stretched chain without hydrogens; side chains lack all but CB."""
    lines = []
    for i, code in enumerate({"G": "GLY", "A": "ALA", "W": "TRP"}[x] for x in letters):
        x = 5 + step * i
        lines += [
            atom(" N", code, (x, 10, 10), "N", number=i + 1),
            atom(" CA", code, (x + 1.2, 10.8, 10), "C", number=i + 1),
            atom(" C", code, (x + 2.4, 10, 10), "C", number=i + 1),
            atom(" O", code, (x + 2.4, 8.8, 10), "O", number=i + 1),
        ]
        if code != "GLY":
            lines.append(atom(" CB", code, (x + 1.2, 12.2, 10.3), "C", number=i + 1))
    return "".join(lines)


def contents(body: str, group: str = "P 1"):  # type: ignore[no-untyped-def]
    return from_model(CRYST.format(group=group) + body + "END\n", "pdb", "a.pdb")


def test_chain_without_hydrogens_is_taken_from_its_sequence() -> None:
    found = contents(peptide("GWG"))
    assert dict(found.elements) == dict(polymer("GWG").elements)
    assert found.volume == pytest.approx(polymer("GWG").volume)
    assert "1 chains of a.pdb have no hydrogens" in found.notes[0]


def test_residues_that_were_not_seen_come_from_seqres() -> None:
    seqres = "SEQRES   1 A    5  GLY GLY ALA GLY TRP\n"
    found = contents(seqres + peptide("GAG"))
    assert dict(found.elements) == dict(polymer("GGAGW").elements)


@pytest.mark.parametrize(("group", "copies"), [("P 1", 1), ("P 21 21 21", 4), ("C 1 2 1", 4)])
def test_symmetry_copies(group: str, copies: int) -> None:
    ion = atom("ZN", "ZN", (3, 4, 5), "ZN", kind="HETATM", occupancy=0.5)
    found = contents(peptide() + ion, group)
    assert found.elements["Zn"] == 0.5 * copies
    assert found.elements["O"] == copies * polymer("GAG").elements["O"]
    assert f"({copies} asymmetric units)" in found.source


def test_an_atom_on_an_axis_is_not_counted_twice() -> None:
    # the two-fold axis of P 1 2 1 along y through the origin
    on_axis = atom("ZN", "ZN", (0, 4, 0), "ZN", kind="HETATM")
    off_axis = atom("ZN", "ZN", (5, 4, 3), "ZN", kind="HETATM", number=2)
    halved = atom("ZN", "ZN", (15, 4, 25), "ZN", kind="HETATM", number=3, occupancy=0.5)
    assert contents(on_axis + off_axis, "P 1 2 1").elements["Zn"] == 3
    assert contents(halved, "P 1 2 1").elements["Zn"] == 1


def test_water_gets_its_hydrogens_and_pairs() -> None:
    found = contents(
        atom(" O", "HOH", (3, 4, 5), "O", kind="HETATM", occupancy=0.5)
        + atom(" O", "HOH", (8, 4, 5), "O", kind="HETATM", number=2)
    )
    assert dict(found.elements) == {"H": 3.0, "O": 1.5}
    assert found.pairs.number.tolist() == [1.5, 3.0]
    assert found.volume == pytest.approx(1.5 * water().volume)


def test_known_ligands_get_their_hydrogens_and_others_a_note() -> None:
    places = [(3, 4, 5), (4.4, 4, 5), (5.0, 5.3, 5)]
    glycol = [("C1", "C"), ("C2", "C"), ("O1", "O")]

    def ligand(code: str) -> str:
        return "".join(
            atom(n, code, p, e, kind="HETATM") for (n, e), p in zip(glycol, places, strict=True)
        )

    known = contents(ligand("EDO"))
    assert known.elements["H"] == gemmi.find_tabulated_residue("EDO").hydrogen_count == 6
    unknown = contents(ligand("QQX"))
    assert "H" not in unknown.elements
    assert "Hydrogens of 1 QQX in a.pdb are not known" in unknown.notes[0]
    # C–C and C–O bonded, C…O two bonds apart
    assert unknown.pairs.number.tolist() == [1.0, 1.0, 1.0]
    assert sorted(unknown.pairs.bonds.tolist()) == [1, 1, 2]


def test_conformers_and_ions_on_each_other_are_not_bonded() -> None:
    body = (
        atom("ZN", "ZN", (3, 4, 5), "ZN", kind="HETATM", occupancy=0.5)
        + atom(" C1", "QQX", (3.5, 4, 5), "C", kind="HETATM", number=2, occupancy=0.5)
        + atom(" O1", "QQX", (4.7, 4, 5), "O", number=2, occupancy=0.3, alt="A")
        + atom(
            " O1", "QQX", (4.3, 4.9, 5), "O", kind="HETATM", number=2, occupancy=0.2, alt="B"
        )
    )
    found = contents(body)
    assert found.elements["O"] == 0.5
    assert found.pairs.z.tolist() == [[6, 8], [6, 8]]
    assert sorted(found.pairs.number) == [0.2, 0.3]


def test_mmcif_says_the_same() -> None:
    text = CRYST.format(group="P 21 21 21") + peptide() + "END\n"
    structure = gemmi.read_pdb_string(text)
    structure.setup_entities()
    cif = structure.make_mmcif_document().as_string()
    a, b = from_model(text, "pdb", "a"), from_model(cif, "mmcif", "a")
    assert dict(a.elements) == dict(b.elements)
    assert model_cell(cif, "mmcif", "a") == (30, 40, 50, 90, 90, 90)
    assert model_cell(peptide() + "END\n", "pdb", "a") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nothing here\n", "it holds no atoms"),
        (CRYST.format(group="P 1") + atom(" Q", "QQX", (1, 2, 3), ""), "has no known element"),
        (atom(" C", "QQX", (1, 2, 3), "C", occupancy=1.7), "has the occupancy 1.7"),
    ],
)
def test_bad_models(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        from_model(text, "pdb", "a.pdb")


def test_a_broken_mmcif() -> None:
    with pytest.raises(UserError, match=r"read the model a\.cif"):
        from_model("data_x\nloop_\n_atom_site.id\n_atom_site.x 1 2 '", "mmcif", "a.cif")


def test_bonds_are_those_of_the_distances() -> None:
    model = gemmi.read_pdb_string(CRYST.format(group="P 1") + peptide("GG"))[0]
    atoms, bonds, conformers = find_bonds(model)
    names = {
        frozenset((atoms[i].name + str(i // 4), atoms[j].name + str(j // 4)))
        for i, j in bonds.tolist()
    }
    assert names == {
        frozenset(x)
        for x in (
            *(("N0", "CA0"), ("CA0", "C0"), ("C0", "O0"), ("C0", "N1")),
            *(("N1", "CA1"), ("CA1", "C1"), ("C1", "O1")),
        )
    }
    assert not conformers.any()
    nothing = gemmi.Model(1)
    assert find_bonds(nothing)[1].shape == (0, 2)


def test_lysozyme(shared_data) -> None:  # type: ignore[no-untyped-def]
    text = (shared_data / "lysozyme_xds" / "model.pdb").read_text()
    found = from_model(text, "pdb", "model.pdb")
    # protein 613 C, 6.7 nitrate, 89.3 water, as the file's occupancies say
    assert found.elements["C"] == pytest.approx(613, abs=0.1)
    assert found.elements["S"] == 10
    assert found.elements["N"] == pytest.approx(193 + 6.7, abs=0.1)
    assert np.sum(found.pairs.number[found.pairs.z[:, 0] == 16]) == pytest.approx(4)
    filled, _ = fill_with_water(found, 26616.0, water())
    # the inventory of the reference numbers has 10720
    assert filled.n_electrons == pytest.approx(10720, rel=0.003)
    bare = gemmi.read_pdb_string(text)
    bare.remove_hydrogens()
    again = from_model(bare.make_pdb_string(), "pdb", "bare.pdb")
    assert again.elements["C"] == 613
    assert again.n_electrons == pytest.approx(found.n_electrons, rel=0.01)
