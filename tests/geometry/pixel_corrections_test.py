from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.geometry.absorption import PathSegment
from ewaldite.geometry.detector import pixel_positions, ray_intersection, scattering_vector
from ewaldite.geometry.parallax import true_position
from ewaldite.geometry.pixel_corrections import (
    CorrectionSwitches,
    PixelCorrections,
    corrections_at,
    pixel_corrections,
)
from ewaldite.model.experiment import Beam, Panel, Sensor
from geometry.setups import (
    Case,
    oracle,
    panel_of,
    panels,
    pilatus,
    rotations,
    tilted,
    turned,
    turned_beam,
)

OFF = CorrectionSwitches(False, False, False, False, False)


def corrected(case: Case, **options: object) -> PixelCorrections:
    values: dict[str, object] = {"sensor_mu": case.silicon, "path": [PathSegment(case.air)]}
    return pixel_corrections(case.panel, case.beam, case.axis, case.width, **(values | options))  # type: ignore[arg-type]


def test_oracle_of_the_tilted_panel() -> None:
    case = tilted()
    found = corrected(case)
    assert found.s.shape == (6, 8, 3)
    for name, key in (
        ("solid_angle", "solidAngle"),
        ("efficiency", "efficiency"),
        ("attenuation", "attenuation"),
        ("d3s", "d3s"),
    ):
        np.testing.assert_allclose(getattr(found, name).ravel(), case[key], rtol=1e-9)


def test_oracle_of_a_whole_detector() -> None:
    case = pilatus()
    columns = np.arange(2463.0)
    # The oracle shifts the pixels by the parallax of the geometry of XDS.INP, rounded
    inputs = {**oracle()["inputs"], "f": 229.87, "orgx": 1266, "orgy": 1244}
    rough = panel_of(inputs, (2527, 2463), 1.0)
    names = ("solid_angle", "polarization", "efficiency", "attenuation", "d3s")
    low, high, total = np.full(5, np.inf), np.zeros(5), np.zeros(5)
    for first in range(0, 2527, 200):
        slow = np.arange(first, min(first + 200, 2527), dtype=np.float64)[:, np.newaxis]
        entry = true_position(
            rough, slow, columns, mu=case.silicon, thickness=1.0, convention="xds"
        )
        fast_entry, slow_entry = ray_intersection(rough, entry)
        shift = (np.round(slow_entry - slow, 2), np.round(fast_entry - columns, 2))
        found = corrections_at(
            case.panel,
            case.beam,
            case.axis,
            case.width,
            pixel_positions(case.panel, slow, columns, shift=shift),
            mu=case.silicon,
            thickness=1.0,
            path=[PathSegment(case.air)],
            switches=CorrectionSwitches(),
        )
        # the oracle has NaN at the foot of the normal
        known = (slow != 1243) | (columns != 1265)
        arrays = [getattr(found, name)[known] for name in names]
        low = np.minimum(low, [array.min() for array in arrays])
        high = np.maximum(high, [array.max() for array in arrays])
        total += [array.sum() for array in arrays]
    # mdx-lib normalises neither the polarization normal (see polarization_test) nor the axis
    k2 = 1.0 - (case.beam.s0[1] * case.beam.wavelength) ** 2
    pixels = 2527 * 2463 - 1
    low[1], high[1] = 1.0 - k2 * (1.0 - low[1]), 1.0 - k2 * (1.0 - high[1])
    total[1] = pixels - k2 * (pixels - total[1])
    low[4], high[4], total[4] = np.array([low[4], high[4], total[4]]) * np.linalg.norm(
        case.axis
    )
    keys = ("solidAngle", "polarization", "efficiency", "attenuation", "d3s")
    for i, key in enumerate(keys):
        expected = oracle()["detector_stats"][f"{key}_min_max_nansum"]
        # the smallest d3s is a difference of nearly equal numbers, next to the blind plane
        tolerance = 1e-9 * expected[1] if key == "d3s" else 0.0
        np.testing.assert_allclose(
            [low[i], high[i], total[i]], expected, rtol=1e-9, atol=tolerance, err_msg=key
        )


@pytest.mark.parametrize("convention", ["none", "xds", "dials"])
def test_bands_are_parts_of_the_panel(convention: str) -> None:
    case = replace(tilted(), panel=replace(tilted().panel, parallax=convention))
    whole, band = corrected(case), corrected(case, rows=(2, 5))
    for field in fields(PixelCorrections):
        np.testing.assert_array_equal(
            getattr(band, field.name), getattr(whole, field.name)[2:5]
        )


