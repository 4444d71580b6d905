"""Time–distance diagrams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipp as sc

from ewaldite.plot.time_distance import envelope, time_distance_figure
from ewaldite.spectroscopy.cascade import transmit
from ewaldite.spectroscopy.chopper import Chopper
from spectroscopy.choppers import BAND, LENGTH, PULSE, shaping

H_OVER_M = 3956.0340
SHAPING_TIME = 8.41e-3


def view(mode: str, choppers: list[Chopper], band: tuple[float, float]) -> dict[str, Any]:
    way = {
        "mode": mode, "sample": LENGTH, "monitor": LENGTH - 0.56, "reference": 6.349,
        "reference_time": SHAPING_TIME, "pulse_start": 0.0, "pulse_end": PULSE.end,
        "earliest": 0.16, "period": 1 / 14, "band": list(band),
    }  # fmt: skip
    beams = transmit(PULSE, choppers, band)
    states = {
        c.name: {
            "distance": c.distance, "state": "turns", "frequency": c.frequency,
            "openings": sc.array(dims=["opening", "edge"], values=c.openings(0.23), unit="s"),
        }
        for c in choppers
    }  # fmt: skip
    names = ["pulse_shaping_chopper_1", "pulse_shaping_chopper_2"] if not choppers else []
    for n, name in enumerate(names):
        nothing = sc.zeros(dims=["opening", "edge"], shape=[0, 2], unit="s")
        states[name] = {
            "distance": 6.32 + 0.05 * n,
            "state": "stands",
            "frequency": 0.0,
            "openings": nothing,
        }
    paths = {
        str(n): sc.array(dims=["corner", "axis"], values=b.corners) for n, b in enumerate(beams)
    }
    return {"way": way, "choppers": states, "paths": paths}


def lines(axes: Any) -> list[np.ndarray]:
    return [line.get_xydata() for line in axes.lines if len(line.get_xydata()) == 2]


def paths_of(axes: Any, top: float) -> list[np.ndarray]:
    """Lines from the source to the top of the panel."""
    return [p for p in lines(axes) if p[0, 1] == 0 and p[1, 1] == pytest.approx(top)]


def test_paths_are_straight_and_start_in_the_pulse() -> None:
    figure = time_distance_figure(view("parked", [], (4.0, 5.5)), "name")
    whole, near = figure.axes
    found = paths_of(whole, LENGTH)
    assert len(found) == 5
    for path in found:
        flight = 1e-3 * (path[1, 0] - path[0, 0])
        assert 4.0 < H_OVER_M * flight / LENGTH < 5.5
        # parked: every wavelength leaves at the middle of the pulse
        assert 1e-3 * path[0, 0] == pytest.approx(PULSE.mean, abs=1e-9)
    words = [t.get_text() for t in whole.texts]
    assert "monitor, sample" in words
    assert "5.5 Å" in words
    assert "parked" in near.get_title(loc="left")
    assert any("(open)" in t.get_text() for t in near.texts)
    assert near.get_ylim()[1] < 15 < LENGTH < whole.get_ylim()[1]


def test_paths_pass_all_openings_when_the_choppers_turn() -> None:
    choppers = [*shaping(SHAPING_TIME, 1e-3), *BAND]
    figure = time_distance_figure(view("spinning", choppers, (0.5, 12.0)))
    whole, near = figure.axes
    found = paths_of(whole, LENGTH)
    assert found
    for chopper in choppers:
        openings = 1e3 * chopper.openings(0.23)
        for path in found:
            time = path[0, 0] + (path[1, 0] - path[0, 0]) * chopper.distance / LENGTH
            assert np.any((openings[:, 0] - 1e-9 <= time) & (time <= openings[:, 1] + 1e-9))
    crosses = [line for line in near.lines if line.get_marker() == "+"]
    assert crosses[0].get_xydata()[0] == pytest.approx((1e3 * SHAPING_TIME, 6.349))


def test_bars_are_where_a_disc_is_closed() -> None:
    choppers = [*shaping(SHAPING_TIME, 1e-3), *BAND]
    whole = time_distance_figure(view("spinning", choppers, (0.5, 12.0))).axes[0]
    disc = BAND[2]
    bars = [p[:, 0] for p in lines(whole) if np.all(p[:, 1] == disc.distance)]
    for opened, closed in 1e3 * disc.openings(0.23):
        middle = (opened + closed) / 2
        assert not any(low < middle < high for low, high in bars)
    drawn = sum(high - low for low, high in bars)
    openings = np.clip(1e3 * disc.openings(0.23), 0, 1e3 * (0.16 + 1 / 14))
    end = 1e3 * (0.16 + 1 / 14)
    assert drawn == pytest.approx(end - np.diff(openings, axis=1).sum(), rel=1e-9)


def test_nothing_transmitted_is_still_a_picture() -> None:
    empty = view("parked", [], (4.0, 5.0)) | {"paths": {}}
    whole, _ = time_distance_figure(empty).axes
    assert not paths_of(whole, LENGTH)


def test_envelope_is_that_of_the_corners() -> None:
    corners = np.array([[0.0, 4.0], [1e-3, 4.0], [1e-3, 6.0], [0.0, 6.0]])
    low, high = envelope([corners], np.array([0.0, 100.0]))[0].T
    np.testing.assert_allclose(low, [0.0, 400 / H_OVER_M], rtol=1e-6)
    np.testing.assert_allclose(high, [1e-3, 1e-3 + 600 / H_OVER_M], rtol=1e-6)
