"""Flags of events that are no inelastic scattering of the sample, from the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ewaldite.kernels import event_masks as kernel
from kernels.events_test import turn
from kernels.raw_events import CONSTANTS, PERIOD, Raw

BIT = 1 << 9
AXES = np.array([[1.2, 0.3, 0.0], [0.0, 1.0, -0.2], [0.1, 0.0, 0.9]])
RNG = np.random.default_rng(5)


def none(n: int) -> Any:
    return np.full(n, 1, np.uint32)


def flagged(flags: Any) -> Any:
    """What was flagged; other flags stay."""
    assert np.all(flags & 1)
    assert not np.any(flags & ~np.uint32(BIT | 1))
    return (flags & BIT) > 0


def distance(hkl: Any) -> Any:
    return np.linalg.norm(AXES @ (hkl - np.round(hkl)), axis=0)


def test_bragg_peaks_are_balls_within_a_width_of_energy() -> None:
    hkl = RNG.uniform(-2, 2, (3, 2000))
    transfer = RNG.uniform(-1, 1, 2000)
    hkl[:, 0], transfer[0] = [1, -2, 0], 0.3  # in the middle, at the end of the width
    hkl[:, 1], transfer[1] = [1, -2, 0], -0.3
    hkl[:, 2], transfer[2] = [1, -2, 0], 0.3001
    flags = none(2000)
    kernel.flag_bragg(hkl, transfer, AXES, 0.25, 0.3, BIT, flags)
    found = flagged(flags)
    assert_array_equal(found, (distance(hkl) <= 0.25) & (np.abs(transfer) <= 0.3))
    assert found[:3].tolist() == [True, True, False]
    assert 20 < found.sum() < 1000
    lost = none(1)
    kernel.flag_bragg(np.full((3, 1), np.nan), np.zeros(1), AXES, 9.0, 1.0, BIT, lost)
    assert not flagged(lost).any()


def some_events(n: int = 600) -> tuple[Any, Any, Any, Any, Raw]:
    raw = Raw()
    row = RNG.integers(-1, 5, n).astype(np.int32)
    return row, RNG.uniform(0.15, 0.21, n), *RNG.uniform(-1, 1, (2, n)), raw


def test_the_spurion_of_currat_and_axe_is_where_its_own_wavenumber_meets_a_peak() -> None:
    row, time, a3, a4, raw = some_events()
    path, clock = np.array([2.5, 2.7, 2.9, 3.0, 3.1]), np.array([162.0, 1.7e-3])
    to_hkl = np.linalg.inv(AXES)
    flags = none(row.size)
    kernel.flag_currat_axe(
        time, a3, a4, row, raw.pixel, path, clock, CONSTANTS[0], to_hkl, AXES, 0.3, BIT, flags
    )
    expected = np.zeros(row.size, bool)
    for e in np.flatnonzero(row >= 0):
        pixel = raw.pixel[row[e]]
        # one speed from the beginning to the detector
        speed = (clock[0] + path[row[e]]) / (time[e] + pixel[0] - clock[1])
        k = speed / CONSTANTS[0]
        direction = turn(a4[e]) @ pixel[1:4] / np.linalg.norm(pixel[1:4])
        q = turn(-a3[e]) @ (k * np.array([0, 0, 1.0]) - k * direction)
        expected[e] = distance((to_hkl @ q)[:, None])[0] <= 0.3
    assert_array_equal(flagged(flags), expected)
    assert 10 < expected.sum() < 500


@pytest.mark.parametrize("order", [2, 3])
def test_elastic_scattering_of_a_higher_order(order: int) -> None:
    row, _, _, _, raw = some_events()
    time = RNG.uniform(0.0, 0.3, row.size)
    clock = np.array([162.0, 1.7e-3, PERIOD])
    flags = none(row.size)
    kernel.flag_order(time, row, raw.pixel, clock, CONSTANTS[0], order, 0.05, BIT, flags)
    expected = np.zeros(row.size, bool)
    for e in np.flatnonzero(row >= 0):
        pixel = raw.pixel[row[e]]
        k_f = np.linalg.norm(pixel[1:4])
        # taken as of k_f it left its real final time too early
        real = time[e] + pixel[0] - pixel[0] / order - clock[1]
        flight = clock[0] / (CONSTANTS[0] * order * k_f)
        energies = [(flight / (real + n * PERIOD)) ** 2 for n in range(-6, 7)]
        nearest = min(range(13), key=lambda n: abs(real + (n - 6) * PERIOD - flight))
        expected[e] = abs(energies[nearest] - 1.0) <= 0.05
    assert_array_equal(flagged(flags), expected)
    assert 5 < expected.sum() < 300


def winding(x: float, y: float, corners: Any) -> bool:
    """Whether a polygon goes round a point, from the angles of its sides."""
    to = corners - np.array([x, y])
    angle = np.arctan2(to[:, 1], to[:, 0])
    turned = np.diff(np.append(angle, angle[0]))
    return bool(abs(np.sum((turned + np.pi) % (2 * np.pi) - np.pi)) > np.pi)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(3, 9), st.integers(0, 2**32))
def test_points_in_a_polygon_without_crossings(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    around = np.sort(rng.uniform(0, 2 * np.pi, n))
    radius = rng.uniform(0.3, 1.0, n)
    corners = np.stack([radius * np.cos(around), radius * np.sin(around)], axis=1)
    x, y = rng.uniform(-1.1, 1.1, (2, 40))
    for shape in (corners, corners[::-1].copy()):
        flags = none(40)
        kernel.flag_polygon(x, y, shape, BIT, flags)
        assert_array_equal(flagged(flags), [winding(*p, shape) for p in zip(x, y, strict=True)])


def test_neighbouring_polygons_share_no_point() -> None:
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(0, 2, 9), np.linspace(0, 1, 5)))
    seen = np.zeros(x.size, int)
    for left in (0.0, 1.0):
        corners = np.array([[left, 0], [left + 1, 0], [left + 1, 1], [left, 1]])
        flags = none(x.size)
        kernel.flag_polygon(x, y, corners, BIT, flags)
        seen += flagged(flags)
    assert_array_equal(seen, (x < 2) & (y < 1))
