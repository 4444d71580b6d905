"""Parked, spinning and tables, from options and choppers of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ewaldite
from ewaldite.errors import UserError
from ewaldite.io.bifrost.components import RawChopper
from ewaldite.spectroscopy.chopper import Chopper
from ewaldite.spectroscopy.lookup_table import lookup_table
from ewaldite.spectroscopy.options import PrimaryOptions
from ewaldite.spectroscopy.primary import Primary
from ewaldite.spectroscopy.resolve_primary import Discs, pulse_of, resolve_primary
from spectroscopy.choppers import BAND, LENGTH, shaping

TIME = np.array([0, 10**9, 2 * 10**9])


def disc(one: Chopper, **changes: Any) -> RawChopper:
    """What a file says of a chopper."""
    parts: dict[str, Any] = {
        "name": one.name,
        "distance": one.distance,
        "slits": one.slits,
        "beam": one.beam,
        "speed": (TIME, np.full(3, one.frequency)),
        "delay": (TIME, np.full(3, one.delay)),
        "phase": None,
    }
    return RawChopper(**parts | changes)


SPINNING = tuple(disc(c) for c in (*shaping(0.0095, 0.0004), *BAND))
STANDING = tuple(disc(c, speed=None, delay=None) for c in (*shaping(0.0095, 0.0004), *BAND))


def resolved(
    choppers: tuple[RawChopper, ...], base: Path = Path(), **options: Any
) -> tuple[Primary, Discs]:
    discs = Discs(Path("raw.nxs"), choppers, [])
    section = PrimaryOptions.model_validate({"wavelengths": (1.0, 10.0), **options})
    return resolve_primary(section, discs, LENGTH, base), discs


def test_parked_by_the_options() -> None:
    way_in, _ = resolved(
        STANDING, emission_time="1.72 ms", earliest_at_sample="143 ms", source_offset="-20 us"
    )
    assert way_in.reference_distance == 0.0
    np.testing.assert_allclose(way_in.reference_time, 1.70e-3)
    assert way_in.frames.earliest == pytest.approx(0.143)
    assert not way_in.frames.ambiguous.size


def test_a_last_arrival_makes_the_rest_forbidden() -> None:
    way_in, _ = resolved(STANDING, earliest_at_sample="143 ms", latest_at_sample="213 ms")
    np.testing.assert_allclose(way_in.frames.forbidden, [[0.213, 0.143 + 1 / 14]])
    wide, _ = resolved(STANDING, earliest_at_sample="143 ms", latest_at_sample="216 ms")
    np.testing.assert_allclose(wide.frames.ambiguous, [[0.143, 0.216 - 1 / 14]])
    with pytest.raises(UserError, match="140 ms is not after 143 ms"):
        resolved(STANDING, earliest_at_sample="143 ms", latest_at_sample="140 ms")


def test_parked_with_a_band_that_choppers_confine() -> None:
    """Pulse shaping stands open, and the other discs say when neutrons arrive."""
    choppers = (*STANDING[:2], *SPINNING[2:])
    stopped = tuple(disc(c, speed=(TIME, np.zeros(3))) for c in shaping(0.0095, 0.0004))
    way_in, _ = resolved((*stopped, *SPINNING[2:]))
    # "parked" says so too where nothing is logged
    assert resolved(choppers)[0].frames.earliest == way_in.frames.earliest
    spinning, _ = resolved(SPINNING, mode="spinning")
    assert 0.1 < way_in.frames.earliest < spinning.frames.earliest + 0.01
    assert way_in.reference_time == pytest.approx(1.72e-3)


def test_spinning_from_the_choppers() -> None:
    way_in, _ = resolved(SPINNING, mode="spinning")
    np.testing.assert_allclose(way_in.reference_distance, 6.349)
    np.testing.assert_allclose(way_in.reference_time, 0.0095, atol=1e-9)
    later, _ = resolved(SPINNING, mode="spinning", chopper_offset="15 us")
    np.testing.assert_allclose(later.reference_time, 0.009515, atol=1e-9)


def test_a_time_zero_is_added_whatever_the_mode() -> None:
    for mode, choppers in (("parked", (*STANDING[:2], *SPINNING[2:])), ("spinning", SPINNING)):
        known, _ = resolved(choppers, mode=mode)
        late, _ = resolved(choppers, mode=mode, time_zero="20 us")
        np.testing.assert_allclose(late.reference_time - known.reference_time, 20e-6)
    known, _ = resolved(SPINNING, mode="table")
    late, _ = resolved(SPINNING, mode="table", time_zero="20 us")
    time = np.linspace(0.17, 0.19, 50)
    np.testing.assert_allclose(
        late.wavenumber(LENGTH, time + 20e-6), known.wavenumber(LENGTH, time), rtol=2e-6
    )


def test_a_phase_is_as_good_as_a_delay() -> None:
    by_phase = tuple(
        disc(c, delay=None, phase=(TIME, np.full(3, 360.0 * c.frequency * c.delay)))
        for c in (*shaping(0.0095, 0.0004), *BAND)
    )
    way_in, _ = resolved(by_phase, mode="spinning")
    np.testing.assert_allclose(way_in.reference_time, 0.0095, atol=1e-9)


def test_spinning_by_the_options() -> None:
    way_in, _ = resolved(
        STANDING,
        mode="spinning",
        psc_time="8.41 ms",
        psc_distance="6.349 m",
        earliest_at_sample="0.15 s",
        chopper_offset="10 us",
    )
    assert (way_in.sample_distance, way_in.reference_distance) == (LENGTH, 6.349)
    np.testing.assert_allclose(way_in.reference_time, 8.42e-3)


def test_a_log_that_is_missing_for_spinning_is_named() -> None:
    with pytest.raises(UserError, match="no chopper that turns says when they arrive"):
        resolved(STANDING, mode="spinning")
    with pytest.raises(UserError, match=r"'spinning'\): pulse_shaping_chopper_1 has no log"):
        resolved(STANDING, mode="spinning", earliest_at_sample="0.15 s")
    no_delay = (*SPINNING[:3], disc(BAND[1], delay=None), *SPINNING[4:])
    with pytest.raises(UserError, match="band_overlap_2 turns and has no delay or phase"):
        resolved(no_delay, mode="spinning")
    no_slits = (*SPINNING[:3], disc(BAND[1], slits=np.zeros((0, 2))), *SPINNING[4:])
    with pytest.raises(UserError, match="band_overlap_2 turns and has no slit_edges"):
        resolved(no_slits, mode="table")


def test_a_table_is_computed_or_loaded(tmp_path: Path) -> None:
    computed, _ = resolved(SPINNING, mode="table")
    options = PrimaryOptions()
    table = lookup_table(
        pulse_of(options),
        [*shaping(0.0095, 0.0004), *BAND],
        [LENGTH - 1, LENGTH],
        wavelengths=(1.0, 10.0),
    )
    ewaldite.save(tmp_path / "table.nxs", table)
    loaded, discs = resolved(STANDING, tmp_path, mode="table", table="table.nxs")
    time = np.linspace(*computed.curve[0, np.isfinite(computed.curve[1])][[3, -4]], 50)
    np.testing.assert_allclose(
        loaded.wavenumber(LENGTH, time), computed.wavenumber(LENGTH, time), rtol=1e-6
    )
    np.testing.assert_allclose(loaded.frames.earliest, computed.frames.earliest, atol=1e-4)
    assert discs.notes == ["wavelengths are those of table.nxs"]


def test_a_table_that_is_none(tmp_path: Path) -> None:
    table = lookup_table(pulse_of(PrimaryOptions()), BAND, [LENGTH], wavelengths=(1.0, 10.0))
    ewaldite.save(tmp_path / "table.nxs", table.coords["time"])
    with pytest.raises(UserError, match="it holds no array"):
        resolved(STANDING, tmp_path, mode="table", table="table.nxs")
    table.values[:] = np.nan
    ewaldite.save(tmp_path / "empty.nxs", table)
    with pytest.raises(UserError, match="it holds no wavelength at"):
        resolved(STANDING, tmp_path, mode="table", table="empty.nxs")


def test_parked_files_without_a_word_about_arrival_are_refused() -> None:
    with pytest.raises(UserError, match=r"Give \[primary\] earliest_at_sample"):
        resolved(STANDING)
