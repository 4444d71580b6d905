"""The symmorphic group has the point group and nothing else."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest

from ewaldite.crystal.symmetry import space_group
from ewaldite.crystal.symmorphic import point_group_name, symmorphic, triplets


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("P 1", "P 1"),
        ("P 21 21 21", "P 2 2 2"),
        ("C 1 2 1", "P 1 2 1"),
        ("I 1 2 1", "P 1 2 1"),
        ("P 1 1 21", "P 1 1 2"),
        ("R 3 2:H", "P 3 2 1"),
        ("R 3 :H", "P 3"),
        ("R 3 c:R", "R 3 m:R"),
        ("P 31 1 2", "P 3 1 2"),
        ("I 2 3", "P 2 3"),
        ("F d -3 m:2", "P m -3 m"),
        ("P 43 21 2", "P 4 2 2"),
    ],
)
def test_known_groups(name: str, plain: str) -> None:
    assert symmorphic(space_group(name)).name == plain


def test_every_group_keeps_its_operations() -> None:
    for tabulated in gemmi.spacegroup_table():
        group = space_group(tabulated.xhm())
        plain = symmorphic(group)
        same = {m.tobytes() for m in group.point_operations}
        assert same == {m.tobytes() for m in plain.point_operations}
        assert len(triplets(plain)) == len(same)


def test_operations_as_text() -> None:
    assert triplets(space_group("P 1 21 1")) == ["x,y,z", "-x,y+1/2,-z"]
    assert point_group_name(space_group("P 43 21 2")) == "422"
    rotations = [np.array(gemmi.Op(t).rot) // 24 for t in triplets(space_group("C 1 2 1"))]
    assert len(rotations) == 4
