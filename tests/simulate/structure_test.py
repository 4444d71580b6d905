from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike

from ewaldite.simulate.structure import (
    Atoms,
    add_water,
    cartesian_axes,
    read_conformer,
    structure_factors,
    totals,
)

CELL = np.array([9.0, 10.0, 11.0, 85.0, 95.0, 100.0])
F0 = {
    "O": lambda s: 8 * np.exp(-2 * np.square(s)),
    "H": lambda s: np.exp(-4 * np.square(s)),
    "C": lambda s: 6 * np.exp(-3 * np.square(s)),
}


def flat(s: ArrayLike) -> np.ndarray:
    return 8 + 0 * np.asarray(s)


def some_atoms(seed: int, n: int = 20) -> Atoms:
    rng = np.random.default_rng(seed)
    return Atoms(rng.choice(["H", "C", "O"], n), rng.random((n, 3)))


def some_nodes() -> tuple[np.ndarray, np.ndarray]:
    hkl = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    s = np.linalg.norm(hkl @ np.linalg.inv(cartesian_axes(CELL)), axis=1)
    return hkl, s


def test_axes_close_the_cell() -> None:
    axes = cartesian_axes(CELL)
    np.testing.assert_allclose(np.linalg.norm(axes, axis=0), CELL[:3])
    cosines = [axes[:, i] @ axes[:, j] / CELL[i] / CELL[j] for i, j in ((1, 2), (0, 2), (0, 1))]
    np.testing.assert_allclose(np.rad2deg(np.arccos(cosines)), CELL[3:])


def test_structure_factors_are_the_sum_over_atoms() -> None:
    atoms = some_atoms(0)
    hkl, s = some_nodes()
    direct = np.zeros(len(hkl), dtype=complex)
    for symbol, x in zip(atoms.symbols, atoms.fractional, strict=True):
        direct += F0[str(symbol)](s) * np.exp(2j * np.pi * (hkl @ x))
    found = structure_factors(atoms, hkl, s, F0)
    np.testing.assert_allclose(found, direct, rtol=1e-9, atol=1e-9)
    origin = np.all(hkl == 0, axis=1)
    charge = {"H": 1, "C": 6, "O": 8}
    assert found[origin][0] == pytest.approx(sum(charge[str(x)] for x in atoms.symbols))


@pytest.mark.parametrize("b", [0.0, 10.0])
def test_totals_do_not_depend_on_how_alike_cells_are(b: float) -> None:
    cells = [some_atoms(i) for i in range(3)]
    hkl, s = some_nodes()
    bragg, diffuse = totals(cells, hkl, s, F0, b)
    alone = [sum(totals([cell], hkl, s, F0, b)) for cell in cells]
    np.testing.assert_allclose(bragg + diffuse, np.mean(alone, axis=0), rtol=1e-9, atol=1e-9)
    assert bragg.min() >= 0
    if b == 0:
        one = totals(cells[:1], hkl, s, F0)
        np.testing.assert_allclose(one[1], 0, atol=1e-9)


def test_displaced_atoms_scatter_on_their_own_at_large_s() -> None:
    cells = [some_atoms(1)]
    hkl = np.array([[30, 0, 0], [0, 40, 3]])
    s = np.array([0.9, 1.1])
    points = {
        "H": lambda s: 1 + 0 * np.asarray(s),
        "C": lambda s: 6 + 0 * np.asarray(s),
        "O": flat,
    }
    bragg, diffuse = totals(cells, hkl, s, points, 60.0)
    number = {x: np.sum(cells[0].symbols == x) for x in "HCO"}
    alone = number["H"] + 36 * number["C"] + 64 * number["O"]
    np.testing.assert_allclose(diffuse, alone, rtol=1e-5)
    assert bragg.max() < 1e-5 * alone


def distances(atoms: Atoms, mask: np.ndarray) -> np.ndarray:
    """Shortest distances of all pairs of some atoms, over the images of the cell."""
    x = atoms.fractional[mask]
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    gap = (x[:, None, None] - x[None, :, None] + shifts) @ cartesian_axes(CELL).T
    d = np.linalg.norm(gap, axis=-1).min(axis=-1)
    return d[np.triu_indices(len(x), 1)]


def test_water_keeps_its_distance() -> None:
    start = Atoms(np.array(["C", "H"]), np.array([[0.5, 0.5, 0.5], [0.55, 0.55, 0.5]]))
    filled = add_water(start, CELL, 20, 2.5, np.random.default_rng(0))
    heavy = filled.symbols != "H"
    assert np.sum(filled.symbols == "O") == 20
    assert np.sum(filled.symbols == "H") == 41
    assert distances(filled, heavy).min() >= 2.5
    oxygen = filled.fractional[filled.symbols == "O"]
    hydrogen = filled.fractional[filled.symbols == "H"][1:].reshape(-1, 2, 3)
    arms = (hydrogen - oxygen[:, None]) @ cartesian_axes(CELL).T
    np.testing.assert_allclose(np.linalg.norm(arms, axis=-1), 0.957, atol=1e-9)
    np.testing.assert_allclose(
        np.linalg.norm(arms[:, 0] - arms[:, 1], axis=-1), 2 * 0.957 * np.sin(np.deg2rad(52.25))
    )


def test_a_full_cell_takes_no_more() -> None:
    empty = Atoms(np.zeros(0, dtype="<U2"), np.zeros((0, 3)))
    filled = add_water(empty, CELL, 500, 2.8, np.random.default_rng(0))
    assert 15 < np.sum(filled.symbols == "O") < 50


PDB = """\
ATOM      1  N   ALA A   1       1.000   2.000   3.000  1.00 10.00           N
ATOM      2  CA AALA A   1       2.000   2.000   3.000  0.60 10.00           C
ATOM      3  CA BALA A   1       2.500   2.000   3.000  0.40 10.00           C
ANISOU    3  CA BALA A   1      100    100    100      0      0      0       C
ATOM      4  CA CGLY A   2       4.000   2.000   3.000  1.00 10.00           C
HETATM    5  O   HOH A   3       5.000   2.000   3.000  1.00 10.00           O
"""


@pytest.mark.parametrize(("letter", "x"), [("A", 2.0), ("B", 2.5), ("C", 2.0)])
def test_conformers(letter: str, x: float) -> None:
    atoms = read_conformer(PDB, CELL, letter)
    assert atoms.symbols.tolist() == ["N", "C", "C"]
    place = atoms.fractional @ cartesian_axes(CELL).T
    np.testing.assert_allclose(place[:, 0], [1.0, x, 4.0])


def test_points_apart_obey_the_sum_rule() -> None:
    # point atoms: the mean of |F|² over all nodes, the origin included, is N f²
    filled = add_water(
        Atoms(np.zeros(0, dtype="<U2"), np.zeros((0, 3))), CELL, 12, 2.5,
        np.random.default_rng(2),
    )  # fmt: skip
    oxygen = Atoms(filled.symbols[:12], filled.fractional[:12])
    box = [np.arange(-40, 41)] * 3
    hkl = np.stack(np.meshgrid(*box, indexing="ij"), axis=-1).reshape(-1, 3)
    bragg, _ = totals([oxygen], hkl, np.zeros(len(hkl)), {"O": flat})
    assert bragg.mean() == pytest.approx(12 * 64, rel=0.02)
