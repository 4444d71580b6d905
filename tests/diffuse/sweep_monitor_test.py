"""Which monitor is used, and how it is divided."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ewaldite.diffuse.options import SweepOptions
from ewaldite.diffuse.sweep_monitor import BeamIntensity, beam_intensity
from ewaldite.errors import UserError
from ewaldite.io.images import ImageMetadata


class Series:
    """A series of which only headers are asked."""

    def __init__(self, count: int, monitor: Any = None, name: str | None = "Flux") -> None:
        values = None if monitor is None else np.array(monitor, float)
        self.metadata = ImageMetadata(
            monitor=values, monitor_name=None if monitor is None else name
        )
        self.count = count

    def __len__(self) -> int:
        return self.count

    def source(self, i: int) -> str:
        return f"a_{i + 1}.cbf"


def intensity(
    images: Series, background: Series | None = None, skip: bool = False, **options: Any
) -> BeamIntensity:
    section = SweepOptions(name="a", images="a_#.cbf", geometry="xds", **options)
    given: Any = SimpleNamespace(images=images, background=background)
    return beam_intensity(section, given.images, given.background, skip=skip)


def test_without_readings_there_is_no_monitor() -> None:
    for background in (None, Series(1), Series(1, [5.0])):
        assert intensity(Series(3), background) == BeamIntensity()


def test_a_sweep_alone_is_not_divided_unless_asked() -> None:
    images = Series(3, [1.0, 2.0, 3.0])
    assert intensity(images).sweep is None
    assert intensity(images, Series(1)).sweep is None
    found = intensity(images, monitor="images")
    np.testing.assert_allclose(found.sweep, [0.5, 1.0, 1.5])
    assert found.source == "Flux"
    assert intensity(images, Series(1, [9.0]), monitor="none") == BeamIntensity()


def test_what_both_say_is_used() -> None:
    found = intensity(Series(3, [1.0, 2.0, 3.0]), Series(2, [8.0, 4.0]))
    np.testing.assert_allclose(found.sweep, [0.5, 1.0, 1.5])
    np.testing.assert_allclose(found.background, [4.0, 2.0])


def test_two_monitors_are_not_compared() -> None:
    images, background = Series(2, [1.0, 3.0]), Series(1, [4.0], "total_flux")
    assert intensity(images, background) == BeamIntensity()


def test_numbers() -> None:
    found = intensity(Series(2), Series(3), monitor=5.0, background_monitor=[1.0, 2.0, 10.0])
    np.testing.assert_allclose(found.sweep, [1.0, 1.0])
    np.testing.assert_allclose(found.background, [0.2, 0.4, 2.0])
    assert found.source == "option monitor"


def test_a_reference_that_sweeps_have_in_common() -> None:
    one, other = (
        intensity(Series(2), monitor=m, monitor_reference=4.0).sweep for m in (4.0, 2.0)
    )
    np.testing.assert_allclose(one, [1.0, 1.0])
    np.testing.assert_allclose(other, [0.5, 0.5])


def test_numbers_for_the_background_beside_what_images_say() -> None:
    found = intensity(Series(2, [1.0, 3.0]), Series(1), monitor="images", background_monitor=4)
    np.testing.assert_allclose(found.background, [2.0])


def test_a_frame_that_cannot_be_read_takes_the_median() -> None:
    images = Series(4, [1.0, np.nan, 3.0, 2.0])
    with pytest.raises(UserError, match=r"2\. frame of the images is nan"):
        intensity(images, monitor="images")
    found = intensity(images, monitor="images", skip=True)
    np.testing.assert_allclose(found.sweep, [0.5, 1.0, 1.5, 1.0])


@pytest.mark.parametrize(
    ("images", "background", "options", "words"),
    [
        (Series(3), None, {"monitor": [1.0, 2.0]}, "2 readings for 3 frames"),
        (Series(2), None, {"monitor": [1.0, 0.0]}, r"the 2\. frame is 0"),
        (Series(2), None, {"monitor": -1.0}, r"the 1\. frame is -1"),
        (Series(2, [0.0, 1.0]), None, {"monitor": "images"}, r"1\. frame of the images is 0"),
        (Series(2), None, {"monitor": "images"}, r"the images \(a_1\.cbf …\) name none"),
        (Series(2), Series(1), {"monitor": 1.0}, "background_monitor is not"),
        (Series(2, [1, 1]), Series(1), {"monitor": "images"}, "the background images"),
        (Series(2), Series(1), {"background_monitor": 1.0}, "Give monitor too"),
        (Series(2), Series(1), {"monitor": "none", "background_monitor": 1.0}, "monitor is"),
        (
            Series(2),
            Series(2),
            {"monitor": 1.0, "background_monitor": [1.0, 2.0, 3.0]},
            "use background_monitor of the sweep 'a': it has 3 readings for 2 frames",
        ),
    ],
)
def test_mistakes(
    images: Series, background: Series | None, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        intensity(images, background, **options)
