"""A small experiment on BIFROST as files: a run, vanadium, a configuration, and the truth."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.io.nexus import load
from ewaldite.simulate.bifrost import Bifrost, bifrost
from ewaldite.simulate.bifrost_file import Logged, write_run
from ewaldite.simulate.bifrost_run import Run
from ewaldite.simulate.bifrost_sample import Dispersion, Sample
from ewaldite.simulate.bifrost_source import Source

FloatArray = NDArray[np.float64]

#: Vanadium of the demonstration: radius (mm), grams in the beam, ⟨u²⟩ at 293 K (Å²).
RADIUS, MASS, MEAN_SQUARE = 5.0, 19.2, 0.00607
_BARN = MASS / 50.9415 * 0.602214076  # 1e24 atoms
SOURCE = Source(flux=4e5)
#: What is measured, S in cm²/meV/sr.
SAMPLE = Sample(
    flat=0.002,
    elastic=0.0004,
    bragg=0.04,
    mosaic=0.02,
    elastic_width=0.02,
    dispersion=Dispersion(gap=0.3, height=1.0, width=0.06, strength=0.002),
)
A3 = np.arange(0.0, 90.0, 7.5)

_CONFIGURATION = """\
# A simulated run of BIFROST; the truth is in ewaldite.simulate.bifrost_demo.
[output]
directory = "out"

[[run]]
file = "sample.nxs"

[primary]
mode = "parked"
emission_time = "{emission:.3f} ms"
earliest_at_sample = "{earliest:.2f} ms"

[sample]
cell = [5, 5, 5, 90, 90, 90]
u = [1, 0, 0]
v = [0, 0, 1]

[vanadium]
file = "vanadium.nxs"
shape = "cylinder"
radius = "{radius} mm"
mass = "{mass} g"

[[cut]]
name = "qh_e"
axes = ["h", "energy_transfer"]
bins = {{ h = [-1.5, 1.5, 0.05], energy_transfer = [-0.4, 2.2, 0.05] }}
integrate = {{ k = [-0.1, 0.1], l = [-1.1, -0.9] }}

[[cut]]
name = "elastic"
axes = ["h", "l"]
bins = {{ h = [-1.5, 1.5, 0.05], l = [-2.0, 0.5, 0.05] }}
integrate = {{ energy_transfer = [-0.2, 0.2] }}

[[cut]]
name = "powder"
axes = ["Q", "energy_transfer"]
bins = {{ Q = [0.0, 3.0, 0.05], energy_transfer = [-0.4, 2.2, 0.05] }}
"""


def make_demo(folder: Path, *, seed: int = 0, events: float = 1.0) -> Path:
    """Write a run of a crystal and one of vanadium, and a configuration.

    Parameters
    ----------
    folder:
        Where to; made if absent.
    seed:
        Of everything that is drawn.
    events:
        More or fewer events than usual (some 700,000).

    Returns
    -------
    :
        The configuration.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    instrument = bifrost(efficiency=rng.uniform(0.75, 1.0, 13_500))
    pulses = round(1000 * events)
    run = Run(
        instrument, SOURCE, SAMPLE, A3, a4=50.0, pulses=pulses, monitor_scale=0.002,
        final_spread=0.004,
    )  # fmt: skip
    write_run(folder / "sample.nxs", run, rng, Logged(monitor="settings"))
    vanadium = replace(
        run,
        sample=Sample(elastic=_BARN * 5.08 / (4 * np.pi)),
        a3=np.zeros(1),
        pulses=8 * pulses,
        elastic_factor=vanadium_factor(instrument, run.a4),
    )
    write_run(folder / "vanadium.nxs", vanadium, rng, Logged(monitor="total"))
    path = folder / "spectroscopy.toml"
    text = _CONFIGURATION.format(
        emission=1e3 * SOURCE.mean_emission,
        earliest=1e3 * SOURCE.earliest_at_sample,
        radius=RADIUS,
        mass=MASS,
    )
    path.write_text(text, encoding="utf-8")
    return path


