"""The report of a finished run says what its files hold."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from diffuse.tiny import copy_tiny, write_tiny
from ewaldite.diffuse import workflow
from ewaldite.diffuse.config import config_text, parse_config
from ewaldite.diffuse.context import Context
from ewaldite.errors import UserError
from ewaldite.io.nexus import load
from ewaldite.io.toml_file import read_toml
from ewaldite.report.diffuse import report_diffuse

SECTIONS = [
    "Map",
    "Statistics by resolution",
    "Rotation",
    "Scaling",
    "Filter",
    "Pixels of a",
    "Mean intensity",
    "Provenance",
]


class Page(HTMLParser):
    """Heads, cells of the tables by row, notes and references of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.heads: list[str] = []
        self.rows: list[list[str]] = []
        self.notes: list[str] = []
        self.references: list[str] = []
        self._tag = ""
        self.html = path.read_text(encoding="utf-8")
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.references += [v or "" for name, v in attrs if name in ("src", "href", "data")]

    def handle_data(self, data: str) -> None:
        if not data.strip():
            return
        if self._tag == "h2":
            self.heads.append(data)
        if self._tag in ("td", "th"):
            self.rows[-1][-1] += data
        if self._tag == "li":
            self.notes.append(data)

    def row(self, first: str) -> list[str]:
        (row,) = [row for row in self.rows if row and row[0] == first]
        return row


def run_tiny(config: Path, **sections: dict[str, str]) -> Context:
    options = parse_config({**read_toml(config), **sections}, config)
    context = Context(options, config.parent, "ewaldite test", config_text(options))
    workflow.run(context)
    return context


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    write_tiny(folder)
    return folder


@pytest.fixture(scope="module")
def finished(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Context:
    return run_tiny(copy_tiny(written, tmp_path_factory.mktemp("finished") / "tiny"))


@pytest.fixture(scope="module")
def page(finished: Context) -> Page:
    images = {"a": finished.entries[0].sample(0)}
    html, picture = report_diffuse(finished.out, images)
    assert html == finished.path("report.html")
    assert picture.read_bytes().startswith(b"\x89PNG")
    return Page(html)


def test_sections_in_order(page: Page) -> None:
    assert page.heads[: len(SECTIONS)] == SECTIONS
    assert "12.000 15.000 18.000" in page.html
    assert "P 21 21 21" in page.html


def test_nothing_outside_is_referred_to(page: Page) -> None:
    assert page.references
    for reference in page.references:
        assert reference.startswith(
            ("#", "data:image/png;base64,", "data:image/svg+xml;base64,")
        )
    assert not re.search(r"@import|url\(|<script", page.html)


def test_masks_are_counted(finished: Context, page: Page) -> None:
    masks = load(finished.path("masks.nxs"))["a"]
    counts = {name: int(mask.values.sum()) for name, mask in masks.items()}
    taking = {name: n for name, n in counts.items() if n}
    assert taking
    for name, count in taking.items():
        assert page.row(name) == [name, f"{count:,}", f"{100 * count / 3000:.2f} %"]
    absent = set(counts) - set(taking)
    assert not [row for row in page.rows if row and row[0] in absent]


def test_filter_sums_its_wedges(finished: Context, page: Page) -> None:
    wedges = json.loads((finished.work / "filter.json").read_text())
    assert len(wedges) == 3
    heads, row = page.row("sweep"), page.row("a")
    for name in ("voxels", "voxels masked", "counts", "frames"):
        total = int(sum(wedge[name] for wedge in wedges))
        assert row[heads.index(name)] == f"{total:,}"
    assert row[heads.index("frames")] == "6"
    assert not [note for note in page.notes if "skipped" in note]


def test_a_row_of_statistics_for_each_shell(finished: Context, page: Page) -> None:
    table = load(finished.path("statistics.nxs"))["shells"]
    heads = page.row("|s| (1/Å)")
    assert {"CC½", "CC*", "I/σ", "χ²", "completeness"} <= set(heads)
    at = page.rows.index(heads)
    shells = page.rows[at + 1 : at + 1 + len(table["voxels"].values)]
    voxels = [row[heads.index("voxels")] for row in shells]
    # All numbers of this table are set as real ones
    found = [float(text.replace(",", "")) for text in voxels]
    assert found == table["voxels"].values.tolist()


def test_provenance_says_how_to_make_it_again(page: Page) -> None:
    assert page.row("command")[1] == "ewaldite test"
    assert "subdivide = [1, 1, 1]" in page.html


def test_skipped_frames_are_told(written: Path, tmp_path: Path) -> None:
    config = copy_tiny(written, tmp_path / "skip")
    frame = config.parent / "images" / "a_0004.cbf"
    frame.write_bytes(frame.read_bytes()[:2500])
    context = run_tiny(config, integrate={"missing": "skip"})
    page = Page(report_diffuse(context.out)[0])
    assert "1 frames of a could not be read and were skipped" in page.notes
    heads, row = page.row("sweep"), page.row("a")
    assert row[heads.index("frames")] == "5"
    assert row[heads.index("frames skipped")] == "1"


def test_without_images_there_is_no_picture_of_the_masks(finished: Context, page: Page) -> None:
    bare = Page(report_diffuse(finished.out)[0])
    assert bare.heads == page.heads
    pictures = [r for r in page.references if r.startswith("data:")]
    assert len([r for r in bare.references if r.startswith("data:")]) == len(pictures) - 1


def test_a_missing_result_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"map\.nxs"):
        report_diffuse(tmp_path)
