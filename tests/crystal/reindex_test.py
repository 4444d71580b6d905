from __future__ import annotations

import gemmi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.crystal.cell import orthogonalization
from ewaldite.crystal.reindex import (
    IDENTITY,
    keeps_centring,
    operator_name,
    parse_operator,
    reindexed_axes,
    reindexed_cell,
    reindexing_operators,
    same_cell,
)
from ewaldite.crystal.symmetry import SpaceGroup, space_group
from ewaldite.errors import UserError

TETRAGONAL = (50.0, 50.0, 80.0, 90.0, 90.0, 90.0)
HEXAGONAL = (50.0, 50.0, 80.0, 90.0, 90.0, 120.0)
CUBIC = (70.0, 70.0, 70.0, 90.0, 90.0, 90.0)
CASES = [
    ("P 4", TETRAGONAL),
    ("P 41 21 2", TETRAGONAL),
    ("I 4", TETRAGONAL),
    ("P 3", HEXAGONAL),
    ("P 3 2 1", HEXAGONAL),
    ("P 3 1 2", HEXAGONAL),
    ("P 6", HEXAGONAL),
    ("R 3:H", HEXAGONAL),
    ("R 3:R", (50.0, 50.0, 50.0, 80.0, 80.0, 80.0)),
    ("P 2 3", CUBIC),
    ("I 2 3", CUBIC),
    ("F 2 3", CUBIC),
    ("P 1 21 1", (50.0, 60.0, 50.2, 90.0, 110.0, 90.0)),
    ("C 1 2 1", (50.0, 60.0, 70.0, 90.0, 90.3, 90.0)),
    ("P 1", (27.4, 32.2, 34.5, 88.9, 108.2, 111.8)),
    ("P 1", CUBIC),
    ("P 21 21 21", (50.0, 50.3, 80.0, 90.0, 90.0, 90.0)),
    ("P 2 2 2", (50.0, 60.0, 80.0, 90.0, 90.0, 90.0)),
]


def turned(group: SpaceGroup, matrix: np.ndarray) -> set[bytes]:
    proper = [g for g in group.laue_operations if np.linalg.det(g) > 0]
    return {np.ascontiguousarray(matrix @ g).tobytes() for g in proper}


def gemmi_matrix(op: gemmi.Op) -> np.ndarray:
    rows = [op.apply_to_hkl(list(map(int, row))) for row in np.eye(3)]
    return np.array(rows, dtype=np.int64)


@pytest.mark.parametrize(("name", "cell"), CASES)
def test_operators_are_the_twin_laws_of_gemmi(name: str, cell: tuple[float, ...]) -> None:
    """gemmi 0.7.5, find_twin_laws with 3 degrees of obliquity."""
    group = space_group(name, cell=cell)
    found = reindexing_operators(group, cell)
    assert np.array_equal(found[0], IDENTITY)
    laws = gemmi.find_twin_laws(
        gemmi.UnitCell(*cell), gemmi.find_spacegroup_by_name(group.name), 3.0, False
    )
    ours = [turned(group, m) for m in found]
    assert len(ours) == len(laws) + 1
    for law in laws:
        assert sum(gemmi_matrix(law).tobytes() in own for own in ours) == 1


@pytest.mark.parametrize(("name", "cell"), CASES)
def test_operators_keep_cell_centring_and_hand(name: str, cell: tuple[float, ...]) -> None:
    group = space_group(name, cell=cell)
    found = reindexing_operators(group, cell)
    for matrix in found:
        assert round(np.linalg.det(matrix)) == 1
        assert same_cell(reindexed_cell(cell, matrix), cell)
        assert keeps_centring(matrix, group)
    # every class once
    classes = [frozenset(turned(group, m)) for m in found]
    assert len(set(classes)) == len(classes)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("P 4", ["h,k,l", "k,h,-l"]),
        ("P 3", ["h,k,l", "k,h,-l", "-h,-k,l", "-k,-h,-l"]),
        ("P 3 2 1", ["h,k,l", "-h,-k,l"]),
    ],
)
def test_operators_have_their_usual_names(name: str, expected: list[str]) -> None:
    cell = TETRAGONAL if name == "P 4" else HEXAGONAL
    found = reindexing_operators(space_group(name), cell)
    assert [operator_name(m) for m in found] == expected


