"""What the place of a module changes, and the cells that are counted together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ewaldite.spectroscopy.calibrate.module_line import TOGETHER, Cells
from ewaldite.spectroscopy.calibrate.place import NAMES, Place
from ewaldite.spectroscopy.calibrate.powder import PowderLines
from ewaldite.spectroscopy.calibration import (
    Calibration,
    ModuleCalibration,
    TubeCalibration,
)
from ewaldite.spectroscopy.design import design_triplets
from ewaldite.spectroscopy.frames import Frames
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.primary import parked

LENGTH = 161.9988
PRIMARY = parked(LENGTH, 1.72e-3, Frames(0.143))
ARC = 2
TRIPLETS = [t for t in design_triplets() if t.arc == ARC and t.channel in (3, 4, 5)]
SPEED = 629.6223


def place(**start: float) -> Place:
    modules = {(ARC, 1): ModuleCalibration(**start), (ARC, 0): ModuleCalibration(along=0.5)}
    tubes = {(ARC, 4, 1): TubeCalibration(1.01, 1e-3), (0, 4, 1): TubeCalibration(5.0, 1.0)}
    return Place(TRIPLETS, PRIMARY, (ARC, 1), Calibration(tubes, modules))


def test_where_it_stands_is_where_the_instrument_has_it() -> None:
    where = ModuleCalibration(0.4, 2e-3, -1e-3)
    one = place(angle=0.1)
    tubes = {(ARC, 4, 1): TubeCalibration(1.01, 1e-3)}
    whole = Calibration(tubes, {(ARC, 1): where}).apply(TRIPLETS)
    instrument = Instrument.from_triplets(whole)
    arrival, angle, k_f = one.at(where)
    assert_allclose(angle, np.deg2rad(instrument.A4))
    assert_allclose(k_f, instrument.k_f)
    way_in = LENGTH / (SPEED * k_f) + 1.72e-3
    assert_allclose(arrival, way_in + instrument.final_time, rtol=1e-6)
    assert one.start == ModuleCalibration(0.1)
    assert place().start == ModuleCalibration()


@pytest.mark.parametrize("start", [{}, {"angle": 0.5, "along": 3e-3, "across": -2e-3}])
def test_slopes_foretell_small_moves(start: dict[str, float]) -> None:
    one = place(**start)
    assert one.slopes.shape == (3, 3, 3 * 300)
    small = np.array([0.05, 2e-4, -3e-4])
    now = one.start
    there = ModuleCalibration(now.angle + 0.05, now.along + 2e-4, now.across - 3e-4)
    moved = one.at(there) - one.at(now)
    expected = np.einsum("n,nqp->qp", small, one.slopes)
    for quantity in range(3):
        size = np.abs(moved[quantity]).max()
        assert_allclose(expected[quantity], moved[quantity], atol=0.02 * size)


def test_a_shift_along_makes_elastic_neutrons_early_and_an_angle_tells_sides_apart() -> None:
    slopes = dict(zip(NAMES, place().slopes, strict=True))
    # 60 to 68 µs for each mm
    early = -1e-3 * slopes["along"][0]
    assert np.all((early > 55e-6) & (early < 72e-6))
    # triplets come in the order of channels
    low, middle, high = slopes["angle"][0].reshape(3, -1).mean(axis=1)
    assert low * high < 0
    assert abs(middle) < 0.2 * min(abs(low), abs(high))


def run_of(rows: int, **more: Any) -> Any:
    """As much of elastic counts as cells need: two triplets, three tubes of 12 pixels."""
    channel, tube, pixel = np.meshgrid([4, 7], np.arange(3), np.arange(12), indexing="ij")
    one = SimpleNamespace(channel=channel.ravel(), tube=tube.ravel(), pixel=pixel.ravel())
    return SimpleNamespace(instrument=one, **more)


def test_cells_are_parts_of_one_tube() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(3.0, (72, 4))
    run = run_of(72, counts=counts)
    rows = np.arange(72)
    cells = Cells.of(run, rows)
    assert cells.triplet.size == 2 * 3 * 3  # 12 pixels are parts of 5, 5 and 2
    one = run.instrument
    for c in range(cells.triplet.size):
        mine = cells.number == c
        assert np.unique(one.channel[mine]).size == np.unique(one.tube[mine]).size == 1
        assert np.unique(one.pixel[mine] // TOGETHER).size == 1
        assert cells.triplet[c] == (one.channel[mine][0] == 7)
    sums = cells.sums(counts)
    assert_array_equal(sums.sum(axis=0), counts.sum(axis=0))
    assert_array_equal(sums[0], counts[:5].sum(axis=0))
    values = rng.normal(size=72)
    weight = counts.sum(axis=1) + 1e-3
    expected = [
        np.average(values[cells.number == c], weights=weight[cells.number == c])
        for c in range(18)
    ]
    assert_allclose(cells.means(values), expected)


def powder(where: Place) -> PowderLines:
    """Profiles of two tubes at two angles of the tank."""
    rows = np.stack([np.arange(100), np.arange(400, 500)] * 2)
    a4 = np.deg2rad([[30.0], [30.0], [75.0], [75.0]])
    middle = where.at(where.start)[1:, rows]
    whole = np.abs(middle[0] + a4)
    # lines in the middle of each tube at each angle
    q = np.sort(2 * middle[1, :, 50] * np.sin(whole[:, 50] / 2))
    shape = (4, q.size)
    return PowderLines(
        where, np.zeros(rows.shape), rows, a4, q, np.log([6e-3, 4e-3]), np.full((4, 1), 7.0),
        np.random.default_rng(2).uniform(20, 60, shape),
    )  # fmt: skip


def expected_counts(lines: PowderLines, where: ModuleCalibration) -> Any:
    """b + Σ a exp(-x²/2σ²) with x and σ of the line as they are defined."""
    values = lines.place.at(where)[1:, lines.rows]
    angle, k = np.abs(values[0] + lines.a4)[:, None], values[1][:, None]
    q_pixel = 2 * k * np.sin(angle / 2)
    half = np.arcsin(np.minimum(lines.q[:, None] / (2 * k), 1.0))
    x = (q_pixel - lines.q[:, None]) / (k * np.cos(half))
    s0, s1 = np.exp(lines.widths)
    variance = s0**2 + s1**2 * np.tan(half) ** 2
    shape = np.exp(-(x**2) / 2 / variance)
    return lines.level + (lines.strength[..., None] * shape).sum(axis=1)


def test_derivatives_of_powder_lines_are_those_of_the_formula() -> None:
    where = place()
    lines = powder(where)
    change, inner = lines._derivatives(*lines._pixels(where.start))
    now = expected_counts(lines, where.start)
    # level and strengths are linear: lines that cross a tube are there with their shape
    assert_allclose(inner[:, 0], 1.0)
    made = lines.level + np.einsum("pl,plx->px", lines.strength, inner[:, 1:])
    assert_allclose(made, now, atol=0.05 * lines.strength.max())
    for n, (name, step) in enumerate((("angle", 1e-3), ("along", 1e-6), ("across", 1e-6))):
        there = ModuleCalibration(**{name: step})
        slope = (expected_counts(lines, there) - now) / step
        size = np.abs(slope).max()
        assert np.abs(change[:, n]).max() == pytest.approx(size, rel=0.1)
        assert_allclose(change[:, n], slope, atol=0.05 * size)
    for n in range(2):
        step = np.zeros(2)
        step[n] = 1e-4
        lines.widths = lines.widths + step
        slope = (expected_counts(lines, where.start) - now) / 1e-4
        lines.widths = lines.widths - step
        assert_allclose(change[:, 3 + n], slope, atol=0.05 * np.abs(slope).max())


def test_widths_stay_within_reason() -> None:
    lines = powder(place())
    lines.widen(np.array([9.0, -9.0]))
    assert_allclose(lines.widths, np.log([6e-3 * np.e**0.3, 4e-3 / np.e**0.3]))
    for _ in range(30):
        lines.widen(np.array([9.0, -9.0]))
    assert_allclose(np.exp(lines.widths), [0.05, 1e-4])
