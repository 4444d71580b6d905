from __future__ import annotations

import tomllib

import pytest
from pydantic import ValidationError

from ewaldite.diffuse.options import DiffuseOptions, MapOptions, ScaleOptions
from ewaldite.model.grid import Grid

SMALL = """
[output]
directory = "out"
[[sweep]]
name = "a"
images = "images/a_####.cbf"
geometry = "a/XPARM.XDS"
background = "images/b_####.cbf"
[crystal]
space_group = "P 1"
[corrections]
polarization_fraction = 0.99
sensor_material = "Si"
sensor_thickness = "1 mm"
parallax = true
[map]
subdivide = [3, 3, 3]
d_min = 1.5
"""
LEAST = {"sweep": [{"name": "a", "images": "a_####.cbf", "geometry": "XPARM.XDS"}]}


def test_the_small_configuration() -> None:
    options = DiffuseOptions.model_validate(tomllib.loads(SMALL))
    assert options.sweep[0].background == "images/b_####.cbf"
    assert options.corrections.sensor_thickness == "1 mm"
    assert options.corrections.parallax is True
    assert options.map.grid == Grid((3, 3, 3), "node")
    assert options.map.d_min == 1.5


def test_defaults() -> None:
    options = DiffuseOptions.model_validate(LEAST)
    assert options.scale.grid == Grid((1, 1, 1))
    assert options.filter.grid == Grid((3, 3, 3))
    assert options.map.grid == Grid((3, 3, 3))
    assert options.merge.estimator == "ratio"
    assert options.merge.friedel is True
    assert options.integrate.oversample == 1
    assert options.integrate.missing == "error"
    assert options.corrections.path == "air"
    assert str(options.output.directory) == "out"
    assert options.mask.virtual_pixels == "auto"


def test_the_whole_configuration_round_trips() -> None:
    options = DiffuseOptions.model_validate(tomllib.loads(SMALL))
    assert DiffuseOptions.model_validate(options.model_dump(mode="json")) == options
    assert DiffuseOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize(
    ("section", "given", "where"),
    [
        ("map", {"dmin": 1.5}, "dmin"),
        ("corections", {}, "corections"),
        ("corrections", {"polarisation_fraction": 0.9}, "polarisation_fraction"),
        ("filter", {"subdivde": [3, 3, 3]}, "subdivde"),
        ("integrate", {"over_sample": 2}, "over_sample"),
    ],
)
def test_misspelt_names_are_refused(section: str, given: dict, where: str) -> None:
    with pytest.raises(ValidationError, match=where) as raised:
        DiffuseOptions.model_validate(LEAST | {section: given})
    assert [e["type"] for e in raised.value.errors()] == ["extra_forbidden"]


@pytest.mark.parametrize(
    ("section", "given"),
    [
        ("map", {"subdivide": [3, 0, 3]}),
        ("map", {"subdivide": [3, 3]}),
        ("map", {"d_min": -1}),
        ("map", {"d_min": 3.0, "d_max": 2.0}),
        ("scale", {"mode": "corner"}),
        ("integrate", {"gain": 0}),
        ("integrate", {"oversample": 0}),
        ("corrections", {"polarization_fraction": 1.2}),
        ("corrections", {"parallax": "mosflm"}),
        ("corrections", {"path": "neon"}),
        ("merge", {"estimator": "mean"}),
        ("sweep", []),
        ("sweep", [{"name": "a", "images": "x"}]),
    ],
)
def test_impossible_values_are_refused(section: str, given: object) -> None:
    with pytest.raises(ValidationError) as raised:
        DiffuseOptions.model_validate(LEAST | {section: given})
    assert section in str(raised.value)


def test_sweeps_have_names_of_their_own() -> None:
    with pytest.raises(ValidationError, match="two sweeps have the same name"):
        DiffuseOptions.model_validate({"sweep": LEAST["sweep"] * 2})


def test_options_do_not_change() -> None:
    options = DiffuseOptions.model_validate(LEAST)
    with pytest.raises(ValidationError, match="frozen"):
        options.map.d_min = 3.0  # type: ignore[misc]


def test_grids_take_subdivision_and_mode() -> None:
    assert ScaleOptions(subdivide=(2, 1, 2), mode="split").grid == Grid((2, 1, 2), "split")
    assert MapOptions(subdivide=(4, 4, 2)).grid == Grid((4, 4, 2), "node")
