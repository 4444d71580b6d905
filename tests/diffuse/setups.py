"""A tiny experiment, and what a plain loop over its (pixel, frame) pairs makes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ewaldite.diffuse.clock import Clock
from ewaldite.diffuse.features import FeatureSource, feature_source
from ewaldite.diffuse.paths import Trace
from ewaldite.diffuse.trace import hkl_matrices, trace_wedge
from ewaldite.geometry.absorption import PathSegment
from ewaldite.geometry.pixel_corrections import pixel_corrections
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.kernels import walk
from ewaldite.model.experiment import Beam, FloatArray, Panel, Scan, Sensor, Wedge
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition

SHAPE = (30, 40)
MU = 3.7
PATH = (PathSegment(2.8e-4),)
# Columns of an oblique cell in the laboratory, Å
AXES = np.array([[9.0, 1.3, -0.7], [0.4, 10.5, 2.1], [-0.9, 0.6, 12.2]])


@cache
def oracle(name: str) -> dict[str, Any]:
    return json.loads((Path(__file__).parents[1] / "oracles" / f"{name}.json").read_text())


def numbers(values: Sequence[float | None]) -> FloatArray:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


@dataclass(frozen=True)
class Setup:
    """A wedge and all that its reduction needs but the counts."""

    wedge: Wedge
    scan: Scan
    good: NDArray[np.bool_]
    clock: Clock
    background: FloatArray | None

    @property
    def frames(self) -> int:
        return len(self.wedge)

    @property
    def width(self) -> float:
        return float(self.scan.width[0])

    @property
    def features(self) -> FeatureSource:
        return feature_source(self.wedge, SHAPE, self.width, sensor_mu=MU, path=PATH)

    def matrices(self, oversample: int = 1) -> FloatArray:
        positions = np.arange(self.wedge.start, self.wedge.stop)
        return hkl_matrices(self.wedge, self.scan, positions, oversample)

    def trace(self, partition: Partition) -> Trace:
        return trace_wedge(
            matrices=self.matrices(),
            features=self.features,
            good=self.good,
            partition=partition,
            clock=self.clock,
            background=self.background,
        )

    def without_background(self) -> Setup:
        return replace(self, background=None)


def panels() -> tuple[Panel, Panel]:
    """Two panels with a gap; the second one is shorter and tilted."""
    sensor = Sensor("Si", 0.45)
    tilt = rotation_matrix([0.2, 1.0, 0.1], 12.0)
    return (
        Panel(
            np.array([-21.0, -14.0, 40.0]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0,
            0.0]), (1.0, 1.1), (30, 19), (0, 0), "left", sensor, "xds",
        ),
        Panel(
            tilt @ np.array([1.5, -12.0, 41.0]), tilt @ np.array([1.0, 0.0, 0.0]),
            tilt @ np.array([0.0, 1.0, 0.0]), (1.0, 1.1), (28, 19), (2, 21), "right", sensor,
        ),
    )  # fmt: skip


def setup(frames: int = 9, width: float = 0.7, *, start: int = 3, seed: int = 1) -> Setup:
    """A wedge in the middle of a scan, with unequal exposures and some bad pixels."""
    rng = np.random.default_rng(seed)
    count = start + frames + 2
    scan = Scan(np.arange(1, count + 1), 10.0 + width * np.arange(count), np.full(count, width))
    beam = Beam(1.0, np.array([0.01, -0.02, 1.0]), 0.95)
    swelling = 1.0 + 1e-4 * np.arange(frames)[:, None, None]
    axis = np.array([1.0, 0.05, -0.03])
    wedge = Wedge(0, start, start + frames, beam, panels(), axis / np.linalg.norm(axis),
                  AXES * swelling)  # fmt: skip
    inside = np.zeros(SHAPE, dtype=bool)
    for panel in wedge.panels:
        rows = slice(panel.offset[0], panel.offset[0] + panel.shape[0])
        inside[rows, panel.offset[1] : panel.offset[1] + panel.shape[1]] = True
    clock = Clock(
        rng.uniform(0.05, 0.2, frames),
        rng.uniform(0.01, 0.3, frames),
        np.arange(wedge.start, wedge.stop, dtype=np.float64),
    )
    return Setup(
        wedge, scan, inside & (rng.random(SHAPE) > 0.1), clock,
        rng.poisson(5.0, SHAPE).astype(np.float64),
    )  # fmt: skip


@dataclass(frozen=True)
class Pairs:
    """Every (pixel, frame) pair of the good pixels, in plain numpy; dims (frame, pixel,
    ...)."""

    pixel: NDArray[np.int64]
    hkl: FloatArray
    features: FloatArray
    clock: Clock
    background: FloatArray

    def labels(self, grids: Sequence[Grid]) -> NDArray[np.int64]:
        """Voxels of all grids side by side, which is what a segment has of its own."""
        return np.concatenate([grid.index(self.hkl) for grid in grids], axis=-1)

    def sums(
        self, grids: Sequence[Grid], keep: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], FloatArray]:
        """Labels and columns of the segments, summed over the pairs to keep.

        Without the variance of the background, which no segment has of its own.
        """
        labels = self.labels(grids)
        frames, pixels = labels.shape[:2]
        kept = np.ones((frames, pixels), bool) if keep is None else keep
        distinct, at = np.unique(labels[kept], axis=0, return_inverse=True)
        frame, column = np.nonzero(kept)
        out = np.zeros((len(distinct), walk.COLUMNS))
        terms = np.empty((len(at), walk.COLUMNS))
        terms[:, : walk.SUMMED] = self.features[column, : walk.SUMMED]
        terms[:, walk.FRAME] = self.clock.position[frame]
        terms[:, walk.EXPOSURE] = (
            self.clock.exposure[frame] * self.features[column, walk.CORRECTION]
        )
        scale, counts = self.clock.background_scale[frame], self.background[column]
        terms[:, walk.BACKGROUND] = scale * counts
        np.add.at(out, at, terms)
        return distinct, out

    def variance(
        self, grid: Grid, keep: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], FloatArray]:
        """Voxels of a grid and the variance of the background in them, of pairs to keep.

        The multiplicity of a pixel in a voxel is that of all its visits.
        """
        voxels = self.labels((grid,))
        kept = np.ones(voxels.shape[:2], bool) if keep is None else keep
        distinct, at = np.unique(voxels[kept], axis=0, return_inverse=True)
        frame, column = np.nonzero(kept)
        total = np.zeros((len(distinct), voxels.shape[1]))
        np.add.at(total, (at, column), self.clock.background_scale[frame])
        return distinct, total**2 @ self.background


def pairs_of(given: Setup, oversample: int = 1) -> Pairs:
    """Geometry of all pairs from the formulas, without the kernels."""
    wedge = given.wedge
    image = np.full((*SHAPE, walk.FEATURES), np.nan)
    slow, fast = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image[..., walk.PIXELS], image[..., walk.IX], image[..., walk.IY] = 1.0, fast, slow
    for panel in wedge.panels:
        made = pixel_corrections(
            panel, wedge.beam, wedge.axis, given.width, sensor_mu=MU, path=PATH
        )
        view = image[
            panel.offset[0] : panel.offset[0] + panel.shape[0],
            panel.offset[1] : panel.offset[1] + panel.shape[1],
        ]
        view[..., walk.SX : walk.SZ + 1] = made.s
        view[..., walk.SWEPT], view[..., walk.CORRECTION] = made.d3s, made.total
    features = image[given.good]
    hkl = []
    for i in range(len(wedge)):
        for part in range(oversample):
            offset = (part + 0.5) / oversample - 0.5
            phi = np.deg2rad(given.scan.phi[wedge.start + i] + offset * given.width)
            turn = Rotation.from_rotvec(phi * wedge.axis).as_matrix()
            hkl.append(features[:, walk.SX : walk.SZ + 1] @ turn @ wedge.axes[i])
    counts = np.zeros(SHAPE) if given.background is None else given.background
    clock = given.clock
    if oversample > 1:
        share = (np.arange(oversample) + 0.5) / oversample - 0.5
        clock = Clock(
            np.repeat(clock.exposure, oversample) / oversample,
            np.repeat(clock.background_scale, oversample) / oversample,
            (clock.position[:, None] + share).reshape(-1),
        )
    return Pairs(
        np.flatnonzero(given.good.reshape(-1)), np.array(hkl), features, clock,
        counts[given.good],
    )  # fmt: skip


def labelled(partition: Partition, index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels, as of :meth:`Pairs.labels`, of segments."""
    return np.concatenate([partition.voxel(grid, index) for grid in partition.grids], axis=-1)


def by_voxel(
    partition: Partition, grid: Grid, index: NDArray[np.int64], values: FloatArray
) -> tuple[NDArray[np.int64], FloatArray]:
    """Voxels of a grid as :meth:`Pairs.variance` has them, and sums of values of segments."""
    voxel = partition.voxel(grid, index)
    distinct, at = np.unique(voxel, axis=0, return_inverse=True)
    return distinct, np.bincount(at, values, minlength=len(distinct))


def in_order(labels: NDArray[np.int64]) -> NDArray[np.intp]:
    """Order of rows in which brute force gives them."""
    return np.lexsort(labels.T[::-1])


def images(given: Setup, mean: float = 2.0, seed: int = 5) -> list[NDArray[np.int32]]:
    rng = np.random.default_rng(seed)
    return [rng.poisson(mean, SHAPE).astype(np.int32) for _ in range(given.frames)]
