"""A small experiment on BIFROST as files: runs, vanadium, configurations, and the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ewaldite.io.atomic import write_text
from ewaldite.io.toml_file import read_toml
from ewaldite.model.toml_text import toml_text
from ewaldite.simulate.bifrost import Bifrost, Misalignment, bifrost
from ewaldite.simulate.bifrost_file import Logged, write_run
from ewaldite.simulate.bifrost_run import Run
from ewaldite.simulate.bifrost_sample import Dispersion, Sample
from ewaldite.simulate.bifrost_source import Source

FloatArray = NDArray[np.float64]
Mode = Literal["parked", "spinning"]

#: Vanadium of the demonstration: radius (mm), grams in the beam, ⟨u²⟩ at 293 K (Å²).
RADIUS, MASS, MEAN_SQUARE = 5.0, 19.2, 0.00607
_BARN = MASS / 50.9415 * 0.602214076  # 1e24 atoms
#: The choppers' opening lies where neutrons of the whole band come from the pulse.
SOURCES = {
    "parked": Source(flux=4e5),
    "spinning": Source(mode="spinning", flux=4e5, psc_time=9.35e-3, opening=0.3e-3),
}
#: What is measured, S in cm²/meV/sr.
SAMPLE = Sample(
    flat=0.002,
    elastic=0.0004,
    bragg=0.04,
    mosaic=0.02,
    elastic_width=0.02,
    dispersion=Dispersion(gap=0.3, height=1.0, width=0.06, strength=0.002),
)
A3, TANK = np.arange(0.0, 90.0, 7.5), 50.0
#: Where Bragg peaks are sought: indices h, l and rotation; at tank angles that leave no gaps.
PEAKS = {(1, -1): -7.25, (0, -1): 25.5}
PEAK_TANKS = (45.0, 50.0)
#: How late all neutrons are stamped, s.
LATE = 35e-6

_PRIMARY = """\
[primary]
mode = "{mode}"
{emission}earliest_at_sample = "{earliest:.2f} ms"

[calibration]
file = "calibration.toml"

[sample]
cell = [5, 5, 5, 90, 90, 90]
u = [1, 0, 0]
v = [0, 0, 1]

[vanadium]
file = "vanadium.nxs"
shape = "cylinder"
radius = "{radius} mm"
mass = "{mass} g"
"""
_CONFIGURATION = """\
# A simulated run of BIFROST; the truth is in ewaldite.simulate.bifrost_demo.
[output]
directory = "out"

[[run]]
file = "sample.nxs"

{primary}
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
_PEAKS = """\
# Fine rotations around Bragg peaks at two tank angles; only elastic scattering is simulated.
[output]
directory = "out_peaks"

[[run]]
file = "peaks_1.nxs"

[[run]]
file = "peaks_2.nxs"

{primary}
[[cut]]
name = "peaks"
axes = ["h", "l"]
bins = {{ h = [-0.1, 1.1, 0.0125], l = [-1.1, -0.9, 0.0125] }}
integrate = {{ k = [-0.1, 0.1], energy_transfer = [-0.15, 0.15] }}
"""


