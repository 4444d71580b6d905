"""The report page of a neutron run."""

from __future__ import annotations

import base64
import logging
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.nexus import load, save
from ewaldite.report.spectroscopy import report_spectroscopy
from ewaldite.report.spectroscopy_cut import vanadium_section
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.run_view import VIEWS
from ewaldite.spectroscopy.workflow import reduce_cuts
from plot.cuts import stored
from spectroscopy.simulated_files import PARKED, configuration, flat_run, write

MORE = '[[run]]\nfile = "sample.nxs"\n[mask]\ntube_ends = 4'


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a small run."""
    folder = tmp_path_factory.mktemp("report")
    write(folder / "sample.nxs", flat_run(pulses=30))
    (folder / "c.toml").write_text(configuration(PARKED, MORE))
    options, made = read_config(folder / "c.toml"), folder / "out"
    made.mkdir()
    reduce_cuts(options, made, base=folder, log=logging.getLogger("test"))
    return made


def group(path: Path) -> sc.DataGroup[Any]:
    found = load(path)
    assert isinstance(found, sc.DataGroup)
    return found


def text_of(out: Path) -> str:
    return report_spectroscopy(out).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(out: Path) -> str:
    return text_of(out)


def cells(text: str, first: str) -> list[str]:
    """Cells of the row of a table that begins so."""
    (row,) = re.findall(rf"<tr><td>{re.escape(first)}</td>(.*?)</tr>", text)
    return re.findall(r"<td[^>]*>(.*?)</td>", row)


def test_the_page_says_what_became_of_the_events(out: Path, page: str) -> None:
    text, view = page, group(out / VIEWS)["sample.nxs"]
    total, ends = view["events"], view["masks"]["tube_end"]
    assert 0 < ends < total
    assert cells(text, "read") == [f"{total:,}", "100.00 %"]
    assert cells(text, "mask tube_end") == [f"{ends:,}", f"{100 * ends / total:.2f} %"]
    assert cells(text, "without a mask")[0] == f"{total - view['rejected']:,}"
    assert f"counted {view['monitor'].sum().value:,.0f}." in text


def test_the_page_says_what_the_cut_holds(out: Path, page: str) -> None:
    text, cut = page, group(out / "cuts" / "e.nxs")
    assert cells(text, "in the cut")[0] == f"{cut['reasons']['in_cut']:,}"
    seen = ~cut["S"].masks["no_coverage"].values
    assert cells(text, "without coverage") == [str(np.count_nonzero(~seen))]
    many = np.count_nonzero(cut["events"].values >= 20)
    assert cells(text, "with 20 events or more") == [str(many)]
    counting = np.sqrt(cut["counting_variance"].values) / cut["S"].values
    shown = cells(text, "median relative error, counting (%)")[0]
    assert float(shown) == pytest.approx(100 * np.median(counting[seen]), rel=1e-3)


def test_the_page_stands_by_itself(page: str) -> None:
    assert "N_b = 1" in page
    assert "earliest_at_sample" in page
    assert page.count("data:image/png;base64,") == 4
    assert "http" not in page.replace("http://www.w3.org", "")


def test_vanadium_by_arc(out: Path) -> None:
    pixels = group(out / VIEWS)["sample.nxs"]["pixels"]
    value = 2.0 + pixels.coords["arc"].values
    n_b = sc.DataArray(
        sc.array(dims=["pixel"], values=value, variances=(0.03 * value) ** 2, unit="meV*sr"),
        coords=dict(pixels.coords),
        masks=dict(pixels.masks),
    )
    section = vanadium_section(sc.DataGroup({"N_b": n_b}), wanted=True)
    kept = np.count_nonzero(~pixels.masks["no_part"].values) // 5
    (table,) = section.tables
    assert table.rows[2] == ("3.8", kept, 4.0, 0.0, pytest.approx(3.0))
    assert len(section.figures) == 1
    assert "not in its folder" in vanadium_section(None, wanted=True).text


def test_only_cuts_of_the_run_are_shown(out: Path, tmp_path: Path) -> None:
    cuts = tmp_path / "cuts"
    shutil.copytree(out / "cuts", cuts)
    shutil.copy(cuts / "e.nxs", cuts / "old.nxs")
    os.utime(cuts / "old.nxs", (0, 0))
    assert "Cut old" not in text_of(tmp_path)


def test_without_views_of_runs(out: Path, tmp_path: Path) -> None:
    (tmp_path / "cuts").mkdir()
    shutil.copy(out / "cuts" / "e.nxs", tmp_path / "cuts")
    assert "1 cut of S(Q, ω)." in text_of(tmp_path)


def test_a_picture_is_shown_that_was_drawn_after_its_cut(out: Path, tmp_path: Path) -> None:
    shutil.copytree(out / "cuts", tmp_path / "cuts")
    (tmp_path / "cuts" / "e.png").write_bytes(b"as it was drawn")
    shown = base64.b64encode(b"as it was drawn").decode()
    assert shown in text_of(tmp_path)
    os.utime(tmp_path / "cuts" / "e.png", (0, 0))
    assert shown not in text_of(tmp_path)


def test_the_page_on_pictures_runs(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edges = {"h": np.linspace(-1.5, 1.5, 13), "energy_transfer": np.linspace(-0.4, 2.2, 9)}
    counts = np.arange(96).reshape(12, 8)
    (tmp_path / "out" / "cuts").mkdir(parents=True)
    save(tmp_path / "out" / "cuts" / "qh_e.nxs", stored(counts, counts + 5, edges))
    shutil.copy(out / VIEWS, tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    page = Path(__file__).parents[2] / "docs" / "how-to" / "neutron-pictures.md"
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S):
        exec(compile(block, page.name, "exec"), names)
    made = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert made == {"qh_e.pdf", "magnon.png", "detector.png", "choppers.png", "monitor.png"}


def test_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no cuts/NAME\.nxs"):
        report_spectroscopy(tmp_path)
