from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from ewaldite.errors import UserError
from ewaldite.run.mistakes import validated
from ewaldite.run.section import Section


class Inner(Section):
    length: float = Field(gt=0)


class Part(Section):
    name: str
    inner: list[Inner] = Field(default_factory=list)


class Plain(Section):
    width: int = 1
    choice: int | None = None
    deep: Inner | None = None


class Whole(Section):
    part: list[Part] = Field(default_factory=list)
    plain: Plain = Plain()


def test_good_options_pass() -> None:
    made = validated(Whole, {"part": [{"name": "a", "inner": [{"length": 2}]}]}, "try")
    assert made.part[0].inner[0].length == 2.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"part": {"name": "a"}},
            "[part] is a single table. Write [[part]], with two brackets.",
        ),
        ({"part": [{}]}, "'name' in [[part]] number 1 is missing"),
        (
            {"part": [{"name": "a"}, {"name": "b", "inner": [{"length": -1}]}]},
            "'length' in [[part.inner]] number 1 of [[part]] number 2",
        ),
        ({"plain": {"wdth": 3}}, "no option 'wdth' in [plain] (did you mean 'width'?)"),
        ({"plain": {"width": "wide"}}, "'width' in [plain] should be a valid integer"),
        ({"plain": {"width": "wide"}}, "(found 'wide')"),
        ({"plain": {"deep": {"length": 0}}}, "'length' in [plain.deep] should be greater"),
        ({"plan": {}}, "there is no option 'plan' (did you mean 'plain'?)"),
        ({"part": [3]}, "[[part]] number 1"),
    ],
)
def test_every_mistake_is_placed(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as caught:
        validated(Whole, given, "try")
    assert words in str(caught.value)
    assert str(caught.value).startswith("Cannot try: ")


def test_all_mistakes_are_told_at_once() -> None:
    given = {"plain": {"width": "a", "color": 1}, "part": [{}]}
    with pytest.raises(UserError) as caught:
        validated(Whole, given, "try")
    assert caught.value.found.count(";") == 2
