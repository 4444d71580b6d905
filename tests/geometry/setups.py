"""Detectors, beams and reference numbers that the tests of the geometry share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.model.experiment import Beam, FloatArray, Panel, Sensor

# Henke's coefficients at 0.977 Å, as mdx-lib interpolates them (calcMu of the oracle)
SILICON = 3.7060326424870467
AIR = 2.8000119170984455e-4


@cache
def oracle() -> dict[str, Any]:
    path = Path(__file__).parents[1] / "oracles" / "corrections.json"
    return json.loads(path.read_text())


def numbers(values: list[float | None]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


@dataclass(frozen=True)
class Case:
    """One of the oracle's two set-ups, with its pixels as 0-based indices."""

    panel: Panel
    beam: Beam
    axis: FloatArray
    width: float
    slow: FloatArray
    fast: FloatArray
    shift: tuple[FloatArray, FloatArray]
    expected: dict[str, Any]
    silicon: float
    air: float

    def __getitem__(self, name: str) -> FloatArray:
        return numbers(self.expected[name])


def panel_of(inputs: dict[str, Any], shape: tuple[int, int], thickness: float) -> Panel:
    """Panel of an XDS geometry: ORGX, ORGY 1-based with integer centres, ED by columns."""
    directions = np.array(inputs.get("ed", inputs.get("ed_rows")), dtype=np.float64).T
    size = (inputs["qx"], inputs["qy"])
    origin = (
        inputs["f"] * directions[2]
        - (inputs["orgx"] - 0.5) * size[0] * directions[0]
        - (inputs["orgy"] - 0.5) * size[1] * directions[1]
    )
    return Panel(
        origin, directions[0], directions[1], size, shape, sensor=Sensor("Si", thickness)
    )


@cache
def pilatus() -> Case:
    data = oracle()
    inputs = data["inputs"]
    ix, iy = np.array(data["pixels_ix_iy"], dtype=np.float64).T
    beam = Beam(
        inputs["wavelength_A"], np.array(inputs["s0"]), inputs["fractionOfPolarization"]
    )
    return Case(
        panel=panel_of(inputs, (2527, 2463), inputs["sensorThickness_mm"]),
        beam=beam,
        axis=np.array(inputs["rotationAxis"]),
        width=inputs["oscillationRange_deg"],
        slow=iy - 1,
        fast=ix - 1,
        shift=(numbers(inputs["yShift"]), numbers(inputs["xShift"])),
        expected=data,
        silicon=SILICON,
        air=AIR,
    )


@cache
def tilted() -> Case:
    data = oracle()["tilted_case"]
    inputs = data["inputs"]
    table = oracle()["calcMu"]
    at = table["wavelength_A"].index(inputs["wavelength"])
    return Case(
        panel=panel_of(inputs, (inputs["ny"], inputs["nx"]), inputs["thickness"]),
        beam=Beam(inputs["wavelength"], np.array(inputs["direction"]), inputs["P"]),
        axis=np.array(inputs["rotationAxis"]),
        width=inputs["osc_deg"],
        slow=numbers(data["iy"]) - 1,
        fast=numbers(data["ix"]) - 1,
        shift=(np.zeros(48), np.zeros(48)),
        expected=data,
        silicon=table["silicon"][at],
        air=table["air"][at],
    )


def turned(panel: Panel, matrix: FloatArray) -> Panel:
    """Turn a panel about the sample."""
    return Panel(
        matrix @ panel.origin,
        matrix @ panel.fast,
        matrix @ panel.slow,
        panel.pixel_size,
        panel.shape,
        panel.offset,
        panel.name,
        panel.sensor,
        panel.parallax,
    )


def turned_beam(beam: Beam, matrix: FloatArray) -> Beam:
    return Beam(
        beam.wavelength,
        matrix @ beam.direction,
        beam.polarization_fraction,
        matrix @ beam.polarization_normal,
    )


coordinates = st.floats(-1.0, 1.0)


@st.composite
def directions(draw: st.DrawFn) -> FloatArray:
    """Unit vectors."""
    vector = np.array([draw(coordinates), draw(coordinates), draw(coordinates)])
    length = np.linalg.norm(vector)
    return vector / length if length > 1e-3 else np.array([0.0, 0.0, 1.0])


@st.composite
def rotations(draw: st.DrawFn) -> FloatArray:
    """Rotation matrices."""
    return rotation_matrix(draw(directions()), draw(st.floats(-180.0, 180.0)))


@st.composite
def panels(draw: st.DrawFn, parallax: str = "none") -> Panel:
    """Small panels anywhere around the sample, at any tilt up to about 60 degrees."""
    distance = draw(st.floats(50.0, 500.0))
    pitch = (draw(st.floats(0.05, 0.5)), draw(st.floats(0.05, 0.5)))
    shape = (draw(st.integers(1, 7)), draw(st.integers(2, 9)))
    corner = np.array(
        [draw(st.floats(-100.0, 100.0)), draw(st.floats(-100.0, 100.0)), distance]
    )
    panel = Panel(
        corner,
        np.array([1.0, 0.0, 0.0]),
        np.array([0.0, draw(st.sampled_from([1.0, -1.0])), 0.0]),
        pitch,
        shape,
        sensor=Sensor("Si", draw(st.floats(0.1, 2.0)), draw(st.floats(0.1, 50.0))),
        parallax=parallax,  # type: ignore[arg-type]
    )
    return turned(panel, draw(rotations()))
