from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffuse.absolute.mdx import (
    ORACLE,
    elements_of,
    lysozyme_json,
    small_molecule,
    tables,
)
from ewaldite.crystal.contents import CellContents
from ewaldite.crystal.form_factors import atomic_number
from ewaldite.crystal.pairs import Pairs, pairs_of_positions
from ewaldite.crystal.polymer import polymer, water
from ewaldite.diffuse.absolute.scattering import AtomScattering, CellScattering, atom_tables

S = np.linspace(0.0, 2.0, 81)


@pytest.mark.parametrize("name", ["water", "nitrate"])
def test_small_molecules_of_mdx_lib(name: str) -> None:
    m = ORACLE["molecules"][name]
    contents = small_molecule(name)
    cell = CellScattering(contents, tables(), depth=2)
    s = np.array(m["s"])
    assert contents.n_electrons == m["nElectrons"]
    np.testing.assert_allclose(cell.coherent(s), m["Icoh"], rtol=1e-12)
    np.testing.assert_allclose(cell.incoherent(s), m["Iincoh"], rtol=1e-12)
    np.testing.assert_allclose(cell.bonded(s), m["Ibond"], rtol=1e-11, atol=1e-11)


def test_lysozyme_of_mdx_lib() -> None:
    m = ORACLE["molecules"]["lysozyme_peptide"]
    contents = CellContents(elements_of(m), m["totalCharge"])
    cell = CellScattering(contents, tables())
    s = np.array(m["s"])
    assert contents.n_electrons == m["nElectrons"] == 7628
    np.testing.assert_allclose(cell.coherent(s), m["Icoh"], rtol=1e-12)
    np.testing.assert_allclose(cell.incoherent(s), m["Iincoh"], rtol=1e-12)


def lysozyme_pairs(pairs: np.ndarray) -> Pairs:
    """Pairs of atoms of the extended chain of mdx-lib, given by their indices."""
    json = lysozyme_json()
    z = np.array([atomic_number(x) for x in json["type"]])
    xyz = np.array(json["xyz"])
    distance = np.linalg.norm(xyz[pairs[:, 0]] - xyz[pairs[:, 1]], axis=1)
    return Pairs.gathered(z[pairs], distance, np.ones(len(pairs)), np.ones(len(pairs)))


def our_lysozyme_pairs(depth: int) -> Pairs:
    json = lysozyme_json()
    z = np.array([atomic_number(x) for x in json["type"]])
    return pairs_of_positions(z, np.array(json["xyz"]), np.array(json["bonds"]), depth)


def test_bonded_interference_of_lysozyme_over_the_pairs_of_mdx_lib() -> None:
    # mdx-lib walks from the atom of the lower number along ways whose length depends on the
    # direction, so which distant pairs it has depends on the numbering: its list is used here
    m = ORACLE["molecules"]["lysozyme_peptide"]
    pairs = lysozyme_pairs(np.array(lysozyme_json()["pairs"]))
    assert pairs.number.sum() == m["nPairs"]
    assert pairs.distance @ pairs.number == pytest.approx(m["sum_pair_distance"], rel=1e-10)
    contents = CellContents(elements_of(m), pairs=pairs)
    found = CellScattering(contents, tables(), depth=1).bonded(np.array(m["s"]))
    np.testing.assert_allclose(found, m["Ibond"], rtol=1e-9, atol=1e-7)


def test_pairs_that_mdx_lib_has_from_either_end_are_ours() -> None:
    # all pairs one and two bonds apart are in its list, and no distance differs
    theirs = {tuple(p) for p in lysozyme_json()["pairs"]}
    bonds = np.array(lysozyme_json()["bonds"])
    two = our_lysozyme_pairs(2)
    ours = _near_pairs(bonds, len(lysozyme_json()["type"]))
    assert len(ours) == two.number.sum() == 5531
    assert ours <= theirs
    both = lysozyme_pairs(np.array(sorted(ours)))
    assert both.distance @ both.number == pytest.approx(two.distance @ two.number, rel=1e-12)


def _near_pairs(bonds: np.ndarray, n: int) -> set[tuple[int, int]]:
    """Pairs one or two bonds apart by the powers of the adjacency matrix."""
    adjacent = np.zeros((n, n), dtype=np.int8)
    adjacent[tuple(bonds.T)] = 1
    adjacent |= adjacent.T
    near = (adjacent + (adjacent.astype(np.float32) @ adjacent.astype(np.float32))) > 0
    i, j = np.nonzero(np.triu(near, 1))
    return set(zip(i.tolist(), j.tolist(), strict=True))