def vanadium_factor(instrument: Bifrost, a4: float, points: int = 2000) -> FloatArray:
    """Debye–Waller factor and self-shielding of the vanadium cylinder.

    Self-shielding by points that fill the disc evenly (a Fermat spiral of the golden angle),
    traced to its rim.

    Parameters
    ----------
    instrument:
        Its pixels.
    a4:
        degrees.
    points:
        How many.

    Returns
    -------
    :
        dims (pixel), float64.
    """
    angle = np.deg2rad(a4) + np.arctan2(instrument.direction[:, 0], instrument.direction[:, 2])
    energy = instrument.final_energy
    # n σ in 1/mm, 0.07223 atoms/Å³, 5.08 + 0.018 barn and 5.08 barn at 25.3 meV
    mu = 0.07223 * (5.0984 + 5.08 * np.sqrt(25.299 / energy)) * 0.1
    number = np.arange(points)
    radius = RADIUS * np.sqrt((number + 0.5) / points)
    turn = number * np.pi * (3.0 - np.sqrt(5.0))
    x, z = radius * np.sin(turn), radius * np.cos(turn)
    inward = z + np.sqrt(RADIUS**2 - x**2)
    kept = np.empty(angle.size)
    for p in range(angle.size):
        s, c = np.sin(angle[p]), np.cos(angle[p])
        outward = -(x * s + z * c) + np.sqrt(RADIUS**2 - (x * c - z * s) ** 2)
        kept[p] = np.exp(-mu[p] * (inward + outward)).mean()
    momentum = 2.0 * instrument.final_wavenumber * np.abs(np.sin(angle / 2.0))
    return np.asarray(kept * np.exp(-MEAN_SQUARE * momentum**2))


def compare_with_truth(folder: Path) -> list[str]:
    """Say how the cut along h compares with what was simulated.

    Parameters
    ----------
    folder:
        Of the demonstration, reduced.

    Returns
    -------
    :
        Lines for people.
    """
    cut = load(folder / "out" / "cuts" / "qh_e.nxs")
    s, coverage = cut["S"], cut["coverage"].values
    truth = true_cut(s.coords["h"].values, s.coords["energy_transfer"].values)
    # the branch and the flat part, away from the elastic line
    seen = np.isfinite(s.values) & (s.coords["energy_transfer"].values[:-1] > 0.25)
    # weights that do not know the counts: those that do favour bins that came out low
    weight = coverage[seen]
    ratio = np.sum(weight * s.values[seen]) / np.sum(weight * truth[seen])
    correlation = np.corrcoef(s.values[seen], truth[seen])[0, 1]
    return [
        f"cut qh_e against the truth, {np.count_nonzero(seen)} bins: ratio {ratio:.3f}, "
        f"correlation {correlation:.3f}"
    ]


def true_cut(h: FloatArray, transfer: FloatArray) -> FloatArray:
    """Mean of the truth over bins of the cut along h; edges; dims (h, energy), cm²/meV/sr.

    The resolution of an arc, 0.4 % of E_f, is added to the width of the branch.
    """
    branch = SAMPLE.dispersion
    assert branch is not None
    node, weight = np.polynomial.legendre.leggauss(5)
    total = np.zeros((h.size - 1, transfer.size - 1))
    wide = Dispersion(branch.gap, branch.height, np.hypot(branch.width, 0.05), branch.strength)
    for i, j, k in itertools.product(range(5), repeat=3):
        a = (h[1:] + h[:-1]) / 2 + node[i] * np.diff(h) / 2
        w = (transfer[1:] + transfer[:-1]) / 2 + node[j] * np.diff(transfer) / 2
        hkl = np.zeros((a.size, 1, 3))
        hkl[:, 0, 0], hkl[:, 0, 2] = a, -1.0 + 0.1 * node[k]
        total += weight[i] * weight[j] * weight[k] / 8 * wide.value(hkl, w[None, :])
    return total + SAMPLE.flat
