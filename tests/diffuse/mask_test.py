from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffuse.setups import oracle, panels
from ewaldite.diffuse.mask import (
    is_pilatus,
    no_count,
    outside_panels,
    region_mask,
    regions_of,
    resolution_mask,
    virtual_pixels,
)
from ewaldite.diffuse.options import MaskOptions
from ewaldite.errors import UserError
from ewaldite.model.experiment import Region

SHAPE = (21, 26)
SLOW, FAST = np.mgrid[: SHAPE[0], : SHAPE[1]]

whole = st.integers(-8, 34).map(float)
places = whole | whole.map(lambda x: x + 0.5) | st.floats(-8.0, 34.0)
corners = st.tuples(places, places)


def mask(kind: str, points: object) -> np.ndarray:
    return region_mask(Region(kind, np.array(points, float), "x"), SHAPE)  # type: ignore[arg-type]


@settings(deadline=None)
@given(corners, corners)
def test_rectangles_hold_what_is_strictly_inside(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    (x0, x1), (y0, y1) = sorted((one[0], other[0])), sorted((one[1], other[1]))
    expected = (x0 < FAST) & (x1 > FAST) & (y0 < SLOW) & (y1 > SLOW)
    np.testing.assert_array_equal(mask("rectangle", [one, other]), expected)


def test_rectangle_of_xds_with_its_exclusive_bounds() -> None:
    # XDS: UNTRUSTED_RECTANGLE= 4 8 2 5 leaves out 5, 6, 7 × 3, 4
    found = mask("rectangle", [[4, 2], [8, 5]])
    assert np.argwhere(found).tolist() == [[s, f] for s in (3, 4) for f in (5, 6, 7)]


@settings(deadline=None)
@given(corners, corners)
def test_ellipses_hold_what_is_inside(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    a, b = abs(one[0] - other[0]) / 2, abs(one[1] - other[1]) / 2
    found = mask("ellipse", [one, other])
    if a == 0 or b == 0:
        assert not found.any()
        return
    u = (FAST - (one[0] + other[0]) / 2) * b
    v = (SLOW - (one[1] + other[1]) / 2) * a
    level = u**2 + v**2 - (a * b) ** 2
    sure = np.abs(level) > 1e-9 * (a * b) ** 2
    np.testing.assert_array_equal(found[sure], (level < 0)[sure])


def winding_number(x: float, y: float, vertices: list[tuple[float, float]]) -> float:
    """Turns of the polygon about a point, by the angles at the point."""
    shifted = np.array([complex(a - x, b - y) for a, b in vertices])
    angles = np.angle(np.roll(shifted, -1) / shifted)
    return float(angles.sum() / (2 * np.pi))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 24), st.integers(1, 19)), min_size=3, max_size=7))
def test_polygons_against_the_winding_number(vertices: list[tuple[int, int]]) -> None:
    # vertices off the lattice of the pixels, so that no pixel is on an edge
    moved = [(x + 0.31, y + 0.17 + 0.001 * x) for x, y in vertices]
    found = mask("polygon", moved)
    for slow, fast in [(s, f) for s in range(0, 21, 2) for f in range(0, 26, 3)]:
        turns = round(winding_number(fast, slow, moved))
        # even-odd rule
        assert found[slow, fast] == (turns % 2 == 1)


@settings(deadline=None, max_examples=30)
@given(
    st.tuples(st.integers(-4, 20), st.integers(-4, 20)),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.integers(0, 3),
    st.booleans(),
)
def test_a_polygon_of_four_corners_is_a_rectangle(
    corner: tuple[int, int], size: tuple[int, int], first: int, backwards: bool
) -> None:
    (x, y), (w, h) = corner, size
    around = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
    around = around[first:] + around[:first]
    found = mask("polygon", around[::-1] if backwards else around)
    np.testing.assert_array_equal(found, mask("rectangle", [(x, y), (x + w, y + h)]))


def test_edges_of_a_polygon_are_not_inside() -> None:
    # a triangle with a sloping edge through pixels
    found = mask("polygon", [(2, 2), (10, 10), (2, 10)])
    expected = (FAST > 2) & (SLOW < 10) & (FAST < SLOW)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", ["rectangle", "ellipse", "polygon"])
def test_regions_outside_the_image_are_empty(kind: str) -> None:
    for x, y in ((-30, 5), (60, 5), (5, -40), (5, 80), (-40, -40), (70, 70)):
        points = [(x, y), (x + 8, y), (x + 8, y + 8)]
        assert not mask(kind, points if kind == "polygon" else points[::2]).any()


@pytest.mark.parametrize(("kind", "n"), [("rectangle", 1), ("ellipse", 1), ("polygon", 2)])
def test_regions_with_too_few_points(kind: str, n: int) -> None:
    with pytest.raises(UserError, match=f"{kind} with {n} points"):
        mask(kind, [(1.0, 2.0)] * n)


