from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.crystal.ub import busing_levy, hkl_matrix, orient
from ewaldite.io.bifrost.events import EventSlab
from ewaldite.kernels.event_masks import flag_polygon
from ewaldite.model.time_log import TimeLog
from ewaldite.spectroscopy.converted import Converted
from ewaldite.spectroscopy.converter import Converter
from ewaldite.spectroscopy.design import design_triplets
from ewaldite.spectroscopy.frames import PULSE_PERIOD, Frames
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.primary import parked
from ewaldite.spectroscopy.rejection import Polygon, Rejection
from ewaldite.spectroscopy.sample_frame import SampleFrame

SPEED = 629.6223  # m/s Å
K2 = 2.0721248
EMISSION, EARLIEST = 1.72e-3, 0.143
INSTRUMENT = Instrument.from_triplets(design_triplets())
LENGTH = INSTRUMENT.primary_length
CELL = (5.0, 5.0, 7.0, 90.0, 90.0, 120.0)
B = busing_levy(CELL)
CRYSTAL = SampleFrame(hkl_matrix(orient(B, (1, 0, 0), (0, 0, 1)), B))


def converted(
    rows: np.ndarray,
    arrival: np.ndarray,
    a3: float,
    rejection: Rejection,
    earliest: float = EARLIEST,
) -> tuple[Converter, Converted]:
    """Convert events that arrive at the detector at a time after their pulse."""
    turned = INSTRUMENT.turned(a3=TimeLog.constant(a3), a4=TimeLog.constant(30.0))
    converter = Converter(
        turned, parked(LENGTH, EMISSION, Frames(earliest)), CRYSTAL, rejection=rejection
    )
    events = EventSlab(
        0,
        turned.detector_number[rows],
        np.mod(arrival, PULSE_PERIOD),
        1.0,
        0,
        np.array([0, len(rows)]),
    )
    return converter, converter.convert(events, np.zeros(1), converter.pulse_flags(np.zeros(1)))


ROWS = np.arange(0, 13_500, 7)


@settings(deadline=None, max_examples=10)
@given(st.floats(-60, 60), st.floats(0.02, 0.3))
def test_bragg_is_a_ball_around_whole_hkl(a3: float, radius: float) -> None:
    rng = np.random.default_rng(0)
    arrival = rng.uniform(EARLIEST, EARLIEST + PULSE_PERIOD, ROWS.size)
    converter, events = converted(ROWS, arrival, a3, Rejection(radius, 0.5))
    axes = np.linalg.inv(CRYSTAL.to_hkl)
    hkl = events.hkl
    off = axes @ (hkl - np.floor(hkl + 0.5))
    distance = np.linalg.norm(off, axis=0)
    expected = (distance <= radius) & (np.abs(events.energy_transfer) <= 0.5)
    unclear = np.abs(distance - radius) < 1e-9
    found = converter.bits.of(events.flags, "bragg")
    np.testing.assert_array_equal(found[~unclear], expected[~unclear])
    np.testing.assert_allclose(axes @ hkl, events.q_table, atol=1e-10)


def bragg_wavenumber(row: int, hkl: tuple[int, int, int]) -> tuple[float, float]:
    """Wavenumber and a3 at which a reflection is elastic in the direction of a pixel."""
    q = np.linalg.norm(2 * np.pi * B @ np.array(hkl))
    angle = np.deg2rad(INSTRUMENT.A4[row] + 30.0)
    k = q / (2 * abs(np.sin(angle / 2)))
    lab = k * (np.array([0, 0, 1.0]) - np.array([np.sin(angle), 0, np.cos(angle)]))
    table = 2 * np.pi * orient(B, (1, 0, 0), (0, 0, 1)) @ B @ np.array(hkl)
    a3 = np.arctan2(lab[0], lab[2]) - np.arctan2(table[0], table[2])
    return float(k), float(np.rad2deg(a3))


