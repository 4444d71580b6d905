from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from ewaldite.errors import UserError
from ewaldite.simulate.intensity import add_cosine, strength
from ewaldite.simulate.laue import GENERATORS, laue_operations
from ewaldite.simulate.truth import Truth

FloatArray = NDArray[np.float64]


def cell_for(laue: str) -> FloatArray:
    """Axes as columns of a cell with the symmetry of the group and no higher."""
    if laue == "-1":
        return np.array([[20.0, -3.0, 2.0], [0.0, 22.0, 4.0], [0.0, 0.0, 27.0]])
    if laue == "2/m":
        return np.array([[20.0, 0.0, -6.0], [0.0, 22.0, 0.0], [0.0, 0.0, 27.0]])
    if laue in ("-3", "-3m1", "-31m", "6/m", "6/mmm"):
        return np.array(
            [[20.0, -10.0, 0.0], [0.0, 20.0 * np.sqrt(0.75), 0.0], [0.0, 0.0, 27.0]]
        )
    lengths = {"mmm": [20.0, 22.0, 27.0], "m-3": [20.0] * 3, "m-3m": [20.0] * 3}
    return np.diag(lengths.get(laue, [20.0, 20.0, 27.0]))


def at(hkl: FloatArray, axes: FloatArray) -> FloatArray:
    return np.moveaxis(hkl @ np.linalg.inv(axes), -1, 0)


def plain_smooth(truth: Truth, hkl: FloatArray, axes: FloatArray) -> FloatArray:
    """The formula of the documentation, sum for sum."""
    operations = laue_operations(truth.laue)
    images = np.einsum("oij,nj->oni", operations, hkl)
    wavy = np.ones(len(hkl))
    for c, *u in truth.waves:
        wavy += c * np.cos(2 * np.pi * images @ np.array(u)).mean(axis=0)
    near = np.cos(2 * np.pi * images).mean(axis=(0, 2))
    s = np.linalg.norm(hkl @ np.linalg.inv(axes), axis=1)
    diffuse = np.exp(-(s**2) / 2 / truth.envelope**2) * (
        wavy + truth.halo * (0.5 + 0.5 * near) ** 8
    )
    ring = np.exp(-((s - truth.ring_position) ** 2) / 2 / truth.ring_width**2)
    return np.asarray(truth.diffuse * diffuse + truth.ring * ring)


@pytest.mark.parametrize("laue", GENERATORS)
def test_intensity_is_invariant_under_the_laue_group(laue: str) -> None:
    truth, axes = Truth(laue=laue, bragg_width=0.002), cell_for(laue)
    truth.check_cell(axes)
    rng = np.random.default_rng(1)
    hkl = rng.uniform(-9, 9, (200, 3))
    near_nodes = np.rint(hkl) + rng.normal(0.0, 0.03, hkl.shape)
    smooth, spots = truth.smooth(at(hkl, axes), axes), truth.spots(at(near_nodes, axes), axes)
    assert spots.max() > 10.0
    for op in laue_operations(laue):
        np.testing.assert_allclose(truth.smooth(at(hkl @ op.T, axes), axes), smooth, rtol=1e-7)
        np.testing.assert_allclose(
            truth.spots(at(near_nodes @ op.T, axes), axes), spots, rtol=1e-9
        )


@pytest.mark.parametrize("laue", GENERATORS)
def test_smooth_intensity_is_the_formula(laue: str) -> None:
    truth, axes = Truth(laue=laue), cell_for(laue)
    hkl = np.random.default_rng(2).uniform(-9, 9, (500, 3))
    expected = plain_smooth(truth, hkl, axes)
    np.testing.assert_allclose(truth.smooth(at(hkl, axes), axes), expected, rtol=1e-7)
    assert expected.min() > 0.0


