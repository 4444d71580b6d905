from __future__ import annotations

import gemmi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.crystal.symmetry import (
    check_cell,
    check_subdivision,
    space_group,
    symmetrized_cell,
)
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

TABLE = list(gemmi.spacegroup_table())


def operations(group: gemmi.SpaceGroup) -> set[tuple[int, ...]]:
    """Rotation parts as gemmi applies them to the three unit vectors hkl."""
    units = ([1, 0, 0], [0, 1, 0], [0, 0, 1])
    return {
        tuple(x for u in units for x in op.apply_to_hkl(u)) for op in group.operations().sym_ops
    }


def as_set(matrices: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(int(x) for x in m.ravel()) for m in matrices}


def test_every_tabulated_setting_is_found_by_its_extended_symbol() -> None:
    for expected in TABLE:
        found = space_group(expected.xhm())
        assert (found.number, found.name) == (expected.number, expected.xhm())
        assert found.hall == expected.hall
        assert as_set(found.point_operations) == operations(expected)


def test_every_hall_symbol_with_a_leading_blank_gives_the_operations_of_its_setting() -> None:
    for expected in TABLE:
        found = space_group(" " + expected.hall)
        assert as_set(found.point_operations) == operations(expected)


def test_laue_operations_are_a_group_closed_under_inversion() -> None:
    for entry in TABLE[::7]:
        laue = as_set(space_group(entry.xhm()).laue_operations)
        assert laue == {tuple(-x for x in m) for m in laue}
        matrices = [np.reshape(m, (3, 3)) for m in laue]
        assert all(tuple((a @ b).ravel()) in laue for a in matrices for b in matrices)


@pytest.mark.parametrize("number", [1, 2, 16, 47, 75, 99, 143, 195, 221, 230])
def test_point_operations_come_first_and_identity_before_all(number: int) -> None:
    group = space_group(str(number))
    count = len(group.point_operations)
    assert np.array_equal(group.laue_operations[:count], group.point_operations)
    assert np.array_equal(group.laue_operations[0], np.eye(3))
    assert (
        group.is_centrosymmetric == gemmi.find_spacegroup_by_number(number).is_centrosymmetric()
    )


@pytest.mark.parametrize(
    ("name", "number", "setting"),
    [
        ("19", 19, "P 21 21 21"),
        ("  19 ", 19, "P 21 21 21"),
        ("P212121", 19, "P 21 21 21"),
        ("p 21 21 21", 19, "P 21 21 21"),
        ("I 1 2 1", 5, "I 1 2 1"),
        ("R 3", 146, "R 3:H"),
        ("R 3:R", 146, "R 3:R"),
        ("H 3", 146, "R 3:H"),
        (" P 4w", 76, "P 41"),
        ("P 4w", 76, "P 41"),
        ("P 2", 3, "P 1 2 1"),
        (" P 2", 3, "P 1 1 2"),
        (" P 21 21 21", 19, "P 21 21 21"),
    ],
)
def test_names(name: str, number: int, setting: str) -> None:
    group = space_group(name)
    assert (group.number, group.name) == (number, setting)


def test_cell_decides_between_hexagonal_and_rhombohedral_axes() -> None:
    assert space_group("R 3", cell=[20, 20, 20, 75, 75, 75]).name == "R 3:R"
    assert space_group("R 3", cell=[20, 20, 50, 90, 90, 120]).name == "R 3:H"


@pytest.mark.parametrize(
    "name", ["P 21 21 22", "foo", "", "0", "231", " P 9", "P 2y (x+y,x-y,z)"]
)
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="find the space group"):
        space_group(name)


def test_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"Did you mean .*'P 21 21 21'"):
        space_group("P 21 21 22")


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ([27.07, 31.25, 33.76, 87.98, 108.0, 112.11], "P 1"),
        ([78.0, 78.2, 37.0, 90, 90, 90], "P 43 21 2"),
        ([50, 60, 70, 90, 101, 90], "C 1 2 1"),
        ([50, 60, 70, 101, 90, 90], "C 2 1 1"),
        ([90, 90, 40, 90, 90, 120], "R 3:H"),
        ([40, 40, 40, 75, 75, 75], "R 3:R"),
    ],
)
def test_cells_that_a_group_allows(cell: list[float], name: str) -> None:
    group = space_group(name)
    check_cell(cell, group)
    fine = symmetrized_cell(cell, group)
    np.testing.assert_allclose(symmetrized_cell(fine, group), fine, rtol=1e-10)
    check_cell(fine, group, tolerance=1e-9)


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ([78.0, 80.0, 37.0, 90, 90, 90], "P 43 21 2"),
        ([50, 60, 70, 90, 101, 90], "P 21 21 21"),
        ([50, 60, 70, 101, 90, 90], "C 1 2 1"),
        ([90, 90, 40, 90, 90, 90], "P 3"),
        ([40, 40, 40, 75, 75, 75], "R 3:H"),
    ],
)
def test_cells_that_a_group_does_not_allow(cell: list[float], name: str) -> None:
    with pytest.raises(UserError, match="does not allow the cell"):
        check_cell(cell, space_group(name))


def test_tolerance_is_relative() -> None:
    group = space_group("P 4")
    check_cell([100, 101, 50, 90, 90, 90], group, tolerance=0.006)
    with pytest.raises(UserError):
        check_cell([100, 101, 50, 90, 90, 90], group, tolerance=0.004)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, len(TABLE) - 1),
    st.tuples(*[st.integers(1, 4)] * 3),
    st.sampled_from(["node", "split"]),
)
def test_a_grid_is_refused_just_if_an_operation_moves_centres_off_it(
    entry: int, n: tuple[int, int, int], mode: str
) -> None:
    group = space_group(TABLE[entry].xhm())
    grid = Grid(n, mode)  # type: ignore[arg-type]
    index = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3), axis=-1).reshape(-1, 3)
    image = (grid.centre(index)[:, None, None, :] @ group.laue_operations)[:, :, 0, :]
    kept = np.allclose(grid.centre(grid.index(image)), image, atol=1e-9)
    if kept:
        check_subdivision(grid, group)
    else:
        with pytest.raises(UserError, match="not left invariant"):
            check_subdivision(grid, group)


def test_refusal_says_what_would_do() -> None:
    with pytest.raises(UserError, match=r"subdivide = \[3, 2, 3\].*as in \[3, 3, 3\]"):
        check_subdivision(Grid((3, 2, 3)), space_group("P 4"))
    with pytest.raises(UserError, match="odd ones or mode = 'node'"):
        check_subdivision(Grid((2, 2, 2), "split"), space_group("P 3"))
    check_subdivision(Grid((2, 2, 2), "node"), space_group("P 3"))
    check_subdivision(Grid((3, 2, 3)), space_group("P 2 2 2"))
