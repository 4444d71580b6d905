"""A small experiment as files: images, geometry, configuration and the truth."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ewaldite.simulate.dials_file import write_expt
from ewaldite.simulate.presets import small_demo
from ewaldite.simulate.series import Series, write_series
from ewaldite.simulate.simulation import Simulation
from ewaldite.simulate.xds_files import write_integrate_lp, write_xds_inp, write_xparm

SUBDIVIDE = 3
D_MIN = 1.6
NAMES = ("a", "b", "c")
CONTENTS = """
# What a unit cell holds; water fills the rest
[[contents.molecule]]
sequence = "MKTAYIAKQRQISFV"
count = 4
"""


class Demo(NamedTuple):
    """Where the demonstration lies.

    Attributes
    ----------
    configuration:
        ``ewaldite.toml``.
    truth:
        ``truth.npz``: ``hkl`` (voxel, 3), ``intensity`` (voxel), counts/(mrad² s), ``cell``,
        ``space_group``, ``subdivide``, ``d_min``, ``disturbed``; see `truth_voxels`.
    """

    configuration: Path
    truth: Path


def make_demo(
    folder: Path,
    *,
    seed: int = 0,
    frames: int = 80,
    workers: int = 1,
    disturbed: bool = False,
    contents: bool = False,
) -> Demo:
    """Write three small sweeps of orthorhombic crystals and what is needed to reduce them.

    The geometry comes as XPARM.XDS with XDS.INP (sweep a), as XDS.INP with INTEGRATE.LP (b) and
    as a DIALS experiment list (c).

    Parameters
    ----------
    folder:
        Where to; made if absent.
    seed:
        Of strengths and counts.
    frames:
        Frames a sweep.
    workers:
        Threads; the files are the same for any number.
    disturbed:
        Give the sweeps decay, absorption and offsets, to be scaled; see `small_demo`.
    contents:
        Name what the cell holds, for an absolute scale: four peptides in water. Invented as the
        intensities are, their sum obeys that of the atoms to some 7 % at any cut-off from
        0.3 to 0.6 1/Å.

    Returns
    -------
    :
        Configuration and truth.
    """
    sweeps = small_demo(seed=seed, frames=frames, disturbed=disturbed)
    series = [
        write_series(folder / "images", sweep, name, workers)
        for sweep, name in zip(sweeps, NAMES, strict=True)
    ]
    first, second, third = (sweep.experiment for sweep in sweeps)
    # XPARM.XDS names no frames; the XDS.INP beside it does
    write_xds_inp(folder / "a", first, "../images/a_????.cbf")
    write_xparm(folder / "a", first)
    write_xds_inp(folder / "b", second, "../images/b_????.cbf")
    write_integrate_lp(folder / "b", second)
    write_expt(folder / "c" / "refined.expt", third, "../images/c_####.cbf")
    configuration = folder / "ewaldite.toml"
    text = _configuration(sweeps[0], series) + (CONTENTS if contents else "")
    configuration.write_text(text, encoding="utf-8")
    hkl, intensity = truth_voxels(sweeps[0], subdivide=SUBDIVIDE, d_min=D_MIN)
    truth = folder / "truth.npz"
    np.savez_compressed(
        truth,
        hkl=hkl,
        intensity=intensity,
        cell=np.array(first.cell),
        space_group=first.space_group,
        subdivide=SUBDIVIDE,
        d_min=D_MIN,
        disturbed=disturbed,
    )
    return Demo(configuration, truth)


def truth_voxels(
    simulation: Simulation, *, subdivide: int, d_min: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Diffuse intensity and ring in the voxels with h, k, l ≥ 0, the asymmetric unit of mmm.

    The intensity is the mean over a voxel, by Gauss' rule of three points a direction.

    Parameters
    ----------
    simulation:
        One whose truth has the Laue group mmm.
    subdivide:
        Voxels a reciprocal cell and direction; their centres lie at multiples of its inverse.
    d_min:
        Resolution of the centres, Å.

    Returns
    -------
    hkl:
        Centres; dims (voxel, 3), reciprocal-lattice units, float64.
    intensity:
        dims (voxel), counts/(mrad² s), float64.
    """
    axes = simulation.experiment.real_axes
    lengths = np.linalg.norm(axes, axis=0)
    steps = [np.arange(int(subdivide * x / d_min) + 1) / subdivide for x in lengths]
    hkl = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    resolved = np.linalg.norm(hkl @ np.linalg.inv(axes), axis=1) <= 1.0 / d_min
    centres = hkl[resolved]
    points, weights = np.polynomial.legendre.leggauss(3)
    intensity = np.zeros(len(centres))
    for index in itertools.product(range(3), repeat=3):
        shifted = centres + points[list(index)] / (2 * subdivide)
        intensity += float(weights[list(index)].prod()) / 8.0 * simulation.truth_map(shifted)
    return centres, intensity


def _configuration(simulation: Simulation, series: list[Series]) -> str:
    experiment = simulation.experiment
    sensor = experiment.detector.sensor
    sweeps = []
    for name, where, made in zip(
        NAMES, ("a/XPARM.XDS", "b", "c/refined.expt"), series, strict=True
    ):
        lines = [
            "[[sweep]]",
            f'name = "{name}"',
            f'images = "images/{made.images}"',
            f'geometry = "{where}"',
        ]
        if made.background is not None:
            lines.append(f'background = "images/{made.background}"')
        sweeps.append("\n".join(lines) + "\n")
    corrections = ["[corrections]", f"polarization_fraction = {experiment.polarization}"]
    if sensor is not None:
        corrections += [
            'sensor_material = "Si"',
            f'sensor_thickness = "{sensor.thickness:g} mm"',
            f'attenuation_coefficient = "{sensor.attenuation:.10g} /mm"',
        ]
    return "\n".join(
        [
            "# Three simulated sweeps of an orthorhombic crystal; the truth is in truth.npz.",
            '[output]\ndirectory = "out"\n',
            *sweeps,
            '[crystal]\nspace_group = "P 21 21 21"\n',
            "# Its peaks are weak; lower thresholds than the defaults find more of them",
            "[filter]\nthreshold = 3.0\ndivergence_threshold = 2.75\n",
            "\n".join(corrections) + "\n",
            f"[map]\nsubdivide = [{SUBDIVIDE}, {SUBDIVIDE}, {SUBDIVIDE}]\nd_min = {D_MIN}\n",
        ]
    )
