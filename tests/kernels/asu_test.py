from __future__ import annotations

import gemmi
import numpy as np
import pytest

from ewaldite.kernels.asu import count_asu, distinct_images, in_asu, to_asu

# One space group for each of the ten conditions.
GROUP_OF_RULE = {0: 2, 1: 10, 2: 47, 3: 83, 4: 123, 5: 147, 6: 162, 7: 164, 8: 200, 9: 221}


@pytest.mark.parametrize("rule", list(GROUP_OF_RULE))
def test_conditions_are_those_of_gemmi(rule: int) -> None:
    judge = gemmi.ReciprocalAsu(gemmi.find_spacegroup_by_number(GROUP_OF_RULE[rule]))
    for hkl in np.ndindex(7, 7, 7):
        point = [x - 3 for x in hkl]
        assert in_asu(rule, *point) == judge.is_in(point), point


@pytest.mark.parametrize("rule", list(GROUP_OF_RULE))
def test_conditions_are_homogeneous(rule: int) -> None:
    for hkl in np.ndindex(5, 5, 5):
        h, k, l = (x - 2 for x in hkl)
        assert in_asu(rule, h, k, l) == in_asu(rule, 12 * h, 12 * k, 12 * l)


# Generators of the Laue groups on (h, k, l), as matrices for row vectors
TWO_Y, TWO_Z, MIRROR = np.diag([-1, 1, -1]), np.diag([-1, -1, 1]), np.diag([-1, -1, -1])
FOUR_Z = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
THREE_Z = np.array([[0, -1, 0], [1, -1, 0], [0, 0, 1]])  # of hexagonal axes
SIX_Z = np.array([[0, 1, 0], [-1, 1, 0], [0, 0, 1]])
THREE_XYZ = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
SWAP = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]])
TURN = np.array([[0, -1, 0], [-1, 0, 0], [0, 0, -1]])
GROUPS = {
    "-1": (0, []),
    "2/m": (1, [TWO_Y]),
    "mmm": (2, [TWO_Y, TWO_Z]),
    "4/m": (3, [FOUR_Z]),
    "6/m": (3, [SIX_Z]),
    "4/mmm": (4, [FOUR_Z, TWO_Y]),
    "6/mmm": (4, [SIX_Z, SWAP]),
    "-3": (5, [THREE_Z]),
    "-31m": (6, [THREE_Z, TURN]),
    "-3m1": (7, [THREE_Z, SWAP]),
    "m-3": (8, [TWO_Z, THREE_XYZ]),
    "m-3m": (9, [FOUR_Z, THREE_XYZ]),
}
ORDERS = {"-1": 2, "2/m": 4, "mmm": 8, "4/m": 8, "6/m": 12, "4/mmm": 16, "6/mmm": 24}
ORDERS |= {"-3": 6, "-31m": 12, "-3m1": 12, "m-3": 24, "m-3m": 48}


def operations_of(name: str) -> np.ndarray:
    """All products of the generators and the inversion."""
    found = {tuple(np.eye(3, dtype=int).ravel())}
    generators = [*GROUPS[name][1], MIRROR]
    while True:
        more = {
            tuple((np.reshape(m, (3, 3)) @ g).ravel()) for m in found for g in generators
        } | found
        if more == found:
            return np.array(sorted(found)).reshape(-1, 3, 3)
        found = more


INDEX = np.array(list(np.ndindex(5, 5, 5))) - 2


# centres between nodes are no grid of a group with hexagonal axes
HEXAGONAL = ("6/m", "6/mmm", "-3", "-31m", "-3m1")
GRIDS = [(n, 0) for n in GROUPS] + [(n, 1) for n in GROUPS if n not in HEXAGONAL]


@pytest.mark.parametrize(("name", "offset"), GRIDS)
def test_of_all_images_one_is_in_the_asymmetric_unit(name: str, offset: int) -> None:
    rule, operations = GROUPS[name][0], operations_of(name)
    assert len(operations) == ORDERS[name]
    shift = np.full(3, offset)
    inside, number = to_asu(INDEX, shift, operations, operations, rule)
    counts = distinct_images(INDEX, shift, operations)
    for i, index in enumerate(INDEX):
        x = 2 * index + shift
        images = x @ operations
        assert counts[i] == len({tuple(image) for image in images})
        chosen = {tuple(image) for image in images if in_asu(rule, *image)}
        assert len(chosen) == 1
        assert tuple(2 * inside[i] + shift) in chosen
        first = next(n for n, image in enumerate(images) if in_asu(rule, *image))
        assert number[i] == first


def test_without_an_operation_that_leads_there_is_none() -> None:
    one = np.eye(3, dtype=int)[None]
    _, number = to_asu(INDEX[:1], np.zeros(3, int), one, one, 2)
    assert number.tolist() == [-1]


@pytest.mark.parametrize(("rule", "offset"), [(1, 0), (2, -1), (9, 0)])
def test_voxels_of_the_asymmetric_unit_by_length(rule: int, offset: int) -> None:
    n, shift = np.array([2, 3, 1]), np.full(3, offset)
    metric = np.array([[0.04, 0.004, 0.002], [0.004, 0.05, 0.0], [0.002, 0.0, 0.03]])
    low, high = np.array([-5, -4, -3]), np.array([4, 6, 3])
    found = count_asu(low, high, shift, n, metric, np.eye(3, dtype=int), rule, 0.13, 0.5)
    assert found.size == 4
    expected = np.zeros(4, int)
    for index in np.ndindex(*(high - low + 1)):
        x = 2 * (np.array(index) + low) + shift
        hkl = x / (2.0 * n)
        s = np.sqrt(hkl @ metric @ hkl)
        if in_asu(rule, *x) and s <= 0.5:
            expected[min(int(s / 0.13), 3)] += 1
    assert found.tolist() == expected.tolist()
    assert expected.sum() > 20


def test_the_last_shell_holds_its_end() -> None:
    one = np.ones(3, np.int64)
    found = count_asu(
        np.zeros(3, np.int64), one, 0 * one, one, np.eye(3), np.eye(3, dtype=int), 2, 0.5, 1.0
    )
    assert found.tolist() == [1, 3]  # the origin, and three at 1.0 exactly
