"""Options of maps, of the 3D-ΔPDF and of pictures are checked when they are read."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from ewaldite.diffuse.config import config_text, parse_config
from ewaldite.diffuse.maps.options import MapOptions
from ewaldite.diffuse.maps.pdf_options import PdfOptions
from ewaldite.diffuse.maps.picture_options import LineOptions, SliceOptions
from ewaldite.errors import UserError

TEXT = """
[[sweep]]
name = "a"
images = "a_####.cbf"
geometry = "XPARM.XDS"
[map]
subdivide = [2, 2, 1]
parts = ["diffuse", "variational"]
limits = [[-5, 5], [-5, 5], [0, 0.5]]
supercell = [[1, 1, 0], [-1, 1, 0], [0, 0, 1]]
fractional = [[0.5, 0.5, 0]]
export = ["ccp4", "mtz", "csv"]
missing = 0.0
[[map.slice]]
plane = "hhl"
part = "variational"
thickness = 0.02
format = ["png", "pdf"]
[[map.slice]]
u = [1, 1, 0]
v = [0, 1, 2]
origin = [0, 0, 0.5]
[[map.line]]
direction = [1, 0, 0]
radius = 0.01
[pdf]
enabled = true
window = "lorch"
"""


def test_a_configuration_comes_back() -> None:
    options = parse_config(tomllib.loads(TEXT), Path("a.toml"))
    assert options.map.limits == ((-5, 5), (-5, 5), (0, 0.5))
    assert options.map.supercell == [[1, 1, 0], [-1, 1, 0], [0, 0, 1]]
    assert options.map.slice[0].spec.name == "hhl"
    np.testing.assert_array_equal(options.map.slice[1].spec.origin, [0, 0, 0.5])
    assert options.map.line[0].direction == (1, 0, 0)
    assert options.pdf.window == "lorch"
    again = parse_config(tomllib.loads(config_text(options)), Path("a.toml"))
    assert again == options


def test_defaults_make_the_diffuse_map_alone() -> None:
    options = MapOptions()
    assert options.parts == ["diffuse"]
    assert options.export == options.slice == options.line == options.fractional == []
    assert options.limits is options.supercell is options.missing is None
    assert not options.asymmetric_unit
    assert not PdfOptions().enabled


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"parts": []}, "at least 1"),
        ({"parts": ["magnetic"]}, "diffuse"),
        ({"limits": [[1, 0], [0, 1], [0, 1]]}, "1 lies above 0"),
        ({"limits": [[0, 1], [0, 1]]}, "limits"),
        ({"supercell": [2, 2]}, "three whole numbers"),
        ({"supercell": [[1, 0, 0], [0, 1, 0]]}, "three whole numbers"),
        ({"supercell": [[1, 0], [1]]}, "supercell"),
        ({"supercell": [2, 2, 0]}, "determinant is 0"),
        ({"asymmetric_unit": True, "supercell": [2, 2, 1]}, "need the expanded map"),
        ({"asymmetric_unit": True, "fractional": [[0.5, 0, 0]]}, "need the expanded map"),
        # what the grid cannot give is told before an image is read
        ({"subdivide": [3, 3, 3], "fractional": [[0.5, 0, 0]]}, r"at \[0.0, 0.3333, 0.6667\]"),
        ({"subdivide": [2, 2, 2], "mode": "split", "fractional": [[0, 0, 0]]}, "0.25, 0.75"),
        ({"subdivide": [2, 3, 3], "supercell": [3, 1, 1]}, r"subdivide = \[3, 1, 1\]"),
        ({"fractional": [[0, 0, float("nan")]]}, "no triple|finite"),
        ({"export": ["xplor"]}, "ccp4"),
        ({"shell_width": 0}, "greater than 0"),
        ({"slice": [{}]}, "either plane, or u and v"),
        ({"slice": [{"plane": "hk0", "u": [1, 0, 0], "v": [0, 1, 0]}]}, "either plane"),
        ({"slice": [{"u": [1, 0, 0]}]}, "either plane"),
        ({"slice": [{"plane": "hk0", "part": "total"}]}, r"add it to \[map\] parts"),
        ({"parts": ["total"], "line": [{"direction": [1, 0, 0]}]}, "part = 'diffuse' is not"),
        ({"slice": [{"plane": "hk0", "rings": [4, 0]}]}, "greater than 0"),
        ({"slice": [{"plane": "hk0", "origin": [0, 0, 1]}]}, "origin goes with u and v"),
        ({"slice": [{"plane": "hk0", "limits": [5, 1]}]}, "5 is not below 1"),
        ({"slice": [{"plane": "hkl"}]}, "to cut the plane 'hkl': 3 indices vary"),
        ({"slice": [{"plane": "hk0", "format": []}]}, "at least 1"),
        ({"slice": [{"plane": "hk0", "name": "../x"}]}, "pattern"),
        ({"slice": [{"plane": "hk0", "thick": 1}]}, "Extra inputs"),
        ({"line": [{"start": [0, 0, 0]}]}, "start and end"),
        ({"line": [{"direction": [0, 0, 0]}]}, "direction is zero"),
        ({"line": [{"start": [1, 0, 0], "end": [1, 0, 0]}]}, "one point"),
        ({"line": [{"direction": [1, 0, 0], "start": [0, 0, 0]}]}, "start and end"),
    ],
)
def test_mistakes_are_said(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MapOptions.model_validate(given)


def test_the_place_of_a_mistake_is_told() -> None:
    given = tomllib.loads(TEXT)
    given["map"]["slice"][1]["colors"] = "magma"
    with pytest.raises(UserError, match=r"did you mean 'colours'\?"):
        parse_config(given, Path("a.toml"))
    given = tomllib.loads(TEXT)
    given["map"]["supercell"] = [2, 2]
    with pytest.raises(
        UserError, match=r"map: supercell = \[2, 2\]: it is neither three whole"
    ):
        parse_config(given, Path("a.toml"))


@pytest.mark.parametrize(
    "given", [{"padding": 0.5}, {"window": "kaiser"}, {"absent": "mean"}, {"d_min": 0}]
)
def test_impossible_pdfs(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PdfOptions.model_validate(given)


def test_a_picture_of_the_pdf_needs_the_pdf() -> None:
    given = tomllib.loads(TEXT)
    given["map"]["slice"][0]["part"] = "pdf"
    assert parse_config(given, Path("a.toml")).map.slice[0].part == "pdf"
    del given["pdf"]
    with pytest.raises(UserError, match=r"set enabled = true in \[pdf\]"):
        parse_config(given, Path("a.toml"))


def test_lines_and_slices_from_python() -> None:
    assert SliceOptions(plane="hk0").spec.labels == ("h", "k")
    assert LineOptions(start=(0, 0, 0), end=(1, 0, 0)).number is None
