"""Names of planes mean what crystallographers mean."""

from __future__ import annotations

import numpy as np
import pytest

from ewaldite.diffuse.maps.plane_spec import PlaneSpec, number_text
from ewaldite.errors import UserError


@pytest.mark.parametrize(
    ("text", "u", "v", "origin", "name"),
    [
        ("hk0", (1, 0, 0), (0, 1, 0), (0, 0, 0), "hk0"),
        ("h0l", (1, 0, 0), (0, 0, 1), (0, 0, 0), "h0l"),
        ("0kl", (0, 1, 0), (0, 0, 1), (0, 0, 0), "0kl"),
        ("HK1", (1, 0, 0), (0, 1, 0), (0, 0, 1), "hk1"),
        ("h k 1/2", (1, 0, 0), (0, 1, 0), (0, 0, 0.5), "h k 1/2"),
        ("hk0.37", (1, 0, 0), (0, 1, 0), (0, 0, 0.37), "h k 0.370"),
        ("h, -1.5, l", (1, 0, 0), (0, 0, 1), (0, -1.5, 0), "h −3/2 l"),
        ("h10l", (1, 0, 0), (0, 0, 1), (0, 10, 0), "h 10 l"),
        ("hhl", (1, 1, 0), (0, 0, 1), (0, 0, 0), "hhl"),
        ("h−hl", (1, -1, 0), (0, 0, 1), (0, 0, 0), "h −h l"),
        ("hkh", (1, 0, 1), (0, 1, 0), (0, 0, 0), "hkh"),
        ("uv0", (1, 0, 0), (0, 1, 0), (0, 0, 0), "hk0"),
    ],
)
def test_names(text: str, u: tuple, v: tuple, origin: tuple, name: str) -> None:  # type: ignore[type-arg]
    plane = PlaneSpec.parse(text)
    np.testing.assert_array_equal(plane.u, u)
    np.testing.assert_array_equal(plane.v, v)
    np.testing.assert_array_equal(plane.origin, origin)
    assert plane.name == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hk", "three terms"),
        ("hkl", "3 indices vary"),
        ("h00", "1 indices vary"),
        ("000", "0 indices vary"),
        ("hkx", "three terms"),
        ("", "three terms"),
    ],
)
def test_what_is_no_plane(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        PlaneSpec.parse(text)


def test_vectors_of_any_direction() -> None:
    plane = PlaneSpec.of_vectors([1, 1, 0], [0, 1, 2], [0, 0, 0.5])
    assert plane.name == "(1, 1, 0) × (0, 1, 2) + (0, 0, 1/2)"
    assert plane.labels == ("(h, h, 0)", "(0, k, 2k)")
    assert PlaneSpec.of_vectors([1, 0, 0], [0, -1, 0]).labels == ("h", "(0, −k, 0)")
    assert PlaneSpec.parse("hhl").labels == ("(h, h, 0)", "l")
    assert PlaneSpec.of_vectors([1, 1, 0], [1, -1, 0]).labels == ("(h, h, 0)", "(k, −k, 0)")
    assert PlaneSpec.of_vectors([1, 1, 0], [2, 0, 0]).labels == ("(h, h, 0)", "(2q, 0, 0)")
    assert PlaneSpec.of_vectors([0.5, 0, 0], [0, 1, 0]).name == "(1/2, 0, 0) × (0, 1, 0)"


@pytest.mark.parametrize(
    ("u", "v", "said"),
    [
        ((1, 0, 0), (2, 0, 0), "span no plane"),
        ((0, 0, 0), (1, 0, 0), "span no plane"),
        ((1, 0), (0, 1), "no triples"),
        ((1, 0, np.nan), (0, 1, 0), "no triples"),
    ],
)
def test_vectors_that_span_none(u: tuple, v: tuple, said: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(UserError, match=said):
        PlaneSpec.of_vectors(u, v)


def test_numbers() -> None:
    assert [number_text(x) for x in (0.5, -1 / 3, 2, -0.123456)] == [
        "1/2",
        "−1/3",
        "2",
        "−0.123",
    ]
