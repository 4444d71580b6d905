"""Other ways to describe, count, mask and merge one small sweep, from files to results."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipp as sc

import ewaldite
from ewaldite.diffuse.config import parse_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.workflow import run
from ewaldite.io.images import EigerHeader, write_eiger
from ewaldite.io.nexus import read_info
from ewaldite.model.experiment import Sensor
from ewaldite.model.grid import Grid
from ewaldite.report.diffuse import report_diffuse
from ewaldite.simulate.background import Background
from ewaldite.simulate.detector import Detector
from ewaldite.simulate.dials_file import write_expt
from ewaldite.simulate.experiment import RotationExperiment
from ewaldite.simulate.series import write_series
from ewaldite.simulate.simulation import Simulation
from ewaldite.simulate.truth import Truth
from ewaldite.simulate.xds_files import write_xds_inp, write_xparm

FRAMES = 6
FAST, SLOW = 120, 100
#: Frames of each wedge: 6° in parts of at most 5°
WEDGE_OF_FRAME = np.array([0, 0, 0, 1, 1, 1])
IMAGES = {"images": "images/a_####.cbf", "geometry": "xds/XPARM.XDS"}
BACKGROUND = {"background": "images/a_background_####.cbf"}
SAME = ("h", "k", "l", "counts", "exposure", "pixels", "fraction", "ix", "iy", "iz", "wedge")


def simulated() -> Simulation:
    """Beam along z and flat detector, which all formats can describe; m m m sees itself."""
    experiment = RotationExperiment(
        detector=Detector(shape=(FAST, SLOW), pixel=0.6, distance=60.0, origin=(60.2, 50.9)),
        wavelength=1.0,
        beam=(0.0, 0.0, 1.0),
        axis=(1.0, 0.0, 0.0),
        axes=((14.0, 0.0, 0.0), (0.0, 0.0, 15.0), (0.0, -18.0, 0.0)),
        start=3.0,
        width=1.0,
        frames=FRAMES,
        exposure=0.5,
        background_frames=1,
        background_exposure=50.0,
        background_width=6.0,
        space_group=19,
        hall=" P 2ac 2ab",
    )
    truth = Truth(laue="mmm", diffuse=0.15, ring=0.05, bragg=20.0, bragg_width=0.0045)
    return Simulation(experiment, truth, Background(0.02, 0.5, 10.0))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Simulation]:
    """Folder with the images and the geometry in two formats."""
    folder = tmp_path_factory.mktemp("variants")
    simulation = simulated()
    write_series(folder / "images", simulation, "a")
    write_xds_inp(folder / "xds", simulation.experiment, "../images/a_????.cbf")
    write_xparm(folder / "xds", simulation.experiment)
    write_expt(folder / "one.expt", simulation.experiment, "images/a_####.cbf")
    return folder, simulation


def reduced(
    folder: Path, name: str, step: str = "map", sweep: Any = None, **sections: dict[str, Any]
) -> Context:
    """Run the chain to a step, with some options other than usual."""
    given = {
        "output": {"directory": name},
        "sweep": [{"name": "a", **IMAGES, **BACKGROUND, **(sweep or {})}],
        "crystal": {"space_group": "P 21 21 21"},
        "corrections": {
            "polarization_fraction": 0.99,
            "efficiency": False,
            "path": "vacuum",
            "parallax": False,
        },
        "map": {"d_min": 2.2, "subdivide": [2, 2, 2]},
    }
    for section, options in sections.items():
        given[section] = {**given.get(section, {}), **options}
    context = Context(parse_config(given, folder / "variants.toml"), folder)
    run(context, [step, "combine"])
    return context


def observations(context: Context) -> sc.DataArray:
    return ewaldite.load(context.path("observations.nxs"))


def total(table: sc.DataArray, name: str) -> float:
    return float(table.coords[name].values.sum())


def assert_same(found: sc.DataArray, expected: sc.DataArray) -> None:
    assert found.sizes == expected.sizes
    for name in SAME:
        np.testing.assert_allclose(
            found.coords[name].values, expected.coords[name].values, rtol=1e-9, err_msg=name
        )
    assert total(found, "counts") > 1e4


# --- geometry in other words


def split_in_four(expt: dict[str, Any]) -> dict[str, Any]:
    """Cut the one panel of an experiment list into 2 × 2, none as large as another."""
    expt = copy.deepcopy(expt)
    detector = expt["detector"][0]
    whole = detector["panels"][0]
    fast, slow, origin = (np.array(whole[k]) for k in ("fast_axis", "slow_axis", "origin"))
    panels = []
    for y, height in ((0, 45), (45, SLOW - 45)):
        for x, width in ((0, 70), (70, FAST - 70)):
            corner = origin + whole["pixel_size"][0] * (x * fast + y * slow)
            panels.append(
                {
                    **whole,
                    "name": f"p{len(panels)}",
                    "origin": corner.tolist(),
                    "raw_image_offset": [x, y],
                    "image_size": [width, height],
                }
            )
    detector["panels"] = panels
    detector["hierarchy"]["children"] = [{"panel": i} for i in range(4)]
    return expt


def in_tilted_groups(expt: dict[str, Any]) -> dict[str, Any]:
    """Say the same places relative to two groups that are turned and shifted."""
    expt = copy.deepcopy(expt)
    detector = expt["detector"][0]
    groups = []
    for number, angle in enumerate((0.3, -0.7)):
        c, s = np.cos(angle), np.sin(angle)
        frame = np.array([[c, -s, 0.0], [s * c, c * c, -s], [s * s, s * c, c]])
        shift = np.array([4.0, -3.0, 20.0 + number])
        for panel in detector["panels"][2 * number : 2 * number + 2]:
            for axis in ("fast_axis", "slow_axis"):
                panel[axis] = (frame.T @ panel[axis]).tolist()
            panel["origin"] = (frame.T @ (np.array(panel["origin"]) - shift)).tolist()
        groups.append(
            {
                "name": f"g{number}",
                "fast_axis": frame[:, 0].tolist(),
                "slow_axis": frame[:, 1].tolist(),
                "origin": shift.tolist(),
                "children": [{"panel": 2 * number}, {"panel": 2 * number + 1}],
            }
        )
    detector["hierarchy"]["children"] = groups
    return expt


@pytest.mark.parametrize("tilted", [False, True])
def test_four_panels_give_what_one_gives(world: tuple[Path, Simulation], tilted: bool) -> None:
    folder, _ = world
    four = split_in_four(json.loads((folder / "one.expt").read_text()))
    if tilted:
        four = in_tilted_groups(four)
    (folder / f"four_{tilted}.expt").write_text(json.dumps(four))
    one = observations(reduced(folder, "one", "combine", {"geometry": "one.expt"}))
    found = observations(
        reduced(folder, f"four_{tilted}", "combine", {"geometry": f"four_{tilted}.expt"})
    )
    assert_same(found, one)
    assert set(one.coords["panel"].values) == {0}
    x, y = found.coords["ix"].values, found.coords["iy"].values
    clear = (np.abs(x - 69.5) > 1e-6) & (np.abs(y - 44.5) > 1e-6)
    expected = (x > 69.5) + 2 * (y > 44.5)
    np.testing.assert_array_equal(found.coords["panel"].values[clear], expected[clear])
    assert set(expected[clear]) == {0, 1, 2, 3}


def test_dials_geometry_gives_what_xds_gives(world: tuple[Path, Simulation]) -> None:
    folder, _ = world
    one = observations(reduced(folder, "one", "combine", {"geometry": "one.expt"}))
    assert_same(observations(reduced(folder, "xds_", "combine")), one)


def test_instrument_of_nxmx_with_crystal_of_xds(world: tuple[Path, Simulation]) -> None:
    folder, simulation = world
    experiment, pixel = simulation.experiment, simulation.experiment.detector.pixel
    # NeXus has x and y the other way round than XDS, which the header's defaults allow for
    header = EigerHeader(
        omega=experiment.start + experiment.width * np.arange(FRAMES),
        omega_increment=experiment.width,
        axis=(-1.0, 0.0, 0.0),
        wavelength=experiment.wavelength,
        count_time=experiment.exposure,
        frame_time=experiment.exposure,
        distance=experiment.detector.distance,
        pixel_size=(pixel, pixel),
        beam_centre=(
            experiment.detector.origin[0] - 0.5,
            experiment.detector.origin[1] - 0.5,
        ),
        sensor=Sensor("Si", 1.0),
    )
    frames = [simulation.frame(i).astype(np.uint32) for i in range(FRAMES)]
    target = folder / "nxmx"
    target.mkdir()
    master = str(write_eiger(target, frames, header).relative_to(folder))
    tables = [
        observations(
            reduced(folder, f"nxmx_{i}", "combine", {"images": master, "geometry": geometry})
        )
        for i, geometry in enumerate(("xds/XPARM.XDS", [master, "xds/XPARM.XDS"]))
    ]
    assert_same(tables[1], tables[0])


# --- grids and parts of frames, against the truth pixel by pixel


def pixels_of(
    simulation: Simulation, parts: int = 1
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Wedge, hkl, expected signal counts and exposure of all pixels, part by part."""
    experiment = simulation.experiment
    for i in range(FRAMES):
        truth = simulation.truth_frame(i)
        for j in range(parts):
            axes = experiment.turned_axes(experiment.phi(i + (j + 0.5) / parts - 0.5))
            hkl = np.einsum("xsf,xa->sfa", simulation.table.s, axes).reshape(-1, 3)
            signal = (truth.signal + truth.bragg).ravel() / parts
            yield int(WEDGE_OF_FRAME[i]), hkl, signal, truth.exposure.ravel() / parts


