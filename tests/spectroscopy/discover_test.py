from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.config_template import write_template
from ewaldite.spectroscopy.discover import discover
from ewaldite.spectroscopy.first_arrival import guess_first_arrival
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.workflow import reduce_cuts
from spectroscopy.raw_files import Raw, write
from spectroscopy.simulated_files import PARKED
from spectroscopy.tiny import write_tiny

EVENTS = {(4, 0): [(401, 10_000_000, 5), (500, 50_000_000, 7)]}


def log(value: float) -> list[tuple[float, float]]:
    return [(0.0, value), (1.0, value)]


CHOPPERS = [
    {"name": f"pulse_shaping_chopper_{n}", "distance": 6.3, "speed": log(14), "delay": log(0.1)}
    for n in (1, 2)
] + [{"name": "bandwidth_chopper_1", "distance": 78.0, "speed": log(14), "delay": log(0.1)}]


def test_a_template_reads_back_as_what_was_found(tmp_path: Path) -> None:
    write(tmp_path / "b.nxs", Raw(EVENTS, a3=((0.0, 0.0), (1.0, 30.0))))
    write(tmp_path / "a.hdf", Raw(EVENTS, layout="ess"))
    (tmp_path / "c.nxs").write_text("no")
    found = discover(tmp_path)
    lines = found.lines()
    assert (
        lines[0] == ("run: a.hdf, 2 events, a3 0°, a4 50°, pulse-shaping choppers parked")
        or "not logged" in lines[0]
    )
    assert "a3 0° to 30°" in lines[1]
    assert lines[2] == "not used: c.nxs: it is not an HDF5 file"
    path = write_template(found)
    options = read_config(path)
    assert [run.file for run in options.run] == [Path("a.hdf"), Path("b.nxs")]
    assert [cut.name for cut in options.cut] == ["powder"]
    assert options.model_copy(update={"run": [], "cut": []}) == SpectroscopyOptions()
    assert "MISSING: no chopper says it" in path.read_text()
    with pytest.raises(UserError, match="it is there already"):
        write_template(found)


def test_every_option_is_in_the_template(tmp_path: Path) -> None:
    write(tmp_path / "a.nxs", Raw(EVENTS))
    text = write_template(discover(tmp_path)).read_text()
    for name, field in SpectroscopyOptions.model_fields.items():
        model = field.annotation
        for option in getattr(model, "model_fields", {}):
            assert f"{option} = " in text, f"[{name}] {option}"


def test_spinning_choppers_are_seen(tmp_path: Path) -> None:
    write(tmp_path / "a.nxs", Raw(EVENTS, choppers=CHOPPERS))
    found = discover(tmp_path)
    assert found.runs[0].spinning
    assert found.runs[0].band
    path = write_template(found, tmp_path / "other.toml")
    assert read_config(path).primary.mode == "spinning"
    assert "MISSING" not in path.read_text()


def test_a_folder_without_raw_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of its 0 HDF5 files"):
        discover(tmp_path)
    (tmp_path / "x.nxs").write_text("no")
    with pytest.raises(UserError, match=r"none of its 1 .*it is not an HDF5 file"):
        discover(tmp_path)
    with pytest.raises(UserError, match="No such file"):
        discover(tmp_path / "nowhere")


def test_a_folder_of_a_whole_measurement_is_ready_to_run(tmp_path: Path) -> None:
    config = write_tiny(tmp_path)
    config.unlink()
    (tmp_path / "v.nxs").rename(tmp_path / "vanadium_1.nxs")
    found = discover(tmp_path)
    assert {run.path.stem: run.role for run in found.runs} == {
        "sample": "run", "vanadium_1": "vanadium", "empty": "empty"
    }  # fmt: skip
    assert "in the frame in which 5 of 5 arcs" in found.lines()[3]
    path = write_template(found)
    options = read_config(path)
    assert [run.file for run in options.run] == [Path("sample.nxs")]
    assert options.vanadium is not None
    assert options.vanadium.file == Path("vanadium_1.nxs")
    assert options.background is not None
    assert options.background.file == Path("empty.nxs")
    assert options.time_background is None
    assert "# [time_background]\n" in path.read_text("utf-8")
    early = parse_quantity(str(options.primary.earliest_at_sample), "s", "")
    assert early == pytest.approx(PARKED.earliest_at_sample, abs=1e-3)
    made = reduce_cuts(options, tmp_path / "out", base=tmp_path, log=logging.getLogger("t"))
    reasons = made[0].data["reasons"]
    # the cut holds all that was measured
    assert reasons["outside"] == 0
    assert reasons["in_cut"] > 1000


def test_a_vanadium_run_alone_is_a_run(tmp_path: Path) -> None:
    write(tmp_path / "V_3.nxs", Raw(EVENTS))
    options = read_config(write_template(discover(tmp_path)))
    assert options.vanadium is None
    assert len(options.run) == 1


def test_first_arrival_from_a_gap() -> None:
    """Any position of the gap in the frame, also across its ends."""
    period, far, near = 1 / 14, 161.4358, 161.9988
    edges = np.linspace(0, period, 501)
    for begin in (0.012, 0.030, 0.0685, period - 0.0001):
        time = np.mod(np.arange(500) / 500 * period - begin, period)
        counts = np.where(time < 0.004, 0.0, 100.0)
        guess = guess_first_arrival(edges, counts, far, near, 1.72e-3, period)
        assert guess is not None
        assert guess.gap == pytest.approx(0.004, abs=3e-4)
        at_monitor = 1.72e-3 + (guess.time - 1.72e-3) * far / near
        # the middle of the gap, in a frame that begins before the fastest elastic neutrons
        off = np.mod(at_monitor - begin - 0.002 + period / 2, period) - period / 2
        assert abs(off) < 3e-4
        assert 0.10 < guess.time < 0.23
    assert guess_first_arrival(edges, np.zeros(500), far, near, 1.72e-3) is None
    # hardly a gap: the smallest rate
    counts = np.full(500, 100.0)
    assert guess_first_arrival(edges, counts, far, near, 1.72e-3) is None
    counts[77] = 5.0
    guess = guess_first_arrival(edges, counts, far, near, 1.72e-3)
    assert guess is not None
    assert guess.gap == pytest.approx(period / 500)
