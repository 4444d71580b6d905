from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io.geometry.scan import Choice, make_scan, positions

PATH = Path("a.expt")


@given(st.lists(st.integers(1, 60), unique=True, min_size=1), st.integers(1, 30))
@settings(deadline=None)
def test_positions_find_the_frames_in_the_order_asked(wanted: list[int], first: int) -> None:
    known = np.arange(first, first + 40)
    choice = Choice(frames=wanted)
    if set(wanted) <= set(known.tolist()):
        assert known[positions(known, choice, PATH)].tolist() == wanted
    else:
        with pytest.raises(UserError, match="not frame"):
            positions(known, choice, PATH)


def test_all_frames_without_a_choice() -> None:
    assert positions(np.array([4, 5, 9]), Choice(), PATH).tolist() == [0, 1, 2]


def test_an_empty_choice_is_refused() -> None:
    with pytest.raises(UserError, match="none is asked for"):
        positions(np.array([4, 5, 9]), Choice(frames=[]), PATH)


def test_widths_lose_their_sign_and_angles_keep_theirs() -> None:
    frames = np.array([1, 2, 3])
    phi, width = np.array([0.0, -1.0, -2.0]), np.full(3, -1.0)
    scan = make_scan(frames, phi, width, Choice(), PATH, np.full(3, 0.1))
    np.testing.assert_array_equal(scan.phi, phi)
    np.testing.assert_array_equal(scan.width, np.ones(3))
    assert scan.exposure is not None
    assert len(scan) == 3


def test_given_angles_replace_those_of_the_file() -> None:
    frames = np.array([1, 2])
    scan = make_scan(frames, np.zeros(2), np.zeros(2), Choice(angles=[3.0, 4.5]), PATH)
    np.testing.assert_array_equal(scan.phi, [3.0, 4.5])
    assert scan.phi.dtype == np.float64
    with pytest.raises(UserError, match="1 angles are given for 2 frames"):
        make_scan(frames, np.zeros(2), np.zeros(2), Choice(angles=[3.0]), PATH)