def test_intensity_does_not_depend_on_how_the_crystal_lies() -> None:
    truth, axes = Truth(), cell_for("-1")
    hkl = np.random.default_rng(3).uniform(-4, 4, (100, 3))
    turned = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) @ axes
    upright = truth.smooth(at(hkl, axes), axes)
    np.testing.assert_allclose(truth.smooth(at(hkl, turned), turned), upright, rtol=1e-9)


def test_lower_symmetry_is_not_raised_by_chance() -> None:
    truth, axes = Truth(laue="2/m"), cell_for("mmm")
    hkl = np.random.default_rng(4).uniform(-5, 5, (200, 3))
    mirrored = hkl * [-1.0, 1.0, 1.0]
    difference = truth.smooth(at(hkl, axes), axes) - truth.smooth(at(mirrored, axes), axes)
    assert np.abs(difference).max() > 0.05


def test_a_spot_is_a_gaussian_of_its_width_around_its_node() -> None:
    truth, axes = Truth(bragg_width=0.002), cell_for("-1")
    node = at(np.array([[3.0, -2.0, 5.0]]), axes)
    direction = np.array([[0.6], [0.0], [0.8]])
    offsets = np.array([0.0, 0.002, 0.004, 0.0119, 0.0121])
    spot = truth.spots(node + direction * offsets, axes)
    np.testing.assert_allclose(spot[:4] / spot[0], np.exp(-0.5 * (offsets[:4] / 0.002) ** 2))
    assert spot[4] == 0.0


def test_strengths_follow_wilson_and_hang_on_the_seed() -> None:
    identity = laue_operations("-1")
    nodes = [np.array([h, k, l]) for h in range(1, 12) for k in range(-9, 9) for l in range(9)]
    drawn = np.array([strength(node, identity, 5) for node in nodes])
    # Kolmogorov-Smirnov against the exponential distribution of mean 1
    assert stats.kstest(drawn, "expon").pvalue > 0.01
    other = np.array([strength(node, identity, 6) for node in nodes])
    assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.1
    assert strength(np.array([0, 0, 0]), identity, 5) == 0.0


@settings(deadline=None)
@given(st.floats(-60, 60), st.floats(-3, 3), st.floats(-3, 3))
def test_the_series_of_the_cosine_is_the_cosine(h: float, u: float, v: float) -> None:
    total = np.array([0.5])
    point = np.array([h])
    add_cosine(point, 0.5 * point, -point, np.array([2.0, u, v, 0.25]), total)
    turns = u * h + 0.5 * v * h - 0.25 * h
    assert total[0] == pytest.approx(0.5 + 2.0 * np.cos(2 * np.pi * turns), abs=1e-11)


def test_waves_that_could_make_intensity_negative_are_refused() -> None:
    with pytest.raises(UserError, match="negative"):
        Truth(waves=((0.6, 0.1, 0.2, 0.3), (-0.5, 0.3, 0.2, 0.1)))


def test_a_cell_without_the_symmetry_is_refused() -> None:
    with pytest.raises(UserError, match="symmetry of the Laue group 4/mmm"):
        Truth(laue="4/mmm").check_cell(cell_for("mmm"))


def test_spots_that_overlap_are_refused() -> None:
    with pytest.raises(UserError, match=r"bragg_width at most 0\.0031"):
        Truth(bragg_width=0.004).check_cell(cell_for("mmm"))


def test_isotropic_part_depends_on_the_length_alone() -> None:
    """Without halo it is the mean over many directions."""
    axes = 30.0 * np.eye(3)
    truth = Truth(halo=0.0)
    rng = np.random.default_rng(2)
    for length in (0.2, 0.3, 0.5):
        directions = rng.standard_normal((3, 4000))
        s = length * directions / np.linalg.norm(directions, axis=0)
        isotropic = truth.isotropic(s)
        np.testing.assert_allclose(isotropic, isotropic[0])
        total = truth.smooth(s, axes)
        assert abs(total.mean() - isotropic[0]) < 5 * total.std() / np.sqrt(4000)
        assert total.std() > 0.05 * isotropic[0]
    assert Truth(halo=9.0).isotropic(s)[0] == isotropic[0]
