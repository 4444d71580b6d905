from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from diffuse.setups import setup
from ewaldite.diffuse.options import CorrectionOptions
from ewaldite.diffuse.resolve import Resolved, resolve_corrections
from ewaldite.errors import UserError
from ewaldite.io.images import ImageMetadata
from ewaldite.model.experiment import Sensor, Sweep
from ewaldite.tables.attenuation import attenuation, sensor_attenuation


def sweep(
    fraction: float | None = 0.9,
    measured: bool = True,
    sensor: Sensor | None = None,
    parallax: str = "xds",
) -> Sweep:
    given = setup()
    beam = replace(
        given.wedge.beam, polarization_fraction=fraction, polarization_measured=measured
    )
    panels = tuple(
        replace(p, sensor=sensor, parallax=parallax)  # type: ignore[arg-type]
        for p in given.wedge.panels
    )
    wedge = replace(given.wedge, beam=beam, panels=panels)
    return Sweep(given.scan, (wedge, replace(wedge, index=1)), (30, 40))


def resolved(
    of: Sweep, metadata: ImageMetadata | None = None, **options: Any
) -> tuple[Sweep, Resolved, list[str]]:
    return resolve_corrections(of, metadata or ImageMetadata(), CorrectionOptions(**options))


SILICON, CADMIUM = Sensor("Si", 0.45), Sensor("CdTe", 0.75)


@pytest.mark.parametrize(
    ("option", "known", "measured", "header", "expected", "source"),
    [
        (0.7, 0.9, True, 0.8, 0.7, "option"),
        (0.0, 0.9, True, 0.8, 0.0, "option"),
        (None, 0.9, True, 0.8, 0.9, "geometry"),
        (None, 0.9, False, 0.8, 0.8, "image headers"),
        (None, None, True, 0.8, 0.8, "image headers"),
        (None, 0.999, False, None, 0.999, "default"),
    ],
)
def test_polarization(
    option: float | None, known: float | None, measured: bool, header: float | None,
    expected: float, source: str,
) -> None:  # fmt: skip
    found, result, notes = resolved(
        sweep(known, measured, SILICON),
        ImageMetadata(polarization_fraction=header),
        polarization_fraction=option,
    )
    assert [w.beam.polarization_fraction for w in found.wedges] == [expected] * 2
    assert source in result.sources["polarization"]
    assert bool(notes) is (source == "default")
    if notes:
        assert "not a measurement" in notes[0]
        assert "polarization_fraction" in notes[0]


def test_unknown_polarization_is_an_error_unless_it_is_off() -> None:
    with pytest.raises(UserError, match="polarization_fraction"):
        resolved(sweep(None, sensor=SILICON))
    found, result, _ = resolved(sweep(None, sensor=SILICON), polarization=False)
    assert found.wedges[0].beam.polarization_fraction is None
    assert not result.switches.polarization
    assert "polarization" not in result.sources


def test_polarization_normal_of_the_options() -> None:
    found, _, _ = resolved(sweep(sensor=SILICON), polarization_normal=(1.0, 0.0, 0.0))
    assert found.wedges[1].beam.polarization_normal.tolist() == [1.0, 0.0, 0.0]
    found, _, _ = resolved(sweep(sensor=SILICON))
    assert found.wedges[1].beam.polarization_normal.tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("known", "header", "options", "expected", "source"),
    [
        (SILICON, CADMIUM, {}, SILICON, "geometry"),
        (None, CADMIUM, {}, CADMIUM, "image headers"),
        (SILICON, None, {"sensor_thickness": "1 mm"}, Sensor("Si", 1.0), "option"),
        (SILICON, None, {"sensor_material": "GaAs"}, Sensor("GaAs", 0.45), "option"),
        (
            None, None, {"sensor_material": "Si", "sensor_thickness": "320 um"},
            Sensor("Si", 0.32), "option",
        ),
    ],
)  # fmt: skip
def test_sensor(
    known: Sensor | None, header: Sensor | None, options: dict, expected: Sensor, source: str
) -> None:
    found, result, _ = resolved(sweep(sensor=known), ImageMetadata(sensor=header), **options)
    for wedge in found.wedges:
        for panel in wedge.panels:
            assert panel.sensor is not None
            assert panel.sensor.material == expected.material
            assert panel.sensor.thickness == pytest.approx(expected.thickness)
    assert source in result.sources["sensor"]
    table = sensor_attenuation(expected, 1.0)
    assert result.sensor_mu == pytest.approx(float(table.coefficient.value), rel=1e-14)
    assert table.source in result.sources["sensor attenuation"]


