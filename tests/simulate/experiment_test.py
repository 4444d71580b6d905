from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ewaldite.errors import UserError
from ewaldite.simulate.experiment import placed_axes
from ewaldite.simulate.presets import lysozyme_6m, small_demo

CELL = (27.425, 32.135, 34.492, 88.6, 108.443, 111.913)


@settings(deadline=None)
@given(
    st.floats(-400, 400),
    st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.hypot(*v[:2]) > 0.1),
)
def test_axes_turn_as_scipy_turns_vectors(
    phi: float, direction: tuple[float, float, float]
) -> None:
    experiment = replace(lysozyme_6m().experiment, axis=direction)
    unit = np.array(direction) / np.linalg.norm(direction)
    expected = Rotation.from_rotvec(unit * np.deg2rad(phi)).as_matrix() @ experiment.real_axes
    np.testing.assert_allclose(experiment.turned_axes(phi), expected, atol=1e-11)


def test_a_positive_angle_about_z_brings_x_to_y() -> None:
    axes = ((20.0, 0.0, 0.0), (0.0, 30.0, 0.0), (0.0, 0.0, 40.0))
    experiment = replace(lysozyme_6m().experiment, axis=(0.0, 0.0, 2.0), axes=axes)
    np.testing.assert_allclose(experiment.turned_axes(90.0)[:, 0], [0.0, 20.0, 0.0], atol=1e-12)


@settings(deadline=None)
@given(
    st.tuples(*[st.floats(10, 50)] * 3),
    st.tuples(*[st.floats(75, 110)] * 3),
    st.integers(0, 99),
)
def test_placed_axes_have_the_cell_and_undo_a_rotation(
    lengths: tuple[float, ...], angles: tuple[float, ...], seed: int
) -> None:
    experiment = replace(
        lysozyme_6m().experiment,
        axes=placed_axes(
            (*lengths, *angles), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
        ),
    )
    np.testing.assert_allclose(experiment.cell, [*lengths, *angles], rtol=1e-10)
    assert np.linalg.det(experiment.real_axes) > 0.0
    turn = Rotation.random(random_state=seed).as_matrix()
    turned = [tuple((turn @ axis).tolist()) for axis in experiment.axes]
    again = placed_axes((*lengths, *angles), (turned[0], turned[1], turned[2]))
    np.testing.assert_allclose(again, turned, atol=1e-9)


def test_lysozyme_has_the_refined_cell_near_the_axes_of_the_file() -> None:
    experiment = lysozyme_6m().experiment
    np.testing.assert_allclose(experiment.cell, CELL, rtol=1e-12)
    # "COORDINATES OF UNIT CELL A-AXIS" of the first block of INTEGRATE.LP, sweep 7_1, where XDS
    # printed axes that are older than the cell
    np.testing.assert_allclose(experiment.axes[0], [-22.756, -11.159, -10.475], atol=0.05)


def test_demo_has_one_cell_in_three_orientations() -> None:
    experiments = [sweep.experiment for sweep in small_demo()]
    for experiment in experiments:
        np.testing.assert_allclose(experiment.cell, [20.4, 24.9, 28.1, 90.0, 90.0, 90.0])
    assert len({experiment.axes for experiment in experiments}) == 3
    assert len({experiment.sweep for experiment in experiments}) == 3


def test_phi_is_that_of_the_middle_of_the_frame() -> None:
    # spindle.frame2phi of mdx-lib 1.2 for sweep 7_1 (from 5°, 0.1° an image)
    assert lysozyme_6m().experiment.phi(0) == pytest.approx(5.05, abs=1e-12)
    assert lysozyme_6m().experiment.phi(9) == pytest.approx(5.95, abs=1e-12)


def test_left_handed_axes_are_refused() -> None:
    a, b, c = lysozyme_6m().experiment.axes
    with pytest.raises(UserError, match="left-handed"):
        replace(lysozyme_6m().experiment, axes=(b, a, c))


def test_an_impossible_cell_is_refused() -> None:
    axes = lysozyme_6m().experiment.axes
    with pytest.raises(UserError, match="no cell"):
        placed_axes((10.0, 10.0, 10.0, 150.0, 150.0, 150.0), axes)
