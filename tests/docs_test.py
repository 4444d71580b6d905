"""What the documentation says is so: its code runs, its options exist, its files are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from ewaldite.cli.app import main
from ewaldite.diffuse.config import parse_config
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.run.mistakes import validated
from ewaldite.spectroscopy.options import SpectroscopyOptions

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
PYTHON = [
    ROOT / "README.md",
    DOCS / "tutorials" / "five-minutes.md",
    DOCS / "how-to" / "python.md",
    DOCS / "how-to" / "three-crystals.md",
    DOCS / "how-to" / "maps.md",
]
PYTHON += [DOCS / "reference" / "files.md", DOCS / "theory" / "normalisation.md"]
#: Pages whose code is run by the tests of what they tell of.
ELSEWHERE = [DOCS / "how-to" / "neutron-pictures.md"]
#: Pages on the neutron chain, whose options are others.
NEUTRONS = [
    DOCS / "how-to" / "constant-background.md",
    DOCS / "how-to" / "convert.md",
    DOCS / "how-to" / "cuts.md",
    DOCS / "how-to" / "gpu.md",
    DOCS / "how-to" / "calibrate.md",
    DOCS / "theory" / "spectroscopy.md",
    DOCS / "reference" / "spectroscopy-options.md",
    DOCS / "how-to" / "export.md",
    DOCS / "theory" / "magnetic.md",
]


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which the demonstration ran."""
    folder = tmp_path_factory.mktemp("tour")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with pytest.raises(SystemExit) as done:
            main(["diffuse", "demo", "demo"])
    assert done.value.code in (0, None)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PYTHON, ids=lambda page: page.stem)
def test_code_runs(page: Path, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo)
    parts = blocks(page, "python")
    assert parts
    names: dict[str, object] = {}
    for number, part in enumerate(parts, 1):
        exec(compile(part, f"{page.name}, block {number}", "exec"), names)


@pytest.mark.slow
def test_demo_leaves_what_the_readme_promises(demo: Path) -> None:
    table = (
        (ROOT / "README.md").read_text(encoding="utf-8").split("## What is in the output")[1]
    )
    named = re.findall(r"`([a-z_]+\.[a-z]+)`", table.split("## ")[0])
    assert {"map.nxs", "merged.nxs", "report.png"} <= set(named)
    assert [name for name in named if not (demo / "demo" / "out" / name).is_file()] == []
    assert (demo / "demo" / "out" / "truth.txt").is_file()


def test_only_the_pages_that_are_run_hold_code() -> None:
    run = [*PYTHON, *ELSEWHERE]
    assert [page for page in PAGES if blocks(page, "python") and page not in run] == []


def is_of_neutrons(text: str) -> bool:
    """Whether a configuration lists raw files."""
    return "[[run]]" in text


def test_configurations_are_valid() -> None:
    checked = 0
    for page in set(PAGES) - set(NEUTRONS):
        for text in blocks(page, "toml"):
            if is_of_neutrons(text):
                continue
            given = tomllib.loads(text if "[" in text.split("=")[0] else "")
            sweep = {"name": "a", "images": "a_####.cbf", "geometry": "a"}
            sweeps = [{**sweep, **one} for one in given.get("sweep", [{}])]
            options = parse_config({**given, "sweep": sweeps}, page)
            checked += isinstance(options, DiffuseOptions)
    assert checked >= 6


def test_configurations_of_the_neutron_chain_are_valid() -> None:
    texts = [text for page in NEUTRONS for text in blocks(page, "toml")]
    texts += [text for text in blocks(ROOT / "README.md", "toml") if is_of_neutrons(text)]
    given = [validated(SpectroscopyOptions, tomllib.loads(text), text) for text in texts]
    assert len(given) >= 5


def test_every_section_is_in_the_reference() -> None:
    text = (DOCS / "reference" / "options.md").read_text(encoding="utf-8")
    assert re.findall(r"^```\{options\} (\w+)$", text, re.MULTILINE) == list(
        DiffuseOptions.model_fields
    )
    text = (DOCS / "reference" / "spectroscopy-options.md").read_text(encoding="utf-8")
    named = re.findall(r"^```\{options\} spectroscopy\.(\w+)$", text, re.MULTILINE)
    assert named == list(SpectroscopyOptions.model_fields)


def test_options_that_pages_name_exist() -> None:
    fields = {**SpectroscopyOptions.model_fields, **DiffuseOptions.model_fields}
    sections: dict[str, Any] = {}
    for name, field in fields.items():
        # one of several kinds of sections is the section itself: [vanadium] may be absent
        kinds = [field.annotation, *get_args(field.annotation)]
        sections[name] = next(k for k in kinds if hasattr(k, "model_fields"))
    named = [
        (page.name, section, option)
        for page in PAGES
        if page not in NEUTRONS
        for section, option in re.findall(r"`\[(\w+)\] (\w+)", page.read_text(encoding="utf-8"))
    ]
    assert len(named) > 5
    assert [n for n in named if n[2] not in getattr(sections[n[1]], "model_fields", {})] == []


def test_local_links_of_the_readme_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert len(links) >= 3
    assert [link for link in links if not (ROOT / link).is_file()] == []
    assert (DOCS / "images" / "demo.png").stat().st_size < 400_000