@dataclass(frozen=True)
class Demonstration:
    """What is simulated.

    Attributes
    ----------
    mode:
        Of the pulse-shaping choppers.
    seed:
        Of everything that is drawn.
    events:
        More or fewer than usual (some 700,000 of the sample).
    """

    mode: Mode = "parked"
    seed: int = 0
    events: float = 1.0

    @classmethod
    def of(cls, folder: Path) -> Demonstration:
        """That of a folder that was made."""
        return cls(**read_toml(folder / "truth.toml"))

    @cached_property
    def misalignment(self) -> Misalignment:
        """Where tubes and modules really are."""
        rng = np.random.default_rng([self.seed, 1])
        return Misalignment.drawn(rng, gain=0.005, offset=1e-3, angle=0.1, shift=1e-3)

    @cached_property
    def instrument(self) -> Bifrost:
        """With a truth of its own; tubes differ in their efficiency."""
        rng = np.random.default_rng([self.seed, 2])
        tubes = rng.uniform(0.75, 1.0, (9, 5, 3, 1))
        efficiency = np.broadcast_to(tubes, (9, 5, 3, 100)).ravel()
        return bifrost(self.misalignment, efficiency)

    @property
    def run(self) -> Run:
        """Of the sample."""
        return Run(
            self.instrument, SOURCES[self.mode], SAMPLE, A3, a4=TANK,
            pulses=round(1000 * self.events), monitor_scale=0.002, final_spread=0.004,
        )  # fmt: skip

    @property
    def peaks(self) -> tuple[Run, ...]:
        """Around Bragg peaks."""
        a3 = np.concatenate([at + np.arange(-3.25, 3.3, 0.25) for at in PEAKS.values()])
        still = replace(SAMPLE, dispersion=None)
        run = replace(self.run, sample=still, a3=a3, pulses=round(60 * self.events))
        return tuple(replace(run, a4=tank) for tank in PEAK_TANKS)

    @property
    def vanadium(self) -> Run:
        """Of vanadium."""
        run = self.run
        return replace(
            run,
            sample=Sample(elastic=_BARN * 5.08 / (4 * np.pi)),
            a3=np.zeros(1),
            pulses=8 * run.pulses,
            elastic_factor=vanadium_factor(run.instrument, run.a4),
        )

    @property
    def calibration(self) -> dict[str, Any]:
        """The truth as a file of calibration has it."""
        off = self.misalignment
        tubes = [
            {"arc": a + 1, "channel": c + 1, "tube": t + 1, "gain": float(off.gain[a, c, t]),
             "offset": f"{1e3 * off.offset[a, c, t]:.6f} mm"}
            for a, c, t in np.ndindex(off.gain.shape)
        ]  # fmt: skip
        modules = [
            {"arc": a + 1, "module": m + 1, "angle": float(off.angle[a, m]),
             "along": f"{1e3 * off.along[a, m]:.6f} mm",
             "across": f"{1e3 * off.across[a, m]:.6f} mm"}
            for a, m in np.ndindex(off.angle.shape)
        ]  # fmt: skip
        return {"time_zero": f"{1e6 * LATE} us", "tube": tubes, "module": modules}


def make_demo(
    folder: Path, *, seed: int = 0, events: float = 1.0, mode: Mode = "parked"
) -> tuple[Path, Path]:
    """Write runs of a crystal and one of vanadium, their calibration, and configurations.

    Parameters
    ----------
    folder:
        Where to; made if absent.
    seed:
        Of everything that is drawn.
    events:
        More or fewer events than usual (some 700,000 of the sample).
    mode:
        Of the pulse-shaping choppers.

    Returns
    -------
    :
        Configuration of the sample, and of fine rotations around Bragg peaks.
    """
    made = Demonstration(mode, seed, events)
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    logged = Logged(monitor="settings", late=LATE)
    write_run(folder / "sample.nxs", made.run, rng, logged)
    write_run(folder / "vanadium.nxs", made.vanadium, rng, replace(logged, monitor="total"))
    for number, run in enumerate(made.peaks, 1):
        write_run(folder / f"peaks_{number}.nxs", run, rng, logged)
    known = "# What was planted: calibrations have a truth to be compared with\n"
    write_text(folder / "calibration.toml", known + toml_text(made.calibration))
    truth = {"mode": mode, "seed": seed, "events": events}
    write_text(folder / "truth.toml", toml_text(truth))
    source = made.run.source
    emission = f'emission_time = "{1e3 * source.mean_emission:.3f} ms"\n'
    primary = _PRIMARY.format(
        mode=mode,
        emission=emission if mode == "parked" else "",
        earliest=1e3 * source.earliest_at_sample,
        radius=RADIUS,
        mass=MASS,
    )
    paths = folder / "spectroscopy.toml", folder / "peaks.toml"
    for path, text in zip(paths, (_CONFIGURATION, _PEAKS), strict=True):
        path.write_text(text.format(primary=primary), encoding="utf-8")
    return paths


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
