"""What fits of a calibration say to people, and to the file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from ewaldite.errors import UserError
from ewaldite.spectroscopy.calibrate import report
from ewaldite.spectroscopy.calibrate.module_fit import ModuleFit
from ewaldite.spectroscopy.calibrate.modules import ModulesFit, fit_modules
from ewaldite.spectroscopy.calibrate.options import CalibrateOptions
from ewaldite.spectroscopy.calibrate.tubes import TubeFit
from ewaldite.spectroscopy.calibrate.zero import TimeZeroFit
from ewaldite.spectroscopy.calibration import (
    Calibration,
    ModuleCalibration,
    TubeCalibration,
)
from ewaldite.spectroscopy.time_zero import TimeZero

NOTHING = np.zeros(0)
ONE = ModuleFit(
    module=(2, 1),
    value=ModuleCalibration(0.25, 1.5e-3, -0.5e-3),
    error=ModuleCalibration(0.01, 2e-4, 3e-4),
    events=12_345.4,
    width=3e-4,
    misfit=1.25,
    lines=17,
    channels=(3, 4, 5),
    late=NOTHING,
    late_error=NOTHING,
    common_angle=0.12,
    common_angle_error=0.02,
)


def test_modules_are_counted_from_one_in_degrees_and_mm() -> None:
    header, line, *rest = report.module_lines(ModulesFit((ONE,)))
    assert header.split()[:2] == ["arc", "module"]
    words = "3 2 +0.250 ± 0.010 +1.500 ± 0.200 -0.500 ± 0.300 12,345 1.25 17"
    assert line.split() == words.split()
    assert rest == []


def test_shifts_that_were_not_fitted_have_no_error() -> None:
    error = replace(ONE.error, across=np.inf)
    lines = report.module_lines(ModulesFit((replace(ONE, error=error),)))
    assert "-0.500 ±" not in lines[1]
    assert lines[-1].startswith("shifts across stay as they were")
    options = report.module_options(replace(ONE, error=error))
    assert options.across_error is None
    assert options.along_error == "0.2000 mm"


def test_options_of_the_file_are_read_as_they_were_fitted() -> None:
    options = report.module_options(ONE)
    assert (options.arc, options.module) == (3, 2)
    assert (options.angle, options.angle_error) == (0.25, 0.01)
    assert (options.along, options.across) == ("1.5000 mm", "-0.5000 mm")
    tube = TubeFit(
        (0, 8, 2), TubeCalibration(1.0123456789, -2e-4), 1e-3, 5e-5, 3000.0, 1.1, NOTHING,
        NOTHING, NOTHING,
    )  # fmt: skip
    written = report.tube_options(tube)
    assert (written.arc, written.channel, written.tube) == (1, 9, 3)
    assert written.gain == 1.012346
    assert (written.offset, written.offset_error) == ("-0.2000 mm", "0.0500 mm")
    _, line = report.tube_lines((tube,), ())
    assert line.split() == [
        "1",
        "9",
        "3",
        "1.0123",
        "±",
        "0.0010",
        "-0.200",
        "±",
        "0.050",
        "3,000",
        "1.10",
    ]


SHARED = [((0.12, 0.11, 0.13), True), ((0.02, 0.03, 0.01), False), ((0.12, 0.12), False)]


@pytest.mark.parametrize(("angles", "said"), SHARED)
def test_an_angle_that_all_share_is_said(angles: tuple[float, ...], said: bool) -> None:
    fits = tuple(replace(ONE, common_angle=a) for a in angles)
    lines = report.module_lines(ModulesFit(fits))
    found = [line for line in lines if "share a shift of A4" in line]
    assert len(found) == said
    if said:
        # the mean of three, each to 0.02
        assert "by +0.120 ± 0.012 degrees" in found[0]


def test_a_time_zero_of_the_powder_and_what_was_skipped() -> None:
    fit = ModulesFit((ONE,), 12.34e-6, 0.56e-6, tuple(f"arc {n}" for n in range(7)))
    lines = report.module_lines(fit)
    assert "+12.3 ± 0.6 µs" in lines[2]
    assert lines[-6:-1] == [f"not fitted: arc {n}" for n in range(5)]
    assert lines[-1] == "not fitted: 2 more"


@pytest.mark.parametrize(("misfit", "noted"), [(4.0, False), (4.1, True)])
def test_time_zero_of_arcs(misfit: float, noted: bool) -> None:
    arcs = {0: TimeZero(1e-5, 1e-6, 900), 3: TimeZero(-2e-6, 2e-6, 1234)}
    fit = TimeZeroFit(8e-6, 9e-7, arcs, misfit, NOTHING, np.zeros((2, 0), int))
    lines = report.time_zero_lines(fit)
    assert lines[1].split() == ["1", "+10.0", "±", "1.0", "900"]
    assert lines[2].split() == ["4", "-2.0", "±", "2.0", "1,234"]
    assert lines[3].split() == ["all", "+8.0", "±", "0.9"]
    assert (len(lines) == 5) == noted


def test_parts_that_are_lit_ascend() -> None:
    assert CalibrateOptions(lit=[(-0.4, 0.0), (0.1, 0.3)]).lit == [(-0.4, 0.0), (0.1, 0.3)]
    for lit in ([(0.1, 0.0)], [(0.0, 0.2), (0.2, 0.4)], [(0.3, 0.4), (0.0, 0.1)]):
        with pytest.raises(ValidationError, match="parts must ascend and be apart"):
            CalibrateOptions(lit=lit)
    with pytest.raises(ValidationError, match="they must be positive"):
        CalibrateOptions(d_spacings=[2.0, 0.0])


def test_shifts_along_with_the_time_zero_need_a_powder() -> None:
    with pytest.raises(UserError, match="there are no powder lines"):
        fit_modules([], Calibration(), free_time_zero=True)
