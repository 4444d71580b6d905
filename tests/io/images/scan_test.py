"""Angles and exposures from the headers of the first and the last image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.io.images.frame_header import FrameHeader
from ewaldite.io.images.payload import corrupt
from ewaldite.io.images.scan import scan_metadata
from ewaldite.io.images.series import FrameError


def head(start: float | None, width: float | None = 0.1, **items: float) -> FrameHeader:
    return FrameHeader((2, 2), np.dtype(np.int32), start, width, **items)  # type: ignore[arg-type]


class Headers:
    """Headers by position, counting how often each is read."""

    def __init__(self, heads: list[FrameHeader | None]) -> None:
        self.heads = heads
        self.read: list[int] = []

    def __call__(self, i: int) -> FrameHeader:
        self.read.append(i)
        found = self.heads[i]
        if found is None:
            raise corrupt(Path(f"f{i}.cbf"), "it is damaged")
        return found


@settings(deadline=None)
@given(
    start=st.floats(-360, 360),
    width=st.floats(-1, 1).filter(lambda x: abs(x) > 1e-3),
    count=st.integers(2, 2000),
)
def test_a_linear_scan_needs_two_headers(start: float, width: float, count: int) -> None:
    # Angles as a header holds them: folded into one turn and rounded.
    starts = start + width * np.arange(count)
    folded = np.round((starts + 180) % 360 - 180, 4)
    headers = Headers([head(float(s), round(width, 4)) for s in folded])
    meta = scan_metadata(range(1, count + 1), headers)
    assert headers.read == [0, count - 1]
    assert meta.phi is not None
    error = (meta.phi - (starts + width / 2) + 180) % 360 - 180
    assert np.abs(error).max() < 2e-4
    assert np.abs(np.diff(meta.phi) - width).max() < 2e-4
    np.testing.assert_array_equal(meta.width, np.full(count, round(width, 4)))
    assert meta.notes == ()


def test_frame_numbers_with_gaps_stay_on_the_line() -> None:
    meta = scan_metadata([1, 2, 5], Headers([head(0.0), head(0.1), head(0.4)]))
    np.testing.assert_allclose(meta.phi, [0.05, 0.15, 0.45], rtol=1e-12)


def test_stills_at_steps() -> None:
    meta = scan_metadata([1, 2, 3], Headers([head(0.0, 0.0), head(1.0, 0.0), head(2.0, 0.0)]))
    np.testing.assert_allclose(meta.phi, [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(meta.width, [0.0, 0.0, 0.0])


def test_a_jump_is_read_from_every_header() -> None:
    starts = [0.0, 0.1, 30.0, 30.1]
    headers = Headers([head(s) for s in starts])
    meta = scan_metadata([1, 2, 3, 4], headers)
    np.testing.assert_allclose(meta.phi, np.array(starts) + 0.05)
    assert set(headers.read) == {0, 1, 2, 3}
    assert "every header was read" in meta.notes[0]


def test_exposures_that_change_are_read_from_every_header() -> None:
    heads = [head(None, None, exposure=t, period=1.0) for t in (0.1, 0.2, 0.3)]
    meta = scan_metadata([1, 2, 3], Headers([*heads]))
    np.testing.assert_array_equal(meta.exposure, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(meta.period, [1.0, 1.0, 1.0])
    assert meta.phi is None
    assert meta.width is None


def test_exposure_and_period_are_not_mixed_up() -> None:
    heads = [head(0.0, exposure=0.097, period=0.1), head(0.1, exposure=0.097, period=0.1)]
    meta = scan_metadata([1, 2], Headers([*heads]))
    np.testing.assert_array_equal(meta.exposure, [0.097, 0.097])
    np.testing.assert_array_equal(meta.period, [0.1, 0.1])


def test_a_flux_that_changes_is_read_from_every_header_and_is_no_note() -> None:
    heads = [head(0.1 * i, flux=f) for i, f in enumerate((5.0, 7.0, 6.0))]
    headers = Headers([*heads])
    meta = scan_metadata([1, 2, 3], headers)
    np.testing.assert_array_equal(meta.monitor, [5.0, 7.0, 6.0])
    assert meta.monitor_name == "Flux"
    assert meta.notes == ()
    np.testing.assert_allclose(meta.phi, [0.05, 0.15, 0.25])


def test_a_steady_flux_needs_two_headers() -> None:
    headers = Headers([head(0.1 * i, flux=5.0) for i in range(3)])
    meta = scan_metadata([1, 2, 3], headers)
    assert headers.read == [0, 2]
    np.testing.assert_array_equal(meta.monitor, [5.0, 5.0, 5.0])
    none = scan_metadata([1, 2], Headers([head(0.0), head(0.1)]))
    assert (none.monitor, none.monitor_name) == (None, None)


def test_one_image() -> None:
    meta = scan_metadata([7], Headers([head(45.0, 0.5, exposure=2.0)]))
    np.testing.assert_allclose(meta.phi, [45.25])
    np.testing.assert_array_equal(meta.exposure, [2.0])


def test_a_start_without_a_width_gives_no_angle() -> None:
    assert scan_metadata([1, 2], Headers([head(0.0, None), head(1.0, None)])).phi is None


def test_a_damaged_last_header_is_no_error() -> None:
    meta = scan_metadata([1, 2, 3], Headers([head(0.0), head(0.1), None]))
    np.testing.assert_allclose(meta.phi, [0.05, 0.15, 0.25])
    assert "last image cannot be read" in meta.notes[0]


def test_a_damaged_header_on_the_way_leaves_its_frame_open() -> None:
    meta = scan_metadata([1, 2, 3], Headers([head(0.0), None, head(9.0)]))
    np.testing.assert_allclose(meta.phi, [0.05, np.nan, 9.05])


def test_a_damaged_first_header_is_an_error() -> None:
    with pytest.raises(FrameError, match=r"f0\.cbf"):
        scan_metadata([1, 2], Headers([None, head(0.0)]))


def test_a_wavelength_that_changes_is_said() -> None:
    heads = [head(0.0, wavelength=1.0), head(0.1, wavelength=0.9)]
    meta = scan_metadata([1, 2], Headers([*heads]))
    assert meta.wavelength == 1.0
    assert "disagree about wavelength (1.0, 0.9)" in meta.notes[0]
