from __future__ import annotations

import tomllib
from pathlib import Path

import fabio
import numpy as np
import pytest
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.contents import fill_with_water
from ewaldite.crystal.polymer import polymer, water
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.absolute.options import AbsoluteOptions, ContentsOptions
from ewaldite.diffuse.absolute.scale import absolute_scale
from ewaldite.diffuse.observations import INTENSITY_UNIT, grid_coords
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.io.geometry import read_geometry
from ewaldite.model.grid import Grid
from ewaldite.simulate.demo import CONTENTS, D_MIN, Demo, make_demo, truth_voxels
from ewaldite.simulate.presets import small_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return make_demo(tmp_path_factory.mktemp("demo"), frames=4)


def test_configuration_is_one_that_the_program_takes(demo: Demo) -> None:
    options = DiffuseOptions(**tomllib.loads(demo.configuration.read_text("utf-8")))
    assert [sweep.name for sweep in options.sweep] == ["a", "b", "c"]
    assert options.crystal.space_group == "P 21 21 21"
    assert options.map.subdivide == (3, 3, 3)
    assert options.map.d_min == D_MIN


def test_files_that_the_configuration_names_are_there(demo: Demo) -> None:
    folder = demo.configuration.parent
    options = DiffuseOptions(**tomllib.loads(demo.configuration.read_text("utf-8")))
    for sweep, simulation in zip(options.sweep, small_demo(frames=4), strict=True):
        assert isinstance(sweep.images, str)
        assert isinstance(sweep.geometry, str)
        assert isinstance(sweep.background, str)
        assert len(list(folder.glob(sweep.images.replace("#", "[0-9]")))) == 4
        assert len(list(folder.glob(sweep.background.replace("#", "[0-9]")))) == 4
        read = read_geometry(folder / sweep.geometry)
        np.testing.assert_array_equal(read.scan.frames, [1, 2, 3, 4])
        np.testing.assert_allclose(
            read.scan.phi, [simulation.experiment.phi(i) for i in range(4)]
        )
        with fabio.open(folder / sweep.images.replace("####", "0002")) as file:
            assert np.array_equal(file.data, simulation.frame(1))


def test_truth_holds_the_asymmetric_unit_once(demo: Demo) -> None:
    with np.load(demo.truth) as truth:
        hkl, intensity, cell = truth["hkl"], truth["intensity"], truth["cell"]
    assert hkl.min() == 0.0
    assert len(np.unique(np.rint(3 * hkl), axis=0)) == len(hkl) == len(intensity)
    np.testing.assert_allclose(np.rint(3 * hkl) / 3, hkl)
    s = np.linalg.norm(hkl / cell[:3], axis=1)
    assert s.max() <= 1.0 / D_MIN
    # an eighth of the sphere, with the voxels that the faces h, k, l = 0 halve
    weight = np.prod(np.where(hkl == 0.0, 0.5, 1.0), axis=1)
    volume = weight.sum() / 27.0 / np.prod(cell[:3])
    assert volume == pytest.approx(4.0 / 3.0 * np.pi / D_MIN**3 / 8.0, rel=0.01)


def test_truth_is_the_mean_over_the_voxel() -> None:
    sweep = small_demo()[0]
    hkl, intensity = truth_voxels(sweep, subdivide=3, d_min=4.0)
    rng = np.random.default_rng(1)
    for i in rng.integers(0, len(hkl), 10):
        inside = hkl[i] + rng.uniform(-1 / 6, 1 / 6, (20000, 3))
        drawn = sweep.truth_map(inside)
        assert abs(drawn.mean() - intensity[i]) < 4.5 * drawn.std() / np.sqrt(20000) + 1e-4


def test_disturbed_demo_says_so(tmp_path: Path, demo: Demo) -> None:
    made = make_demo(tmp_path, frames=1, disturbed=True)
    with np.load(made.truth) as disturbed, np.load(demo.truth) as plain:
        assert bool(disturbed["disturbed"])
        assert not bool(plain["disturbed"])
        np.testing.assert_array_equal(disturbed["intensity"], plain["intensity"])
    second = small_demo(frames=1, disturbed=True)[1]
    with fabio.open(tmp_path / "images" / "b_0001.cbf") as file:
        assert np.array_equal(file.data, second.frame(0))


def test_contents_are_ones_that_the_absolute_scale_takes(tmp_path: Path) -> None:
    """And the sums over reciprocal space obey them, at any cut-off."""
    given = tomllib.loads(CONTENTS)["contents"]
    made = make_demo(tmp_path, frames=1, contents=True)
    assert tomllib.loads(made.configuration.read_text("utf-8"))["contents"] == given
    (molecule,) = ContentsOptions(**given).molecule
    assert molecule.sequence is not None
    sweep = small_demo()[0]
    cell = sweep.experiment.cell
    volume = np.prod(cell[:3])
    whole, _ = fill_with_water(
        polymer(molecule.sequence).times(molecule.count), volume, water()
    )
    hkl, diffuse = truth_voxels(sweep, subdivide=1, d_min=1.6)
    spot = (2 * np.pi) ** 1.5 * sweep.truth.bragg_width**3 * volume

    def table(values: NDArray[np.float64]) -> sc.DataArray:
        return sc.DataArray(
            sc.array(dims=["voxel"], values=values, variances=0 * values, unit=INTENSITY_UNIT),
            coords=grid_coords(Grid((1, 1, 1)), np.rint(hkl).astype(np.int64)),
        )

    scale = absolute_scale(
        table(diffuse),
        table(sweep.bragg_map(hkl) * spot),
        whole,
        cell,
        space_group("P 21 21 21"),
        1.0,
        AbsoluteOptions(s_cutoff=0.5),
    )
    assert scale.k.value == pytest.approx(20_000, rel=0.05)
    curve = scale.curves["scale_bonded"]
    cut = curve.coords["s_cutoff"].values
    steady = curve.values[(cut > 0.3) & (cut < 0.6)]
    assert np.all(np.abs(steady / 20_000 - 1) < 0.08)


def test_truth_varies_enough_to_be_found_again() -> None:
    _, intensity = truth_voxels(small_demo()[0], subdivide=3, d_min=D_MIN)
    assert intensity.std() > 0.3 * intensity.mean()
