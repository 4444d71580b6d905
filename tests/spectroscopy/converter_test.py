from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.crystal.ub import busing_levy, hkl_matrix, orient
from ewaldite.errors import UserError
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.io.bifrost.events import EventSlab
from ewaldite.model.time_log import TimeLog
from ewaldite.spectroscopy.converted import Converted
from ewaldite.spectroscopy.converter import (
    AMBIGUOUS,
    FORBIDDEN,
    MOVING,
    UNKNOWN,
    Converter,
    Window,
)
from ewaldite.spectroscopy.design import design_triplets
from ewaldite.spectroscopy.frames import PULSE_PERIOD, Frames
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.pixel_mask import PixelRules
from ewaldite.spectroscopy.primary import Primary, parked, spinning
from ewaldite.spectroscopy.pulses import NO_PROTONS, PulseRules
from ewaldite.spectroscopy.rejection import Rejection
from ewaldite.spectroscopy.sample_frame import SampleFrame
from geometry.bifrost import EVENTS, ORACLE

INSTRUMENT = Instrument.from_triplets(design_triplets())
LENGTH = INSTRUMENT.primary_length
CUBIC = busing_levy((5, 5, 5, 90, 90, 90))
CRYSTAL = SampleFrame(hkl_matrix(orient(CUBIC, (1, 0, 0), (0, 0, 1)), CUBIC))
PRIMARY = parked(LENGTH, 1.72e-3, Frames(0.143))


def slab(
    number: Sequence[int], offset: Sequence[float], scale: float = 1.0, index: object = None
) -> EventSlab:
    ends = [0, len(number)] if index is None else index
    return EventSlab(
        0, np.array(number), np.array(offset), scale, 0, np.array(ends, dtype=np.int64)
    )


def convert(
    converter: Converter, events: EventSlab, pulses: Sequence[float] = (0.0,), **how: bool
) -> Converted:
    time = np.array(pulses, dtype=float)
    return converter.convert(events, time, converter.pulse_flags(time), **how)


def one_event(event: dict, offset: float, scale: float, frame: int) -> Converted:
    """Convert an event of the oracle; its frame number is an input."""
    turned = INSTRUMENT.turned(
        a3=TimeLog.constant(event["a3_deg"]), a4=TimeLog.constant(event["a4_deg"])
    )
    row = turned.rows(event["detector_number"])
    at_sample = offset * scale + frame * PULSE_PERIOD - turned.final_time[row]
    frames = Frames(at_sample - PULSE_PERIOD / 2)
    primary = parked(ORACLE["instrument"]["L1_m"], event["emission_offset_s"], frames)
    return convert(
        Converter(turned, primary, CRYSTAL), slab([event["detector_number"]], [offset], scale)
    )


@pytest.mark.parametrize("kind", ["seconds", "nanoseconds"])
@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e["detector_number"])
def test_agrees_with_an_independent_program(event: dict, kind: str) -> None:
    if kind == "seconds":
        done, rtol = one_event(event, event["time_of_arrival_s"], 1.0, 0), 1e-8
    else:
        offset = event["event_time_offset_ns"]
        done, rtol = one_event(event, offset, 1e-9, event["frame_number"]), 1e-6
    for known, value in (
        (event["time_at_sample_s"], done.time_at_sample[0]),
        (event["incident_wavelength_A"], 2 * np.pi / done.k_i[0]),
        (event["incident_wavevector_invA"][2], done.k_i[0]),
        (event["energy_transfer_meV"], done.energy_transfer[0]),
        (event["geometric_a4_deg"], done.A4[0]),
        (event["Q_lab_invA"], done.q_lab[:, 0]),
        (event["Q_sample_table_invA"], done.q_table[:, 0]),
        (event["Q_norm_invA"], np.linalg.norm(done.q_table[:, 0])),
    ):
        np.testing.assert_allclose(value, known, rtol=rtol, atol=1e-10 if rtol < 1e-7 else 1e-6)
    # a* along +z and c* along +x of the table, 5 Å
    x, y, z = event["Q_sample_table_invA"]
    np.testing.assert_allclose(
        done.hkl[:, 0], np.array([z, y, x]) * 5 / (2 * np.pi), rtol=rtol, atol=1e-6
    )
    assert done.flags[0] == 0


