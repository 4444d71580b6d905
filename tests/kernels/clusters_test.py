from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.kernels.clusters import clusters

rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 30)), max_size=25
)


@settings(deadline=None)
@given(rows, st.integers(0, 12))
def test_clusters_are_greedy_and_as_long_as_they_may_be(
    given_rows: list[tuple[int, int, int]], span: int
) -> None:
    ordered = np.array(sorted(given_rows), dtype=np.int64).reshape(-1, 3)
    found = clusters(ordered[:, 0], ordered[:, 1], ordered[:, 2].astype(float), float(span))
    assert found.shape == (len(ordered),)
    for number in range(found.max() + 1 if found.size else 0):
        part = ordered[found == number]
        assert len(part) > 0
        assert np.all(part[:, :2] == part[0, :2])
        assert np.ptp(part[:, 2]) <= span
        after = ordered[found == number + 1]
        if len(after) and np.all(after[0, :2] == part[0, :2]):
            assert after[0, 2] - part[0, 2] > span
    assert np.all(np.diff(found) >= 0)


def test_a_chain_is_cut_where_it_would_grow_too_long() -> None:
    place = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.5])
    group = np.zeros(6, np.int64)
    assert clusters(group, group, place, 2.0).tolist() == [0, 0, 0, 1, 1, 2]
    assert clusters(group, group, place, 2.5).tolist() == [0, 0, 0, 1, 1, 1]
    assert clusters(group, np.array([0, 0, 1, 1, 1, 1]), place, 9.0).tolist() == [0, 0] + 4 * [
        1
    ]
    assert clusters(np.array([0, 0, 0, 0, 3, 3]), group, place, 9.0).tolist() == 4 * [0] + [
        1,
        1,
    ]
