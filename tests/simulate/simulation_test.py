from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from ewaldite.errors import UserError
from ewaldite.simulate.background import Background
from ewaldite.simulate.experiment import RotationExperiment
from ewaldite.simulate.presets import lysozyme_6m, small_demo
from ewaldite.simulate.simulation import Simulation
from ewaldite.simulate.truth import Truth

FloatArray = NDArray[np.float64]
FLAT = Truth(diffuse=3.0, waves=(), halo=0.0, envelope=1e6, ring=0.0, bragg=0.0)


def diffracting_angles(experiment: RotationExperiment, hkl: tuple[int, ...]) -> list[float]:
    """Angles in the sweep at which a node lies on the Ewald sphere, by search for roots."""
    rotation_axis = np.array(experiment.axis) / np.linalg.norm(experiment.axis)
    star = np.linalg.inv(np.array(experiment.axes).T)
    node = np.array(hkl) @ star

    def off_sphere(phi: float) -> float:
        turned = Rotation.from_rotvec(rotation_axis * np.deg2rad(phi)).apply(node)
        return float(np.linalg.norm(turned + experiment.s0) - 1.0 / experiment.wavelength)

    stop = experiment.start + experiment.frames * experiment.width
    grid = np.linspace(experiment.start, stop, 60)
    values = [off_sphere(phi) for phi in grid]
    return [
        brentq(off_sphere, grid[i], grid[i + 1])
        for i in range(len(grid) - 1)
        if values[i] * values[i + 1] < 0.0
    ]


def hit(experiment: RotationExperiment, hkl: tuple[int, ...], phi: float) -> FloatArray | None:
    """Pixel (slow, fast), 0-based, at which the diffracted ray is counted."""
    detector = experiment.detector
    axis = np.array(experiment.axis) / np.linalg.norm(experiment.axis)
    node = np.array(hkl) @ np.linalg.inv(np.array(experiment.axes).T)
    ray = Rotation.from_rotvec(axis * np.deg2rad(phi)).apply(node) + experiment.s0
    x_axis = np.array(detector.x_axis) / np.linalg.norm(detector.x_axis)
    y_axis = np.array(detector.y_axis)
    along = ray @ np.cross(x_axis, y_axis)
    if along <= 0.0:
        return None
    position = ray / along * detector.distance
    foot = np.array([position @ x_axis, position @ y_axis])
    if detector.parallax and detector.sensor is not None:
        # counted at R where R (1 - t(R) / d(R)) is the point of entry
        def entry(radius: float) -> float:
            far = np.hypot(radius, detector.distance)
            mu, thickness = detector.sensor.attenuation, detector.sensor.thickness
            path = np.linspace(0.0, thickness * far / detector.distance, 4001)
            absorbed = np.exp(-mu * path)
            depth = trapezoid(path * absorbed, path) / trapezoid(absorbed, path)
            return float(radius * (1.0 - depth / far))

        radius = float(np.linalg.norm(foot))
        counted = brentq(lambda r: entry(r) - radius, radius, radius + 2.0)
        foot = foot * counted / radius
    fast, slow = foot / detector.pixel + np.array(detector.origin) - 1.0
    if 6 < fast < detector.shape[0] - 7 and 6 < slow < detector.shape[1] - 7:
        return np.array([slow, fast])
    return None


@pytest.mark.parametrize("sweep", [0, 1, 2])
def test_a_predicted_reflection_lands_on_the_simulated_spot(sweep: int) -> None:
    given = small_demo()[sweep]
    truth = replace(given.truth, bragg_decay=0.0)
    found = 0
    for hkl in [(h, k, l) for h in (-5, 2, 6) for k in (-7, 1, 8) for l in (-6, 3, 9)]:
        for phi in diffracting_angles(given.experiment, hkl):
            expected = hit(given.experiment, hkl, phi)
            if expected is None:
                continue
            # a frame whose middle is the angle of diffraction
            single = replace(given.experiment, start=phi - 0.01, width=0.02, frames=1)
            bragg = Simulation(single, truth).bragg(0)
            y, x = (round(float(v)) for v in expected)
            window = bragg[y - 4 : y + 5, x - 4 : x + 5]
            peak = np.argwhere(window == window.max())[0] + [y - 4, x - 4]
            assert np.abs(peak - expected).max() < 0.5 + 0.05
            rows, columns = np.mgrid[y - 4 : y + 5, x - 4 : x + 5]
            centroid = [np.average(rows, weights=window), np.average(columns, weights=window)]
            np.testing.assert_allclose(centroid, expected, atol=0.05)
            found += 1
    assert found >= 8


def test_counts_are_poisson_with_the_expected_mean() -> None:
    sweep = small_demo()[0]
    frames = range(12)
    expected = np.stack([sweep.expected_frame(i)[sweep.valid] for i in frames])
    drawn = np.stack([sweep.frame(i)[sweep.valid] for i in frames]).astype(float)
    residual = (drawn - expected) / np.sqrt(expected)
    n = residual.size
    assert abs(residual.mean()) < 4.0 / np.sqrt(n)
    # variance of the square of a standardised Poisson number: 2 + 1/λ
    spread = np.sqrt((2.0 + 1.0 / expected).mean() / n)
    assert abs((residual**2).mean() - 1.0) < 4.0 * spread


