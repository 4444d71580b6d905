"""The numbers in docs/theory/absolute.md are those of the tables."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from ewaldite.crystal.contents import CellContents
from ewaldite.crystal.form_factors import form_factor
from ewaldite.diffuse.absolute.scattering import atom_tables

ROOT = Path(__file__).parents[1]
ORACLE = json.loads((ROOT / "tests" / "oracles" / "absolute.json").read_text())
PAGE = (ROOT / "docs" / "theory" / "absolute.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([A-Z][a-z]?) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE)


def test_every_element_of_the_oracle_is_in_the_table() -> None:
    assert [row[0] for row in ROWS] == list(ORACLE["elements"])


@pytest.mark.parametrize(("symbol", "coherent", "incoherent"), ROWS)
def test_differences_between_the_tables(symbol: str, coherent: str, incoherent: str) -> None:
    element, s = ORACLE["elements"][symbol], np.array(ORACLE["s"])
    inside = s <= 1.0
    ratio = form_factor(symbol)(s) / np.array(element["f_coh"])
    assert 100 * np.abs(ratio - 1)[inside].max() == pytest.approx(float(coherent), abs=0.006)
    ours = atom_tables(CellContents({symbol: 1.0}), 1.0)[symbol].incoherent(s)
    difference = np.abs(ours - np.array(element["I_incoh"]))[inside].max()
    assert difference == pytest.approx(float(incoherent), abs=0.0006)
