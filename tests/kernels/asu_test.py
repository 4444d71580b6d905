from __future__ import annotations

import gemmi
import numpy as np
import pytest

from ewaldite.kernels.asu import in_asu

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
