from __future__ import annotations

import numpy as np

from ewaldite.plot.calibration import calibration_figure
from ewaldite.plot.style import figure_bytes
from ewaldite.spectroscopy.calibrate.module_fit import ModuleFit
from ewaldite.spectroscopy.calibrate.modules import ModulesFit
from ewaldite.spectroscopy.calibrate.tubes import TubeFit
from ewaldite.spectroscopy.calibrate.zero import TimeZeroFit
from ewaldite.spectroscopy.calibration import ModuleCalibration, TubeCalibration
from ewaldite.spectroscopy.time_zero import TimeZero


def module(arc: int, number: int, across: float) -> ModuleFit:
    return ModuleFit(
        (arc, number), ModuleCalibration(0.1 * number, 1e-3, 2e-3),
        ModuleCalibration(0.02, 1e-4, across), 1000.0, 4e-4, 1.1, 3, (0, 1, 2),
        np.array([1e-6, -2e-6, 0.0]), np.full(3, 2e-6),
    )  # fmt: skip


def test_modules_are_drawn_with_their_errors() -> None:
    fit = ModulesFit(
        tuple(module(a, m, np.inf if a else 3e-4) for a in (0, 4) for m in range(3))
    )
    figure = calibration_figure(fit)
    assert len(figure.axes) == 4
    angle = figure.axes[0].containers[0].lines[0]
    np.testing.assert_allclose(angle.get_ydata(), [0, 0.1, 0.2, 0, 0.1, 0.2])
    np.testing.assert_allclose(angle.get_xdata()[[0, 1, 2, 4]], [0.75, 1.0, 1.25, 5.0])
    # Shifts across without an error are no points with a bar
    assert figure.axes[2].containers[0].lines[0].get_ydata().size == 3
    assert len(figure_bytes(figure)) > 10_000


def test_tubes_are_drawn_with_the_worst_one() -> None:
    place, counts = np.linspace(-0.1, 0.1, 20), np.full(20, 5.0)
    fits = tuple(
        TubeFit((0, 0, n), TubeCalibration(1 + n / 100, 1e-3), 1e-3, 1e-4, 100.0, misfit, place,
                counts * n, counts)
        for n, misfit in enumerate((1.0, 3.0, 0.5))
    )  # fmt: skip
    figure = calibration_figure(fits)
    gain, offset, worst = figure.axes
    np.testing.assert_allclose(gain.containers[0].lines[0].get_ydata(), [1, 1.01, 1.02])
    np.testing.assert_allclose(offset.containers[0].lines[0].get_ydata(), 1.0)
    assert "tube 2" in worst.get_title(loc="left")


def test_the_line_of_each_arc_is_drawn() -> None:
    late = (np.arange(100) - 49.5) * 25e-6
    counts = np.stack([np.exp(-0.5 * (late / 3e-4) ** 2) * 1000] * 2).astype(np.int64)
    arcs = {0: TimeZero(1e-5, 1e-6, 1000), 3: TimeZero(2e-5, 1e-6, 1000)}
    figure = calibration_figure(TimeZeroFit(1.5e-5, 7e-7, arcs, 1.0, late, counts))
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["arc 1", "arc 4"]
    assert axes.get_title(loc="left") == "time zero +15.0 ± 0.7 µs"
