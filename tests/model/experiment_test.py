from __future__ import annotations

import numpy as np
import pytest

from diffuse.setups import panels, setup
from ewaldite.model.experiment import Beam, Panel


def test_wavevector_has_the_length_of_the_wavelength() -> None:
    beam = Beam(0.8, np.array([0.3, -0.4, 12.0]))
    assert np.linalg.norm(beam.s0) == pytest.approx(1 / 0.8)
    np.testing.assert_allclose(np.cross(beam.s0, beam.direction), 0.0, atol=1e-15)
    assert beam.s0[2] > 0


def test_distance_is_that_of_the_plane() -> None:
    for panel in panels():
        corners = [
            panel.origin + i * panel.fast * 19.0 + j * panel.slow * 33.0
            for i in (0, 1)
            for j in (0, 1)
        ]
        heights = [abs(float(corner @ panel.normal)) for corner in corners]
        assert heights == pytest.approx([panel.distance] * 4)
        assert np.linalg.norm(panel.normal) == pytest.approx(1.0)
    # a panel whose normal looks back to the sample is as far away
    back = Panel(
        np.array([0, 0, 55.0]), np.array([0, 1.0, 0]), np.array([1.0, 0, 0]), (1, 1), (2, 2)
    )
    assert back.normal.tolist() == [0.0, 0.0, -1.0]
    assert back.distance == 55.0


def test_wedges_know_their_length_and_mean_cell() -> None:
    given = setup(5)
    assert len(given.wedge) == 5
    assert len(given.scan) == 10
    np.testing.assert_allclose(given.wedge.mean_axes, given.wedge.axes[2], rtol=1e-14)
