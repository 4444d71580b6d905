from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from ewaldite.diffuse.config import config_text, parse_config, read_config
from ewaldite.diffuse.options import DiffuseOptions, SweepOptions
from ewaldite.errors import UserError
from ewaldite.run.digest import digest_parts

FILE = Path("x/ewaldite.toml")
SWEEP = {"name": "a", "images": "a_####.cbf", "geometry": "XPARM.XDS"}


def parsed(**sections: Any) -> DiffuseOptions:
    return parse_config({"sweep": [SWEEP], **sections}, FILE)


def mistake(given: dict[str, Any]) -> UserError:
    with pytest.raises(UserError) as caught:
        parse_config(given, FILE)
    assert caught.value.asked == f"use the configuration {FILE}"
    return caught.value


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in DiffuseOptions.model_fields.items():
        model = SweepOptions if name == "sweep" else field.annotation
        assert isinstance(model, type)
        yield name, model


OPTIONS = [(name, option) for name, model in sections() for option in model.model_fields]


def test_the_smallest_configuration() -> None:
    options = parsed()
    assert options.sweep[0].name == "a"
    assert options.output.directory == Path("out")
    assert options.map.subdivide == (3, 3, 3)


def test_text_of_the_options_gives_the_options(tmp_path: Path) -> None:
    options = parsed(
        map={"d_min": 1.5, "subdivide": [2, 3, 4]},
        mask={"rectangles": [[0, 1, 2, 3]], "polygons": [[[0, 0], [1, 0], [1, 1]]]},
        corrections={"parallax": "dials", "sensor_thickness": "1 mm"},
        crystal={"space_group": "P 1 21 1"},
    )
    path = tmp_path / "options.toml"
    path.write_text(config_text(options), encoding="utf-8")
    assert read_config(path) == options
    assert "d_min = 1.5" in config_text(options)


def test_all_defaults_are_written() -> None:
    written = tomllib.loads(config_text(parsed()))
    for name, model in sections():
        table = written[name][0] if name == "sweep" else written.get(name, {})
        absent = {k for k in model.model_fields if k not in table}
        instance = parsed().sweep[0] if name == "sweep" else getattr(parsed(), name)
        assert all(getattr(instance, option) is None for option in absent)


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_every_option_is_described(name: str, option: str) -> None:
    model = dict(sections())[name]
    description = model.model_fields[option].description
    assert description
    assert len(description) > 3


@given(st.sampled_from(OPTIONS), st.data())
def test_a_lost_letter_finds_the_option(place: tuple[str, str], data: st.DataObject) -> None:
    section, option = place
    model = dict(sections())[section]
    at = data.draw(st.integers(0, len(option) - 1))
    wrong = option[:at] + option[at + 1 :]
    if len(option) < 5 or wrong in model.model_fields:
        return
    if section == "sweep":
        error = mistake({"sweep": [{**SWEEP, wrong: 1}]})
        where = "[[sweep]] number 1"
    else:
        error = mistake({"sweep": [SWEEP], section: {wrong: 1}})
        where = f"[{section}]"
    said = f"there is no option '{wrong}' in {where} (did you mean '"
    assert said in error.found
    guess = error.found.split(said)[1].split("'")[0]
    assert guess in model.model_fields
    # of names as near as this one any may be meant
    assert guess == option or abs(len(guess) - len(wrong)) <= 3


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "'sweep' is missing"),
        ({"sweep": []}, "'sweep'"),
        ({"sweep": [{"name": "a"}]}, "'images' in [[sweep]] number 1 is missing"),
        ({"sweep": [SWEEP, {**SWEEP, "name": "a"}]}, "two sweeps have the same name"),
        ({"sweep": [SWEEP, {**SWEEP, "name": "b", "x": 1}]}, "'x' in [[sweep]] number 2"),
        ({"sweep": [{**SWEEP, "images": 3}]}, "'images' in [[sweep]] number 1 should be a"),
        ({"sweep": [{**SWEEP, "name": "a/b"}]}, "only letters, digits"),
        ({"sweep": [{**SWEEP, "name": ""}]}, "only letters, digits"),
        ({"sweep": [{**SWEEP, "frames": [1]}]}, "'frames' (item 2) in [[sweep]] number 1"),
        ({"sweep": [{**SWEEP, "exposure": 0}]}, "should be greater than 0 (found 0)"),
        ({"sweep": SWEEP}, "[sweep] is a single table"),
        ({"sweep": [SWEEP], "maps": {}}, "there is no option 'maps' (did you mean 'map'?)"),
        ({"sweep": [SWEEP], "zzzzz": 1}, "there is no option 'zzzzz'"),
        ({"sweep": [SWEEP], "map": {"d_min": 2, "d_max": 2}}, "d_min 2.0 is not below d_max"),
        ({"sweep": [SWEEP], "map": {"d_min": float("nan")}}, "'d_min' in [map]"),
        ({"sweep": [SWEEP], "map": {"subdivide": [0, 1, 1]}}, "'subdivide' (item 1) in [map]"),
        ({"sweep": [SWEEP], "merge": {"noise": "gauss"}}, "'noise' in [merge]"),
        ({"sweep": [SWEEP], "run": {"workers": 0}}, "'workers' in [run]"),
        ({"sweep": [SWEEP], "map": 3}, "'map'"),
    ],
)
def test_mistakes_say_where_and_what(given: dict[str, Any], found: str) -> None:
    assert found in str(mistake(given))


def test_all_mistakes_are_told_at_once() -> None:
    error = mistake({"sweep": [{**SWEEP, "geometri": "x"}], "map": {"d_min": -1}})
    assert "'geometri'" in error.found
    assert "'d_min' in [map] should be greater than 0 (found -1)" in error.found


@pytest.mark.parametrize("name", ["a", "A-1", "crystal 2", "ä_ö", "x.y+z", "7"])
def test_names_that_are_fit_for_files(name: str) -> None:
    options = parse_config({"sweep": [{**SWEEP, "name": name}]}, FILE)
    assert options.sweep[0].name == name


def test_the_options_that_a_run_leaves_are_no_change_to_it() -> None:
    options = parsed(contents={"molecule": [{"formula": "C 6", "count": 2}]})
    again = parse_config(tomllib.loads(config_text(options)), FILE)
    before, after = digest_parts(options), digest_parts(again)
    assert {name for name in before if before[name] != after[name]} == set()
    for name in DiffuseOptions.model_fields:
        section, kept = getattr(options, name), getattr(again, name)
        assert digest_parts({"x": section}) == digest_parts({"x": kept}), name
