from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.geometry.absorption import PathSegment
from ewaldite.geometry.correction_table import correction_table
from ewaldite.geometry.pixel_corrections import CorrectionSwitches, pixel_corrections
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.model.experiment import Beam, Panel, Sensor
from geometry.setups import AIR, SILICON, panels, pilatus, tilted, turned

CONVENTIONS = ["none", "xds", "dials"]
BEAM = Beam(0.9, np.array([0.05, 0.02, 1.0]), 0.9)
AXIS = np.array([0.9, -0.1, 0.05])
WAY = [PathSegment(3e-4, 20.0), PathSegment(0.8, 0.05, "plane"), PathSegment(2e-7)]


def compare(
    panel: Panel,
    beam: Beam,
    rows: tuple[int, int],
    path: list[PathSegment],
    switches: CorrectionSwitches | None = None,
) -> None:
    table = correction_table(panel, beam, AXIS, 0.3, path=path, switches=switches)
    s, total, d3s = table.band(*rows)
    reference = pixel_corrections(
        panel, beam, AXIS, 0.3, rows=rows, path=path, switches=switches
    )
    np.testing.assert_allclose(s, reference.s.reshape(-1, 3), rtol=0, atol=1e-12)
    np.testing.assert_allclose(total, reference.total.ravel(), rtol=1e-9)
    # next to the plane of spindle and beam d3s goes through zero
    steepest = 1e-6 * reference.solid_angle.max() / beam.wavelength**3 * np.deg2rad(0.3)
    if switches is None:
        np.testing.assert_allclose(d3s, reference.d3s.ravel(), rtol=1e-9, atol=1e-10 * steepest)


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("tilt", [0.0, 12.0, 35.0])
def test_agrees_with_the_reference_on_a_large_panel(convention: str, tilt: float) -> None:
    panel = replace(pilatus().panel, sensor=Sensor("Si", 1.0, SILICON), parallax=convention)
    panel = turned(panel, rotation_matrix([0.3, 1.0, 0.1], tilt))
    for first in (0, 1230, 2520):
        compare(panel, BEAM, (first, first + 7), [PathSegment(AIR)])


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(CONVENTIONS).flatmap(panels))
def test_agrees_with_the_reference_on_any_panel(panel: Panel) -> None:
    compare(panel, BEAM, (0, panel.shape[0]), WAY)


@pytest.mark.parametrize("sensor", [Sensor("Si", 0.1, 0.05), Sensor("CdTe", 2.0, 60.0)])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_agrees_on_a_near_panel_that_sees_grazing_rays(convention: str, sensor: Sensor) -> None:
    panel = replace(
        pilatus().panel,
        origin=np.array([-200.0, -200.0, 20.0]),
        sensor=sensor,
        parallax=convention,
    )
    for first in (0, 1162, 2400):
        compare(panel, BEAM, (first, first + 3), [PathSegment(AIR)])


@pytest.mark.parametrize(
    "name", ["solid_angle", "polarization", "efficiency", "attenuation", "parallax"]
)
def test_switches_do_as_in_the_reference(name: str) -> None:
    panel = replace(
        tilted().panel, sensor=Sensor("Si", 0.32, tilted().silicon), parallax="dials"
    )
    on = CorrectionSwitches()
    off = CorrectionSwitches(False, False, False, False, False)
    compare(panel, BEAM, (0, 6), WAY, replace(on, **{name: False}))
    compare(panel, BEAM, (0, 6), WAY, replace(off, **{name: True}))


def test_a_skewed_panel() -> None:
    panel = replace(tilted().panel, sensor=Sensor("Si", 0.32, 3.7), parallax="xds")
    slow = panel.slow + 1e-3 * panel.fast
    compare(replace(panel, slow=slow / np.linalg.norm(slow)), BEAM, (1, 5), WAY)


def test_single_pixels_are_those_of_the_band_to_the_bit() -> None:
    panel = replace(pilatus().panel, sensor=Sensor("Si", 1.0, SILICON), parallax="xds")
    table = correction_table(panel, BEAM, AXIS, 0.3, path=WAY)
    # as many columns as vector units take at a time, and some that are left over
    column = np.r_[np.arange(700, 717), 0, panel.shape[1] - 1]
    for row in (0, 1200):
        single = table.at(np.full(column.size, row), column)
        for mine, theirs in zip(single, table.band(row, row + 1), strict=True):
            np.testing.assert_array_equal(mine, theirs[column])


def test_missing_values_are_named() -> None:
    with pytest.raises(UserError, match="sensor_thickness"):
        correction_table(replace(tilted().panel, sensor=None), BEAM, AXIS, 0.3)
    panel = replace(tilted().panel, sensor=Sensor("Si", 0.32, 3.7))
    with pytest.raises(UserError, match="polarization_fraction"):
        correction_table(panel, replace(BEAM, polarization_fraction=None), AXIS, 0.3)
