from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ewaldite.simulate.crossings import SMALLEST_PART, Crossings, crossings, lattice_points
from ewaldite.simulate.detector import Detector
from ewaldite.simulate.experiment import RotationExperiment
from ewaldite.simulate.footprint import live_part, module_of, modules_of, pixel_share
from ewaldite.simulate.pixel_table import pixel_table
from ewaldite.simulate.presets import lysozyme_6m, small_demo


@pytest.fixture(scope="module")
def experiment() -> RotationExperiment:
    """A tilted detector, an oblique spindle, a sweep of 120°."""
    third = small_demo(frames=300)[2].experiment
    return replace(third, width=0.4, exposure=1.0)


@pytest.fixture(scope="module")
def seen(experiment: RotationExperiment) -> Crossings:
    hkl = lattice_points(experiment, 0.1, 0.45)
    return crossings(experiment, hkl, wedge_degrees=20.0)


def test_lattice_points_fill_the_shell() -> None:
    experiment = lysozyme_6m(1).experiment
    hkl = lattice_points(experiment, 0.2, 0.5)
    axes = experiment.real_axes
    s = np.linalg.norm(hkl @ np.linalg.inv(axes), axis=1)
    assert s.min() >= 0.2
    assert s.max() <= 0.5
    shell = 4.0 / 3.0 * np.pi * (0.5**3 - 0.2**3) * np.linalg.det(axes)
    assert len(hkl) == pytest.approx(shell, rel=0.01)
    assert len(np.unique(hkl, axis=0)) == len(hkl)


