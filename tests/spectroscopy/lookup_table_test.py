"""Wavelengths at one distance of a table."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc
from numpy.testing import assert_allclose, assert_array_equal

from ewaldite.errors import UserError
from ewaldite.spectroscopy.lookup_table import curve_at

TIME = np.linspace(0.15, 0.2, 6)
VALUES = np.array([[1.0, 2, 3, 4, 5, np.nan], [2.0, 4, 6, 8, np.nan, np.nan], [3.0] * 6])


def table(
    places: tuple[float, ...] = (160.0, 162.0, 166.0), time: np.ndarray = TIME
) -> sc.DataArray:
    values = VALUES[: len(places), : time.size]
    return sc.DataArray(
        sc.array(dims=["distance", "time"], values=values, unit="angstrom"),
        coords={
            "distance": sc.array(dims=["distance"], values=np.array(places), unit="m"),
            "time": sc.array(dims=["time"], values=time, unit="s"),
        },
    )


@pytest.mark.parametrize(
    ("distance", "parts"),
    [(160.0, (1, 0, 0)), (161.0, (0.5, 0.5, 0)), (162.0, (0, 1, 0)), (165.0, (0, 0.25, 0.75))],
)
def test_it_is_on_lines_between_the_distances(
    distance: float, parts: tuple[float, ...]
) -> None:
    curve = curve_at(table(), distance)
    assert_array_equal(curve[0], TIME)
    known = [row for row, part in zip(VALUES, parts, strict=True) if part]
    expected = sum(part * row for row, part in zip(VALUES, parts, strict=True) if part)
    assert_allclose(curve[1], expected)
    # nothing is known where one of the two distances that are used has nothing
    assert_array_equal(np.isnan(curve[1]), np.any(np.isnan(known), axis=0))


def test_other_units_orders_and_a_distance_just_beyond() -> None:
    one = table()
    turned = one.transpose(["time", "distance"]).copy()
    turned.coords["time"] = turned.coords["time"].to(unit="ms")
    turned.coords["distance"] = turned.coords["distance"].to(unit="mm")
    turned.data = turned.data.to(unit="nm")
    assert_allclose(curve_at(turned, 161.0), curve_at(one, 161.0))
    assert_allclose(curve_at(one, 159.96)[1], VALUES[0])
    assert_allclose(curve_at(one, 166.04)[1], VALUES[2])
    single = table((162.0,))
    assert_allclose(curve_at(single, 162.0)[1], VALUES[0])


@pytest.mark.parametrize("distance", [159.9, 166.1])
def test_a_distance_beyond_the_table(distance: float) -> None:
    with pytest.raises(UserError, match=r"it reaches from 160.000 to 166.000 m"):
        curve_at(table(), distance)


def test_what_is_no_such_table() -> None:
    with pytest.raises(UserError, match="not evenly spaced"):
        curve_at(table(time=np.array([0.15, 0.16, 0.18])), 162.0)
    with pytest.raises(UserError, match="not evenly spaced"):
        curve_at(table(time=TIME[:1]), 162.0)
    for wrong in (
        table().rename_dims(time="tof"),
        table().drop_coords("distance"),
        table() * sc.scalar(1.0, unit="s"),
    ):
        with pytest.raises(UserError, match="it is not one"):
            curve_at(wrong, 162.0)
