from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.spectroscopy.cascade import chords, cut_by_emission, transmit
from ewaldite.spectroscopy.chopper import Chopper, Pulse
from ewaldite.spectroscopy.lookup_table import curve_at, lookup_table
from ewaldite.spectroscopy.primary import (
    common_opening,
    frames_behind,
    from_table,
    parked,
    spinning,
)
from spectroscopy.choppers import BAND, LENGTH, PULSE, chopper, shaping

SLOWNESS = 1 / 3956.034  # s/m/Å


def test_openings_follow_the_convention_of_nexus() -> None:
    slits = np.array([[10.0, 30.0]])
    # Anticlockwise, the end of the slit comes first
    one = Chopper("a", 6.0, 10.0, 0.004, slits, 45.0)
    expected = 0.004 + (45.0 - np.array([30.0, 10.0])) / 3600.0
    np.testing.assert_allclose(one.openings(0.05), [expected])
    back = Chopper("a", 6.0, -10.0, 0.004, slits, 45.0)
    expected = 0.004 + (np.array([10.0, 30.0]) - 45.0) / 3600.0
    np.testing.assert_allclose(back.openings(0.1), [0.1 + expected])


def test_openings_repeat_with_every_turn_and_slit() -> None:
    one = Chopper("a", 6.0, 28.0, 0.0, np.array([[-20.0, 20.0], [170.0, 190.0]]))
    found = one.openings(0.1)
    middles = found.mean(axis=1)
    np.testing.assert_allclose(np.diff(middles), 0.5 / 28.0)
    np.testing.assert_allclose(middles[0], 0.0, atol=1e-15)
    assert np.all(np.diff(found.ravel()) > 0)
    standing = Chopper("b", 6.0, 0.0, 0.0, np.zeros((0, 2)))
    np.testing.assert_array_equal(standing.openings(1.0), [[-np.inf, np.inf]])


def test_the_pulse_has_the_mean_that_the_formula_says() -> None:
    time = np.linspace(-0.002, 0.01, 200_001)
    for pulse in (PULSE, Pulse(0.001, 0.0005, 0.002), Pulse(0.0, 0.0, 0.00286)):
        density = pulse.density(time)
        np.testing.assert_allclose(np.average(time, weights=density), pulse.mean, atol=2e-7)
        half = time[density >= 0.5]
        np.testing.assert_allclose(half[-1] - half[0], pulse.width, atol=2e-7)
        np.testing.assert_allclose(half[0], pulse.start + pulse.rise, atol=2e-7)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_beamlets_hold_the_rays_that_pass(seed: int) -> None:
    """Rays drawn at random, checked chopper by chopper, against the polygons."""
    rng = np.random.default_rng(seed)
    discs = [
        chopper(
            "a", rng.uniform(6, 7), rng.uniform(0.0, 0.02), rng.choice([14.0, 28.0, -42.0]), 120
        ),
        chopper("b", rng.uniform(8, 20), rng.uniform(0.0, 0.04), 14.0, 150),
    ]
    start, wavelength = rng.uniform(PULSE.start, PULSE.end, 3000), rng.uniform(0.5, 12, 3000)
    passes = np.ones(3000, bool)
    near_edge = np.zeros(3000, bool)
    for disc in discs:
        time = start + wavelength * disc.distance * SLOWNESS
        opened = disc.openings(1.0)
        passes &= np.any(
            (time[:, None] >= opened[:, 0]) & (time[:, None] <= opened[:, 1]), axis=1
        )
        near_edge |= np.min(np.abs(time[:, None] - opened.ravel()), axis=1) < 1e-7
    if not np.any(passes):
        return
    beamlets = transmit(PULSE, discs, (0.5, 12.0))
    held = np.zeros(3000, int)
    for beamlet in beamlets:
        for n in range(3000):
            held[n] += contains(beamlet.corners, start[n], wavelength[n])
    clear = ~near_edge
    np.testing.assert_array_equal(held[clear] > 0, passes[clear])
    assert held[clear].max() == 1


def contains(corners: np.ndarray, x: float, y: float) -> bool:
    edge = np.roll(corners, -1, axis=0) - corners
    side = edge[:, 0] * (y - corners[:, 1]) - edge[:, 1] * (x - corners[:, 0])
    return bool(np.all(side >= 0) or np.all(side <= 0))


def test_chords_and_slices_keep_the_area() -> None:
    (beamlet,) = transmit(PULSE, BAND[:1], (3.0, 6.0))
    time = np.linspace(*beamlet.arrival(LENGTH), 4001)
    low, high = chords(beamlet.corners, LENGTH, time).T
    assert np.all(low <= high)
    area = np.trapezoid(high - low, time)
    x, y = beamlet.corners.T
    expected = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
    np.testing.assert_allclose(area, expected, rtol=1e-3)
    parts = cut_by_emission([beamlet], Pulse(PULSE.start, 0.0, PULSE.end - PULSE.start), 7)
    total = 0.0
    for part, weight in parts:
        x, y = part.corners.T
        total += weight * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
    np.testing.assert_allclose(total, expected, rtol=1e-9)


