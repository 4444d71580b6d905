from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.spectroscopy.calibrate.line import fit_line

LATE = np.arange(-120, 120) * 25e-6 + 12.5e-6
GROUP = np.repeat([0, 1, 2], 20)


def counts(
    place: np.ndarray, sigma: float, events: int, background: int, seed: int
) -> np.ndarray:
    """Line at ``place`` of each cell, on a flat level; the strengths of the cells differ."""
    rng = np.random.default_rng(seed)
    cell = rng.choice(place.size, events, p=np.linspace(1, 3, place.size) / (2 * place.size))
    late = place[cell] + rng.normal(0.0, sigma, events)
    flat = rng.uniform(LATE[0], LATE[-1], background)
    cell = np.concatenate([cell, rng.integers(0, place.size, background)])
    edges = np.append(LATE - 12.5e-6, LATE[-1] + 12.5e-6)
    n, _, _ = np.histogram2d(
        cell, np.concatenate([late, flat]), [np.arange(place.size + 1) - 0.5, edges]
    )
    return n.astype(np.int64)


@settings(deadline=None, max_examples=25)
@given(st.floats(-6e-4, 6e-4), st.floats(-2e-4, 2e-4), st.integers(0, 10**6), st.booleans())
def test_what_was_planted_is_found_within_its_errors(
    shift: float, tilt: float, seed: int, dirty: bool
) -> None:
    x = np.tile(np.linspace(-1, 1, 20), 3)
    design = np.stack([np.ones(60), x], axis=1)
    truth = np.array([shift, tilt])
    n = counts(design @ truth, 3.5e-4, 20_000, 20_000 if dirty else 500, seed)
    fit = fit_line(n, LATE, np.zeros(60), design, GROUP)
    error = np.sqrt(np.diag(fit.covariance))
    assert np.all(np.abs(fit.value - truth) < 4.5 * error)
    np.testing.assert_allclose(error[0], 3.5e-4 / np.sqrt(20_000), rtol=0.5 if dirty else 0.1)
    np.testing.assert_allclose(fit.sigma, 3.5e-4, rtol=0.05)
    assert fit.events == pytest.approx(20_000, rel=0.1 if dirty else 0.03)


def test_errors_are_those_of_many_runs() -> None:
    design = np.ones((60, 1))
    fits = [
        fit_line(counts(np.full(60, 1e-4), 3e-4, 4000, 4000, seed), LATE, np.zeros(60), design,
                 GROUP)
        for seed in range(60)
    ]  # fmt: skip
    pulls = [(fit.value[0] - 1e-4) / np.sqrt(fit.covariance[0, 0]) for fit in fits]
    assert np.std(pulls) == pytest.approx(1.0, abs=0.3)
    assert abs(np.mean(pulls)) < 0.45
    cells = np.concatenate([(f.cell_mean - 1e-4) / f.cell_error for f in fits])
    assert np.nanstd(cells) == pytest.approx(1.0, abs=0.1)


def test_a_burst_far_from_the_line_does_not_pull_it() -> None:
    n = counts(np.zeros(60), 2e-4, 20_000, 0, 1)
    n[:, -12:] += 12
    fit = fit_line(n, LATE, np.zeros(60), np.ones((60, 1)), GROUP)
    assert abs(fit.value[0]) < 4 * np.sqrt(fit.covariance[0, 0])


def test_what_the_cells_do_not_tell_has_no_error_that_is_finite() -> None:
    n = counts(np.zeros(60), 2e-4, 5_000, 100, 1)
    both = np.ones((60, 2))
    fit = fit_line(n, LATE, np.zeros(60), both, GROUP)
    assert np.all(np.isinf(fit.covariance))