def test_oracle_virtual_pixels_of_a_pilatus_6m() -> None:
    given_mask = oracle("pilatus_mask")
    found = virtual_pixels((2527, 2463))
    assert found.sum() == given_mask["n_virtual"] == 329580
    row = np.flatnonzero(found[50 - 1]) + 1
    assert row.tolist() == given_mask["rows_x_virtual_at_iy50"]
    column = np.flatnonzero(found[:, 30 - 1]) + 1
    assert column.tolist() == given_mask["cols_y_virtual_at_ix30"]
    # the gaps between modules are no virtual pixels
    gap = (np.arange(2527) % 212 >= 195)[:, None] | (np.arange(2463) % 494 >= 487)[None, :]
    assert gap.sum() == given_mask["n_gap"]
    assert not (found & gap).any()


@pytest.mark.parametrize(
    ("shape", "is_one"),
    [
        ((195, 487), True),
        ((407, 487), True),
        ((619, 487), True),
        ((1679, 1475), True),
        ((2527, 2463), True),
        ((2167, 2070), False),
        ((195, 488), False),
        ((2463, 2527), False),
    ],
)
def test_sizes_of_pilatus_detectors(shape: tuple[int, int], is_one: bool) -> None:
    assert is_pilatus(shape) is is_one
    if not is_one:
        with pytest.raises(UserError, match="virtual_pixels = false"):
            virtual_pixels(shape)


def test_modules_are_alike() -> None:
    module, found = virtual_pixels((195, 487)), virtual_pixels((619, 981))
    for slow in (0, 212, 424):
        for fast in (0, 494):
            np.testing.assert_array_equal(found[slow : slow + 195, fast : fast + 487], module)
    assert found.sum() == 6 * module.sum()
    # symmetric about the middle of the module
    np.testing.assert_array_equal(module, module[::-1])
    np.testing.assert_array_equal(module, module[:, ::-1])


def test_pixels_outside_the_panels() -> None:
    out = outside_panels(panels(), (30, 40))
    expected = np.ones((30, 40), bool)
    expected[:, :19] = False
    expected[2:, 21:] = False
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint16, np.uint32, np.uint64])
def test_markers(dtype: type[np.integer]) -> None:
    top = int(np.iinfo(dtype).max)
    image = np.array([[0, 1, 5], [top, top - 1, 7]], dtype)
    markers = (top, top - 1)
    assert np.argwhere(no_count(image, markers)).tolist() == [[1, 0], [1, 1]]
    assert np.argwhere(no_count(image, markers, 2)).tolist() == [
        [0, 0], [0, 1], [1, 0], [1, 1],
    ]  # fmt: skip
    assert not no_count(image).any()
    if np.issubdtype(dtype, np.signedinteger):
        image[0, 2] = -1
        assert np.argwhere(no_count(image)).tolist() == [[0, 2]]
        assert not no_count(image, minimum=-1).any()
    # a marker that the type cannot hold marks nothing
    assert not no_count(image, (2**70,), -(2**40)).any()


def test_resolution_ranges_and_rings() -> None:
    d = np.array([[50.0, 10.0, 4.0, 3.9, 3.7, 3.6, 2.0, 1.5, 1.2]])
    s = np.append(1 / d, [[np.nan]], axis=1)
    masks = resolution_mask(s, 1.5, 20.0, [(3.95, 3.65), (2.2, 2.3)])
    assert {k: np.flatnonzero(v).tolist() for k, v in masks.items()} == {
        "beyond d_min": [8],
        "below d_max": [0],
        "ring 3.95-3.65 Å": [3, 4],
        "ring 2.3-2.2 Å": [],
    }
    assert resolution_mask(s, None, None, []) == {}


def test_regions_of_the_options() -> None:
    options = MaskOptions(
        rectangles=[(4, 8, 2, 5)], ellipses=[(1, 11, 3, 9)], polygons=[[(1, 1), (9, 1), (5, 9)]]
    )
    rectangle, ellipse, polygon = (region_mask(r, SHAPE) for r in regions_of(options))
    np.testing.assert_array_equal(rectangle, (FAST > 4) & (FAST < 8) & (SLOW > 2) & (SLOW < 5))
    inside = ((FAST - 6) / 5) ** 2 + ((SLOW - 6) / 3) ** 2 < 1
    np.testing.assert_array_equal(ellipse, inside)
    assert polygon[4, 5]
    assert not polygon[4, 1]
    assert [r.name for r in regions_of(options)] == ["rectangles", "ellipses", "polygons"]
    assert regions_of(MaskOptions()) == ()
