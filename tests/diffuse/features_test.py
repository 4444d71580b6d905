from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diffuse.setups import MU, PATH, SHAPE, pairs_of, setup
from ewaldite.diffuse.features import feature_source
from ewaldite.errors import UserError
from ewaldite.geometry.pixel_corrections import CorrectionSwitches
from ewaldite.kernels import walk


@pytest.mark.parametrize("pixels", [1, 100, 10**6])
def test_pieces_are_all_rows_of_the_panels_once(pixels: int) -> None:
    source = setup().features
    seen = np.zeros(SHAPE, int)
    bands = []
    for (first, last, columns, slow, fast), table in source.pieces(pixels):
        assert columns == table.shape[1] == 19
        assert 0 < last - first <= source.band_rows(pixels)
        seen[slow + first : slow + last, fast : fast + columns] += 1
        bands.append((slow + first) // source.band_rows(pixels))
    assert bands == sorted(bands)
    expected = np.zeros(SHAPE, int)
    expected[:, :19] = expected[2:, 21:] = 1
    np.testing.assert_array_equal(seen, expected)
    # rows of the image, of which a panel may have some, or none
    some = [piece for piece, _ in source.pieces(SHAPE[1], range(1, 4))]
    assert some == [
        (1, 2, 19, 0, 0),
        (2, 3, 19, 0, 0),
        (0, 1, 19, 2, 21),
        (3, 4, 19, 0, 0),
        (1, 2, 19, 2, 21),
    ]


def test_single_pixels_have_their_position_and_corrections() -> None:
    given, pairs = setup(), pairs_of(setup())
    chosen = pairs.pixel[::7]
    np.testing.assert_allclose(given.features.at(chosen), pairs.features[::7], rtol=2e-9)
    order = np.random.default_rng(0).permutation(chosen.size)
    np.testing.assert_array_equal(
        given.features.at(chosen[order]), given.features.at(chosen)[order]
    )
    assert np.isnan(given.features.at(np.array([20]))).all()
    assert given.features.at(np.empty(0, np.int64)).shape == (0, walk.FEATURES)


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
    some = np.arange(19)
    band = source.at(some)
    np.testing.assert_array_equal(band[:, walk.CORRECTION], 1.0)
    full = feature_source(wedge, SHAPE, 1.4, sensor_mu=MU, path=PATH)
    single = feature_source(wedge, SHAPE, 0.7, sensor_mu=MU, path=PATH)
    wide, narrow = full.at(some), single.at(some)
    np.testing.assert_allclose(wide[:, walk.SWEPT], 2 * narrow[:, walk.SWEPT], rtol=1e-12)
    np.testing.assert_array_equal(wide[:, walk.CORRECTION], narrow[:, walk.CORRECTION])


def test_a_missing_sensor_is_an_error() -> None:
    wedge = setup().wedge
    bare = replace(wedge, panels=tuple(replace(p, sensor=None) for p in wedge.panels))
    with pytest.raises(UserError, match="sensor_material"):
        feature_source(bare, SHAPE, 0.7)
