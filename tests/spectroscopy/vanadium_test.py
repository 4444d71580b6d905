from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.spectroscopy.backend import Backend, shared_errors
from ewaldite.spectroscopy.debye_waller import debye_waller
from ewaldite.spectroscopy.flux import Flux, resolved_flux, shared_flux
from ewaldite.spectroscopy.flux_at import flux_at
from ewaldite.spectroscopy.vanadium import EmptyCan, backend_from_vanadium
from spectroscopy.toys import ARCS, band, counts_of

BAND = band(400)
SPECTRUM = 3e6 * np.exp(-BAND.energy / 2) * BAND.energy
ENERGIES = np.linspace(2.7, 5.0, 60)


def flux(
    rng: np.random.Generator | None = None, shared: bool = False, scale: float = 1.0
) -> Flux:
    counts = counts_of(SPECTRUM, BAND, scale)
    if rng is not None:
        counts = rng.poisson(counts).astype(float)
    if shared:
        return shared_flux(BAND, counts, np.full((2, len(BAND)), 0.4))
    return resolved_flux(BAND, counts[None])


@pytest.mark.parametrize("shared", [False, True])
def test_flux_per_mev_and_its_errors(shared: bool) -> None:
    true = 3e6 * np.exp(-ENERGIES / 2) * ENERGIES * (0.8 if shared else 1)
    exact = flux_at(flux(shared=shared), ENERGIES, 1e-3, 0.2)
    np.testing.assert_allclose(exact.value, true, rtol=1e-3)
    rng = np.random.default_rng(1)
    draws = np.stack(
        [flux_at(flux(rng, shared), ENERGIES, 1e-3, 0.2).value / true for _ in range(400)]
    )
    covariance = exact.root @ exact.root.T
    # 400 draws: 7 % of a variance, correlations to 0.05
    np.testing.assert_allclose(draws.var(axis=0), np.diag(covariance), rtol=0.3)
    scale = np.sqrt(np.diag(covariance))
    wrong = np.corrcoef(draws.T) - covariance / scale / scale[:, None]
    assert np.sqrt(np.mean(wrong**2)) < 0.07


def test_modes_hold_the_covariance() -> None:
    arcs = np.repeat(ARCS, 40) + np.tile(np.linspace(-0.04, 0.04, 40), 5)
    root = flux_at(flux(), arcs, 1e-3, 0.2).root
    made = shared_errors(arcs, root)
    assert made.modes.shape[0] <= 20
    spread = made.modes[made.group]
    np.testing.assert_allclose(
        spread @ spread.T + np.diag(made.rest), root @ root.T, atol=0.2 * (root @ root.T).max()
    )
    # the mean over an arc is exact, as the members of a group share what they share
    for arc in range(5):
        own = slice(40 * arc, 40 * (arc + 1))
        exact = (root[own] @ root[own].T).mean()
        assert (spread[own] @ spread[own].T).mean() == pytest.approx(exact, rel=1e-3)
    nothing = shared_errors(arcs, np.zeros((200, 3)))
    assert nothing.modes.shape[1] == 0


@pytest.mark.parametrize("shared", [False, True])
def test_efficiency_and_its_error(shared: bool) -> None:
    """With a poor monitor of the empty can, that moves all pixels by its share of counts."""
    rng = np.random.default_rng(2)
    true = rng.uniform(1e-6, 2e-6, ENERGIES.size)
    amount = 4e6 * 5.08 / (4 * np.pi)
    shielding, debye = np.linspace(0.3, 0.5, 60), 0.97
    phi = 3e6 * np.exp(-ENERGIES / 2) * ENERGIES * (0.8 if shared else 1)
    expected = true * phi * amount * shielding * debye
    can, part = 0.8 * expected, 3e-4
    values, variances = [], []
    for _ in range(100):
        measured = flux(rng, shared)
        other = resolved_flux(BAND, rng.poisson(part * flux(shared=shared).total)[None],
                              minimum_counts=1)  # fmt: skip
        made = backend_from_vanadium(
            np.arange(60), ENERGIES, rng.poisson(expected + can), measured,
            shielding=shielding, debye=debye, atoms=4e6, pulse_width=1e-3,
            empty=EmptyCan.of(rng.poisson(part * can), measured, other),
        )  # fmt: skip
        variances.append(made.own + (made.modes[made.group] ** 2).sum(axis=1))
        values.append(made.value / true - 1)
    assert made.unit == "meV*sr"
    pulls = np.array(values) / np.sqrt(np.mean(variances, axis=0))
    assert abs(pulls.mean()) < 0.3
    assert pulls.std() == pytest.approx(1.0, abs=0.08)
    # what all pixels share
    together = np.array(values).mean(axis=1).std()
    common = made.modes[made.group].mean(axis=0)
    rest = np.mean(variances) - (made.modes[made.group] ** 2).sum(axis=1).mean()
    assert together == pytest.approx(np.sqrt((common**2).sum() + rest / 60), rel=0.2)


def test_an_empty_can_without_flux() -> None:
    nothing = replace(flux(), counts=0 * flux().counts)
    with pytest.raises(UserError, match="monitor counted nothing"):
        EmptyCan.of(np.ones(3), flux(), nothing)


def test_pixels_without_flux_or_counts_take_no_part() -> None:
    energies = np.array([2.0, 2.58, 3.0, 4.0, 5.0])
    counts = np.array([100.0, 100, 100, 3, 100])
    made = backend_from_vanadium(np.arange(5), energies, counts, flux(), pulse_width=3e-3)
    assert (made.value > 0).tolist() == [False, False, True, False, True]
    assert made.unit == "dimensionless"
    with pytest.raises(UserError, match="of 1 pixels 1 have no flux"):
        backend_from_vanadium([7], [9.0], [100.0], flux(), pulse_width=1e-3)


def test_efficiencies_are_found_by_number() -> None:
    known = Backend(
        np.array([5, 3, 9]),
        np.array([0.5, 0.3, 0.9]),
        np.zeros(3),
        np.arange(3),
        np.ones((3, 1)),
    )
    made = known.of([3, 4, 9, 5], keep=[True, True, False, True])
    assert made.value.tolist() == [0.3, 0.0, 0.0, 0.5]
    with pytest.raises(UserError, match="no pixel of the run"):
        known.of([1, 2])
    assert Backend.ones([4, 8]).of([8]).value.tolist() == [1.0]


def test_debye_waller_factor() -> None:
    # high temperature: <u²> = 3 hbar² T / (M k Theta²); 0.00557 Å² for V at 293 K, and more
    mean_square = -np.log(debye_waller(1.0, 293.0))
    assert mean_square == pytest.approx(0.00607, abs=2e-4)
    assert -np.log(debye_waller(2.0, 293.0)) == pytest.approx(4 * mean_square)
    frozen = -np.log(debye_waller(1.0, 0.0))
    assert 0 < frozen < mean_square
