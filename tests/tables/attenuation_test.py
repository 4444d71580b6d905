from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import MissingExtraError, UserError
from ewaldite.model.experiment import Sensor
from ewaldite.tables.attenuation import (
    attenuation,
    attenuation_coefficient,
    sensor_attenuation,
)

ORACLE: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "oracles" / "corrections.json").read_text()
)
wavelengths = st.floats(0.3, 3.0)


def henke(material: str) -> list[tuple[float, float]]:
    """Henke's photoabsorption as interpolated by mdx-lib, in its table's range."""
    table = ORACLE["calcMu"]
    pairs = zip(table["wavelength_A"], table[material], strict=True)
    return [(wavelength, mu) for wavelength, mu in pairs if mu is not None]


@pytest.mark.parametrize(("wavelength", "mu"), henke("silicon"))
def test_silicon_against_henke(wavelength: float, mu: float) -> None:
    found = attenuation_coefficient("Si", wavelength, process="photoelectric")
    assert found.unit == sc.Unit("1/mm")
    # at short wavelengths mdx-lib's numbers lie between xraylib's photoelectric and total ones
    tolerance = 0.05 if wavelength >= 0.5 else 0.11
    assert found.value == pytest.approx(mu, rel=tolerance)


@pytest.mark.parametrize(
    ("wavelength", "mu"), [pair for pair in henke("air") if pair[0] >= 0.9]
)
def test_air_against_henke(wavelength: float, mu: float) -> None:
    found = attenuation_coefficient("air", wavelength, process="photoelectric")
    assert found.value == pytest.approx(mu, rel=0.05)
    total = attenuation_coefficient("air", wavelength).value
    assert 1.0 < total / mu < 1.13


def test_named_values_for_silicon() -> None:
    # The values that the module's documentation names for 0.977 Å
    assert attenuation_coefficient("Si", 0.977).value == pytest.approx(3.931, rel=1e-3)
    photo = attenuation_coefficient("Si", 0.977, process="photoelectric").value
    assert photo == pytest.approx(3.798, rel=1e-3)


@settings(deadline=None)
@given(wavelengths, st.sampled_from(["Si", "CdTe", "GaAs", "Ge", "air", "helium"]))
def test_scattering_adds_to_absorption(wavelength: float, material: str) -> None:
    photo = attenuation_coefficient(material, wavelength, process="photoelectric").value
    assert 0.0 < photo < attenuation_coefficient(material, wavelength).value


@settings(deadline=None)
@given(wavelengths, st.floats(0.1, 20.0))
def test_is_proportional_to_density(wavelength: float, density: float) -> None:
    unit = attenuation_coefficient("Gd2O2S", wavelength, density=1.0).value
    found = attenuation_coefficient("Gd2O2S", wavelength, density=density).value
    assert found == pytest.approx(density * unit, rel=1e-12)


@settings(deadline=None)
@given(st.floats(100.0, 400.0), st.floats(1.0, 200.0))
def test_a_gas_follows_temperature_and_pressure(temperature: float, pressure: float) -> None:
    usual = attenuation_coefficient("air", 1.0).value
    found = attenuation_coefficient("air", 1.0, temperature=temperature, pressure=pressure)
    assert found.value == pytest.approx(usual * pressure / 101.325 * 293.15 / temperature)


def test_a_compound_is_the_mean_of_its_elements_by_mass() -> None:
    cadmium, tellurium = (
        attenuation_coefficient(element, 0.7, density=1.0).value for element in ("Cd", "Te")
    )
    fraction = 112.41 / (112.41 + 127.60)
    compound = attenuation_coefficient("CdTe", 0.7, density=1.0).value
    assert compound == pytest.approx(fraction * cadmium + (1 - fraction) * tellurium, rel=1e-4)


def test_names_formulas_and_vacuum() -> None:
    for name, formula in (
        ("silicon", "Si"),
        ("Cadmium Telluride", "cdte"),
        ("germanium", "Ge"),
    ):
        assert sc.identical(
            attenuation_coefficient(name, 0.9), attenuation_coefficient(formula, 0.9)
        )
    vacuum = attenuation("vacuum", 0.9)
    assert sc.identical(vacuum.coefficient, sc.scalar(0.0, unit="1/mm"))
    helium = attenuation_coefficient("helium", 0.9).value
    assert 0.0 < helium < 0.1 * attenuation_coefficient("air", 0.9).value


def test_the_source_names_table_process_and_density() -> None:
    source = attenuation("CdTe", 0.9, process="photoelectric").source
    for word in ("xraylib", "CS_Photo", "photoelectric", "5.8535 g/cm³", "a = 6.482 Å"):
        assert word in source
    source = attenuation("air", 0.9, temperature=300.0).source
    for word in ("CS_Total", "ideal gas at 300 K and 101.325 kPa", "Standard Atmosphere"):
        assert word in source
    assert "as given" in attenuation("air", 0.9, density=1e-3).source


def test_of_a_sensor_option_then_file_then_table() -> None:
    own, bare = Sensor("Si", 0.45, 3.9), Sensor("Si", 0.45)
    option = sensor_attenuation(own, 0.977, override=3.706)
    assert (option.coefficient.value, option.coefficient.unit) == (3.706, sc.Unit("1/mm"))
    assert "attenuation_coefficient" in option.source
    assert sensor_attenuation(own, 0.977).coefficient.value == 3.9
    assert "geometry file" in sensor_attenuation(own, 0.977).source
    assert sensor_attenuation(bare, 0.977) == attenuation("Si", 0.977, process="photoelectric")
    with pytest.raises(UserError, match="positive"):
        sensor_attenuation(bare, 0.977, override=-1.0)


@pytest.mark.parametrize(
    ("material", "wavelength", "options", "message"),
    [
        ("Unobtainium", 0.9, {"density": 2.0}, "Invalid chemical formula"),
        ("PbWO4", 0.9, {}, "density is not listed"),
        ("Si", 1e-6, {}, "no cross-section at"),
        ("Si", 1e4, {}, "no cross-section at"),
        ("Si", -1.0, {}, "the wavelength is -1"),
        ("Si", float("nan"), {}, "the wavelength is nan"),
        ("Si", 1.0, {"density": 0.0}, "the density is 0"),
        ("air", 1.0, {"pressure": -3.0}, "the pressure is -3"),
    ],
)
def test_mistakes_are_named(
    material: str, wavelength: float, options: dict[str, float], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        attenuation(material, wavelength, **options)  # type: ignore[arg-type]


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xraylib", None)
    with pytest.raises(MissingExtraError, match=r"ewaldite\[xray\]"):
        attenuation("Si", 0.9)
    assert attenuation("vacuum", 0.9).coefficient.value == 0.0
