from __future__ import annotations

import gc
import time
import weakref
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.run.reduce_shards import sum_shards
from ewaldite.run.tree import Tree, depth, held_sums


def text_tree(count: int, left_out: frozenset[int] = frozenset()) -> str:
    """The sum in words, by its definition: the left part is the largest power of two."""

    def of(low: int, high: int) -> str:
        if high - low == 1:
            return "" if low in left_out else str(low)
        half = 1 << ((high - low - 1).bit_length() - 1)
        left, right = of(low, low + half), of(low + half, high)
        return f"({left}+{right})" if left and right else left or right

    return of(0, count)


class Said:
    """A promise that is a text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def result(self) -> str:
        return self.text

    def exception(self) -> None:
        return None


@settings(max_examples=200)
@given(st.data())
def test_the_tree_is_the_same_in_whatever_order_shards_come(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 40))
    left_out = frozenset(data.draw(st.sets(st.integers(0, count - 1), max_size=count - 1)))
    order = data.draw(st.permutations(range(count)))
    tree = Tree(count)
    additions, deepest = 0, 0
    for number in order:
        given: Any = ((0, number), None if number in left_out else Said(str(number)))
        while (pair := tree.put(*given)) is not None:
            node, left, right = pair
            additions, deepest = additions + 1, max(deepest, node[0])
            given = (node, Said(f"({left.result()}+{right.result()})"))
    assert tree.done
    assert tree.total is not None
    assert tree.total.result() == text_tree(count, left_out)
    assert additions == count - len(left_out) - 1
    assert deepest <= depth(count) == int(np.ceil(np.log2(count)))


def test_all_left_out_is_nothing() -> None:
    tree = Tree(3)
    assert [tree.put((0, n), None) for n in (2, 0, 1)] == [None] * 3
    assert tree.done
    assert tree.total is None


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [1, 2, 5, 33])
def test_sum_of_shards_is_that_of_the_tree(workers: int, count: int) -> None:
    def reduce(shard: int) -> str:
        time.sleep(0.003 * (shard % 3 == 0))
        return str(shard)

    def add(total: str, more: str) -> str:
        return f"({total}+{more})"

    assert sum_shards(range(count), reduce, add, workers=workers, name="t") == text_tree(count)


def noisy(shard: int) -> np.ndarray:
    rng = np.random.default_rng(shard)
    time.sleep(rng.uniform(0, 0.003))
    return rng.normal(size=50) * 10.0 ** rng.integers(-9, 9)


def in_place(total: np.ndarray, more: np.ndarray) -> np.ndarray:
    total += more
    return total


def test_the_sum_is_the_same_to_the_bit_for_any_number_of_workers() -> None:
    sums = {
        workers: sum_shards(range(37), noisy, in_place, workers=workers, name="t").tobytes()
        for workers in (1, 2, 6)
    }
    assert sums[1] == sums[2] == sums[6]
    plain = np.zeros(50)
    for shard in range(37):
        plain += noisy(shard)
    assert plain.tobytes() != sums[1]  # the order does matter, so the test can fail
    np.testing.assert_allclose(plain, np.frombuffer(sums[1]), rtol=1e-7)


class Held:
    alive: ClassVar[weakref.WeakSet[Held]] = weakref.WeakSet()
    most = 0

    def __init__(self) -> None:
        Held.alive.add(self)
        Held.most = max(Held.most, len(Held.alive))


def slow_add(total: Held, more: Held) -> Held:
    time.sleep(0.004)
    return Held()  # one that is not made in place is the worse case


@pytest.mark.parametrize(("workers", "pause"), [(1, 0.0), (2, 0.0), (4, 0.0), (4, 0.01)])
def test_no_more_sums_are_held_than_promised(workers: int, pause: float) -> None:
    Held.most = 0

    def reduce(shard: int) -> Held:
        time.sleep(pause if shard % 7 else 3 * pause)
        return Held()

    count = 64
    total = sum_shards(range(count), reduce, slow_add, workers=workers, name="t")
    assert isinstance(total, Held)
    assert Held.most <= held_sums(count, workers)
    del total
    gc.collect()
    assert len(Held.alive) == 0


def test_few_shards_hold_no_more_than_themselves() -> None:
    assert held_sums(1, 8) == 1
    assert held_sums(64, 1) == 6 + 4
    assert held_sums(1000, 256) == 10 + 2 * 257


def test_an_addition_that_fails_ends_the_run() -> None:
    def add(total: int, more: int) -> int:
        raise ArithmeticError(f"{total} and {more}")

    with pytest.raises(ArithmeticError, match="0 and 1"):
        sum_shards(range(9), int, add, workers=2, name="t")


def test_no_shards_have_no_sum() -> None:
    with pytest.raises(ValueError, match="0 shards"):
        sum_shards([], int, in_place, workers=2, name="t")
