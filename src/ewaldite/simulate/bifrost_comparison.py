"""The demonstration on BIFROST: what was put in beside what came out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.io.nexus import load
from ewaldite.simulate.bifrost_demo import PEAKS, Demonstration
from ewaldite.simulate.bifrost_found import Shifts, branch_shifts, peak_centre
from ewaldite.simulate.bifrost_seen import CutBins, Seen, see

FloatArray = NDArray[np.float64]

#: S of the branch, against that of the flat part, that counts as none.
_NONE = 0.01
_RADIUS = 0.05


def compare_with_truth(folder: Path) -> list[str]:
    """Say how what was reduced compares with what was simulated.

    Parameters
    ----------
    folder:
        Of the demonstration, reduced.

    Returns
    -------
    :
        Lines for people: the branch at every h, Bragg peaks where they were measured, the flat
        part, and the whole cut.
    """
    made = Demonstration.of(folder)
    cut = load(folder / "out" / "cuts" / "qh_e.nxs")
    s, coverage = cut["S"], cut["coverage"].values
    h, transfer = s.coords["h"].values, s.coords["energy_transfer"].values
    seen = see(made.run, CutBins(h, transfer, l=(-1.1, -0.9)), draws=4_000_000)
    found = branch_shifts(h, transfer, s.values, coverage, seen)
    lines = [*_branch(found), *_peaks(folder)]
    flat = made.run.sample.flat
    return [*lines, *_levels(s.values, s.variances, coverage, seen, flat, transfer)]


def _branch(found: Shifts) -> list[str]:
    lines = ["    h   branch (meV)   found (meV)"]
    for h, at, shift, error in zip(
        found.h, found.energy, found.value, found.error, strict=True
    ):
        lines.append(f"{h:6.3f}  {at:10.4f}  {at + shift:11.4f} ± {error:.4f}")
    mean = np.average(found.value, weights=found.error**-2)
    lines.append(
        f"dispersion at {found.h.size} h: off by {1e3 * mean:+.2f} ± "
        f"{1e3 * np.sum(found.error**-2) ** -0.5:.2f} µeV on average, "
        f"{np.sqrt(np.mean((found.value / found.error) ** 2)):.2f} standard errors rms, "
        f"{found.wrong} by more than 0.003 meV and three standard errors"
    )
    return lines


def _peaks(folder: Path) -> list[str]:
    path = folder / "out_peaks" / "cuts" / "peaks.nxs"
    if not path.exists():
        return []
    s = load(path)["S"]
    h, m = s.coords["h"].values, s.coords["l"].values
    lines = []
    for at in PEAKS:
        peak = peak_centre(h, m, s.values, at, _RADIUS, s.variances)
        where = f"Bragg peak at h {at[0]:+.4f}, l {at[1]:+.4f}"
        if peak is None:
            lines.append(f"{where}: not found")
            continue
        (x, y), (dx, dy) = peak
        lines.append(f"{where}: found at {x:+.4f} ± {dx:.4f}, {y:+.4f} ± {dy:.4f}")
    return lines


def _levels(
    s: FloatArray,
    variance: FloatArray,
    coverage: FloatArray,
    seen: Seen,
    flat: float,
    transfer: FloatArray,
) -> list[str]:
    away = (transfer[:-1] > 0.25)[None, :]
    known = np.isfinite(s) & away & np.isfinite(seen.value)
    # Weights that do not know the counts: those that do favour bins that came out low
    weight = coverage[known]
    truth = seen.value[known] + flat
    ratio = np.sum(weight * s[known]) / np.sum(weight * truth)
    correlation = np.corrcoef(s[known], truth)[0, 1]
    lines = [
        f"cut qh_e, {np.count_nonzero(known)} bins with the branch near: ratio to the truth "
        f"{ratio:.3f}, correlation {correlation:.3f}"
    ]
    bare = np.isfinite(s) & away & (np.nan_to_num(seen.value) < _NONE * flat)
    bare &= coverage * flat > 5.0
    if np.count_nonzero(bare) > 10:
        level = np.average(s[bare], weights=coverage[bare])
        misfit = np.mean((s[bare] - level) ** 2 / variance[bare])
        lines.append(
            f"flat part, {np.count_nonzero(bare)} bins: {level:.5f} for {flat:.5f} cm²/meV/sr, "
            f"scatter over the predicted one {np.sqrt(misfit):.2f}"
        )
    return lines
