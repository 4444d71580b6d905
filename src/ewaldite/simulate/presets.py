"""Experiments ready to simulate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ewaldite.simulate.background import Background
from ewaldite.simulate.detector import Detector, Modules, Sensor, Vector
from ewaldite.simulate.experiment import RotationExperiment, placed_axes
from ewaldite.simulate.factors import Factors
from ewaldite.simulate.simulation import Simulation
from ewaldite.simulate.truth import Truth

# Si (photoabsorption) and dry air, 1/mm by wavelength in Å: Henke, Gullikson & Davis, At. Data
# Nucl. Data Tables 54 (1993) 181, as tabulated by the CXRO
SILICON = {0.977: 3.7060326424870467, 1.0: 3.9698354838709675}
AIR = {0.977: 0.00028000119170984455, 1.0: 0.00030011774193548383}


def lysozyme_6m(frames: int = 20, *, seed: int = 0, parallax: bool = True) -> Simulation:
    """Triclinic lysozyme on a Pilatus 6M.

    Geometry of the first 2° of sweep 7_1 of Meisburger, Case & Ando, Nat. Commun. 11 (2020)
    1271, as XDS refined it; the intensities are invented.

    Parameters
    ----------
    frames:
        Number of frames of 0.1°.
    seed:
        Of strengths and counts.
    parallax:
        Count photons at their depth in the sensor.
    """
    detector = Detector(
        shape=(2463, 2527),
        pixel=0.172,
        distance=231.24,
        origin=(1265.48, 1237.26),
        sensor=Sensor(1.0, SILICON[0.977]),
        parallax=parallax,
        air=AIR[0.977],
        modules=Modules(487, 195, 7, 17),
        dead=((100, 100), (1300, 700), (2000, 2200)),
    )
    experiment = RotationExperiment(
        detector=detector,
        wavelength=0.977,
        beam=(0.000628, 0.005202, 1.023528),
        axis=(-0.999999, -0.001348, 0.000378),
        axes=placed_axes(
            (27.425, 32.135, 34.492, 88.6, 108.443, 111.913),
            ((-22.756, -11.159, -10.475), (-6.41, 26.325, 17.279), (14.265, 20.255, -23.999)),
        ),
        start=5.0,
        width=0.1,
        frames=frames,
        exposure=1.0,
        background_frames=2,
        background_exposure=10.0,
        polarization=0.9,
        seed=seed,
    )
    # The anisotropic part of a protein's scattering is about a tenth of the isotropic one
    truth = Truth(
        laue="-1",
        diffuse=4.0,
        ring=4.0,
        bragg=5000.0,
        waves=((0.12, 0.37, 0.21, -0.13), (0.09, -0.55, 0.4, 0.8)),
        halo=0.5,
        seed=seed,
    )
    return Simulation(experiment, truth, Background(0.05, 4.0, 25.0))


# Flux and volume, decay, absorption, and an offset ring in the second and the third sweep
DEMO_FACTORS = (
    Factors(beam=1.0, decay=0.25, absorption=(0.06, 0.04, 0.02, 0.03)),
    Factors(
        beam=1.3,
        decay=0.1,
        absorption=(-0.05, 0.06, -0.03, 0.02),
        offset=0.1,
        offset_position=0.3,
        offset_width=0.1,
        offset_ripple=0.2,
    ),
    Factors(
        beam=0.8,
        decay=0.15,
        ripple=0.03,
        absorption=(0.04, -0.06, 0.03, -0.02),
        offset=0.05,
        offset_position=0.25,
        offset_width=0.12,
    ),
)


def small_demo(
    *, seed: int = 0, frames: int = 80, disturbed: bool = False
) -> tuple[Simulation, ...]:
    """Three sweeps of an orthorhombic crystal (P 21 21 21, Laue group mmm) on a small detector.

    The sweeps differ in orientation, position and tilt of the detector, and exposure; parallax
    is on in the first two.

    Parameters
    ----------
    seed:
        Of strengths and counts.
    frames:
        Number of frames of 0.8° a sweep.
    disturbed:
        Give each sweep a volume, a decay of the beam, absorption and an offset ring of its own,
        which scaling must find.

    Returns
    -------
    :
        The sweeps.
    """
    detector = Detector(
        shape=(500, 480),
        pixel=0.172,
        distance=60.0,
        origin=(250.3, 240.8),
        sensor=Sensor(1.0, SILICON[1.0]),
        parallax=True,
        air=AIR[1.0],
        modules=Modules(246, 232, 8, 16),
        dead=((50, 60), (300, 420)),
    )
    first = RotationExperiment(
        detector=detector,
        wavelength=1.0,
        beam=(0.0004, 0.001, 1.0),
        axis=(-1.0, -0.001, 0.0005),
        axes=turned(20.4, 24.9, 28.1, (0.31, -0.52, 0.17)),
        start=0.0,
        width=0.8,
        frames=frames,
        exposure=0.5,
        background_frames=4,
        background_exposure=10.0,
        background_width=0.8 * frames / 4,
        space_group=19,
        hall=" P 2ac 2ab",
        seed=seed,
    )
    second = replace(
        first,
        axes=turned(20.4, 24.9, 28.1, (-0.9, 0.35, 1.1)),
        detector=replace(detector, origin=(262.7, 228.4), distance=64.5),
        start=-30.0,
        exposure=0.4,
        sweep=1,
    )
    third = replace(
        first,
        axes=turned(20.4, 24.9, 28.1, (1.3, 0.8, -0.6)),
        detector=replace(
            detector, x_axis=(0.999, 0.0, 0.0447), y_axis=(0.0, 1.0, 0.0), parallax=False
        ),
        start=90.0,
        exposure=0.6,
        sweep=2,
    )
    truth = Truth(
        laue="mmm",
        diffuse=0.35,
        ring=0.15,
        bragg=800.0,
        halo=2.0,
        waves=((0.5, 0.33, 0.24, 0.41), (0.35, 0.8, -0.55, 0.2)),
        bragg_width=0.0018,
        seed=seed,
    )
    background = Background(0.02, 0.5, 10.0)
    factors = DEMO_FACTORS if disturbed else (Factors(),) * len(DEMO_FACTORS)
    return tuple(
        Simulation(experiment, truth, background, own)
        for experiment, own in zip((first, second, third), factors, strict=True)
    )


def turned(a: float, b: float, c: float, angles: Vector) -> tuple[Vector, Vector, Vector]:
    """Axes of an orthogonal cell, turned by angles (radian) about x, then y, then z; Å."""
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        step = np.eye(3)
        j, k = (axis + 1) % 3, (axis + 2) % 3
        step[j, j] = step[k, k] = np.cos(angle)
        step[j, k], step[k, j] = -np.sin(angle), np.sin(angle)
        rotation = step @ rotation
    x, y, z = (rotation * [a, b, c]).tolist()
    return (x[0], y[0], z[0]), (x[1], y[1], z[1]), (x[2], y[2], z[2])