def test_neighbouring_frames_are_independent() -> None:
    sweep = small_demo()[0]
    expected = [sweep.expected_frame(i)[sweep.valid] for i in (3, 4)]
    a, b = (sweep.frame(i)[sweep.valid] - x for i, x in zip((3, 4), expected, strict=True))
    product = a * b / np.sqrt(expected[0] * expected[1])
    assert abs(product.mean()) < 4.0 / np.sqrt(product.size)


def test_a_frame_is_the_same_in_whatever_order_frames_are_drawn() -> None:
    forward, backward = small_demo()[1], small_demo()[1]
    ahead = [forward.frame(i) for i in range(3)]
    behind = [backward.frame(i) for i in (2, 1, 0)][::-1]
    for one, other in zip(ahead, behind, strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(ahead[0], ahead[1])


def test_frame_background_frame_sweep_and_seed_draw_apart() -> None:
    level = Background(5.0, 0.0, 1.0)
    base = Simulation(small_demo()[0].experiment, replace(FLAT, diffuse=0.0), level)
    same = replace(base.experiment, background_exposure=base.experiment.exposure)
    base = replace(base, experiment=same)
    images = [
        base.frame(0),
        base.background_frame(0),
        replace(base, experiment=replace(same, sweep=7)).frame(0),
        replace(base, experiment=replace(same, seed=7)).frame(0),
    ]
    for i, one in enumerate(images):
        for other in images[:i]:
            assert not np.array_equal(one, other)


def test_a_flat_scatterer_is_flat_after_division_by_the_exposure() -> None:
    for sweep in small_demo():
        flat = Simulation(sweep.experiment, FLAT, Background(0.0, 0.0, 1.0))
        np.testing.assert_allclose(flat.signal(5) / flat.exposure, 3.0, rtol=1e-9)
        np.testing.assert_allclose(flat.expected_frame(5), flat.signal(5))


def test_background_is_strongest_at_the_beam_and_scales_with_time() -> None:
    sweep = small_demo()[2]
    rate, detector = sweep.background_rate, sweep.experiment.detector
    slow, fast = np.unravel_index(np.argmax(rate), rate.shape)
    # the beam in the plane of the detector that is turned about y
    ray = detector.frame.T @ np.array(sweep.experiment.beam)
    spot = ray[:2] / ray[2] * detector.distance / detector.pixel + detector.origin - 1.0
    np.testing.assert_allclose([fast, slow], spot, atol=0.51)
    blank = sweep.background_frame(1)[sweep.valid]
    total = rate[sweep.valid].sum() * sweep.experiment.background_exposure
    assert abs(blank.sum() - total) < 5.0 * np.sqrt(total)
    np.testing.assert_allclose(sweep.expected_background(), rate * sweep.experiment.exposure)


def test_parts_of_the_truth_add_up() -> None:
    sweep = small_demo()[0]
    truth = sweep.truth_frame(2)
    total = truth.signal + truth.bragg + truth.background
    np.testing.assert_allclose(total, sweep.expected_frame(2), rtol=1e-12)
    hkl = np.stack([truth.h, truth.k, truth.l], axis=-1)
    np.testing.assert_allclose(truth.signal / truth.exposure, sweep.truth_map(hkl), rtol=1e-9)
    np.testing.assert_allclose(
        truth.bragg / truth.exposure, sweep.bragg_map(hkl), rtol=1e-6, atol=1e-9
    )


def test_pixels_that_count_nothing_are_marked() -> None:
    sweep = small_demo()[0]
    for image in (sweep.frame(0), sweep.background_frame(0)):
        assert image.dtype == np.int32
        assert np.array_equal(image < 0, ~sweep.valid)
        marks = sweep.experiment.detector.marks()
        assert np.array_equal(image[~sweep.valid], marks[~sweep.valid])


def test_finer_sampling_converges_and_keeps_the_mean() -> None:
    sweep = small_demo()[0]
    coarse = sweep.signal(4)
    fine = replace(sweep, subframes=3, subpixels=2).signal(4)
    finer = replace(sweep, subframes=5, subpixels=3).signal(4)
    np.testing.assert_allclose(fine.sum(), coarse.sum(), rtol=2e-3)
    assert np.abs(finer - fine).max() < 0.5 * np.abs(fine - coarse).max()
    stacked = [
        replace(sweep.experiment, start=s, width=w, frames=1)
        for s, w in ((0.0, 0.4), (0.4, 0.4))
    ]
    halves = [Simulation(e, sweep.truth).bragg(0) for e in stacked]
    both = Simulation(replace(sweep.experiment, frames=1), sweep.truth, subframes=2).bragg(0)
    np.testing.assert_allclose(both, 0.5 * (halves[0] + halves[1]), rtol=1e-9)


def test_a_frame_outside_the_sweep_is_refused() -> None:
    with pytest.raises(UserError, match="frame 80 of 80"):
        small_demo()[0].frame(80)


def test_symmetry_of_the_demo_is_that_of_its_cell() -> None:
    with pytest.raises(UserError, match="Laue group mmm"):
        Simulation(lysozyme_6m().experiment, Truth(laue="mmm"))


@pytest.mark.slow
def test_a_6m_frame_has_peaks_on_a_weak_level() -> None:
    sweep = lysozyme_6m()
    truth = sweep.truth_frame(0)
    assert 0.3 < truth.signal[sweep.valid].mean() < 5.0
    assert truth.bragg.max() > 300.0
    assert (truth.bragg > 1e-3 * truth.signal).mean() < 0.02
    assert np.linalg.norm(sweep.table.s, axis=0).max() > 1.0 / 1.2
