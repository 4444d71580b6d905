"""An experiment of 6 frames of 60 × 50 pixels as files, reduced in a second."""

from __future__ import annotations

import shutil
from pathlib import Path

from ewaldite.diffuse import workflow
from ewaldite.simulate.background import Background
from ewaldite.simulate.detector import Detector
from ewaldite.simulate.experiment import RotationExperiment
from ewaldite.simulate.series import write_series
from ewaldite.simulate.simulation import Simulation
from ewaldite.simulate.truth import Truth
from ewaldite.simulate.xds_files import write_integrate_lp, write_xds_inp, write_xparm

FRAMES = 6
# Without [contents] and [pdf]
STEPS = [name for name in workflow.STEPS if name not in ("rescale", "pdf")]
CONFIG = """\
[[sweep]]
name = "a"
images = "images/a_####.cbf"
geometry = "xds"
background = "images/a_background_####.cbf"

[crystal]
space_group = "P 21 21 21"

[corrections]
sensor_material = "Si"
sensor_thickness = "1 mm"

[map]
subdivide = [1, 1, 1]
d_min = 2.0
"""


def experiment(**changes: object) -> RotationExperiment:
    given: dict[str, object] = {
        "detector": Detector(shape=(60, 50), pixel=1.0, distance=40.0, origin=(30.2, 25.4)),
        "wavelength": 1.0,
        "beam": (0.0, 0.0, 1.0),
        "axis": (1.0, 0.0, 0.0),
        "axes": ((12.0, 0.0, 0.0), (0.0, 0.0, 15.0), (0.0, -18.0, 0.0)),
        "start": 3.0,
        "width": 1.0,
        "frames": FRAMES,
        "exposure": 0.5,
        "background_frames": 1,
        "background_exposure": 10.0,
        "background_width": 6.0,
        "space_group": 19,
        "hall": " P 2ac 2ab",
    }
    return RotationExperiment(**{**given, **changes})  # type: ignore[arg-type]


def write_tiny(folder: Path, name: str = "a", **changes: object) -> Path:
    """Write images, the folder of XDS with three blocks, and the configuration."""
    made = experiment(**changes)
    truth = Truth(laue="mmm", diffuse=0.02, ring=0.01, bragg=1.0, bragg_width=0.004)
    write_series(folder / "images", Simulation(made, truth, Background(0.02, 0.5, 10.0)), name)
    write_xds_inp(folder / "xds", made, f"../images/{name}_????.cbf")
    write_xparm(folder / "xds", made)
    write_integrate_lp(folder / "xds", made, block=2)
    path = folder / "tiny.toml"
    path.write_text(CONFIG)
    return path


def copy_tiny(source: Path, target: Path) -> Path:
    """Copy a written experiment with the times of its files; return the configuration."""
    shutil.copytree(source, target, copy_function=shutil.copy2)
    return target / "tiny.toml"
