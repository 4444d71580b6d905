from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import scipp as sc
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io.nexus import save
from ewaldite.model.provenance import Provenance
from ewaldite.model.toml_text import toml_text
from ewaldite.spectroscopy.config import config_text
from ewaldite.spectroscopy.cut import Cut, make_cut
from ewaldite.spectroscopy.cut_record import choose_cuts, options_of, read_cut, write_cut
from ewaldite.spectroscopy.options import SpectroscopyOptions

DIAGONAL = make_cut(
    name="diagonal",
    axes=["0.5h+0.5l", "energy_transfer"],
    bins={"0.5h+0.5l": (-1.5, 0.5, 0.1), "energy_transfer": (-0.4, 2.2, 0.1)},
    integrate={"k": (-0.1, 0.1), "0.5h - 0.5l": (0.0, 0.5)},
    fold="P m m m",
)
PLAIN = make_cut(name="e", axes=["Q"], bins={"Q": (0, 2, 0.5)})


@pytest.mark.parametrize("cut", [DIAGONAL, PLAIN])
def test_a_record_reads_back(cut: Cut, tmp_path: Path) -> None:
    write_cut(tmp_path / "c.toml", cut)
    assert read_cut(tmp_path / "c.toml") == cut


@given(st.text(min_size=1, max_size=8), st.integers())
def test_any_name_of_an_entry_is_toml(name: str, value: int) -> None:
    written = toml_text({"table": {name: value, "inner": {name: {"x": value}}}})
    assert tomllib.loads(written)["table"]["inner"] == {name: {"x": value}}


def made(folder: Path, options: SpectroscopyOptions, cut: Cut) -> Path:
    path = folder / "cuts" / f"{cut.name}.nxs"
    path.parent.mkdir(parents=True)
    data = sc.DataGroup({"S": sc.scalar(1.0), "cut": cut.model_dump(exclude_none=True)})
    save(path, data, Provenance(options=config_text(options)))
    return path


@pytest.mark.parametrize("directory", ["out", "a/b"])
def test_a_cut_knows_its_options_and_where_it_was_made(tmp_path: Path, directory: str) -> None:
    options = SpectroscopyOptions.model_validate(
        {
            "run": [{"file": "raw.nxs"}],
            "cut": [PLAIN, DIAGONAL],
            "output": {"directory": directory},
        }
    )
    path = made(tmp_path / directory, options, DIAGONAL)
    assert read_cut(path) == DIAGONAL
    again, base = options_of(path)
    assert base == tmp_path
    assert again == options.model_copy(update={"cut": [DIAGONAL]})


def test_a_cut_that_was_moved_does_not_know_its_raw_files(tmp_path: Path) -> None:
    path = made(tmp_path / "elsewhere", SpectroscopyOptions(cut=[PLAIN]), PLAIN)
    with pytest.raises(UserError, match="it does not lie in out/cuts"):
        options_of(path)
    # but it is still a cut
    assert read_cut(path) == PLAIN


def test_cuts_by_name_and_file(tmp_path: Path) -> None:
    options = SpectroscopyOptions(cut=[PLAIN])
    write_cut(tmp_path / "d.toml", DIAGONAL)
    whole, chosen = choose_cuts(options, [str(tmp_path / "d.toml"), "e", "e"])
    assert chosen == [DIAGONAL, PLAIN]
    assert whole.cut == [PLAIN, DIAGONAL]
    changed = PLAIN.widened("Q", 2)
    write_cut(tmp_path / "e.toml", changed)
    whole, chosen = choose_cuts(options, [str(tmp_path / "e.toml")])
    assert whole.cut == chosen == [changed]
    assert choose_cuts(options, []) == (options, [PLAIN])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (None, "does not exist"),
        ('name = "x"\naxes = ["h"]', "'bins' is missing"),
        (
            'name = "x"\naxes = ["h"]\nbins = { h = [0, 1, 1] }\nfolt = "P 1"',
            "did you mean 'fold'",
        ),
    ],
)
def test_files_without_a_cut(tmp_path: Path, text: str | None, word: str) -> None:
    if text is not None:
        (tmp_path / "c.toml").write_text(text)
    with pytest.raises(UserError, match=word):
        read_cut(tmp_path / "c.toml")


def test_other_results_are_no_cuts(tmp_path: Path) -> None:
    save(tmp_path / "m.nxs", sc.DataGroup({"S": sc.scalar(1.0)}))
    with pytest.raises(UserError, match="it holds no cut"):
        read_cut(tmp_path / "m.nxs")
    with pytest.raises(UserError, match=r"Did you mean 'e'\? Its cuts are e"):
        choose_cuts(SpectroscopyOptions(cut=[PLAIN]), ["ee"])