def test_attenuation_of_the_sensor() -> None:
    own = Sensor("Si", 0.45, 3.9)
    assert resolved(sweep(sensor=own))[1].sensor_mu == 3.9
    given = resolved(sweep(sensor=own), attenuation_coefficient="37.06 /cm")[1]
    assert given.sensor_mu == pytest.approx(3.706)
    # another material makes the coefficient of the file void, another thickness does not
    other = resolved(sweep(sensor=own), sensor_material="CdTe")[1]
    table = sensor_attenuation(Sensor("CdTe", 0.45), 1.0)
    assert other.sensor_mu == pytest.approx(float(table.coefficient.value))
    assert resolved(sweep(sensor=own), sensor_thickness="1 mm")[1].sensor_mu == 3.9


def test_an_unknown_sensor_is_left_to_the_correction_that_needs_it() -> None:
    found, result, _ = resolved(sweep(), efficiency=False, parallax=False)
    assert result.sensor_mu is None
    assert found.wedges[0].panels[0].sensor is None
    # half of it is not enough
    assert resolved(sweep(), sensor_material="Si")[1].sensor_mu is None


@pytest.mark.parametrize(
    ("of_file", "option", "expected"),
    [
        ("xds", True, "xds"),
        ("dials", True, "dials"),
        ("none", True, "none"),
        ("xds", False, "none"),
        ("xds", "dials", "dials"),
        ("none", "xds", "xds"),
    ],
)
def test_parallax(of_file: str, option: object, expected: str) -> None:
    found, result, _ = resolved(sweep(sensor=SILICON, parallax=of_file), parallax=option)
    assert {p.parallax for w in found.wedges for p in w.panels} == {expected}
    assert result.switches.parallax is (expected != "none")


@pytest.mark.parametrize("name", ["solid_angle", "polarization", "efficiency", "attenuation"])
def test_each_correction_is_switched_by_its_name(name: str) -> None:
    _, on, _ = resolved(sweep(sensor=SILICON))
    _, off, _ = resolved(sweep(sensor=SILICON), **{name: False})
    switches = ("solid_angle", "polarization", "efficiency", "attenuation")
    for switch in switches:
        assert getattr(on.switches, switch) is True
        assert getattr(off.switches, switch) is (switch != name)
    assert bool(off.path) is (name != "attenuation")


def test_path() -> None:
    _, air, _ = resolved(sweep(sensor=SILICON))
    table = attenuation("air", 1.0, temperature=293.15, pressure=101.325)
    assert air.path[0].attenuation == pytest.approx(float(table.coefficient.value), rel=1e-12)
    assert table.source in air.sources["path attenuation"]
    _, thin, _ = resolved(sweep(sensor=SILICON), path_pressure="50.6625 kPa")
    assert thin.path[0].attenuation == pytest.approx(air.path[0].attenuation / 2, rel=1e-9)
    _, cold, _ = resolved(sweep(sensor=SILICON), path_temperature="100 K")
    assert cold.path[0].attenuation == pytest.approx(2.9315 * air.path[0].attenuation, rel=1e-9)
    _, helium, _ = resolved(sweep(sensor=SILICON), path="helium")
    assert 0 < helium.path[0].attenuation < air.path[0].attenuation
    assert resolved(sweep(sensor=SILICON), path="vacuum")[1].path == ()


@pytest.mark.parametrize(
    "options",
    [
        {"sensor_thickness": "1"},
        {"sensor_thickness": "1 K"},
        {"attenuation_coefficient": "3.7 mm"},
        {"path_pressure": "1 mm"},
    ],
)
def test_quantities_are_named_where_they_are_wrong(options: dict[str, str]) -> None:
    name, text = next(iter(options.items()))
    with pytest.raises(UserError, match=name) as raised:
        resolved(sweep(sensor=SILICON), **options)
    assert text in raised.value.found


def test_the_geometry_itself_is_kept() -> None:
    before = sweep(sensor=SILICON)
    after, _, _ = resolved(before, sensor_thickness="1 mm", parallax="dials")
    assert len(after.wedges) == 2
    for old, new in zip(before.wedges, after.wedges, strict=True):
        np.testing.assert_array_equal(old.axes, new.axes)
        assert new.index == old.index
        for one, other in zip(old.panels, new.panels, strict=True):
            np.testing.assert_array_equal(one.origin, other.origin)
            assert one.sensor == SILICON
