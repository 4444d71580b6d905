from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.run.budget import Budget, memory_budget
from ewaldite.run.plan import Need, plan_workers

NEEDS = st.builds(
    Need,
    base=st.integers(0, 10**10),
    worker=st.integers(0, 10**9),
    shard=st.integers(0, 10**11),
    finish=st.integers(0, 10**9),
    kept=st.integers(0, 10**10),
    result=st.integers(0, 10**9),
)


def budget(size: int) -> Budget:
    return Budget(size, "test")


def test_the_peak_by_hand() -> None:
    need = Need(base=1000, worker=10, shard=100, result=7)
    assert need.peak(3) == 1000 + 3 * 110 + 4 * 7
    assert need.peak(2, 3) == 1000 + 2 * (10 + 34) + 3 * 7
    # Finishing a shard may take more than its bands
    need = Need(base=1000, worker=10, shard=100, finish=55, kept=30)
    assert need.peak(2) == 1000 + 2 * 110
    assert need.peak(2, 3) == 1000 + 2 * (55 + 10)


def test_memory_limits_the_workers() -> None:
    need = Need(base=100, worker=10, shard=90, result=0)
    plan = plan_workers(need, budget(450), processors=8, shards=100)
    assert (plan.workers, plan.bands, plan.predicted_peak) == (3, 1, 400)
    assert str(plan) == (
        "3 workers (memory allows no more of 8), "
        "predicted peak 400 B of a budget of 450 B (test)"
    )


def test_a_shard_that_does_not_fit_is_cut_into_the_fewest_bands() -> None:
    need = Need(base=100, worker=10, shard=900)
    plan = plan_workers(need, budget(420), processors=1, shards=5, max_bands=64)
    # 900/2 = 450 is too much, 900/3 = 300 fits once
    assert (plan.workers, plan.bands, plan.predicted_peak) == (1, 3, 410)
    assert "shards cut into 3 bands" in str(plan)


def test_what_ends_first_is_chosen() -> None:
    need = Need(base=0, worker=100, shard=900)
    # One worker on whole shards, or two on halves: 1 against 2/1.1; three on thirds: 3/1.2
    plan = plan_workers(need, budget(1200), processors=3, shards=9, max_bands=9)
    assert (plan.workers, plan.bands) == (3, 3)
    # Where a band costs as much as a whole shard, it gains nothing
    plan = plan_workers(need, budget(1200), processors=3, shards=9, max_bands=9, band_cost=1.0)
    assert (plan.workers, plan.bands) == (1, 1)


def test_no_more_workers_than_shards() -> None:
    plan = plan_workers(Need(1, 1), budget(10**6), processors=8, shards=3)
    assert plan.workers == 3
    assert "no more" not in str(plan)


def test_even_the_smallest_piece_does_not_fit() -> None:
    need = Need(base=2_000_000_000, worker=10, shard=64_000_000)
    with pytest.raises(UserError) as caught:
        plan_workers(need, budget(10**9), processors=2, shards=5, max_bands=64)
    message = str(caught.value)
    assert "1 GB (test)" in message
    assert "one of 64 bands of a shard needs 2.01 GB" in message
    assert "Set [run] memory to '2.01 GB'" in message


@settings(deadline=None)
@given(
    NEEDS, st.integers(1, 10**11), st.integers(1, 64), st.integers(1, 99), st.integers(1, 99)
)
def test_plans_keep_to_the_budget_and_use_it(
    need: Need, size: int, processors: int, shards: int, max_bands: int
) -> None:
    try:
        plan = plan_workers(
            need, budget(size), processors=processors, shards=shards, max_bands=max_bands
        )
    except UserError as error:
        assert need.peak(1, max_bands) > size
        enough = error.remedy.split("'")[1]  # what the message names must do
        assert plan_workers(
            need, memory_budget(enough), processors=1, shards=shards, max_bands=max_bands
        )
        return
    assert plan.predicted_peak == need.peak(plan.workers, plan.bands) <= size
    assert 1 <= plan.workers <= plan.asked == min(processors, shards)
    assert 1 <= plan.bands <= max_bands
    if plan.bands > 1:
        assert need.peak(plan.workers, plan.bands - 1) > size
    if plan.workers < plan.asked:
        assert need.peak(plan.workers + 1, plan.bands) > size


@pytest.mark.parametrize("zero", ["processors", "shards", "max_bands"])
def test_zero_of_anything_is_a_mistake_of_the_caller(zero: str) -> None:
    counts = {"processors": 1, "shards": 1, "max_bands": 1} | {zero: 0}
    with pytest.raises(ValueError, match=zero):
        plan_workers(Need(1, 1), budget(10), **counts)
