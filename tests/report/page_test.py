"""The report holds what it was given, escaped, and refers to nothing outside."""

from __future__ import annotations

import base64
import math
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.model.provenance import Provenance
from ewaldite.report import Figure, Section, Table, report_html, write_report
from ewaldite.report.page import format_column, format_number

VOID = {"meta", "img"}


class Page(HTMLParser):
    """Text by tag, references, and whether every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.references: list[str] = []
        self.ids: set[str] = set()
        self.text: dict[str, list[str]] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "action", "data", "srcset"):
                self.references.append(value or "")
            if name == "id":
                self.ids.add(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)


PROVENANCE = Provenance(
    version="9.9",
    command="ewaldite diffuse run a.toml",
    options='[sweep]\nname = "a<b>"',
    inputs={"a_0001.cbf": "sha256:" + "0f" * 32},
    tables={"attenuation": "NIST XCOM"},
    seeds={"half sets": 1234567},
    notes=("Polarization 0.999 is a default.",),
)
SECTIONS = [
    Section(
        "Map & more",
        text="First.\n\nSecond < third.",
        figures=(Figure(b"\x89PNG", "png", "hk0"), Figure(b"<svg/>", "svg", "mean")),
    ),
    Section(
        "Masks",
        tables=(Table.of_counts({"bragg": 1500, "ice": 0}, 30000, what="voxels"),),
        notes=("Frame 7 was skipped.",),
    ),
]


@pytest.fixture
def page() -> Page:
    return Page(report_html(SECTIONS, "Lysozyme <1>", "360 frames", PROVENANCE))


def test_nothing_is_outside(page: Page) -> None:
    """No address, no style sheet, no script; anchors lead to what exists."""
    assert page.references
    for reference in page.references:
        assert reference.startswith(("data:image/", "#"))
        assert reference.startswith("data:") or reference[1:] in page.ids
    html = report_html(SECTIONS, "x", "", PROVENANCE)
    for word in ("http", "<script", "<link", "@import", "url("):
        assert word not in html


def test_all_tags_are_closed(page: Page) -> None:
    assert page.open == []


def test_pictures_are_inside_whole(page: Page) -> None:
    pictures = [r for r in page.references if r.startswith("data:")]
    assert [p.split(";")[0] for p in pictures] == ["data:image/png", "data:image/svg+xml"]
    assert base64.b64decode(pictures[0].split(",")[1]) == b"\x89PNG"
    assert base64.b64decode(pictures[1].split(",")[1]) == b"<svg/>"
    assert page.text["figcaption"] == ["hk0", "mean"]


def test_heads_paragraphs_and_notes(page: Page) -> None:
    assert page.text["h1"] == ["Lysozyme <1>"]
    assert page.text["h2"] == ["Map & more", "Masks", "Provenance", "Options"]
    assert page.text["p"][:3] == ["360 frames", "First.", "Second < third."]
    assert page.text["li"] == ["Frame 7 was skipped.", "Polarization 0.999 is a default."]


def test_masks_are_counted_by_name(page: Page) -> None:
    assert page.text["caption"][0] == "Masked of 30,000 voxels"
    assert page.text["td"][:6] == ["bragg", "1,500", "5.00 %", "ice", "0", "0.00 %"]


def test_the_run_can_be_made_again(page: Page) -> None:
    assert page.text["pre"] == [PROVENANCE.options]
    cells = page.text["td"]
    for value in ("9.9", PROVENANCE.command, "1234567", "NIST XCOM", "a_0001.cbf"):
        assert value in cells
    assert "sha256:" + "0f" * 32 in cells


@settings(deadline=None)
@given(
    title=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    cell=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
)
def test_any_text_is_only_text(title: str, cell: str) -> None:
    page = Page(report_html([Section("t", tables=(Table((title,), ((cell,),)),))], title))
    assert page.open == []
    assert "".join(page.text["h1"]) == title
    assert "".join(page.text["th"]) == title
    assert "".join(page.text["td"]) == cell
    assert page.references == ["#part-1"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (-3, "−3"),
        (0.12346, "0.1235"),
        (3.14159, "3.142"),
        (12345.678, "12,346"),
        (-0.5, "−0.5"),
        (1.5e-9, "1.5e−09"),
        (2.5e7, "2.5e+07"),
        (math.nan, "–"),
        (math.inf, "inf"),
        (0.0, "0"),
        (np.int64(1234567), "1,234,567"),
        (np.float64(0.5), "0.5"),
        (True, "yes"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert format_number(value) == text


@settings(deadline=None)
@given(value=st.floats(-1e300, 1e300))
def test_numbers_keep_their_size(value: float) -> None:
    read = float(format_number(value).replace("−", "-").replace(",", ""))
    assert read == pytest.approx(value, rel=1e-3, abs=0.0)


def test_a_row_must_fit() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Table(("a", "b"), ((1,),))


def test_an_absent_value_is_a_dash() -> None:
    page = Page(report_html([Section("t", tables=(Table(("a",), ((None,), (2.0,))),))], "x"))
    assert page.text["td"] == ["–", "2.000"]


def test_nothing_of_nothing() -> None:
    assert Table.of_counts({"bragg": 0}, 0, what="voxels").rows == (("bragg", 0, "–"),)


def test_the_page_is_written(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, SECTIONS, title="x", provenance=PROVENANCE)
    assert path.read_text(encoding="utf-8") == report_html(SECTIONS, "x", "", PROVENANCE)
    with pytest.raises(UserError, match="there is no folder"):
        write_report(tmp_path / "no" / "report.html", SECTIONS, title="x")


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.97131, 0.8, -0.0512, math.nan], ["0.971", "0.800", "−0.051", "–"]),
        ([25.178, 6.98, 101.0], ["25", "7", "101"]),
        ([25.178, 6.98], ["25.2", "7.0"]),
        ([25017.0, 58.32, 0.25], ["25,017", "58.32", "0.25"]),  # no column: each its own digits
        ([0.03232, 0.0001514], ["0.03232", "0.0001514"]),
        ([1, 12345], ["1", "12,345"]),
        ([1.5, 2], ["1.500", "2"]),
        (["a", 0.5, 0.25], ["a", "0.500", "0.250"]),
        ([math.inf, 3.0, 2.0], ["inf", "3.00", "2.00"]),
        ([None, 0.5], ["–", "0.5"]),
        ([0.0, 0.0], ["0", "0"]),
    ],
)
def test_numbers_of_a_column_can_be_compared(values: list[float], texts: list[str]) -> None:
    assert format_column(values) == texts


def test_tables_of_many_columns_fit_the_page() -> None:
    few, many = (Table(tuple("abcdefghij"[:n]), (tuple(range(n)),)) for n in (4, 10))
    page = report_html([Section("t", tables=(few, many))], "x")
    assert page.count('<table class="wide">') == 1
