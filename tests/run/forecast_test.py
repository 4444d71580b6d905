"""Plans of all steps, made and judged before the first one starts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.run.budget import Budget
from ewaldite.run.forecast import Forecast, StepNeed, forecast
from ewaldite.run.plan import Need, plan_workers
from ewaldite.run.sizes import parse_bytes

NEEDS = st.builds(
    Need,
    base=st.integers(0, 10**9),
    worker=st.integers(0, 10**9),
    shard=st.integers(0, 10**10),
    finish=st.integers(0, 10**9),
    kept=st.integers(0, 10**9),
    result=st.integers(0, 10**8),
)
STEPS = st.lists(
    st.builds(
        StepNeed,
        step=st.sampled_from(["filter", "merge", "map"]),
        need=NEEDS,
        shards=st.integers(1, 20),
        max_bands=st.integers(1, 30),
    ),
    max_size=4,
    unique_by=lambda needed: needed.step,
)
MB = 10**6


def budget(size: int) -> Budget:
    return Budget(size, "test")


def two_steps(size: int) -> Forecast:
    return forecast(
        [
            StepNeed("filter", Need(base=100 * MB, worker=200 * MB), shards=9),
            StepNeed(
                "merge",
                Need(base=100 * MB, worker=0, shard=600 * MB),
                max_bands=4,
                remedy="Choose a larger [map] d_min",
            ),
        ],
        budget(size),
        processors=2,
    )


def test_every_step_has_a_line_with_its_peak() -> None:
    found = two_steps(550 * MB)
    assert found.lines() == [
        "filter     500 MB, 2 workers",
        "merge      400 MB, 1 worker, shards cut into 2 bands",
        "predicted peak 500 MB of a budget of 550 MB (test)",
    ]
    assert found.peak == 500 * MB
    assert found["merge"].bands == 2
    found.check()


def test_what_cannot_fit_is_told_and_refused_with_a_remedy() -> None:
    found = two_steps(240 * MB)
    assert found.lines()[0].startswith("filter     300 MB, 1 worker")
    assert found.lines()[0].endswith(", which does not fit")
    with pytest.raises(UserError) as caught:
        found.check()
    assert "the step 'filter' needs 300 MB" in str(caught.value)
    assert caught.value.remedy == "Set [run] memory to '300 MB' or more."
    found = forecast(
        [StepNeed("map", Need(base=0, worker=10**9), remedy="Choose a larger [map] d_min")],
        budget(MB),
        processors=1,
    )
    with pytest.raises(UserError) as caught:
        found.check()
    assert caught.value.remedy == (
        "Set [run] memory to '1 GB' or more, or choose a larger [map] d_min."
    )


def test_nothing_to_do_says_nothing() -> None:
    found = forecast([], budget(1), processors=1)
    assert (found.lines(), found.peak) == ([], 0)
    found.check()


@settings(deadline=None)
@given(STEPS, st.integers(1, 10**11), st.integers(1, 8))
def test_steps_are_planned_one_by_one(
    needs: list[StepNeed], size: int, processors: int
) -> None:
    found = forecast(needs, budget(size), processors=processors)
    assert found.peak == max([step.plan.predicted_peak for step in found.steps], default=0)
    for needed in needs:
        plan = found[needed.step]
        assert plan.predicted_peak == needed.need.peak(plan.workers, plan.bands)
        if plan.fits:
            alone = plan_workers(
                needed.need,
                budget(size),
                processors=processors,
                shards=needed.shards,
                max_bands=needed.max_bands,
            )
            assert alone == plan
        else:
            # one worker on the narrowest bands is the least there is
            assert (plan.workers, plan.bands) == (1, needed.max_bands)


@settings(deadline=None)
@given(STEPS, st.integers(1, 10**10), st.integers(1, 8))
def test_the_memory_that_a_refusal_names_is_enough(
    needs: list[StepNeed], size: int, processors: int
) -> None:
    try:
        forecast(needs, budget(size), processors=processors).check()
    except UserError as error:
        named = parse_bytes(error.remedy.split("'")[1])
        assert named is not None
        forecast(needs, budget(named), processors=processors).check()


@settings(deadline=None)
@given(NEEDS, st.integers(1, 8), st.integers(1, 40))
def test_the_peak_grows_with_workers_and_falls_with_bands(
    need: Need, workers: int, bands: int
) -> None:
    assert need.peak(workers, bands) <= need.peak(workers + 1, bands)
    assert need.peak(workers, bands + 1) <= need.peak(workers, bands)
