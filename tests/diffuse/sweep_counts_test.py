"""Limits of counts, and the dead time, from options and files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ewaldite.diffuse.config import parse_config
from ewaldite.diffuse.count import NO_CEILING
from ewaldite.diffuse.dead_time import DeadTime
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.diffuse.sweep_counts import count_limits, dead_time_of
from ewaldite.errors import UserError
from ewaldite.io.images import ImageMetadata


def options(**sections: dict[str, Any]) -> DiffuseOptions:
    sweep = {"name": "a", "images": "a_####.cbf", "geometry": "xds"}
    return parse_config({"sweep": [sweep], **sections}, Path("test.toml"))


def limits(
    trusted: tuple[int, int] | None = None,
    overload: int | None = None,
    markers: tuple[int, ...] = (),
    **mask: Any,
) -> tuple[int, int]:
    sweep: Any = SimpleNamespace(trusted_range=trusted)
    images: Any = SimpleNamespace(
        markers=markers, metadata=ImageMetadata(overload=overload), source=lambda i: "a_1.cbf"
    )
    return count_limits(options(mask=mask), sweep, images)


def test_options_before_images_before_geometry() -> None:
    assert limits() == (0, NO_CEILING)
    assert limits(trusted=(1, 900)) == (1, 900)
    assert limits(trusted=(-1, 900)) == (0, 900)
    assert limits(trusted=(1, 900), overload=800) == (1, 800)
    assert limits(trusted=(1, 900), overload=800, minimum=0) == (0, 800)
    assert limits(trusted=(1, 900), overload=800, minimum=3) == (3, 800)
    assert limits(overload=800, markers=(65534, 700)) == (0, 700)


def test_nothing_between_the_limits() -> None:
    with pytest.raises(UserError, match=r"a_1\.cbf.*smallest valid count is 800.*from 800 on"):
        limits(overload=800, minimum=800)


def test_a_minimum_is_no_negative_number() -> None:
    with pytest.raises(UserError, match="minimum"):
        limits(minimum=-1)


def corrected(
    metadata: ImageMetadata | None = None,
    integrate: dict[str, Any] | None = None,
    **corrections: Any,
) -> DeadTime | None:
    given = options(corrections=corrections, integrate=integrate or {})
    return dead_time_of(given, metadata or ImageMetadata())


def test_dead_time_of_the_option_or_the_images() -> None:
    assert corrected(dead_time="120 ns") is None
    found = corrected(count_rate="paralysable", dead_time="120 ns")
    assert found is not None
    assert (found.model, found.tau) == ("paralysable", pytest.approx(1.2e-7))
    of_images = ImageMetadata(dead_time=2e-7, rate_corrected=False)
    found = corrected(of_images, count_rate="non_paralysable")
    assert found == DeadTime("non_paralysable", 2e-7)
    found = corrected(of_images, count_rate="non_paralysable", dead_time="0.1 us")
    assert found is not None
    assert found.tau == pytest.approx(1e-7)


@pytest.mark.parametrize(
    ("metadata", "integrate", "given", "words"),
    [
        (None, {}, {}, "nothing says the dead time.*Give .corrections. dead_time"),
        (None, {}, {"dead_time": "0 ns"}, "it is 0 s"),
        (None, {}, {"dead_time": "5 mm"}, "'5 mm' is not in units of s"),
        (
            ImageMetadata(dead_time=2e-7, rate_corrected=True),
            {},
            {},
            "has corrected them already.*count_rate = 'none'",
        ),
        (None, {"gain": 2.0}, {"dead_time": "120 ns"}, "does not count photons"),
        (ImageMetadata(pedestal=40.0), {}, {"dead_time": "120 ns"}, "pedestal 40"),
    ],
)
def test_mistakes(
    metadata: ImageMetadata | None, integrate: dict[str, Any], given: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        corrected(metadata, integrate, count_rate="paralysable", **given)
