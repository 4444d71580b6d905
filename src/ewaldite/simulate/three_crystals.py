"""Three tetragonal crystals, one of them indexed the other way round."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ewaldite.simulate.background import Background
from ewaldite.simulate.crystals import UNTURNED, Crystals, CrystalSweep
from ewaldite.simulate.detector import Vector
from ewaldite.simulate.factors import Factors, module_gains
from ewaldite.simulate.footprint import modules_of
from ewaldite.simulate.laue import TWO_DIAGONAL
from ewaldite.simulate.presets import lysozyme_6m, turned
from ewaldite.simulate.truth import Truth

ORIENTATIONS: tuple[Vector, ...] = ((0.31, -0.52, 0.17), (-0.9, 0.35, 1.1), (1.3, 0.8, -0.6))
EXPOSURES = (1.0, 0.5, 0.8)
WAVES = 8


def three_crystals(
    *,
    axes: tuple[float, float] = (40.0, 46.0),
    s_max: float = 0.7,
    time: float = 1.0,
    seed: int = 0,
    astray: bool = True,
    dose: bool = False,
    disturbed: bool = True,
) -> Crystals:
    """Three crystals in P 41 on a Pilatus 6M.

    Detector and beam are those of :func:`~ewaldite.simulate.presets.lysozyme_6m`, each crystal
    turns once in frames of 0.1°. The Laue group 4/m lacks the two-fold axis along a + b that
    the tetragonal lattice has: intensities of hkl and k h -l differ, and the metric cannot tell
    which is which. The anisotropic part has a relative rms of a tenth. Scale factors, offsets
    and gains vary by what experiments at synchrotrons show: 10 to 30 % of decay, some per cent
    of absorption, 2 % of gain. Nothing surrounds the first crystal, so that the offset of least
    size, which the others have beside the intensity, is zero.

    Parameters
    ----------
    axes:
        a = b and c, Å. The number of observations grows with the volume: some 860,000 for
        40 × 40 × 46 Å.
    s_max:
        Largest length of s, 1/Å.
    time:
        Counting time of a frame of the first crystal, s.
    seed:
        Of intensities and gains.
    astray:
        Index the third crystal as k h -l.
    dose:
        Let the intensity at high angle fade with the dose, by a B of 1 to 3 Å².
    disturbed:
        False leaves only the crystals' volumes: no decay, absorption, offset or gain.

    Returns
    -------
    :
        The crystals.
    """
    base = lysozyme_6m(3600, parallax=False).experiment
    a, c = axes
    experiments = [
        replace(
            base,
            axes=turned(a, a, c, angles),
            start=30.0 * number,
            exposure=time * EXPOSURES[number],
            background_exposure=100.0 * time,
            space_group=76,
            hall=" P 4w",
            sweep=number,
        )
        for number, angles in enumerate(ORIENTATIONS)
    ]
    factors = FACTORS if disturbed else tuple(Factors(beam=f.beam) for f in FACTORS)
    if dose:
        factors = tuple(replace(f, dose=1.0 + j) for j, f in enumerate(factors))
    modules = modules_of(base.detector)
    return Crystals(
        sweeps=tuple(
            CrystalSweep(
                experiment,
                factors[j],
                Background(0.05, 2.0, 25.0),
                TWO_DIAGONAL if astray and j == 2 else UNTURNED,
            )
            for j, experiment in enumerate(experiments)
        ),
        truth=_truth(seed),
        gains=module_gains(modules, 0.02 if disturbed else 0.0, seed),
        s_max=s_max,
    )


FACTORS = (
    Factors(
        beam=1.0,
        decay=0.3,
        ripple=0.03,
        absorption=(0.08, 0.05, 0.03, 0.04),
    ),
    Factors(
        beam=0.6,
        decay=0.1,
        ripple=0.02,
        absorption=(-0.06, 0.09, -0.04, 0.02),
        offset=0.8,
        offset_position=0.34,
        offset_width=0.1,
        offset_ripple=0.2,
    ),
    Factors(
        beam=1.4,
        decay=0.2,
        ripple=0.04,
        absorption=(0.05, -0.07, 0.05, -0.03),
        offset=0.5,
        offset_position=0.28,
        offset_width=0.15,
        offset_ripple=-0.4,
    ),
)


def _truth(seed: int) -> Truth:
    vectors = np.random.default_rng([seed, 0x3C]).random((WAVES, 3))
    # The mean of four cosines has the rms √(1/8): eight waves make 12 % of what is no ring
    waves = tuple((0.12, float(u), float(v), float(w)) for u, v, w in vectors)
    return Truth(
        laue="4/m",
        diffuse=6.0,
        ring=2.0,
        bragg=80.0,
        waves=waves,
        halo=0.0,
        seed=seed,
    )
