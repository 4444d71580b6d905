from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diffuse.setups import MU, PATH, SHAPE, pairs_of, setup
from ewaldite.diffuse.features import feature_source
from ewaldite.errors import UserError
from ewaldite.geometry.pixel_corrections import CorrectionSwitches
from ewaldite.kernels import walk


def test_bands_hold_every_pixel_once_with_its_corrections() -> None:
    given, pairs = setup(), pairs_of(setup())
    features = np.full((SHAPE[0] * SHAPE[1], walk.FEATURES), np.nan)
    seen = np.zeros(SHAPE[0] * SHAPE[1], int)
    for pixel, band in given.features.bands(given.good, 100):
        assert band.shape == (pixel.size, walk.FEATURES)
        # Two rows of the image, of which a panel may have one, or none
        assert pixel.size in (38, 19)
        part = pixel >= 0
        features[pixel[part]] = band[part]
        seen[pixel[part]] += 1
    np.testing.assert_array_equal(seen.reshape(SHAPE), given.good)
    np.testing.assert_allclose(features[pairs.pixel], pairs.features, rtol=2e-9)


def test_single_pixels_are_as_in_the_bands() -> None:
    given, pairs = setup(), pairs_of(setup())
    chosen = pairs.pixel[::7]
    source = given.features
    np.testing.assert_allclose(source.at(chosen), pairs.features[::7], rtol=2e-9)
    for pixel, band in source.bands(given.good, 10**6):
        here = np.isin(chosen, pixel)
        rows = [int(np.flatnonzero(pixel == p)[0]) for p in chosen[here]]
        np.testing.assert_array_equal(source.at(chosen)[here], band[rows])
    assert source.at(np.empty(0, np.int64)).shape == (0, walk.FEATURES)


def test_resolution_of_the_image() -> None:
    given, pairs = setup(), pairs_of(setup())
    s = given.features.resolution()
    length = np.linalg.norm(pairs.features[:, walk.SX : walk.SZ + 1], axis=1)
    np.testing.assert_allclose(s.reshape(-1)[pairs.pixel], length, rtol=1e-9)
    assert np.isnan(s[:, 19:21]).all()
    assert np.isnan(s[:2, 21:]).all()
    assert np.isfinite(s).sum() == 30 * 19 + 28 * 19
    assert np.nanmax(s) < given.features.s_max == 2.0


def test_switches_reach_the_pixels() -> None:
    wedge = setup().wedge
    off = CorrectionSwitches(False, False, False, False, False)
    source = feature_source(wedge, SHAPE, 0.7, switches=off)
    _, band = next(source.bands(np.ones(SHAPE, bool), 10**6))
    np.testing.assert_array_equal(band[:, walk.CORRECTION], 1.0)
    full = feature_source(wedge, SHAPE, 1.4, sensor_mu=MU, path=PATH)
    single = feature_source(wedge, SHAPE, 0.7, sensor_mu=MU, path=PATH)
    _, wide = next(full.bands(np.ones(SHAPE, bool), 10**6))
    _, narrow = next(single.bands(np.ones(SHAPE, bool), 10**6))
    np.testing.assert_allclose(wide[:, walk.SWEPT], 2 * narrow[:, walk.SWEPT], rtol=1e-12)
    np.testing.assert_array_equal(wide[:, walk.CORRECTION], narrow[:, walk.CORRECTION])


def test_a_missing_sensor_is_an_error() -> None:
    wedge = setup().wedge
    bare = replace(wedge, panels=tuple(replace(p, sensor=None) for p in wedge.panels))
    with pytest.raises(UserError, match="sensor_material"):
        feature_source(bare, SHAPE, 0.7)