@pytest.mark.parametrize("hkl", [(1, 0, 0), (1, 0, 1), (0, 0, 2)])
@pytest.mark.parametrize("row", [650, 4450, 8850])
def test_currat_axe_is_where_the_analyser_scatters_bragg_peaks(
    row: int, hkl: tuple[int, int, int]
) -> None:
    k, a3 = bragg_wavenumber(row, hkl)
    v, v_f = SPEED * k, SPEED * INSTRUMENT.k_f[row]
    arrival = EMISSION + (LENGTH + INSTRUMENT.L2[row]) / v
    rejection = Rejection(currat_axe_radius=0.02)
    earliest = EMISSION + LENGTH / v - 0.03
    _, seen = converted(np.array([row]), np.array([arrival]), a3, rejection, earliest)
    # The time-of-flight form of the condition
    apparent = SPEED * seen.k_i[0]
    np.testing.assert_allclose(
        LENGTH / apparent, LENGTH / v + INSTRUMENT.L2[row] * (1 / v - 1 / v_f), rtol=1e-6
    )
    shifts = np.array([0.0, 2e-3, -2e-3])
    converter, events = converted(np.full(3, row), arrival + shifts, a3, rejection, earliest)
    np.testing.assert_array_equal(
        converter.bits.of(events.flags, "currat_axe"), [True, False, False]
    )


@pytest.mark.parametrize(("order", "name"), [(2, "half_wavelength"), (3, "third_wavelength")])
def test_higher_orders_are_where_their_elastic_line_arrives(order: int, name: str) -> None:
    k_f = INSTRUMENT.k_f[ROWS]
    arrival = EMISSION + (LENGTH + INSTRUMENT.L2[ROWS]) / (order * SPEED * k_f)
    rejection = Rejection(order_width=0.01)
    for shift, expected in ((0.0, True), (0.003, False), (-0.003, False)):
        converter, events = converted(ROWS, arrival + shift, 0.0, rejection)
        found = converter.bits.of(events.flags, name)
        assert np.all(found == expected)
    # The width is that of the energy: dE/E = 2 dt/t
    for part, expected in ((0.9, True), (1.1, False)):
        late = part * 0.01 / 2 * (arrival - EMISSION)
        converter, events = converted(ROWS, arrival + late, 0.0, rejection)
        found = converter.bits.of(events.flags, name)
        assert np.mean(found == expected) > 0.95


AXES = ("h", "k", "l", "Q", "energy_transfer", "incident_energy", "A4")


@pytest.mark.parametrize("axis", AXES)
def test_polygons_over_any_axis(axis: str) -> None:
    rng = np.random.default_rng(2)
    arrival = rng.uniform(EARLIEST, EARLIEST + PULSE_PERIOD, ROWS.size)
    _, plain = converted(ROWS, arrival, 12.0, Rejection())
    values = {
        **dict(zip("hkl", plain.hkl, strict=True)),
        "Q": np.linalg.norm(plain.q_table, axis=0),
        "energy_transfer": plain.energy_transfer,
        "incident_energy": K2 * plain.k_i**2,
        "A4": plain.A4,
    }
    low, high = np.quantile(values[axis], [0.3, 0.6]) + np.array([-1e-3, 1e-3])
    corners = np.array([(low, -1.0), (low, 1.0), (high, 1.0), (high, -1.0)])
    polygon = Polygon("region", (axis, "energy_transfer"), corners)
    converter, events = converted(ROWS, arrival, 12.0, Rejection(polygons=(polygon,)))
    x, y = values[axis], values["energy_transfer"]
    expected = (x > low) & (x < high) & (np.abs(y) < 1.0)
    found = converter.bits.of(events.flags, "region")
    clear = np.minimum(np.abs(x - low), np.abs(x - high)) > 1e-6
    np.testing.assert_array_equal(found[clear], expected[clear])


def test_polygons_may_be_hollow() -> None:
    corners = np.array([(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)])
    x = np.array([2.0, 2.0, 0.5, 3.5, 5.0, -1.0])
    y = np.array([0.5, 2.0, 2.0, 2.0, 2.0, 0.0])
    flags = np.zeros(6, np.uint32)
    flag_polygon(x, y, corners.astype(float), 4, flags)
    np.testing.assert_array_equal(flags, [4, 0, 4, 4, 0, 0])


def test_rejection_knows_what_it_needs() -> None:
    assert not Rejection(order_width=0.1).needs_hkl
    assert Rejection(bragg_radius=0.1).needs_hkl
    assert Rejection(currat_axe_radius=0.1).needs_hkl
    square = np.zeros((3, 2))
    assert Rejection(polygons=(Polygon("a", ("h", "A4"), square),)).needs_hkl
    assert not Rejection(polygons=(Polygon("a", ("Q", "A4"), square),)).needs_hkl
