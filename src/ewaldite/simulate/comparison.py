"""A merged table against the truth of its simulation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.io.atomic import write_text
from ewaldite.io.nexus import load
from ewaldite.model.sums import packed


@dataclass(frozen=True)
class Comparison:
    """How a merged table agrees with the truth, shell by shell.

    Attributes
    ----------
    edges:
        Shells of |s|; dims (shell + 1), 1/Å.
    voxels:
        Voxels compared; dims (shell).
    ratio:
        Σ exposure · observed / Σ exposure · truth; dims (shell).
    chi2:
        Mean squared deviation in units of the error; dims (shell).
    correlation:
        Of observed and true intensity; dims (shell).
    """

    edges: NDArray[np.float64]
    voxels: NDArray[np.int64]
    ratio: NDArray[np.float64]
    chi2: NDArray[np.float64]
    correlation: NDArray[np.float64]

    def lines(self) -> list[str]:
        """A table, one line a shell."""
        head = "  |s| (1/Å)        voxels  observed/truth    χ²   correlation"
        rows = [
            f"  {low:.3f} – {high:.3f}  {n:9d}  {ratio:14.4f}  {chi2:5.2f}  {cc:11.4f}"
            for low, high, n, ratio, chi2, cc in zip(
                self.edges[:-1],
                self.edges[1:],
                self.voxels,
                self.ratio,
                self.chi2,
                self.correlation,
                strict=True,
            )
        ]
        return ["Merged intensity against the mean of the truth over the voxels:", head, *rows]

    def write(self, path: Path) -> None:
        """Write the table to a text file."""
        write_text(path, "\n".join(self.lines()) + "\n")


def compare_with_truth(merged: Path, truth: Path, shells: int = 8) -> Comparison:
    """Compare a merged table with the truth of its simulation.

    Parameters
    ----------
    merged:
        ``merged.nxs`` of a run.
    truth:
        ``truth.npz`` of :func:`~ewaldite.simulate.demo.make_demo`: means over the voxels.
    shells:
        Number of shells, each with as many voxels as any other.

    Returns
    -------
    :
        The comparison, of the voxels that both hold.
    """
    table = load(merged)
    with np.load(truth) as known:
        n = int(known["subdivide"])
        place, true = np.rint(known["hkl"] * n).astype(np.int64), known["intensity"]
    hkl = np.stack([table.coords[name].values for name in "hkl"], axis=1)
    key, wanted = packed(place), packed(np.rint(hkl * n).astype(np.int64))
    order = np.argsort(key)
    at = order[np.minimum(np.searchsorted(key[order], wanted), key.size - 1)]
    both = key[at] == wanted
    observed, truth_there = table.values[both], true[at[both]]
    exposure, s = (table.coords[name].values[both] for name in ("exposure", "s"))
    z2 = (observed - truth_there) ** 2 / table.variances[both]
    edges = np.quantile(s, np.linspace(0, 1, shells + 1))
    shell = np.clip(np.searchsorted(edges, s, side="right") - 1, 0, shells - 1)
    rows = [shell == i for i in range(shells)]
    return Comparison(
        edges,
        np.array([int(r.sum()) for r in rows]),
        np.array(
            [(exposure * observed)[r].sum() / (exposure * truth_there)[r].sum() for r in rows]
        ),
        np.array([z2[r].mean() for r in rows]),
        np.array([np.corrcoef(observed[r], truth_there[r])[0, 1] for r in rows]),
    )