def test_the_table_is_the_mean_of_a_monte_carlo() -> None:
    rng = np.random.default_rng(1)
    discs = [*shaping(0.0095, 0.002), *BAND]
    table = lookup_table(PULSE, discs, [LENGTH - 0.5, LENGTH], wavelengths=(1.0, 10.0))
    size = 400_000
    wavelength = rng.uniform(1.0, 10.0, size)
    start = rng.uniform(PULSE.start, PULSE.end, size)
    passes = rng.uniform(size=size) < PULSE.density(start)
    for disc in discs:
        time = start + wavelength * disc.distance * SLOWNESS
        opened = disc.openings(1.0)
        passes &= np.any(
            (time[:, None] >= opened[:, 0]) & (time[:, None] <= opened[:, 1]), axis=1
        )
    time = (start + wavelength * LENGTH * SLOWNESS)[passes]
    curve = curve_at(table, LENGTH)
    known = np.isfinite(curve[1])
    found = np.interp(time, curve[0, known], curve[1, known])
    error = wavelength[passes] - found
    # The mean is that of the table everywhere along the band
    parts = np.array_split(np.argsort(time), 8)
    for part in parts:
        assert abs(error[part].mean()) < 4 * error[part].std() / np.sqrt(part.size) + 2e-4
    spread = np.sqrt(np.nanmean(table.variances[1]))
    np.testing.assert_allclose(error.std(), spread, rtol=0.1)


def test_a_table_of_a_short_opening_is_the_formula_of_spinning_choppers() -> None:
    discs = [*shaping(0.0095, 0.0004), *BAND]
    place, middle = common_opening(PULSE, discs, (1.0, 10.0))
    np.testing.assert_allclose(place, 6.349, atol=1e-9)
    np.testing.assert_allclose(middle, 0.0095, atol=1e-9)
    table = from_table(LENGTH, PULSE, discs, wavelengths=(1.0, 10.0))
    exact = spinning(LENGTH, place, middle, table.frames)
    # At the edges of the band neutrons come from the ramps of the pulse
    time = np.linspace(*table.curve[0, np.isfinite(table.curve[1])][[0, -1]], 200)[50:-50]
    for distance in (LENGTH, LENGTH - 0.563):
        shifted = time - (LENGTH - distance) * SLOWNESS * 5
        np.testing.assert_allclose(
            table.wavenumber(distance, shifted), exact.wavenumber(distance, shifted), rtol=2e-4
        )


def test_a_table_without_shaping_is_the_formula_of_parked_choppers() -> None:
    table = from_table(LENGTH, PULSE, BAND, wavelengths=(1.0, 10.0))
    formula = parked(LENGTH, PULSE.mean, table.frames)
    known = table.curve[0, np.isfinite(table.curve[1])]
    time = np.linspace(known[0] + 0.006, known[-1] - 0.006, 100)
    np.testing.assert_allclose(
        table.wavenumber(LENGTH, time), formula.wavenumber(LENGTH, time), rtol=1e-5
    )
    for one in (table, formula):
        k = one.wavenumber(LENGTH, time)
        np.testing.assert_allclose(one.time(LENGTH, k), time, atol=1e-7)
        np.testing.assert_allclose(
            one.time(LENGTH - 10.0, k), time - 10.0 / (629.6223 * k), atol=1e-6
        )


def test_frames_are_those_of_the_band() -> None:
    frames = frames_behind(LENGTH, PULSE, BAND, (1.0, 10.0))
    beamlets = transmit(PULSE, BAND, (1.0, 10.0))
    assert frames.earliest == min(b.arrival(LENGTH)[0] for b in beamlets)
    assert 0.1 < frames.earliest < 0.2


def test_says_when_nothing_or_too_much_comes_through() -> None:
    late = chopper("disc", 6.3, 0.05, 1.0, 1.0)
    with pytest.raises(UserError, match=r"no neutron passes disc at 6\.300 m"):
        transmit(PULSE, [late], (1.0, 5.0))
    with pytest.raises(UserError, match="two that turn are needed, and there are band"):
        common_opening(PULSE, BAND)
    # Slow bands let neutrons of two openings through
    discs = shaping(0.0095, 0.0004, frequency=280.0)
    with pytest.raises(UserError, match="through openings at"):
        common_opening(PULSE, discs, (1.0, 10.0))
    with pytest.raises(UserError, match="from the source, and the sample is"):
        spinning(LENGTH, 170.0, 0.0, frames_behind(LENGTH, PULSE, BAND, (1.0, 10.0)))


def test_tables_that_do_not_fit_are_refused() -> None:
    table = lookup_table(PULSE, BAND, [150.0, 155.0], wavelengths=(1.0, 10.0))
    with pytest.raises(UserError, match=r"it reaches from 150\.000 to 155\.000 m"):
        curve_at(table, LENGTH)
    between = curve_at(table, 152.5)
    known = np.isfinite(between[1])
    time = between[0, known]
    direct = parked(152.5, PULSE.mean, frames_behind(LENGTH, PULSE, BAND, (1.0, 10.0)))
    inner = slice(len(time) // 3, 2 * len(time) // 3)
    np.testing.assert_allclose(
        2 * np.pi / between[1, known][inner],
        direct.wavenumber(152.5, time[inner]),
        rtol=1e-3,
    )
    with pytest.raises(UserError, match="it is not one"):
        curve_at(table.rename_dims(time="tof"), 152.0)
    uneven = table.copy()
    uneven.coords["time"].values[3] += 1e-5
    with pytest.raises(UserError, match="not evenly spaced"):
        curve_at(uneven, 152.0)
