"""An experiment written from the formulas of each program, and its reflections.

Nothing here imports the readers' arithmetic: rotations come from scipy, predictions from the
diffraction condition, pixels from each program's own formula.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from ewaldite.model.experiment import FloatArray, Sweep

CELL_AXES = np.array(
    [[-22.756, -6.41, 14.265], [-11.159, 26.325, 20.255], [-10.475, 17.279, -23.999]]
)
HKL = [(h, k, l) for h in (-7, 3, 8) for k in (-8, 1, 5) for l in (-4, 6)]


def turn(axis: FloatArray, degrees: float) -> FloatArray:
    unit = np.asarray(axis, dtype=float) / np.linalg.norm(axis)
    return Rotation.from_rotvec(unit * np.deg2rad(degrees)).as_matrix()


def diffract(
    rotate: Any,
    reciprocal: FloatArray,
    s0: FloatArray,
    hkl: FloatArray,
    span: tuple[float, float],
) -> list[tuple[float, FloatArray]]:
    """Angles in a span at which a reflection meets |s0 + r| = |s0|, with s1."""

    def excess(phi: float) -> float:
        s1 = s0 + rotate(phi) @ reciprocal @ hkl
        return float(s1 @ s1 - s0 @ s0)

    grid = np.linspace(*span, 120)
    values = [excess(phi) for phi in grid]
    found = []
    for a, b, x, y in zip(grid[:-1], grid[1:], values[:-1], values[1:], strict=True):
        if x * y < 0.0:
            phi = brentq(excess, a, b, xtol=1e-13)
            found.append((phi, s0 + rotate(phi) @ reciprocal @ hkl))
    return found


def model_pixel(sweep: Sweep, hkl: FloatArray, phi: float) -> list[tuple[float, float]]:
    """Pixels (corner of the image at 0, 0) of a reflection by the model that was read."""
    at = int(np.argmin(np.abs(sweep.scan.phi - phi)))
    wedge = next(w for w in sweep.wedges if w.start <= at < w.stop)
    reciprocal = np.linalg.inv(wedge.axes[at - wedge.start]).T
    s1 = wedge.beam.s0 + turn(wedge.axis, phi) @ reciprocal @ np.asarray(hkl)
    pixels = []
    for panel in wedge.panels:
        length = (panel.origin @ panel.normal) / (s1 @ panel.normal)
        on_panel = length * s1 - panel.origin
        fast = on_panel @ panel.fast / panel.pixel_size[0]
        slow = on_panel @ panel.slow / panel.pixel_size[1]
        inside = 0 <= fast <= panel.shape[1] and 0 <= slow <= panel.shape[0] and length > 0
        if inside:
            pixels.append((fast + panel.offset[1], slow + panel.offset[0]))
    return pixels


class XdsWorld:
    """An experiment in the terms of XDS, with a tilted detector and an odd spindle."""

    wavelength = 0.977
    beam = np.array([0.003, 0.0053, 1.02])
    axis = np.array([-1.0, -0.02, 0.05])
    start_frame, start_angle, oscillation = 3, 5.0, 0.5
    frames = np.arange(3, 123)
    nx, ny, qx, qy = 2463, 2527, 0.172, 0.171
    orgx, orgy, distance = 1265.48, 1237.26, 231.24
    detector = turn(np.array([0.3, 1.0, 0.2]), 7.0)
    axes = CELL_AXES
    cell = np.array([27.425, 32.135, 34.492, 88.6, 108.443, 111.913])

    def __init__(self) -> None:
        # axes with exactly the cell of their own, so that reading changes nothing
        a, b, c = self.axes.T
        lengths = [np.linalg.norm(v) for v in (a, b, c)]
        pairs = ((b, c), (a, c), (a, b))
        angles = [
            np.rad2deg(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v)))
            for u, v in pairs
        ]
        self.cell = np.array([*lengths, *angles])

    @property
    def s0(self) -> FloatArray:
        return self.beam / np.linalg.norm(self.beam) / self.wavelength

    def reflections(self) -> list[tuple[FloatArray, float, tuple[float, float]]]:
        """hkl, angle and XDS' own 1-based (IX, IY), for a single flat detector."""
        found = []
        reciprocal = np.linalg.inv(self.axes).T
        span = (self.start_angle, self.start_angle + self.oscillation * self.frames.size)
        for hkl in np.array(HKL, dtype=float):
            rays = diffract(lambda phi: turn(self.axis, phi), reciprocal, self.s0, hkl, span)
            for phi, s1 in rays:
                u, v, w = self.detector.T @ s1
                if w > 0.0:
                    ix = self.orgx + self.distance * u / w / self.qx
                    iy = self.orgy + self.distance * v / w / self.qy
                    if 1 < ix < self.nx and 1 < iy < self.ny:
                        found.append((hkl, phi, (ix, iy)))
        assert len(found) > 3
        return found

    def xparm(self, segments: str | None = None, count: int = 1) -> str:
        def row(values: Any) -> str:
            return " ".join(f"{x:.15g}" for x in np.ravel(values))

        one = f"1 1 {self.nx} 1 {self.ny}\n0 0 0 1 0 0 0 1 0\n"
        return (
            " XPARM.XDS    VERSION Mar 15, 2019\n"
            f"{self.start_frame} {self.start_angle} {self.oscillation} {row(self.axis)}\n"
            f"{self.wavelength} {row(self.s0)}\n"
            f"1 {row(self.cell)}\n"
            f"{row(self.axes[:, 0])}\n{row(self.axes[:, 1])}\n{row(self.axes[:, 2])}\n"
            f"{count} {self.nx} {self.ny} {self.qx} {self.qy}\n"
            f"{self.orgx} {self.orgy} {self.distance}\n"
            + "".join(f"{row(column)}\n" for column in self.detector.T)
            + (segments or one)
        )

    def inp(self, more: str = "") -> str:
        return (
            f"NX= {self.nx} NY={self.ny}  QX={self.qx}  QY={self.qy} ! one line\n"
            f"!ORGX= 1 ORGY= 2\nDATA_RANGE= {self.frames[0]} {self.frames[-1]}\n"
            "NAME_TEMPLATE_OF_DATA_FRAMES= images/a_????.cbf CBF\n"
            "SENSOR_THICKNESS= 0.45\nFRACTION_OF_POLARIZATION= 0.98\n"
            f"POLARIZATION_PLANE_NORMAL= 0 1 0\nX-RAY_WAVELENGTH= {self.wavelength}\n"
            f"STARTING_FRAME= {self.start_frame} STARTING_ANGLE= {self.start_angle}\n"
            f"OSCILLATION_RANGE= {self.oscillation}\n" + more
        )