@given(st.integers(0, 10**6), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_interference_does_not_depend_on_the_numbering(seed: int, depth: int) -> None:
    rng = np.random.default_rng(seed)
    n = 12
    z = rng.choice([1, 6, 7, 8], n)
    xyz = rng.normal(size=(n, 3))
    bonds = np.array([[i, rng.integers(0, i)] for i in range(1, n)])
    order = rng.permutation(n)
    place = np.argsort(order)
    there = pairs_of_positions(z, xyz, bonds, depth)
    back = pairs_of_positions(z[order], xyz[order], place[bonds][:, ::-1], depth)
    for name in ("z", "bonds", "number"):
        np.testing.assert_array_equal(getattr(there, name), getattr(back, name))
    np.testing.assert_allclose(there.distance, back.distance, rtol=1e-14)


def test_usual_distances_do_as_well_as_those_of_a_structure() -> None:
    # the interference of a chain of usual bond lengths and angles against mdx-lib's coordinates
    m = ORACLE["molecules"]["lysozyme_peptide"]
    chain = polymer(m["sequence"])
    s = np.linspace(0.05, 1.0, 40)
    built = CellScattering(chain, tables(), 2).bonded(s)
    seen = CellScattering(
        CellContents(elements_of(m), pairs=our_lysozyme_pairs(2)), tables(), 2
    ).bonded(s)
    assert np.abs(built - seen).max() < 0.015 * np.abs(seen).max()


def test_debye_sum_is_the_mean_over_directions() -> None:
    contents = small_molecule("water")
    atoms = ORACLE["molecules"]["water"]
    xyz = np.array(atoms["atoms_xyz"], float)
    f = np.stack([tables()[t].f0(S) for t in atoms["atom_types_in_order"]])
    rng = np.random.default_rng(0)
    u = rng.normal(size=(40_000, 3))
    u /= np.linalg.norm(u, axis=1)[:, None]
    scattering = CellScattering(contents, tables(), depth=2)
    for i in (10, 20, 40):
        wave = np.exp(2j * np.pi * S[i] * (u @ xyz.T)) @ f[:, i]
        whole = scattering.coherent(S) + scattering.bonded(S)
        assert np.mean(np.abs(wave) ** 2) == pytest.approx(whole[i], rel=0.01)


def test_forward_scattering_is_all_atoms_in_phase() -> None:
    contents = small_molecule("nitrate").times(3)
    plain = {
        x: AtomScattering(lambda s, z=z: z + 0.0 * np.asarray(s), lambda s: 0.0 * s)
        for x, z in (("N", 7), ("O", 8))
    }
    cell = CellScattering(contents, plain, depth=2)
    assert cell.forward == 96.0**2
    shifted = {x: AtomScattering(t.f0, t.incoherent, 0.5 + 2j) for x, t in plain.items()}
    cell = CellScattering(contents, shifted, depth=2)
    assert cell.forward == pytest.approx((96 + 12 * 0.5) ** 2 + (12 * 2.0) ** 2)
    # one molecule at s = 0: |Σ f|² is the self term and the interference together
    one = CellScattering(small_molecule("nitrate"), shifted, depth=2)
    total = one.coherent(np.zeros(1)) + one.bonded(np.zeros(1))
    assert total[0] == pytest.approx(abs(7 + 3 * 8 + 4 * (0.5 + 2j)) ** 2)


def test_our_tables() -> None:
    contents = water().times(10) + CellContents({"S": 2.0})
    atoms = atom_tables(contents, 0.9768)
    cell = CellScattering(contents, atoms)
    expected = sum(n * abs(atoms[x].anomalous + atoms[x].f0(S)) ** 2 for x, n in
                   contents.elements.items())  # fmt: skip
    np.testing.assert_allclose(cell.coherent(S), expected, rtol=1e-12)
    off = atom_tables(contents, 0.9768, use_anomalous=False)
    assert off["S"].anomalous == 0
    assert atoms["S"].anomalous.real == pytest.approx(0.20, abs=0.01)
    # a bonded hydrogen scatters one electron, coherently or not
    np.testing.assert_allclose(atoms["H"].f0(S) ** 2 + atoms["H"].incoherent(S), 1.0)
    recoiling = CellScattering(contents, atom_tables(contents, 0.9768, use_recoil=True))
    ratio = recoiling.incoherent(S)[1:] / cell.incoherent(S)[1:]
    assert np.all(np.diff(ratio) < 0)
    assert ratio[39] == pytest.approx(0.9767, abs=2e-4)


def test_table_of_incoherent_scattering_is_the_function() -> None:
    contents = polymer("CHAINKLMW").times(5) + water().times(300)
    cell = CellScattering(contents, atom_tables(contents, 1.0))
    s = np.random.default_rng(0).uniform(0, 1.3, 300)
    np.testing.assert_allclose(
        cell.tabulated_incoherent(1.3)(s), cell.incoherent(s), rtol=1e-4, atol=0.05
    )