events_ = st.lists(
    st.tuples(st.integers(0, len(INSTRUMENT) - 1), st.floats(0, PULSE_PERIOD)),
    min_size=1,
    max_size=30,
)


@settings(deadline=None)
@given(events_, st.floats(-180, 180), st.floats(-50, 50), st.floats(0.05, 0.3))
def test_momentum_and_energy_are_conserved(
    events: list[tuple[int, float]], a3: float, a4: float, earliest: float
) -> None:
    turned = INSTRUMENT.turned(a3=TimeLog.constant(a3), a4=TimeLog.constant(a4))
    primary = parked(LENGTH, 1.72e-3, Frames(earliest))
    rows = np.array([row for row, _ in events])
    done = convert(
        Converter(turned, primary, CRYSTAL),
        slab(turned.detector_number[rows], [t for _, t in events]),
    )
    assert np.all(done.time_at_sample >= earliest)
    assert np.all(done.time_at_sample < earliest + PULSE_PERIOD)
    late = done.time_at_sample + turned.final_time[rows] - [t for _, t in events]
    np.testing.assert_allclose(late / PULSE_PERIOD, np.rint(late / PULSE_PERIOD), atol=1e-9)
    k_f = done.k_i * np.array([[0.0], [0.0], [1.0]]) - done.q_lab
    np.testing.assert_allclose(np.linalg.norm(k_f, axis=0), turned.k_f[rows], rtol=1e-9)
    expected = rotation_matrix((0, 1, 0), a4) @ turned.direction[rows].T
    np.testing.assert_allclose(k_f / turned.k_f[rows], expected, atol=1e-9)
    back = rotation_matrix((0, 1, 0), -a3) @ done.q_lab
    np.testing.assert_allclose(done.q_table, back, atol=1e-10)
    np.testing.assert_allclose(
        done.energy_transfer,
        2.072124852 * (done.k_i**2 - np.sum(k_f**2, axis=0)),
        atol=1e-6,
    )
    assert np.all(done.q_lab[1] == 0.0)
    assert not np.any(np.signbit(done.q_lab[1])), "an edge at 0 must not split events"
    np.testing.assert_allclose(
        2 * np.pi * np.linalg.norm(done.hkl, axis=0) / 5,
        np.linalg.norm(done.q_lab, axis=0),
        atol=1e-10,
    )


def test_angles_are_those_at_the_time_of_scattering() -> None:
    a3 = TimeLog(np.array([0.0, 1.0, 2.0]), np.array([0.0, 10.0, 20.0]))
    a4 = TimeLog(np.array([0.0, 1.0]), np.array([0.0, 40.0]), longest_gap=0.5)
    turned = INSTRUMENT.turned(a3=a3, a4=a4)
    number = [7, 8, 9, 10]
    done = convert(
        Converter(turned, PRIMARY, CRYSTAL),
        slab(number, [0.0, 0.05, 0.002, 0.002], index=[0, 2, 3, 4]),
        [0.5, 1.0, 1.3],
    )
    final = turned.final_time[turned.rows(number)]
    expected = np.array([0.5, 0.55, 1.002, 1.302]) - final
    np.testing.assert_allclose(done.time, expected, rtol=1e-12)
    np.testing.assert_allclose(done.a3, 10 * expected, rtol=1e-12)
    # The third one was detected after the tank's move and scattered before it
    np.testing.assert_allclose(done.a4, [0.0, 0.0, 0.0, 40.0], atol=1e-12)
    turn = np.stack([rotation_matrix((0, 1, 0), -a) for a in done.a3])
    np.testing.assert_allclose(
        done.q_table, np.einsum("eij,je->ie", turn, done.q_lab), atol=1e-12
    )