class DialsWorld:
    """An experiment in the terms of DIALS: beam along -z, setting and fixed rotation."""

    wavelength = 0.9
    to_source = np.array([0.002, -0.004, 1.0])
    axis = np.array([1.0, 0.01, -0.02])
    setting = turn(np.array([0.1, 0.7, 0.4]), 20.0)
    fixed = turn(np.array([1.0, 0.2, -0.4]), 33.0)
    first, count, start, width = 5, 60, 10.0, 0.5
    fast = turn(np.array([0.2, 0.1, 1.0]), 3.0) @ np.array([1.0, 0.0, 0.0])
    slow = turn(np.array([0.2, 0.1, 1.0]), 3.0) @ np.array([0.0, -1.0, 0.0])
    origin = np.array([-210.0, 220.0, -180.0])
    size, pixel = (2400, 2500), (0.172, 0.172)
    real = turn(np.array([1.0, 2.0, 3.0]), 40.0) @ CELL_AXES

    @property
    def s0(self) -> FloatArray:
        return -self.to_source / np.linalg.norm(self.to_source) / self.wavelength

    def rotate(self, phi: float) -> FloatArray:
        return self.setting @ turn(self.axis, phi) @ self.fixed

    def reflections(self) -> list[tuple[FloatArray, float, tuple[float, float]]]:
        """hkl, angle and pixel (centre at 1/2), by inverting the d matrix of a flat panel."""
        d = np.stack([self.fast, self.slow, self.origin], axis=1)
        span = (self.start, self.start + self.width * self.count)
        found = []
        for hkl in np.array(HKL, dtype=float):
            reciprocal = np.linalg.inv(self.real).T
            for phi, s1 in diffract(self.rotate, reciprocal, self.s0, hkl, span):
                x, y, w = np.linalg.solve(d, s1)
                px = x / w / self.pixel[0], y / w / self.pixel[1]
                if w > 0 and 0 < px[0] < self.size[0] and 0 < px[1] < self.size[1]:
                    found.append((hkl, phi, px))
        assert len(found) > 3
        return found

    def panel(self, **more: Any) -> dict[str, Any]:
        return {
            "name": "P",
            "fast_axis": self.fast.tolist(),
            "slow_axis": self.slow.tolist(),
            "origin": self.origin.tolist(),
            "raw_image_offset": [0, 0],
            "image_size": list(self.size),
            "pixel_size": list(self.pixel),
            "trusted_range": [0.0, 65534.0],
            "thickness": 0.45,
            "material": "Si",
            "mu": 3.9,
            "mask": [],
            "px_mm_strategy": {"type": "ParallaxCorrectedPxMmStrategy"},
            **more,
        }

    def content(self) -> dict[str, Any]:
        kinds = ("beam", "detector", "goniometer", "scan", "crystal", "imageset")
        a, b, c = (v.tolist() for v in self.real.T)
        return {
            "__id__": "ExperimentList",
            "experiment": [{"__id__": "Experiment", **dict.fromkeys(kinds, 0)}],
            "imageset": [{"__id__": "ImageSequence", "template": "a_####.cbf"}],
            "beam": [
                {
                    "direction": self.to_source.tolist(),
                    "wavelength": self.wavelength,
                    "polarization_normal": [0.0, 1.0, 0.0],
                    "polarization_fraction": 0.999,
                }
            ],
            "detector": [{"panels": [self.panel()]}],
            "goniometer": [
                {
                    "rotation_axis": self.axis.tolist(),
                    "fixed_rotation": self.fixed.ravel().tolist(),
                    "setting_rotation": self.setting.ravel().tolist(),
                }
            ],
            "scan": [
                {
                    "image_range": [self.first, self.first + self.count - 1],
                    "batch_offset": 0,
                    "oscillation": [self.start, self.width],
                    "exposure_time": [0.1] * self.count,
                }
            ],
            "crystal": [
                {
                    "real_space_a": a,
                    "real_space_b": b,
                    "real_space_c": c,
                    "space_group_hall_symbol": " P 1",
                }
            ],
        }


@pytest.fixture
def xds_world() -> XdsWorld:
    return XdsWorld()


@pytest.fixture
def dials_world() -> DialsWorld:
    return DialsWorld()


@pytest.fixture
def tools(tmp_path: Path) -> SimpleNamespace:
    """The functions above, and one that writes a file below tmp_path."""

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return SimpleNamespace(turn=turn, model_pixel=model_pixel, diffract=diffract, write=write)
