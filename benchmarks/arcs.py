"""One dispersion, seen by each of the five arcs of BIFROST alone.

    python benchmarks/arcs.py --picture docs/images/arcs.png

Simulates the whole instrument with a branch of known energy and strength and a vanadium run,
reduces the files five times with the pixels of one arc, and compares the counts in the branch
with what the coverage and the truth predict: with all factors, and with factors left out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipp as sc

from ewaldite.cli.app import main
from ewaldite.io.nexus import load
from ewaldite.plot.arcs import arcs_figure
from ewaldite.plot.style import save_figure
from ewaldite.simulate.bifrost import ARC_ENERGY, Bifrost, bifrost
from ewaldite.simulate.bifrost_demo import MASS, RADIUS, vanadium_factor
from ewaldite.simulate.bifrost_file import Logged, write_run
from ewaldite.simulate.bifrost_run import Run
from ewaldite.simulate.bifrost_sample import Dispersion, Sample
from ewaldite.simulate.bifrost_source import Source

# A band that holds the elastic line at 2.7 meV and the branch above 5.0 meV
SOURCE = Source(mode="spinning", opening=0.5e-3, band=(3.82, 5.58), flux=4e5)
BRANCH = Dispersion(gap=0.15, height=0.14, width=0.03, strength=0.01)
A3 = np.arange(0.0, 90.0, 2.0)
BARNS = MASS / 50.9415 * 0.602214076

CONFIGURATION = """\
[output]
directory = "{arc}"
[[run]]
file = "sample.nxs"
[primary]
mode = "spinning"
earliest_at_sample = "{earliest} ms"
[sample]
cell = [5, 5, 5, 90, 90, 90]
u = [1, 0, 0]
v = [0, 0, 1]
[mask]
file = "others_{arc}.txt"
{vanadium}
[[cut]]
name = "fine"
axes = ["h", "l", "energy_transfer"]
bins = {{ h = [-1.6, 1.6, 0.05], l = [-2.0, 0.8, 0.05], energy_transfer = [-0.05, 0.65, 0.05] }}
[[cut]]
name = "whole"
axes = ["energy_transfer"]
bins = {{ energy_transfer = [-0.05, 0.65, 0.7] }}
{more}"""
MAP = """\
[[cut]]
name = "map"
axes = ["h", "energy_transfer"]
bins = { h = [-1.2, 1.2, 0.05], energy_transfer = [0.0, 0.6, 0.03] }
integrate = { l = [-1.1, -0.9] }
"""
VANADIUM = f"""\
[vanadium]
file = "vanadium.nxs"
shape = "cylinder"
radius = "{RADIUS} mm"
mass = "{MASS} g"
"""


def simulate(folder: Path, events: float) -> Bifrost:
    """Write the raw files of the sample and of vanadium."""
    rng = np.random.default_rng(11)
    instrument = bifrost(efficiency=rng.uniform(0.75, 1.0, 13_500))
    run = Run(
        instrument, SOURCE, Sample(dispersion=BRANCH), A3, a4=50.0, pulses=round(350 * events),
        monitor_scale=0.01, final_spread=0.003,
    )  # fmt: skip
    write_run(folder / "sample.nxs", run, rng, Logged(monitor="settings"))
    vanadium = replace(
        run,
        sample=Sample(elastic=BARNS * 5.08 / (4 * np.pi)),
        a3=np.zeros(1),
        pulses=round(60_000 * events),
        elastic_factor=vanadium_factor(instrument, run.a4),
    )
    write_run(folder / "vanadium.nxs", vanadium, rng, Logged(monitor="total"))
    return instrument


def reduce_arc(
    folder: Path, instrument: Bifrost, arc: int, vanadium: str = "", more: str = ""
) -> Path:
    """Reduce the files with the pixels of one arc; the folder of results."""
    others = instrument.detector_number[instrument.arc != arc]
    np.savetxt(folder / f"others_{arc}.txt", others, fmt="%d")
    path = folder / "spectroscopy.toml"
    path.write_text(
        CONFIGURATION.format(
            arc=arc, earliest=1e3 * SOURCE.earliest_at_sample, vanadium=vanadium, more=more
        ),
        encoding="utf-8",
    )
    try:
        main(["spectroscopy", "run", str(path)])
    except SystemExit as done:
        if done.code:
            raise
    return folder / str(arc)


def true_bins(cut: sc.DataGroup[Any]) -> np.ndarray:
    """Mean of the true S over the bins of a cut along h, l and energy."""
    ends = [cut["S"].coords[name].values for name in ("h", "l", "energy_transfer")]
    h, l, energy = ((e[1:] + e[:-1]) / 2 for e in ends)
    node, weight = np.polynomial.legendre.leggauss(4)
    total = np.zeros((h.size, l.size, energy.size))
    for x, a in zip(node, weight, strict=True):
        for y, b in zip(node, weight, strict=True):
            hkl = np.zeros((h.size, l.size, 1, 3))
            hkl[..., 0] = (h + x * np.diff(ends[0]) / 2)[:, None, None]
            hkl[..., 2] = (l + y * np.diff(ends[1]) / 2)[None, :, None]
            for z, c in zip(node, weight, strict=True):
                at = energy + z * np.diff(ends[2]) / 2
                total += a * b * c / 8 * BRANCH.value(hkl, at)
    return total


def ratios(out: Path, energy: float) -> tuple[float, float, float]:
    """Counts over expected counts, the same without k_f/k_i, and the relative error of both."""
    fine, whole = load(out / "cuts" / "fine.nxs"), load(out / "cuts" / "whole.nxs")
    assert isinstance(fine, sc.DataGroup)
    assert isinstance(whole, sc.DataGroup)
    covered = np.where(fine["S"].masks["no_coverage"].values, 0.0, fine["coverage"].values)
    events = np.nansum(fine["events"].values)
    truth = true_bins(fine)
    ends = fine["S"].coords["energy_transfer"].values
    k_f_over_k_i = np.sqrt(energy / (energy + (ends[1:] + ends[:-1]) / 2))
    expected = float(np.sum(covered * truth))
    without = float(np.sum(covered / k_f_over_k_i * truth))
    s = whole["S"].values[0]
    common = whole["common_variance"].values[0] / s**2
    return events / expected, events / without, float(np.sqrt(1 / events + common))


def compare(folder: Path, events: float) -> tuple[dict[str, Any], dict[str, sc.DataArray]]:
    """Cuts by arc, and ratios by what was left out."""
    instrument = simulate(folder, events)
    energies, maps, rows, errors = [], {}, [], []
    for arc, nominal in enumerate(ARC_ENERGY):
        energy = float(instrument.final_energy[instrument.arc == arc].mean())
        out = reduce_arc(folder, instrument, arc, VANADIUM, MAP)
        right, without, error = ratios(out, energy)
        maps[f"{nominal} meV"] = load(out / "cuts" / "map.nxs")
        bare, _, _ = ratios(reduce_arc(folder, instrument, arc), energy)
        energies.append(energy)
        errors.append(error)
        rows.append((right, without, bare, right / energy**1.5))
    found = np.array(rows).T
    # what has no scale of its own is compared by its mean over the arcs
    found[2:] /= np.exp(np.log(found[2:]).mean(axis=1, keepdims=True))
    names = ("all factors", "without $k_f/k_i$", "without $N_b$", "divided by $k_f^3$ again")
    return maps, {
        name: sc.DataArray(
            sc.array(
                dims=["final_energy"], values=row, variances=(row * np.array(errors)) ** 2
            ),
            coords={
                "final_energy": sc.array(dims=["final_energy"], values=energies, unit="meV")
            },
        )
        for name, row in zip(names, found, strict=True)
    }


def run() -> None:
    """Read the command line, compare, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", type=Path, help="file to write")
    parser.add_argument("--events", type=float, default=1.0, help="more or fewer than usual")
    parser.add_argument(
        "--folder", type=Path, help="where files are left; else a temporary one"
    )
    given = parser.parse_args()
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        maps, found = compare(folder, given.events)
    for name, ratio in found.items():
        values = "  ".join(
            f"{v:.3f} ± {e:.3f}"
            for v, e in zip(ratio.values, np.sqrt(ratio.variances), strict=True)
        )
        print(f"{name:28} {values}")
    print(f"{time.process_time() - begun:.0f} s of CPU time")
    if given.picture is not None:
        h = np.linspace(-1.4, 1.4, 201)
        hkl = np.stack([h, 0 * h, 0 * h - 1], axis=-1)
        branch = sc.DataArray(
            sc.array(dims=["h"], values=BRANCH.energy(hkl), unit="meV"),
            coords={"h": sc.array(dims=["h"], values=h)},
        )
        save_figure(given.picture, arcs_figure(maps, found, branch))


if __name__ == "__main__":
    run()
