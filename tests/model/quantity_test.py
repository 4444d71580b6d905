from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.model.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1 mm", "mm", 1.0),
        ("450 um", "mm", 0.45),
        ("  0.1cm ", "mm", 1.0),
        ("1.5e-3 m", "mm", 1.5),
        (".5 mm", "mm", 0.5),
        ("2. mm", "mm", 2.0),
        ("3.706 /mm", "1/mm", 3.706),
        ("3.706 1/mm", "1/mm", 3.706),
        ("37.06 /cm", "1/mm", 3.706),
        ("101325 Pa", "kPa", 101.325),
        ("293.15 K", "K", 293.15),
        ("-2 mm", "mm", -2.0),
        ("+2 mm", "mm", 2.0),
    ],
)
def test_numbers_with_units(text: str, unit: str, value: float) -> None:
    assert parse_quantity(text, unit, "x") == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    "text",
    ["", "mm", "1", "1.5 ", "one mm", "1 K", "1 florins", "1 mm 2", "nan mm", "-1e999 mm"],
)
def test_what_is_no_length_is_refused_by_name(text: str) -> None:
    with pytest.raises(UserError, match="sensor_thickness") as raised:
        parse_quantity(text, "mm", "[corrections] sensor_thickness")
    assert text in raised.value.found
    assert "'1.5 mm'" in raised.value.remedy


@settings(deadline=None)
@given(st.floats(-1e9, 1e9), st.sampled_from(["", " ", "  "]))
def test_round_trip(number: float, space: str) -> None:
    assert parse_quantity(f"{number!r}{space}mm", "mm", "x") == number
    assert parse_quantity(f"{number!r}{space}m", "mm", "x") == pytest.approx(1e3 * number)


@settings(deadline=None)
@given(st.text("0123456789.eE+-/ mKPacu*^()", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        value, message = parse_quantity(text, "mm", "x"), text
    except UserError as error:
        value, message = 0.0, str(error)
    assert math.isfinite(value)
    assert text in message
