"""The same photons as mini-CBF and as Eiger HDF5 make the same observations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipp as sc

import ewaldite
from ewaldite.diffuse.config import parse_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.workflow import run
from ewaldite.io.images import EigerHeader, write_eiger
from ewaldite.simulate.presets import small_demo
from ewaldite.simulate.series import write_series
from ewaldite.simulate.simulation import Simulation
from ewaldite.simulate.xds_files import write_xds_inp, write_xparm

FRAMES = 9


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Simulation]:
    folder = tmp_path_factory.mktemp("eiger")
    simulation = small_demo(frames=FRAMES)[0]
    simulation = replace(
        simulation, experiment=replace(simulation.experiment, background_frames=1)
    )
    write_series(folder / "images", simulation, "a")
    write_xds_inp(folder / "xds", simulation.experiment, "../images/a_????.cbf")
    write_xparm(folder / "xds", simulation.experiment)
    return folder, simulation


def observations(folder: Path, images: str, name: str) -> sc.DataArray:
    options = parse_config(
        {
            "output": {"directory": name},
            "sweep": [{"name": "a", "images": images, "geometry": "xds/XPARM.XDS"}],
            "crystal": {"space_group": "P 21 21 21"},
            "corrections": {"sensor_material": "Si", "sensor_thickness": "1 mm"},
            "map": {"d_min": 2.0},
        },
        Path("test.toml"),
    )
    context = Context(options, folder)
    run(context, ["combine"])
    return ewaldite.load(context.path("observations.nxs"))


@pytest.mark.parametrize("virtual", [False, True])
def test_eiger_series_of_three_files_gives_what_cbf_gives(
    sweep: tuple[Path, Simulation], virtual: bool
) -> None:
    folder, simulation = sweep
    experiment = simulation.experiment
    expected = observations(folder, "images/a_####.cbf", "cbf")

    def frames() -> list[np.ndarray]:
        # Eiger marks gaps and dead pixels with the two largest values of its type
        return [simulation.frame(i).astype(np.int64).astype(np.uint32) for i in range(FRAMES)]

    header = EigerHeader(
        omega=experiment.start + experiment.width * np.arange(FRAMES),
        omega_increment=experiment.width,
        wavelength=experiment.wavelength,
        count_time=experiment.exposure,
        frame_time=1.02 * experiment.exposure,
        pixel_size=(experiment.detector.pixel, experiment.detector.pixel),
    )
    target = folder / f"hdf5_{virtual}"
    target.mkdir()
    master = write_eiger(target, frames(), header, images_per_file=4, virtual=virtual)
    found = observations(folder, str(master.relative_to(folder)), f"eiger_{virtual}")
    assert found.sizes == expected.sizes
    for name in ("h", "k", "l", "counts", "pixels", "exposure", "iz"):
        np.testing.assert_allclose(
            found.coords[name].values, expected.coords[name].values, rtol=1e-12
        )
    assert float(found.coords["counts"].sum().value) > 1e4
