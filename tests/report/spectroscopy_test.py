"""The report page of a neutron run."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.nexus import save
from ewaldite.report.spectroscopy import report_spectroscopy
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.event_tally import EventTally
from ewaldite.spectroscopy.run_input import open_run
from ewaldite.spectroscopy.run_view import VIEWS, view_run
from ewaldite.spectroscopy.workflow import reduce_cuts
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
    with open_run(options, options.run[0], folder) as run:
        tally = EventTally.of(len(run.converter.instrument))
        for _ in run.events(tally):
            pass
        view = view_run(run, tally, options)
    save(made / VIEWS, sc.DataGroup({"sample": view}))
    return made


def test_the_page_says_what_was_counted(out: Path) -> None:
    path = report_spectroscopy(out)
    text = path.read_text(encoding="utf-8")
    import ewaldite

    view = ewaldite.load(out / VIEWS)["sample"]  # type: ignore[index]
    for number in (view["events"], view["masks"]["tube_end"]):
        assert f"{number:,}" in text
    cut = ewaldite.load(out / "cuts" / "e.nxs")
    assert f"{cut['reasons']['in_cut']:,}" in text  # type: ignore[index]
    assert "N_b is 1" in text
    assert "earliest_at_sample" in text
    assert "http" not in text.replace("http://www.w3.org", "")


def test_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no cuts/NAME\.nxs"):
        report_spectroscopy(tmp_path)
