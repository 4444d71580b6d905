"""Planted errors of the instrument, found by ``ewaldite spectroscopy calibrate``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ewaldite.cli.app import main
from ewaldite.errors import UserError
from ewaldite.simulate.bifrost import Misalignment
from ewaldite.spectroscopy.calibrate.modules import ModulesFit
from ewaldite.spectroscopy.calibrate.workflow import Calibrated, calibrate
from ewaldite.spectroscopy.calibrate.zero import TimeZeroFit
from ewaldite.spectroscopy.calibration_file import read_calibration
from ewaldite.spectroscopy.config import read_config
from spectroscopy.calibrate.misaligned import (
    PARKED,
    VANADIUM,
    configuration,
    only,
    powder,
    spacings,
    write,
)

ARCS = (2, 4)
PLANTED = Misalignment.drawn(
    np.random.default_rng(7), gain=0.01, offset=2e-3, angle=0.3, shift=3e-3
)
MODULES = only(PLANTED, "angle", "along", "across")


def run(path: Path, **options: object) -> Calibrated:
    return calibrate(read_config(path, calibrated=False), base=path.parent, **options)  # type: ignore[arg-type]


def differences(made: Calibrated) -> tuple[np.ndarray, np.ndarray]:
    """Found minus planted, and errors; dims (module, angle along across), degrees and mm."""
    assert isinstance(made.fit, ModulesFit)
    names, scale = ("angle", "along", "across"), np.array([1.0, 1e3, 1e3])
    off = [
        [getattr(f.value, n) - getattr(PLANTED, n)[f.module] for n in names]
        for f in made.fit.modules
    ]
    error = [[getattr(f.error, n) for n in names] for f in made.fit.modules]
    return np.array(off) * scale, np.array(error) * scale


def test_gains_and_offsets_of_tubes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planted = only(PLANTED, "gain", "offset")
    write(tmp_path / "v.nxs", VANADIUM, arcs=(4,), misalignment=planted, lit=0.9, pulses=9000)
    path = configuration(tmp_path, ["v.nxs"], "[calibrate]\nlit = [[-0.9, 0.9]]")
    with pytest.raises(SystemExit) as left:
        main(["spectroscopy", "calibrate", str(path), "--what", "along-tube"])
    assert left.value.code in (0, None)
    assert "±" in capsys.readouterr().out
    assert (tmp_path / "calibration.png").stat().st_size > 10_000
    found = read_calibration(tmp_path / "calibration.toml")
    assert len(found.tube) == 27
    assert [(t.channel, t.tube) for t in found.tube[:4]] == [(1, 1), (1, 2), (1, 3), (2, 1)]
    place = [(t.arc - 1, t.channel - 1, t.tube - 1) for t in found.tube]
    gain = np.array([t.gain for t in found.tube]) - [planted.gain[p] for p in place]
    error = np.array([t.gain_error for t in found.tube])
    offset = [float(t.offset.split()[0]) - 1e3 * planted.offset[p]
              for t, p in zip(found.tube, place, strict=True)]  # fmt: skip
    offset_error = np.array([float(str(t.offset_error).split()[0]) for t in found.tube])
    for off, sure in ((gain, error), (np.array(offset), offset_error)):
        assert np.sqrt(np.mean((off / sure) ** 2)) == pytest.approx(1.0, abs=0.35)
        assert np.abs(off / sure).max() < 4.5
    assert np.abs(gain).max() < 0.005
    assert np.abs(offset).max() < 0.6  # mm


def test_modules_from_the_elastic_line(tmp_path: Path) -> None:
    write(tmp_path / "v.nxs", VANADIUM, arcs=ARCS, misalignment=MODULES, pulses=14_000)
    made = run(configuration(tmp_path, ["v.nxs"]), what="modules")
    off, error = differences(made)
    assert off.shape == (6, 3)
    assert np.abs(off[:, 0]).max() < 0.1
    assert np.abs(off[:, 1]).max() < 1.0
    assert np.abs(off[:, :2] / error[:, :2]).max() < 4.0
    # It does not tell shifts across, which stay
    assert np.all(np.isinf(error[:, 2]))
    assert all(m.across == "0.0000 mm" for m in read_calibration(made.path).module)
    assert any("a powder does" in line for line in made.lines)


def test_modules_from_a_powder_at_several_angles(tmp_path: Path) -> None:
    sample = powder()
    files = []
    for number, a4 in enumerate((50.0, 72.0, 95.0)):
        files.append(f"p{number}.nxs")
        write(tmp_path / files[-1], sample, arcs=(4,), misalignment=MODULES, a4=a4,
              pulses=2500, late=40e-6, seed=number)  # fmt: skip
    lines = f"[calibrate]\nd_spacings = {spacings(sample)}"
    made = run(configuration(tmp_path, files, lines), what="modules")
    late = run(
        configuration(tmp_path, files, lines + '\nalong = "powder"'),
        what="modules",
        output=tmp_path / "late.toml",
    )
    # Without the time zero, shifts along the beam are off by it; with it all is found
    off, _ = differences(made)
    assert np.all(np.abs(off[:, 1] + 0.65) < 0.2)
    off, error = differences(late)
    assert np.abs(off[:, 0]).max() < 0.1
    assert np.abs(off[:, 1]).max() < 1.0
    assert np.abs(off[:, 2]).max() < 0.5
    assert np.abs(off / error).max() < 4.0
    assert isinstance(late.fit, ModulesFit)
    assert late.fit.time_zero == pytest.approx(40e-6, abs=15e-6)
    assert read_calibration(late.path).time_zero is not None


def test_a_time_zero_and_the_file_that_holds_it(tmp_path: Path) -> None:
    for number, late in enumerate((123e-6, 0.0)):
        write(tmp_path / f"v{number}.nxs", VANADIUM, arcs=(1, 2, 3), late=late, pulses=2500)
    path = configuration(tmp_path, ["v0.nxs"], "[calibration]\nfile = 'calibration.toml'")
    first = run(path, what="time-zero")
    assert isinstance(first.fit, TimeZeroFit)
    assert first.fit.value == pytest.approx(123e-6, abs=5e-6)
    assert first.fit.error < 2e-6
    again = run(path, what="time-zero")
    assert isinstance(again.fit, TimeZeroFit)
    assert abs(again.fit.value) < 1e-6
    assert read_config(path).primary.time_zero == read_calibration(again.path).time_zero
    # The rest of the file stays
    modules = run(path, what="modules")
    kept = read_calibration(modules.path)
    assert kept.time_zero == read_calibration(again.path).time_zero
    assert len(kept.module) == 9


def test_a_time_zero_with_the_choppers_parked(tmp_path: Path) -> None:
    write(
        tmp_path / "v.nxs", VANADIUM, arcs=(1, 2, 3), late=-60e-6, pulses=16_000, source=PARKED
    )
    made = run(configuration(tmp_path, ["v.nxs"], mode="parked"), what="time-zero")
    assert isinstance(made.fit, TimeZeroFit)
    assert made.fit.value == pytest.approx(-60e-6, abs=5e-6)
    assert abs(made.fit.value + 60e-6) < 4 * made.fit.error


def test_what_cannot_be_told_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "v.nxs", VANADIUM, arcs=(2,), pulses=300)
    both = configuration(tmp_path, ["v.nxs"], '[calibrate]\nalong = "powder"')
    with pytest.raises(UserError, match="tells only both together"):
        run(both)
    lines = '[calibrate]\nd_spacings = [3.0]\nalong = "powder"'
    with pytest.raises(UserError, match="no line of the powder crosses it"):
        run(configuration(tmp_path, ["v.nxs"], lines))
    with pytest.raises(UserError, match="none of 27 can be"):
        run(configuration(tmp_path, ["v.nxs"]), what="along-tube")
    with pytest.raises(UserError, match="fewer than 90000 elastic events"):
        run(configuration(tmp_path, ["v.nxs"], "[calibrate]\nminimum = 90000"), what="modules")
    with pytest.raises(UserError, match=r"no \[\[run\]\]"):
        run(configuration(tmp_path, []))
    with pytest.raises(UserError, match="as wide as the pulse"):
        run(
            configuration(tmp_path, ["v.nxs"], mode="parked"),
            what="modules",
        )
    assert not (tmp_path / "calibration.toml").exists()