@pytest.mark.parametrize("convention", ["xds", "dials"])
def test_parallax_moves_the_scattering_vectors(convention: str) -> None:
    panel = replace(tilted().panel, parallax=convention)
    case = replace(tilted(), panel=panel)
    slow, fast = np.arange(6)[:, None], np.arange(8)
    xyz = true_position(panel, slow, fast, mu=case.silicon, thickness=0.32)
    s0 = case.beam.s0
    np.testing.assert_allclose(corrected(case).s, scattering_vector(xyz, s0), atol=1e-14)
    thin = corrected(case, switches=CorrectionSwitches(parallax=False))
    expected = scattering_vector(pixel_positions(panel, slow, fast), s0)
    np.testing.assert_allclose(thin.s, expected, atol=1e-14)
    assert np.abs(thin.s - corrected(case).s).max() > 1e-6


def test_every_correction_is_a_factor_that_can_be_left_out() -> None:
    case = tilted()
    whole, none = corrected(case), corrected(case, switches=OFF)
    np.testing.assert_array_equal(none.total, np.ones((6, 8)))
    product = np.ones((6, 8))
    for name in ("solid_angle", "polarization", "efficiency", "attenuation"):
        alone = corrected(case, switches=replace(OFF, **{name: True}))
        np.testing.assert_array_equal(alone.total, getattr(whole, name))
        np.testing.assert_array_equal(getattr(none, name), np.ones((6, 8)))
        product = product * alone.total
    np.testing.assert_allclose(whole.total, product, rtol=1e-14)
    # the swept volume is no correction and stays
    np.testing.assert_array_equal(none.d3s, whole.d3s)


@settings(deadline=None)
@given(st.sampled_from(["none", "xds", "dials"]).flatmap(panels), rotations())
def test_turning_everything_changes_nothing(panel: Panel, matrix: np.ndarray) -> None:
    beam = Beam(0.9, np.array([0.05, 0.02, 1.0]), 0.9)
    axis = np.array([0.9, -0.1, 0.0])
    path = [PathSegment(1e-4)]
    one = pixel_corrections(panel, beam, axis, 0.2, path=path)
    other = pixel_corrections(
        turned(panel, matrix), turned_beam(beam, matrix), matrix @ axis, 0.2, path=path
    )
    np.testing.assert_allclose(other.s, one.s @ matrix.T, atol=1e-12)
    np.testing.assert_allclose(other.total, one.total, rtol=1e-8)
    np.testing.assert_allclose(other.d3s, one.d3s, rtol=1e-7, atol=1e-18)


def test_the_option_wins_over_the_coefficient_of_the_file() -> None:
    case = tilted()
    panel = replace(case.panel, sensor=Sensor("Si", 0.32, 1.0))
    own = corrected(replace(case, panel=panel), sensor_mu=None)
    given_one = corrected(replace(case, panel=panel), sensor_mu=2.0)
    assert float(own.efficiency.max()) < float(given_one.efficiency.min())
    np.testing.assert_allclose(own.efficiency, 1.0 - np.sqrt(1.0 - given_one.efficiency))


@pytest.mark.parametrize("convention", ["none", "xds"])
def test_missing_values_are_named(convention: str) -> None:
    case = tilted()
    bare = replace(case.panel, sensor=None, parallax=convention)
    with pytest.raises(UserError, match="sensor_material and sensor_thickness"):
        corrected(replace(case, panel=bare))
    only_parallax = CorrectionSwitches(efficiency=False)
    if convention == "none":
        assert corrected(replace(case, panel=bare), switches=only_parallax).total.min() > 0.0
    else:
        with pytest.raises(UserError, match="correct for parallax"):
            corrected(replace(case, panel=bare), switches=only_parallax)
    with pytest.raises(UserError, match="attenuation coefficient None"):
        corrected(case, sensor_mu=None)
    with pytest.raises(UserError, match="polarization_fraction"):
        corrected(replace(case, beam=replace(case.beam, polarization_fraction=None)))
    with pytest.raises(UserError, match=r"polarization fraction 1\.2"):
        corrected(replace(case, beam=replace(case.beam, polarization_fraction=1.2)))