@given(st.floats(0.01, 200.0), st.floats(0.0, 0.9))
@settings(deadline=None)
def test_turning_fast_is_as_exact_as_turning_slowly(speed: float, when: float) -> None:
    log = TimeLog(np.array([0.0, 1.0]), np.array([0.0, speed]))
    turned = INSTRUMENT.turned(a3=log)
    done = convert(Converter(turned, PRIMARY), slab([7000], [0.01]), [when])
    angle = speed * max(when + 0.01 - turned.final_time[turned.rows(7000)], 0.0)
    np.testing.assert_allclose(done.a3[0], angle, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(
        done.q_table[:, 0], rotation_matrix((0, 1, 0), -angle) @ done.q_lab[:, 0], atol=1e-12
    )


def test_frames_of_the_source_count_from_there() -> None:
    log = TimeLog(np.array([0.0, 1.0]), np.array([0.0, 10.0]))
    turned = INSTRUMENT.turned(a3=log)
    events = slab([7000], [0.02])
    detected = convert(Converter(turned, PRIMARY), events, [0.5])
    source = convert(Converter(turned, PRIMARY, source_frames=True), events, [0.5])
    np.testing.assert_array_equal(source.time_at_sample, detected.time_at_sample)
    np.testing.assert_allclose(source.time, 0.5 + source.time_at_sample)
    np.testing.assert_allclose(
        detected.time, 0.52 - turned.final_time[turned.rows(7000)], rtol=1e-12
    )


def test_modes_of_the_way_in() -> None:
    events = slab([7000], [0.02])
    at_sample = convert(Converter(INSTRUMENT, PRIMARY), events).time_at_sample[0]
    frames = Frames(0.143)
    curve = np.stack([np.linspace(0.1, 0.3, 2001), np.linspace(2.0, 8.0, 2001)])
    for primary, k_i in (
        (PRIMARY, LENGTH / (at_sample - 1.72e-3) / 629.6223),
        (
            spinning(LENGTH, 6.349, 8.4e-3, frames),
            (LENGTH - 6.349) / (at_sample - 8.4e-3) / 629.6223,
        ),
        (
            Primary(LENGTH, 0.0, 0.0, frames, curve),
            2 * np.pi / (2.0 + 6.0 * (at_sample - 0.1) / 0.2),
        ),
    ):
        done = convert(Converter(INSTRUMENT, primary), events)
        np.testing.assert_allclose(done.k_i, k_i, rtol=1e-6)
        np.testing.assert_allclose(
            done.k_i, primary.wavenumber(LENGTH, done.time_at_sample), rtol=1e-12
        )


def test_outside_the_table_there_is_no_speed() -> None:
    curve = np.stack([np.linspace(0.1, 0.15, 11), np.linspace(2.0, 8.0, 11)])
    converter = Converter(INSTRUMENT, Primary(LENGTH, 0.0, 0.0, Frames(0.143), curve))
    done = convert(converter, slab([7000, 7000], [0.006, 0.05]))
    np.testing.assert_array_equal(
        converter.bits.of(done.flags, "no_incident_speed"), [False, True]
    )
    assert np.isfinite(done.k_i[0])
    assert np.isnan(done.energy_transfer[1])


def test_lean_conversion_is_the_beginning_of_the_full_one() -> None:
    numbers, offsets = [1, 500, 13_500], [0.01, 0.02, 0.03]
    full = convert(Converter(INSTRUMENT, PRIMARY, CRYSTAL), slab(numbers, offsets))
    lean = convert(Converter(INSTRUMENT, PRIMARY, CRYSTAL), slab(numbers, offsets), full=False)
    assert len(lean.columns) == 5
    np.testing.assert_array_equal(lean.columns, full.columns[:5])


def test_masks_of_time() -> None:
    frames = Frames(
        0.143, ambiguous=np.array([[0.143, 0.15]]), forbidden=np.array([[0.2, 0.3]])
    )
    windows = (
        Window("prompt", 0.0, 1e-3),
        Window("prompt", 5e-3, 6e-3),
        Window("tail", 0, 2e-3),
    )
    converter = Converter(INSTRUMENT, parked(LENGTH, 0.0, frames), windows=windows)
    final = INSTRUMENT.final_time[INSTRUMENT.rows(7000)]
    at_sample = np.array([0.144, 0.16, 0.21])
    offsets = np.mod(at_sample + final, PULSE_PERIOD)
    done = convert(converter, slab([7000] * 6, [*offsets, 0.0005, 0.0015, 0.0055]))
    bits = converter.bits
    np.testing.assert_array_equal(bits.of(done.flags, AMBIGUOUS)[:3], [True, False, False])
    np.testing.assert_array_equal(bits.of(done.flags, FORBIDDEN)[:3], [False, False, True])
    np.testing.assert_array_equal(bits.of(done.flags, "prompt")[3:], [True, False, True])
    np.testing.assert_array_equal(bits.of(done.flags, "tail")[3:], [True, True, False])


def test_masks_of_pixels() -> None:
    rules = PixelRules(tube_ends=2, dead=(50,), excluded=(51, 52))
    converter = Converter(INSTRUMENT, PRIMARY, pixels=rules)
    done = convert(converter, slab([1, 2, 3, 50, 51, 98, 99, 100, 99_999, 0], [0.01] * 10))
    bits = converter.bits
    for name, expected in (
        ("tube_end", [1, 1, 0, 0, 0, 0, 1, 1, 0, 0]),
        ("dead_pixel", [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        ("user_pixel", [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]),
        (UNKNOWN, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]),
    ):
        np.testing.assert_array_equal(bits.of(done.flags, name), np.array(expected, bool), name)
    np.testing.assert_array_equal(done.row[-2:], -1)
    assert np.all(np.isnan(done.columns[:, -2:]))


def test_masks_of_pulses_are_those_of_the_source_pulse() -> None:
    pulses = PULSE_PERIOD * np.arange(10)
    value = np.full(10, 10.0)
    value[4] = 0.0
    rules = PulseRules(charge=TimeLog(pulses, value, 0.0))
    converter = Converter(INSTRUMENT, PRIMARY, pulses=rules)
    final = INSTRUMENT.final_time[INSTRUMENT.rows(7000)]
    # One event a frame, that left the source two pulses before
    offset = 0.16 - 2 * PULSE_PERIOD + final
    done = convert(converter, slab([7000] * 10, [offset] * 10, index=np.arange(11)), pulses)
    np.testing.assert_allclose(done.time_at_sample, 0.16)
    expected = np.arange(10) == 6
    np.testing.assert_array_equal(converter.bits.of(done.flags, NO_PROTONS), expected)
    at_source = Converter(INSTRUMENT, PRIMARY, pulses=rules, source_frames=True)
    done = convert(at_source, slab([7000] * 10, [offset] * 10, index=np.arange(11)), pulses)
    expected = np.arange(10) == 4
    np.testing.assert_array_equal(at_source.bits.of(done.flags, NO_PROTONS), expected)


def test_a_moving_tank_is_masked() -> None:
    log = TimeLog(np.array([0.0, 10.0, 11.0, 20.0]), np.array([0.0, 0.0, 5.0, 5.0]))
    converter = Converter(INSTRUMENT.turned(a4=log), PRIMARY)
    done = convert(
        converter,
        slab([7000] * 3, [0.03] * 3, index=np.arange(4)),
        [5.0, 10.5, 15.0],
    )
    np.testing.assert_array_equal(converter.bits.of(done.flags, MOVING), [False, True, False])


def test_without_a_crystal_there_is_no_hkl() -> None:
    done = convert(Converter(INSTRUMENT, PRIMARY), slab([7000], [0.02]))
    assert np.all(np.isnan(done.hkl))
    with pytest.raises(UserError, match="orientation of the crystal is not known"):
        Converter(INSTRUMENT, PRIMARY, rejection=Rejection(bragg_radius=0.1))


def test_the_offset_of_the_table_is_added_to_a3() -> None:
    sample = SampleFrame(CRYSTAL.to_hkl, offset=30.0)
    shifted = convert(Converter(INSTRUMENT, PRIMARY, sample), slab([7000], [0.02]))
    turned = INSTRUMENT.turned(a3=TimeLog.constant(30.0))
    direct = convert(Converter(turned, PRIMARY, CRYSTAL), slab([7000], [0.02]))
    np.testing.assert_allclose(shifted.hkl, direct.hkl, atol=1e-14)
    np.testing.assert_allclose(shifted.a3, 30.0)
