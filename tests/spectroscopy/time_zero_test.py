from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.spectroscopy.frames import Frames
from ewaldite.spectroscopy.primary import Primary, parked, spinning
from ewaldite.spectroscopy.time_zero import centre_of_counts, elastic_time_zero

LENGTH, SPEED = 161.9988, 629.6223
FRAMES = Frames(0.143)


def line(
    primary: Primary, width: float, late: float, seed: int, background: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Elastic events of a pulse of some width, on a flat background in time."""
    rng = np.random.default_rng(seed)
    k_f = rng.uniform(1.14, 1.56, 40_000)
    flight = (LENGTH - primary.reference_distance) / (SPEED * k_f)
    left = primary.reference_time + late + rng.normal(0.0, width, k_f.size)
    time = left + flight
    other = rng.uniform(-0.02, 0.02, background) + time[:background]
    return np.concatenate([time, other]), np.concatenate([k_f, k_f[:background]])


@settings(deadline=None, max_examples=15)
@given(st.floats(-1e-3, 1e-3), st.integers(0, 1000), st.booleans())
def test_a_planted_offset_is_found(late: float, seed: int, spins: bool) -> None:
    primary = (
        spinning(LENGTH, 6.349, 8.41e-3, FRAMES) if spins else parked(LENGTH, 1.72e-3, FRAMES)
    )
    width = 2e-4 if spins else 8e-4
    time, k_f = line(primary, width, late, seed, background=5_000)
    window = 6 * width if spins else 4 * width
    found = elastic_time_zero(primary, time, k_f, window=window)
    assert abs(found.offset - late) < 5e-6 + 4 * found.error
    assert found.error < 10e-6
    np.testing.assert_allclose(found.error, width / np.sqrt(40_000), rtol=0.5)


def test_weights_count() -> None:
    primary = parked(LENGTH, 1.72e-3, FRAMES)
    time, k_f = line(primary, 1e-4, 3e-4, 0)
    early, _ = line(primary, 1e-4, -2e-4, 1)
    both = np.concatenate([time, early]), np.concatenate([k_f, k_f])
    weight = np.repeat([1.0, 0.0], time.size)
    found = elastic_time_zero(primary, *both, weight=weight, window=6e-4)
    np.testing.assert_allclose(found.offset, 3e-4, atol=3e-6)
    assert found.events == time.size


def test_says_when_there_is_no_line() -> None:
    with pytest.raises(UserError, match="there are 3 events within"):
        elastic_time_zero(
            parked(LENGTH, 0.0, FRAMES), LENGTH / (SPEED * np.ones(3)), np.ones(3)
        )
    with pytest.raises(UserError, match="there are 0 events"):
        elastic_time_zero(parked(LENGTH, 0.0, FRAMES), [np.nan], [1.0])


LATE = np.arange(-240, 240) * 25e-6 + 12.5e-6


@settings(deadline=None, max_examples=20)
@example(place=0.0004, seed=0, parked_line=True)
@given(place=st.floats(-4e-4, 4e-4), seed=st.integers(0, 10**6), parked_line=st.booleans())
def test_the_mean_of_a_line_of_any_shape_on_a_level(
    place: float, seed: int, parked_line: bool
) -> None:
    rng = np.random.default_rng(seed)
    size, mean = 100_000, 1.72e-3
    if parked_line:
        late = place - mean + 2.86e-3 * rng.random(size) + rng.exponential(2.9e-4, size)
    else:
        late = place + rng.normal(0.0, 4e-4, size)
    flat = rng.uniform(-6e-3, 6e-3, 60_000)
    # The band ends 3.9 ms before the line: there is no level beyond
    late = np.concatenate([late, flat[flat > place - 3.9e-3]])
    counts, _ = np.histogram(late, np.append(LATE - 12.5e-6, LATE[-1] + 12.5e-6))
    found = centre_of_counts(LATE, counts.astype(float), 3.4e-3 if parked_line else 1.7e-3)
    assert abs(found.offset - place) < 4.5 * found.error
    assert found.error < 6e-6
    assert found.events == pytest.approx(size, rel=0.1)


def test_a_line_much_narrower_than_the_window_is_found_beside_a_level_that_ends() -> None:
    # The window of ±3.4 ms holds the line from anywhere within 2 ms of it, and most counts at
    # the far end of these, from where some of the level beside it is beyond the last bin
    line = np.where(np.abs(LATE - 2.5e-4) < 1.4e-3, 900.0, 0.0)
    level = np.where(LATE > -3.6e-3, 120.0, 0.0) + 5e2 * LATE
    found = centre_of_counts(LATE, line + level, 3.4e-3)
    assert found.offset == pytest.approx(2.5e-4, abs=1e-5)


def test_a_level_without_a_line_is_none() -> None:
    counts = np.random.default_rng(1).poisson(300.0, LATE.size).astype(float)
    with pytest.raises(UserError, match="no line stands out"):
        centre_of_counts(LATE, np.zeros_like(counts), 1e-3)
    with pytest.raises(UserError, match="no line stands out"):
        centre_of_counts(LATE, counts, 1e-3)
    edge = np.exp(-0.5 * ((LATE - LATE[0]) / 3e-4) ** 2) * 1000
    with pytest.raises(UserError, match="no line stands out"):
        centre_of_counts(LATE, edge, 1e-3)
