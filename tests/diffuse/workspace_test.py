"""Memory that is used again: its own for each thread, and never a trace of what was before."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from diffuse.setups import setup
from ewaldite.diffuse.count import Limits, Tally, count_frames
from ewaldite.diffuse.workspace import Workspace
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition

FILTER = Grid((1, 1, 1))


def test_what_is_put_back_is_taken_again_as_zeros() -> None:
    space = Workspace()
    taken = space.take_latest(10)
    taken[[2, 7]] = 5
    space.put_latest(taken, np.array([2, 7]))
    again = space.take_latest(6)
    assert again is taken
    assert not again.any()


def test_an_array_is_in_one_hand_only_and_large_enough() -> None:
    space = Workspace()
    first = space.take_latest(4)
    assert space.take_latest(4) is not first
    space.put_latest(first, np.array([], dtype=np.int64))
    assert space.take_latest(5).size >= 5


def test_every_thread_has_its_own() -> None:
    space = Workspace()
    mine = space.take_latest(4)
    space.put_latest(mine, np.array([], dtype=np.int64))
    others = []
    thread = threading.Thread(target=lambda: others.append(space.take_latest(4)))
    thread.start()
    thread.join()
    assert others[0] is not mine
    assert space.take_latest(4) is mine


def test_another_process_has_its_own() -> None:
    space = Workspace()
    space.image = np.ones((3, 3))
    assert pickle.loads(pickle.dumps(space)).image is None


@pytest.mark.parametrize("bins", [0, 4])
def test_counting_twice_gives_the_same(bins: int) -> None:
    """Also where pixels gave no count in the wedge before, in other frames."""
    given, space = setup(), Workspace()
    rng = np.random.default_rng(2)
    shape = given.good.shape

    def tally(frames: list[NDArray[np.int32]], workspace: Workspace | None) -> Tally:
        partition = Partition.of(FILTER)
        return count_frames(
            paths=given.trace(partition),
            frames=frames,
            partition=partition,
            filter_grid=FILTER,
            bins=bins,
            limits=Limits(0, 6),
            workspace=workspace,
        )

    for _ in range(3):
        frames = [rng.integers(-1, 8, shape).astype(np.int32) for _ in range(given.frames)]
        one, other = tally(frames, space), tally(frames, None)
        assert one.rejected.size > 0
        np.testing.assert_array_equal(one.rejected, other.rejected)
        np.testing.assert_array_equal(one.counts, other.counts)
