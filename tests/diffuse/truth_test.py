"""A wedge of simulated Pilatus 6M images of lysozyme against its known truth."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ewaldite.diffuse.background import CountRule, sum_background
from ewaldite.diffuse.clock import Clock
from ewaldite.diffuse.count_settings import CountSettings
from ewaldite.diffuse.features import FeatureSource, feature_source
from ewaldite.diffuse.filter import filter_wedge
from ewaldite.diffuse.filter_options import FilterOptions
from ewaldite.diffuse.integrate import integrate_wedge
from ewaldite.diffuse.max_count import automatic_max_count
from ewaldite.diffuse.trace import hkl_matrices
from ewaldite.diffuse.wedge_sums import WedgeSums, variance_column
from ewaldite.geometry.absorption import PathSegment
from ewaldite.io.geometry import read_geometry
from ewaldite.kernels import walk
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.model.sums import packed
from ewaldite.simulate.presets import lysozyme_6m
from ewaldite.simulate.simulation import Simulation
from ewaldite.simulate.xds_files import write_integrate_lp, write_xds_inp

pytestmark = pytest.mark.slow

FRAMES = 8
GRID = Grid((3, 3, 3))


@dataclass
class World:
    """What was simulated and what the program made of it."""

    simulation: Simulation
    features: FeatureSource
    good: np.ndarray
    matrices: np.ndarray
    sums: WedgeSums
    # Rows of `sums`: expected diffuse, Bragg, background counts, exposure, pairs
    truth: dict[str, np.ndarray]
    # Of the filter's voxels, in the filter's order: expected counts and mask
    masked: np.ndarray
    excess: np.ndarray

    @property
    def key(self) -> np.ndarray:
        return keys_of(self.sums)

    @property
    def included(self) -> np.ndarray:
        return ~np.isin(self.key, packed(self.sums.masked))

    @property
    def s(self) -> np.ndarray:
        columns = self.sums.segments.columns
        mean = np.stack([columns[name] / columns["pixels"] for name in ("sx", "sy", "sz")])
        return np.linalg.norm(mean, axis=0)


def keys_of(sums: WedgeSums) -> np.ndarray:
    return packed(sums.partition.voxel(GRID, sums.segments.index))


def truth_by_voxel(simulation: Simulation, good: np.ndarray) -> dict[str, np.ndarray]:
    """Bin the truth with the definition of the grid: voxel j spans ((j-1/2)/3, (j+1/2)/3]."""
    total: dict[str, np.ndarray] = {}
    keys, columns = [], []
    for i in range(FRAMES):
        truth = simulation.truth_frame(i)
        index = [np.ceil(3 * x[good] - 0.5).astype(np.int64) for x in truth[4:]]
        key, row = np.unique(packed(np.stack(index, axis=1)), return_inverse=True)
        values = [truth.signal, truth.bragg, truth.background, truth.exposure]
        keys.append(key)
        columns.append([np.bincount(row, v[good]) for v in values] + [np.bincount(row)])
    total["key"], row = np.unique(np.concatenate(keys), return_inverse=True)
    for n, name in enumerate(("signal", "bragg", "background", "exposure", "pixels")):
        total[name] = np.bincount(row, np.concatenate([c[n] for c in columns]))
    return total


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    simulation = lysozyme_6m(FRAMES, seed=11)
    folder: Path = tmp_path_factory.mktemp("lysozyme")
    write_xds_inp(folder, simulation.experiment, "a_????.cbf")
    write_integrate_lp(folder, simulation.experiment)
    sweep = read_geometry(folder)
    wedge = sweep.wedges[0]
    detector, experiment = simulation.experiment.detector, simulation.experiment
    features = feature_source(
        wedge,
        sweep.image_shape,
        experiment.width,
        sensor_mu=detector.sensor.attenuation,
        path=(PathSegment(detector.air),),
    )
    good = simulation.valid
    summed = sum_background(
        simulation.background_frame,
        [0, 1],
        np.full(2, experiment.background_exposure),
        CountRule((), 0, 1 << 30),
    )
    first = simulation.frame(0)
    bins = automatic_max_count(first[None], good) + 1
    options, caught = FilterOptions(), {}

    def outliers(tally, pixels):
        overflow = tally.overflow
        found = filter_wedge(
            GRID, tally.filter_index, tally.histogram, overflow[:, 0], overflow[:, 1], options
        )
        caught["index"], caught["mask"] = tally.filter_index, found.mask
        return found.mask

    def frames() -> Iterator[np.ndarray]:
        yield first
        for i in range(1, FRAMES):
            yield simulation.frame(i)

    matrices = hkl_matrices(wedge, sweep.scan, np.arange(FRAMES))
    sums = integrate_wedge(
        matrices=matrices,
        features=features,
        good=good & summed.good,
        frames=frames,
        clock=Clock(
            np.full(FRAMES, experiment.exposure),
            np.full(FRAMES, experiment.exposure / summed.exposure),
            np.arange(FRAMES, dtype=np.float64),
        ),
        background=summed.counts,
        partition=Partition.of(GRID, Grid((1, 1, 1))),
        filter_grid=GRID,
        settings=CountSettings(bins=bins),
        outliers=outliers,
        rng=np.random.default_rng,
    )
    truth = truth_by_voxel(simulation, good)
    row = np.searchsorted(truth["key"], keys_of(sums))
    by_filter = np.searchsorted(truth["key"], packed(caught["index"]))
    smooth = truth["signal"] + truth["background"]
    return World(
        simulation,
        features,
        good,
        matrices,
        sums,
        {name: values[row] for name, values in truth.items()},
        caught["mask"],
        (truth["bragg"] / np.sqrt(smooth))[by_filter],
    )


def test_every_pixel_lands_in_the_voxel_of_its_analytic_hkl(world: World) -> None:
    columns = world.sums.segments.columns
    assert np.array_equal(world.key, world.truth["key"])
    np.testing.assert_allclose(columns["pixels"], world.truth["pixels"], atol=1e-6)


def test_hkl_of_a_pixel_is_the_analytic_one(world: World) -> None:
    pixel = np.flatnonzero(world.good)[::997]
    s = world.features.at(pixel)[:, walk.SX : walk.SZ + 1]
    for frame in (0, FRAMES - 1):
        hkl = world.simulation.hkl(frame).reshape(3, -1)[:, pixel].T
        assert np.abs(s @ world.matrices[frame] - hkl).max() < 1e-6


def test_exposure_is_the_true_one(world: World) -> None:
    exposure = world.sums.segments.columns["exposure"]
    np.testing.assert_allclose(exposure, world.truth["exposure"], rtol=1e-9)


def test_observed_over_truth_in_every_shell(world: World) -> None:
    columns, truth, keep = world.sums.segments.columns, world.truth, world.included
    net = columns["counts"] - columns["background"]
    edges = np.quantile(world.s[keep], np.linspace(0, 1, 9))
    for low, high in itertools.pairwise(edges):
        shell = keep & (world.s >= low) & (world.s <= high)
        expected = (truth["signal"] + truth["bragg"])[shell].sum()
        assert net[shell].sum() / expected == pytest.approx(1, abs=0.005)


def test_pearson_chi_square_is_one(world: World) -> None:
    columns, truth, keep = world.sums.segments.columns, world.truth, world.included
    signal = truth["signal"] + truth["bragg"]
    net = columns["counts"] - columns["background"]
    variance = signal + truth["background"] + columns[variance_column(0)]
    chi2 = ((net - signal) ** 2 / variance)[keep]
    assert keep.sum() >= 15_000
    assert chi2.mean() == pytest.approx(1, abs=0.05)


def test_filter_masks_bragg_peaks_and_little_else(world: World) -> None:
    strong = world.excess > 6
    assert strong.sum() > 200
    assert world.masked[strong].mean() >= 0.99
    assert world.masked[~strong].mean() < 0.01
