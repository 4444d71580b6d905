"""What a simulation plants is what a calibration means by the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from ewaldite.simulate.bifrost import Misalignment, along_tube, bifrost
from ewaldite.simulate.bifrost_branch import branch_cells
from ewaldite.simulate.bifrost_sample import Dispersion, Sample
from ewaldite.spectroscopy.calibration import (
    Calibration,
    ModuleCalibration,
    TubeCalibration,
)
from ewaldite.spectroscopy.design import design_triplets
from ewaldite.spectroscopy.instrument import Instrument


def test_planted_errors_are_those_of_the_calibration() -> None:
    planted = Misalignment.drawn(
        np.random.default_rng(1), gain=0.02, offset=3e-3, angle=0.5, shift=4e-3
    )
    true = bifrost(planted)
    calibration = Calibration(
        {
            place: TubeCalibration(float(planted.gain[place]), float(planted.offset[place]))
            for place in np.ndindex(5, 9, 3)
        },
        {
            place: ModuleCalibration(
                float(planted.angle[place]),
                float(planted.along[place]),
                float(planted.across[place]),
            )
            for place in np.ndindex(5, 3)
        },
    )
    found = Instrument.from_triplets(calibration.apply(design_triplets()))
    np.testing.assert_array_equal(found.detector_number, true.detector_number)
    np.testing.assert_allclose(found.final_energy, true.final_energy, rtol=1e-10)
    np.testing.assert_allclose(found.L2, true.path, rtol=1e-10)
    np.testing.assert_allclose(found.direction, true.direction, atol=1e-10)
    nominal = bifrost()
    assert np.abs(nominal.final_energy - true.final_energy).max() > 0.01


def test_tubes_are_lit_about_their_true_middle() -> None:
    planted = Misalignment.none()
    planted.offset[:], planted.gain[:] = 2e-3, 1.02
    lit, dark = bifrost(planted, lit=0.8), bifrost(planted)
    share = lit.n_b / dark.n_b
    true = 1.02 * along_tube(lit.channel, lit.arc, lit.pixel) + 2e-3
    half = {}
    for arc in range(5):
        mine = (lit.arc == arc) & (lit.channel == 4)
        width = 1.02 * np.diff(along_tube(lit.channel[mine], lit.arc[mine], lit.pixel[mine]))[0]
        half[arc] = width / 1.02 * 100 / 2
        inside = np.abs(true[mine]) < 0.8 * half[arc] - width
        outside = np.abs(true[mine]) > 0.8 * half[arc] + width
        np.testing.assert_allclose(share[mine][inside], 1.0)
        np.testing.assert_allclose(share[mine][outside], 0.0)
        # The lit length is what it is
        total = share[mine].sum() * width / 3
        assert total == pytest.approx(1.6 * half[arc], rel=1e-9)


def test_lines_of_a_powder_depend_on_q_alone() -> None:
    sample = Sample(elastic=0.1, powder=((1.5, 2.0),), powder_width=0.02)
    hkl = np.array([[1.5, 0, 0], [0, 0, 1.5], [0.9, 0, 1.2], [1.5 + 0.02, 0, 0], [3.0, 0, 0]])
    line = sample.elastic_line(hkl * 5.0 / (2 * np.pi))
    np.testing.assert_allclose(
        line, 0.1 + 2.0 * np.array([1, 1, 1, np.exp(-0.5), 0]), atol=1e-12
    )


def test_the_loop_over_cells_is_the_formula() -> None:
    branch = Dispersion(gap=0.2, height=0.9, width=0.05, strength=1.7)
    sample = Sample(dispersion=branch, cell=(4.0, 5.0, 6.0))
    rng = np.random.default_rng(2)
    k_final = rng.uniform(-1.5, 1.5, (40, 3)) * np.array([1, 0, 1])
    energy, scale = rng.uniform(2.7, 4.0, 40), rng.uniform(1, 2, 40)
    incident, flux = np.linspace(2.6, 5.2, 300), rng.uniform(1, 2, 300)
    k_i = np.sqrt(incident / 2.0721248)
    shape = np.array([branch.gap, branch.height, branch.width, branch.strength])
    to_hkl = sample.hkl(np.eye(3), 33.0)
    pixel, cell, rate = branch_cells(k_final, energy, scale, k_i, incident, flux, to_hkl, shape)
    q = -k_final[:, None, :] + np.zeros((1, 300, 1))
    q[..., 2] += k_i
    whole = branch.value(sample.hkl(q, 33.0), incident - energy[:, None])
    whole *= scale[:, None] * flux
    found = np.zeros_like(whole)
    found[pixel, cell] = rate
    np.testing.assert_allclose(found, whole, rtol=1e-9, atol=1e-9 * whole.max())
    assert 0 < rate.size < whole.size
