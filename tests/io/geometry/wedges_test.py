from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io.geometry.wedges import contiguous_runs, split_blocks, split_evenly
from ewaldite.model.experiment import Scan


def scan_of(phi: np.ndarray, width: float) -> Scan:
    return Scan(np.arange(1, phi.size + 1), phi, np.full(phi.size, width))


@given(
    st.integers(1, 300),
    st.sampled_from([0.05, 0.1, 0.25, 1.0, -0.1, 7.0]),
    st.floats(0.3, 20.0),
    st.integers(0, 299),
    st.floats(20.0, 300.0),
)
@settings(deadline=None)
def test_wedges_hold_every_frame_once_and_no_jump(
    n: int, step: float, degrees: float, jump: int, by: float
) -> None:
    phi = 5.0 + step * np.arange(n)
    phi[jump:] += np.sign(step) * by
    bounds = split_evenly(scan_of(phi, abs(step)), degrees)
    assert [i for a, b in bounds for i in range(a, b)] == list(range(n))
    for a, b in bounds:
        rotation = abs(phi[b - 1] - phi[a]) + abs(step)
        # equal shares of whole frames may exceed the limit by less than a frame
        assert rotation <= max(degrees, 0.0) * 1.001 + abs(step)
        assert n < 4 or not a < jump < b


def test_fifty_degrees_make_ten_equal_wedges_of_five() -> None:
    bounds = split_evenly(scan_of(5.05 + 0.1 * np.arange(500), 0.1))
    assert bounds == [(50 * i, 50 * i + 50) for i in range(10)]


def test_a_missing_frame_and_a_return_are_jumps() -> None:
    assert contiguous_runs(np.array([0.0, 1.0, 2.0, 4.0, 5.0])) == [(0, 3), (3, 5)]
    assert contiguous_runs(np.array([0.0, 1.0, 2.0, 0.0, 1.0])) == [(0, 3), (3, 5)]
    assert contiguous_runs(np.array([0.0, 1.0, 90.0])) == [(0, 2), (2, 3)]


def test_every_second_frame_is_no_jump() -> None:
    assert contiguous_runs(np.array([0.0, 2.0, 4.0, 6.0])) == [(0, 4)]


def test_stills_at_one_angle_are_one_run_and_no_frame_none() -> None:
    assert contiguous_runs(np.zeros(4)) == [(0, 4)]
    assert contiguous_runs(np.zeros(0)) == []


def test_blocks_are_cut_where_the_label_changes_and_at_jumps() -> None:
    phi = np.array([0.0, 1.0, 2.0, 3.0, 50.0, 51.0])
    assert split_blocks(scan_of(phi, 1.0), [0, 0, 1, 1, 1, 1]) == [(0, 2), (2, 4), (4, 6)]


@pytest.mark.parametrize("degrees", [0.0, -1.0, float("nan")])
def test_senseless_wedges_are_refused(degrees: float) -> None:
    with pytest.raises(UserError, match="wedge_degrees"):
        split_evenly(scan_of(np.arange(3.0), 1.0), degrees)
