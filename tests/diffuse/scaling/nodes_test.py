from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffuse.scaling.oracle import compact, measured
from ewaldite.diffuse.scaling.nodes import Nodes, degrees_of
from ewaldite.diffuse.scaling.options import ScaleOptions
from ewaldite.diffuse.scaling.program import ProgramStep, parse_program

TABLE = compact(measured(), (1, 2))
MANY = np.array([1e12, 1e12])


def nodes(information: np.ndarray = MANY, degrees: float = 1.0, **options: Any) -> Nodes:
    return Nodes(TABLE, ScaleOptions(**options), np.full(2, degrees), information)


def shapes(model: Any, term: str) -> list[tuple[int, ...]]:
    return [tuple(a.size for a in points.axes) for points in model.terms[term]]


def test_spacings_in_degrees_follow_the_rotation_of_each_batch() -> None:
    # some 39 and 29 degrees
    model = nodes(b_degrees=2.0, a_degrees=10.0, c_degrees=5.0).model("abcdB")
    assert shapes(model, "b") == [(21,), (16,)]
    assert shapes(model, "a") == [(9, 9, 5), (9, 9, 4)]
    assert shapes(model, "c") == [(31, 9), (31, 7)]
    assert shapes(model, "B") == [(5,), (4,)]
    assert shapes(model, "d") == [(5,)]
    model = nodes(degrees=-0.1, b_degrees=2.0).model("b")
    assert shapes(model, "b") == [(3,), (3,)]


def test_numbers_can_be_given_instead() -> None:
    model = nodes(b_points=7, a_points=1, a_grid=(4, 3), c_points=2, c_shells=5).model("abc")
    assert shapes(model, "b") == [(7,)] * 2
    assert shapes(model, "a") == [(4, 3, 1)] * 2
    assert shapes(model, "c") == [(5, 2)] * 2


@given(
    first=st.floats(1, 1e7), second=st.floats(1, 1e7), least=st.sampled_from([500.0, 5000.0])
)
@settings(max_examples=50, deadline=None)
def test_few_counts_make_few_points(first: float, second: float, least: float) -> None:
    rule = nodes(np.array([first, second]), counts_per_point=least)
    model = rule.model("abc")
    whole = rule.__class__(TABLE, ScaleOptions(counts_per_point=0), np.ones(2), MANY).model(
        "abc"
    )
    for term in "abc":
        found = sum(points.values.size for points in model.terms[term])
        asked = sum(points.values.size for points in whole.terms[term])
        floor = {"a": 8, "b": 2, "c": 4}[term]
        assert found <= min(asked, max(1.6 * (first + second) / least, floor) * 2)
        assert all(n >= 1 for shape in shapes(model, term) for n in shape)
        assert len({shape[:-1] for shape in shapes(model, term)}) == 1


def test_limits_are_those_of_the_observations() -> None:
    model = nodes().model("abc")
    for j, points in enumerate(model.terms["b"]):
        low, high = TABLE.limits[j, 2]
        assert (points.axes[0].low, points.axes[0].high) == (low, high)
    assert model.terms["c"][0].axis("s").low == 0
    assert model.terms["c"][0].axis("s").high == TABLE.limits[:, 3].max() == model.s_limit
    assert model.terms["a"][0].axis("ix") == model.terms["a"][1].axis("ix")


def test_kinds_of_d() -> None:
    model = nodes(d_kind="chip", d_chip=(51.0, 41.0), share_d=False).model("d")
    assert shapes(model, "d") == [(2, 2)] * 2
    axis = model.terms["d"][0].axis("ix")
    assert axis.bins
    # pixels from 0: the first chip holds -0.5 … 50.5
    assert axis.place([50.4, 50.6])[0].tolist() == [0, 0]
    assert axis.place([50.4, 50.6])[1].tolist() == [0, 1]
    model = nodes(d_kind="grid", d_grid=(4, 6)).model("d")
    assert shapes(model, "d") == [(4, 6)]


def test_degrees_are_for_all_or_for_each() -> None:
    assert degrees_of((1, 4), 0.1).tolist() == [0.1, 0.1]
    assert degrees_of((1, 4), {4: 0.5, 1: -0.2}).tolist() == [-0.2, 0.5]
    with pytest.raises(ValueError, match="degrees"):
        degrees_of((1, 4), {1: 0.1})


def test_a_program_is_read() -> None:
    assert parse_program(["b", "outliers", "cb 7", "outliers 4.5", "c 3 1e-5"]) == (
        ProgramStep("b", 50, 1e-4),
        ProgramStep("outliers", 1, 10.0),
        ProgramStep("cb", 7, 1e-3),
        ProgramStep("outliers", 1, 4.5),
        ProgramStep("c", 3, 1e-5),
    )


@pytest.mark.parametrize(
    "step", ["", "e", "b 0", "b x", "b 1 2 3", "outliers 1 2", "outliers -3", "b 1 inf"]
)
def test_a_mistake_in_the_program_is_explained(step: str) -> None:
    with pytest.raises(ValueError, match="'program' in \\[scale\\]"):
        ScaleOptions(program=("b", step))


def test_other_mistakes_in_the_options() -> None:
    with pytest.raises(ValueError, match="is empty"):
        ScaleOptions(terms=())
    with pytest.raises(ValueError, match="needs method"):
        ScaleOptions(relative_b=True, method="alternating")