def test_axes_in_another_order_are_found() -> None:
    group = space_group("P 21 21 21")
    found = reindexing_operators(group, (60, 80, 50, 90, 90, 90), (50, 60, 80, 90, 90, 90))
    assert [operator_name(m) for m in found] == ["l,h,k"]
    cell = reindexed_cell((60, 80, 50, 90, 90, 90), found[0])
    np.testing.assert_allclose(cell, (50, 60, 80, 90, 90, 90))


def test_a_cell_that_is_not_reduced_is_found() -> None:
    cell = (27.4, 32.2, 34.5, 88.9, 108.2, 111.8)
    skew = parse_operator("h,k+h,l-h")
    other = reindexed_cell(cell, skew)
    found = reindexing_operators(space_group("P 1"), other, cell, 0.005)
    assert len(found) == 1
    np.testing.assert_allclose(reindexed_cell(other, found[0]), cell, rtol=1e-9)


def test_other_lattices_have_no_operator() -> None:
    group = space_group("P 2 2 2")
    assert reindexing_operators(group, (50, 60, 80, 90, 90, 90), (50, 60, 90, 90, 90, 90)) == ()


def test_the_tolerance_decides_on_pseudo_symmetry() -> None:
    group, cell = space_group("P 2 2 2"), (50, 51, 80, 90, 90, 90)
    assert len(reindexing_operators(group, cell, tolerance=0.01)) == 1
    assert len(reindexing_operators(group, cell, tolerance=0.03)) == 2


def test_centring_is_kept_or_not() -> None:
    c2 = space_group("C 1 2 1")
    assert keeps_centring(parse_operator("h,-k,-l"), c2)
    assert not keeps_centring(parse_operator("l,k,-h"), c2)
    assert keeps_centring(parse_operator("l,k,-h"), space_group("I 2 2 2"))
    # obverse and reverse: -h, -k, l breaks the centring of hexagonal axes, k, h, -l does not
    assert not keeps_centring(parse_operator("-h,-k,l"), space_group("R 3:H"))
    assert keeps_centring(parse_operator("k,h,-l"), space_group("R 3:H"))


def unimodular(rng: np.random.Generator) -> np.ndarray:
    matrix = np.eye(3, dtype=np.int64)
    for _ in range(4):
        i, j = rng.permutation(3)[:2]
        step = np.eye(3, dtype=np.int64)
        step[i, j] = rng.integers(-2, 3)
        matrix = matrix @ step
    return matrix


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_name_and_parse_are_inverse(seed: int) -> None:
    matrix = unimodular(np.random.default_rng(seed))
    assert np.array_equal(parse_operator(operator_name(matrix)), matrix)


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_the_scattering_vector_does_not_change(seed: int) -> None:
    rng = np.random.default_rng(seed)
    axes = orthogonalization((40, 50, 60, 80, 95, 105))
    matrix = unimodular(rng)
    hkl = rng.integers(-5, 6, 3)
    s = hkl @ np.linalg.inv(axes)
    again = (hkl @ matrix) @ np.linalg.inv(reindexed_axes(axes, matrix))
    np.testing.assert_allclose(again, s, atol=1e-9)


@pytest.mark.parametrize("text", ["k,h,-l", " K , H,- L", "+k,h,-1*l", "k,h,-1l"])
def test_spellings_of_one_operator(text: str) -> None:
    expected = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]])
    assert np.array_equal(parse_operator(text), expected)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("k,h", "is no operator"),
        ("k,h,l,l", "is no operator"),
        ("k,h,m", "is no operator"),
        ("", "is no operator"),
        ("hk,h,l", "is no operator"),
        ("h/2,k,2l", "is no operator"),
        ("h,,l", "is no operator"),
        ("k,h,l", "changes the hand"),
        ("-h,-k,-l", "changes the hand"),
        ("2h,k,l", "determinant 2"),
        ("h,h,l", "determinant 0"),
    ],
)
def test_texts_that_are_refused(text: str, match: str) -> None:
    with pytest.raises(UserError, match=match):
        parse_operator(text)