def rows_of(table: sc.DataArray, n: int) -> np.ndarray:
    """Twice the voxel's centre in voxels, a whole number on every grid; dims (voxel, 3)."""
    hkl = np.stack([table.coords[name].values for name in "hkl"], axis=1)
    return np.rint(2 * n * hkl).astype(np.int64)


def keys(rows: np.ndarray, wedge: np.ndarray | int = 0) -> np.ndarray:
    """One number for voxel and wedge."""
    assert np.abs(rows).max() < 500
    return ((np.asarray(wedge) * 1000 + rows[:, 0] + 500) * 1000 + rows[:, 1] + 500) * 1000 + (
        rows[:, 2] + 500
    )


def merged_truth(
    simulation: Simulation, context: Context, parts: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voxels of the map in one octant, their signal and exposure, where the filter let them.

    The table of observations has the filter's grid, so that it names the voxels it left.
    """
    fine = observations(context)
    kept = keys(rows_of(fine, 3), fine.coords["wedge"].values)
    good = context.good(0).ravel()
    grid = context.options.map.grid
    found = []
    for wedge, hkl, signal, exposure in pixels_of(simulation, parts):
        fine_grid = Grid((3, 3, 3))
        own = keys(fine_grid.numerator(fine_grid.index(hkl)), wedge)
        take = good & np.isin(own, kept)
        place = keys(np.abs(grid.numerator(grid.index(hkl[take]))))
        found.append(np.stack([place, signal[take], exposure[take]]))
    place, signal, exposure = np.concatenate(found, axis=1)
    voxels, row = np.unique(place.astype(np.int64), return_inverse=True)
    return voxels, np.bincount(row, signal), np.bincount(row, exposure)


def assert_agrees_with_truth(simulation: Simulation, context: Context, parts: int = 1) -> None:
    merged = ewaldite.load(context.path("merged.nxs"))
    voxels, signal, exposure = merged_truth(simulation, context, parts)
    key = keys(np.abs(rows_of(merged, context.options.map.subdivide[0])))
    np.testing.assert_array_equal(np.sort(key), voxels)
    at = np.searchsorted(voxels, key)
    np.testing.assert_allclose(merged.coords["exposure"].values, exposure[at], rtol=1e-6)
    true = signal[at] / exposure[at]
    net = merged.coords["counts"].values - merged.coords["background"].values
    s = merged.coords["s"].values
    shells = np.array_split(np.argsort(s), 5)
    for rows in shells:
        error = np.sqrt(merged.coords["counts"].values[rows].sum())
        assert abs(net[rows].sum() - signal[at][rows].sum()) < 4 * error
    counted = merged.coords["counts"].values > 20
    z2 = ((merged.values - true) ** 2 / merged.variances)[counted]
    assert counted.sum() > 300
    assert z2.mean() == pytest.approx(1, abs=5 * np.sqrt(2 / counted.sum()))


@pytest.mark.parametrize(
    ("subdivide", "mode"), [((2, 2, 2), "node"), ((2, 2, 2), "split"), ((4, 4, 4), "node")]
)
def test_map_grid_keeps_counts_and_shows_the_truth(
    world: tuple[Path, Simulation], subdivide: tuple[int, int, int], mode: str
) -> None:
    folder, simulation = world
    context = reduced(
        folder,
        f"grid_{subdivide[0]}_{mode}",
        map={"subdivide": subdivide, "mode": mode},
        scale={"subdivide": [3, 3, 3]},
    )
    fine = observations(context)
    on_map = ewaldite.load(context.work / "map_observations.nxs")
    merged = ewaldite.load(context.path("merged.nxs"))
    for name in ("counts", "exposure", "background"):
        assert total(on_map, name) == pytest.approx(total(fine, name), rel=1e-12)
        assert total(merged, name) == pytest.approx(total(fine, name), rel=1e-12)
    assert_agrees_with_truth(simulation, context)


def test_oversampling_shares_out_counts_and_exposure(
    world: tuple[Path, Simulation],
) -> None:
    folder, simulation = world
    unfiltered = {"filter": {"method": "none"}, "scale": {"subdivide": [3, 3, 3]}}
    whole = reduced(folder, "whole", **unfiltered)
    parts = reduced(folder, "parts", integrate={"oversample": 3}, **unfiltered)
    one, three = observations(whole), observations(parts)
    assert len(three) != len(one)
    assert total(three, "counts") == total(one, "counts")
    for name in ("exposure", "pixels", "background"):
        assert total(three, name) == pytest.approx(total(one, name), rel=1e-9)
    assert_agrees_with_truth(simulation, whole)
    assert_agrees_with_truth(simulation, parts, parts=3)


# --- ways to merge


@pytest.mark.parametrize(
    "options",
    [
        {"friedel": False},
        {"estimator": "inverse_variance"},
        {"noise": "empirical"},
        {"outlier_sigma": 4.0},
        {"half_sets": "friedel"},
        {"half_sets": "friedel", "noise": "empirical", "outlier_sigma": 4.0},
    ],
    ids=lambda options: " ".join(options),
)
def test_every_way_to_merge_ends_in_map_and_report(
    world: tuple[Path, Simulation], options: dict[str, Any]
) -> None:
    folder, _ = world
    plain = ewaldite.load(reduced(folder, "plain").path("merged.nxs"))
    context = reduced(folder, "merging", merge=options)
    merged = ewaldite.load(context.path("merged.nxs"))
    dense = ewaldite.load(context.path("map.nxs"))
    found = np.isfinite(dense.values)
    assert found.any()
    assert np.all(np.isfinite(merged.values))
    assert np.all(merged.variances > 0)
    if options.get("friedel", True):
        assert len(merged) == len(plain)
        # another estimate of the same intensities
        weight = plain.coords["exposure"].values
        shift = (weight * (merged.values - plain.values)).sum() / (weight * plain.values).sum()
        assert abs(shift) < 0.05
    else:
        # 222 has half the operations of mmm
        assert len(merged) > 1.2 * len(plain)
        assert total(merged, "exposure") == pytest.approx(total(plain, "exposure"), rel=0.02)
    page, picture = report_diffuse(context.out)
    assert page.stat().st_size > 10_000
    assert picture.stat().st_size > 10_000


# --- pixels and frames that are left out, joined, or still


def at_pixels(table: sc.DataArray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place and |s| of the observations of single pixels in one frame."""
    rows = table.coords["pixels"].values < 1.5
    assert rows.sum() > 300
    s = np.stack([table.coords[name].values[rows] for name in ("sx", "sy", "sz")])
    place = [np.rint(table.coords[name].values[rows]) for name in ("ix", "iy")]
    return place[0], place[1], np.linalg.norm(s, axis=0)


def inside_triangle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether points lie in the triangle (20, 45), (40, 45), (20, 65)."""
    return (x > 20) & (y > 45) & (x + y < 85)


def test_masked_pixels_make_no_observation(world: tuple[Path, Simulation]) -> None:
    folder, _ = world
    # So fine a grid that most observations are of one pixel
    fine = {"scale": {"subdivide": [15, 15, 15]}, "filter": {"method": "none"}}
    open_ = reduced(folder, "open", "combine", **fine)
    masked = reduced(
        folder,
        "masked",
        "combine",
        **fine,
        map={"d_max": 6.0},
        mask={
            "resolution_rings": [(3.6, 3.9)],
            "ellipses": [(70.0, 110.0, 20.0, 50.0)],
            "polygons": [[(20.0, 45.0), (40.0, 45.0), (20.0, 65.0)]],
            "rectangles": [(80.0, 100.0, 80.0, 90.0)],
        },
    )
    regions = []
    for context in (open_, masked):
        x, y, s = at_pixels(observations(context))
        ellipse = ((x - 90) / 20) ** 2 + ((y - 35) / 15) ** 2
        rectangle = (np.abs(x - 90) < 9.5) & (np.abs(y - 85) < 4.5)
        ring = (s > 1 / 3.9) & (s < 1 / 3.6)
        out = (s < 1 / 6.0, ring, ellipse < 0.99, inside_triangle(x, y), rectangle)
        regions.append([int(np.count_nonzero(region)) for region in out])
        assert s.max() < 1 / 2.2 + 1e-9
    assert min(regions[0]) > 5
    assert regions[1] == [0, 0, 0, 0, 0]
    # and nothing else is missing
    left, all_good = masked.good(0), open_.good(0)
    s = masked.entries[0].features(masked.entries[0].sweep.wedges[0]).resolution()
    y, x = np.mgrid[:SLOW, :FAST]
    out = (s < 1 / 6.0) | ((s > 1 / 3.9) & (s < 1 / 3.6)) | inside_triangle(x, y)
    out |= ((x - 90) / 20) ** 2 + ((y - 35) / 15) ** 2 < 1
    out |= (np.abs(x - 90) < 10) & (np.abs(y - 85) < 5)
    np.testing.assert_array_equal(left, all_good & ~out)
    assert total(observations(masked), "pixels") == FRAMES * left.sum()


def test_joined_observations_keep_their_sums(world: tuple[Path, Simulation]) -> None:
    folder, _ = world
    apart = observations(reduced(folder, "plain"))
    joined = observations(
        reduced(folder, "joined", "combine", scale={"merge_within_degrees": 6.0})
    )
    assert len(joined) < len(apart)
    assert len(np.unique(keys(rows_of(joined, 1)))) == len(joined)
    for name in ("counts", "exposure", "pixels", "fraction", "background"):
        assert total(joined, name) == pytest.approx(total(apart, name), rel=1e-9)


def test_given_angles_make_stills(world: tuple[Path, Simulation]) -> None:
    folder, simulation = world
    swept = observations(reduced(folder, "plain"))
    phi = [simulation.experiment.phi(i) for i in range(FRAMES)]
    context = reduced(folder, "stills", sweep={"phi": phi})
    stills = observations(context)
    assert np.all(stills.coords["fraction"].values == 0)
    assert np.all(swept.coords["fraction"].values > 0)
    for name in ("counts", "exposure"):
        assert total(stills, name) == pytest.approx(total(swept, name), rel=1e-9)
    notes = read_info(context.path("observations.nxs")).provenance.notes
    assert any("stills" in note and "no volume" in note for note in notes)
    assert np.all(np.isfinite(ewaldite.load(context.path("merged.nxs")).values))
    report_diffuse(context.out)
