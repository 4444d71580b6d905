"""Options of the neutron chain, and the words about mistakes in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ewaldite.errors import UserError
from ewaldite.spectroscopy.config import config_text, read_config
from ewaldite.spectroscopy.options import SpectroscopyOptions

SMALL = """
[output]
directory = "out"
[[run]]
file = "raw.nxs"
[primary]
mode = "parked"
emission_time = "1.72 ms"
earliest_at_sample = "143 ms"
[sample]
cell = [5, 5, 5, 90, 90, 90]
u = [1, 0, 0]
v = [0, 0, 1]
[mask]
tube_ends = 3
[[mask.window]]
name = "prompt"
start = "0 ms"
stop = "2 ms"
"""


def read(tmp_path: Path, text: str) -> SpectroscopyOptions:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return read_config(path)


def test_a_small_configuration(tmp_path: Path) -> None:
    options = read(tmp_path, SMALL)
    assert options.run[0].file == Path("raw.nxs")
    assert options.primary.emission_time == "1.72 ms"
    assert options.sample.cell == (5, 5, 5, 90, 90, 90)
    assert options.mask.window[0].name == "prompt"


def test_all_options_as_text_are_the_same_options(tmp_path: Path) -> None:
    options = read(tmp_path, SMALL)
    assert read(tmp_path, config_text(options)) == options
    assert read(tmp_path, config_text(SpectroscopyOptions())) == SpectroscopyOptions()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[primary]\nmod = 'parked'", r"no option 'mod' in \[primary\] \(did you mean 'mode'"),
        ("[primary]\nmode = 'fast'", r"'mode' in \[primary\] should be"),
        ("[run]\nfile = 'a'", r"\[run\] is a single table. Write \[\[run\]\]"),
        ("[[run]]\na3 = '1 deg'", r"'file' in \[\[run\]\] number 1 is missing"),
        (
            "[[mask.window]]\nname = 'a'\nstart = '0 ms'",
            r"'stop' in \[\[mask.window\]\] number 1 is missing",
        ),
        ("[primary]\npsc_time = '8 ms'", "psc_time and psc_distance: give both or neither"),
        ("[primary]\nlatest_at_sample = '8 ms'", "latest_at_sample needs earliest_at_sample"),
        ("[primary]\nwavelengths = [5, 4]", "do not ascend from 0"),
        ("[sample]\ncell = [5, 5, 5, 90, 90, 90]", "takes a cell and one of"),
        ("[sample]\nu = [1, 0, 0]", "u and v: give both or neither"),
        ("[sample]\nu = [1, 0, 0]\nv = [0, 1, 0]", "takes a cell and one of"),
        (
            "[sample]\ncell = [5, 5, 5, 90, 90, 90]\n[[sample.reflection]]\n"
            "hkl = [1, 0, 0]\na3 = 1\nA4 = 2",
            "two are needed",
        ),
        (
            "[primary]\nearliest_at_sample = '143 mm'",
            r"'earliest_at_sample' in \[primary\] is not in units of s: .* \(found '143",
        ),
        (
            "[time_background]\nguard = '1 mm'",
            r"'guard' in \[time_background\] is not in units of s",
        ),
        ("[primary]\nemission_time = '1.7'", r"'emission_time' .* is no number with a unit"),
        ("[primary]\nemission_time = 1.7", r"'emission_time' .* text in quotes, with its unit"),
        (
            "[vanadium]\nfile = 'v.nxs'\nshape = 'cylinder'\nradius = '-5 mm'",
            r"'radius' in \[vanadium\] should be above zero \(found '-5 mm'",
        ),
        (
            "[[calibration.tube]]\narc = 1\nchannel = 1\ntube = 1\noffset = '1 deg'",
            r"'offset' in \[\[calibration.tube\]\] number 1 is not in units of m",
        ),
        (
            "[[cut]]\nname = 'a'\naxes = ['Q']\nbins = { Q = [0, 1, 0] }",
            r"'Q' \(item 3\) in \[cut.bins\] of \[\[cut\]\] number 1 should be greater than 0",
        ),
        (
            "[[cut]]\nname = 'a'\naxes = ['h', 'k', 'l', 'Q', 'energy_transfer']\nbins = {}",
            r"'axes' in \[\[cut\]\] number 1 should have at most 4 items, not 5",
        ),
        ("[sample]\ncell = '5 5 5'", r"'cell' in \[sample\] should be a list of numbers"),
        ("[mask]\ntimes = [[3, 2]]", "3.0 is not before 2.0"),
        ("[mask]\ntube_ends = -1", r"'tube_ends' in \[mask\] should be greater"),
        ("[[mask.polygon]]\nname = 'a b'\naxes = ['h', 'k']\nvertices = []", "must begin with"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read(tmp_path, text)
