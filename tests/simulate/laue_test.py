from __future__ import annotations

import gemmi
import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.simulate.laue import GENERATORS, laue_operations, orbit

# a space group of each Laue group, in the setting that the simulator means
MEMBERS = {
    "-1": "P -1",
    "2/m": "P 1 2/m 1",
    "mmm": "P 21 21 21",
    "4/m": "P 41",
    "4/mmm": "P 43 21 2",
    "-3": "P 31",
    "-3m1": "P 31 2 1",
    "-31m": "P 31 1 2",
    "6/m": "P 61",
    "6/mmm": "P 61 2 2",
    "m-3": "P 2 3",
    "m-3m": "P 4 3 2",
}


def equivalents(group: gemmi.SpaceGroup, hkl: tuple[int, int, int]) -> set[tuple[int, ...]]:
    images = [tuple(op.apply_to_hkl(list(hkl))) for op in group.operations().sym_ops]
    return {*images, *(tuple(-x for x in image) for image in images)}


@pytest.mark.parametrize("laue", GENERATORS)
def test_equivalents_are_those_of_gemmi(laue: str) -> None:
    group = gemmi.SpaceGroup(MEMBERS[laue])
    operations = laue_operations(laue)
    for hkl in [(1, 2, 3), (4, -1, 2), (0, 2, -5), (3, 0, 0), (2, 2, 1)]:
        ours = {tuple(int(x) for x in op @ hkl) for op in operations}
        assert ours == equivalents(group, hkl)


@pytest.mark.parametrize("laue", GENERATORS)
def test_operations_form_a_group_of_distinct_members(laue: str) -> None:
    operations = laue_operations(laue)
    keys = {op.tobytes() for op in operations}
    assert len(keys) == len(operations)
    assert {(a @ b).tobytes() for a in operations for b in operations} == keys


@pytest.mark.parametrize("laue", GENERATORS)
def test_the_mean_cosine_over_an_orbit_is_that_over_the_group(laue: str) -> None:
    operations = laue_operations(laue)
    for vector in (np.array([0.3, -0.7, 1.2]), np.array([1.0, 0.0, 0.0])):
        hkl = np.array([1.3, 0.2, -2.1])
        expected = np.mean([np.cos(2 * np.pi * (op @ hkl) @ vector) for op in operations])
        images = orbit(vector, operations)
        np.testing.assert_allclose(np.cos(2 * np.pi * images @ hkl).mean(), expected, atol=1e-8)


def test_an_unknown_group_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="6/mmm"):
        laue_operations("432")