def test_centres_lie_on_the_sphere_when_they_cross(
    experiment: RotationExperiment, seen: Crossings
) -> None:
    np.testing.assert_allclose(
        np.linalg.norm(seen.s + experiment.s0, axis=1), 1.0 / experiment.wavelength
    )
    # what lies within the sweep and within one wedge has its middle where the centre crosses
    whole = np.flatnonzero((seen.fraction > 1.0 - 1e-9) & (seen.frames < 30))
    assert len(whole) > 300
    for i in whole[:: len(whole) // 50]:
        axes = experiment.turned_axes(experiment.phi(seen.iz[i]))
        np.testing.assert_allclose(seen.s[i] @ axes, seen.hkl[i], atol=1e-9)


def test_positions_and_shares_are_those_of_the_pixel_table(
    experiment: RotationExperiment, seen: Crossings
) -> None:
    """Independent of the loop over pixels: the ray through a pixel comes back to it."""
    table = pixel_table(experiment)
    whole = seen.select(seen.fraction > 0.999)
    ix, iy = np.rint(whole.ix).astype(int), np.rint(whole.iy).astype(int)
    # half a pixel is some 0.0015 1/Å here
    off = table.s[:, iy, ix].T - whole.s
    assert np.abs(off).max() < 2.2e-3
    assert np.abs(off.mean(axis=0)).max() < 1e-4
    np.testing.assert_allclose(table.share[iy, ix], whole.share, rtol=0.01)
    ray = (table.s[:, ::37, ::41] + experiment.s0[:, None, None]) * experiment.wavelength
    np.testing.assert_allclose(
        pixel_share(experiment, ray.reshape(3, -1).T),
        table.share[::37, ::41].ravel(),
        rtol=1e-12,
    )


def test_pixels_are_as_many_as_a_count_finds() -> None:
    """Pixels and frames of a whole sweep, put into voxels one by one."""
    sweep = small_demo(frames=50)[0]
    detector = replace(sweep.experiment.detector, parallax=False)
    experiment = replace(sweep.experiment, detector=detector, wavelength=1.15)
    simulation = replace(sweep, experiment=experiment)
    live = simulation.valid
    n = 12
    found = np.zeros((2 * n + 1,) * 3)
    for frame in range(experiment.frames):
        h, k, l = np.rint(simulation.hkl(frame)[:, live]).astype(int)
        inside = (abs(h) <= n) & (abs(k) <= n) & (abs(l) <= n)
        np.add.at(found, (h[inside] + n, k[inside] + n, l[inside] + n), 1)
    predicted = np.zeros_like(found)
    grid = np.stack(np.meshgrid(*[np.arange(-n, n + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    seen = crossings(experiment, grid, wedge_degrees=16.0)
    np.add.at(predicted, tuple((seen.hkl + n).T), seen.pixels)
    s = np.linalg.norm(grid @ np.linalg.inv(experiment.real_axes), axis=1).reshape(found.shape)
    # voxels along the spindle are left out
    near = (s > 0.12) & (s < 0.4) & (predicted > 0)
    assert near.sum() > 600
    assert predicted[near].sum() == pytest.approx(found[near].sum(), rel=0.01)
    many = near & (found > 2000)
    ratio = np.log(predicted[many] / found[many])
    assert abs(np.median(ratio)) < 0.005
    assert ratio.std() < 0.05


def test_wedges_share_a_voxel_out(experiment: RotationExperiment, seen: Crossings) -> None:
    hkl = lattice_points(experiment, 0.1, 0.45)
    one = crossings(experiment, hkl, wedge_degrees=360.0)
    assert len(one) < len(seen)
    assert one.wedge.max() == 0
    assert seen.wedge.max() == 5
    # parts too small to count are missing
    assert seen.pixels.sum() == pytest.approx(one.pixels.sum(), rel=0.01)
    np.testing.assert_array_equal(np.floor((seen.iz + 0.5) / 50.0), seen.wedge)
    assert seen.fraction.min() > SMALLEST_PART
    assert seen.fraction.max() <= 1.0


def test_a_full_turn_sees_every_crossing_twice() -> None:
    base = lysozyme_6m(10, parallax=False).experiment
    wide = replace(base.detector, shape=(4000, 4000), origin=(2000.5, 2000.5), modules=None)
    turn = replace(base, detector=wide, width=1.0, frames=360, start=17.0)
    hkl = lattice_points(turn, 0.2, 0.5)
    seen = crossings(turn, hkl, wedge_degrees=360.0)
    _, at = np.unique(seen.hkl, axis=0, return_inverse=True)
    whole = np.bincount(at, seen.fraction)
    np.testing.assert_allclose(whole[whole > 1.1], 2.0, atol=2.1 * SMALLEST_PART)
    assert np.mean(whole > 1.1) > 0.95
    twice = replace(turn, frames=720)
    more = crossings(twice, hkl, wedge_degrees=720.0)
    assert more.pixels.sum() == pytest.approx(2 * seen.pixels.sum(), rel=0.002)


def test_live_part_is_what_pixels_count() -> None:
    live = np.ones(20)
    live[8:11] = 0
    for foot, side in (
        (3.0, 4.0),
        (7.0, 5.0),
        (9.0, 3.0),
        (9.0, 7.0),
        (-1.0, 4.0),
        (19.5, 2.0),
    ):
        mean, share = live_part(np.array([foot]), np.array([side]), 20, [(8, 11)])
        fine = foot + side * ((np.arange(40000) + 0.5) / 40000 - 0.5)
        pixel = np.rint(fine).astype(int)
        good = (fine > -0.5) & (fine < 19.5)
        good[good] = live[pixel[good]] > 0
        assert share[0] == pytest.approx(good.mean(), abs=1e-3)
        if good.any():
            # within a pixel that is cut, its centre stands for the part
            assert mean[0] == pytest.approx(fine[good].mean(), abs=0.26)
        else:
            assert mean[0] == foot


def test_modules_of_a_pilatus_6m() -> None:
    detector = lysozyme_6m(1).experiment.detector
    assert modules_of(detector) == 60
    ix = np.array([0.0, 486.0, 494.0, 2462.0, 0.0, 2462.0])
    iy = np.array([0.0, 194.0, 0.0, 0.0, 212.0, 2526.0])
    assert module_of(detector, ix, iy).tolist() == [0, 0, 1, 4, 5, 59]
    plain = Detector((10, 10), 0.1, 50.0, (5.0, 5.0))
    assert modules_of(plain) == 1
    assert module_of(plain, ix, iy).tolist() == [0] * 6
