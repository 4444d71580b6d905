"""A merged table against the truth of its simulation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.io.atomic import write_text
from ewaldite.io.nexus import load
from ewaldite.model.sums import packed

FloatArray = NDArray[np.float64]
# Width of the shells in which an isotropic offset is free, 1/Å
RING = 0.01


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
        Σ exposure · observed / Σ exposure · truth, or, of a scaled table, the slope of the
        observed anisotropic part against the true one; dims (shell).
    chi2:
        Mean squared deviation in units of the error; dims (shell).
    correlation:
        Of observed and true intensity, or, of a scaled table, of their anisotropic parts; dims
        (shell).
    factor:
        Of a scaled table: what it was divided by before it was compared; else None.
    """

    edges: FloatArray
    voxels: NDArray[np.int64]
    ratio: FloatArray
    chi2: FloatArray
    correlation: FloatArray
    factor: float | None = None

    def lines(self) -> list[str]:
        """A table, one line a shell."""
        title = "Merged intensity against the mean of the truth over the voxels:"
        if self.factor is not None:
            title = (
                "Anisotropic part of the merged intensity against that of the truth, "
                f"after division by {self.factor:.4g}:"
            )
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
        return [title, head, *rows]

    def write(self, path: Path) -> None:
        """Write the table to a text file."""
        write_text(path, "\n".join(self.lines()) + "\n")


def compare_with_truth(merged: Path, truth: Path, shells: int = 8) -> Comparison:
    """Compare a merged table with the truth of its simulation.

    Scaling leaves two things open: one factor for all intensities, and how much of what
    depends on |s| alone is the crystals' (the offsets are a convention). Where the simulation
    had anything to scale, the table is therefore divided by the factor k that fits best, and
    the difference to the truth is freed of its mean in rings of |s|. With the exposures w as
    weights and the anisotropic parts u (observed) and v (true), what is left after the means
    of the rings, ``k = Σ w u v / Σ w v²``. (Errors as weights would favour voxels that counted
    too little.)

    Parameters
    ----------
    merged:
        ``merged.nxs`` or ``absolute.nxs`` of a run.
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
        disturbed = bool(known["disturbed"]) if "disturbed" in known else False
        place, true = np.rint(known["hkl"] * n).astype(np.int64), known["intensity"]
    hkl = np.stack([table.coords[name].values for name in "hkl"], axis=1)
    key, wanted = packed(place), packed(np.rint(hkl * n).astype(np.int64))
    order = np.argsort(key)
    at = order[np.minimum(np.searchsorted(key[order], wanted), key.size - 1)]
    both = key[at] == wanted
    observed, expected = table.values[both], true[at[both]]
    exposure, s = (table.coords[name].values[both] for name in ("exposure", "s"))
    variance = table.variances[both]
    if disturbed:
        return _anisotropic(observed, expected, variance, exposure, s, shells)
    edges, rows = _shells(s, shells)
    z2 = (observed - expected) ** 2 / variance
    ratio = [(exposure * observed)[r].sum() / (exposure * expected)[r].sum() for r in rows]
    correlation = [np.corrcoef(observed[r], expected[r])[0, 1] for r in rows]
    return Comparison(
        edges,
        np.array([int(r.sum()) for r in rows]),
        np.array(ratio),
        np.array([z2[r].mean() for r in rows]),
        np.array(correlation),
    )


def _shells(s: FloatArray, shells: int) -> tuple[FloatArray, list[NDArray[np.bool_]]]:
    edges = np.quantile(s, np.linspace(0, 1, shells + 1))
    shell = np.clip(np.searchsorted(edges, s, side="right") - 1, 0, shells - 1)
    return edges, [shell == i for i in range(shells)]


def _anisotropic(
    observed: FloatArray,
    true: FloatArray,
    variance: FloatArray,
    weight: FloatArray,
    s: FloatArray,
    shells: int,
) -> Comparison:
    ring = (s / RING).astype(np.int64)
    total = np.bincount(ring, weight)

    def freed(values: FloatArray) -> FloatArray:
        """Values without their weighted mean in the ring."""
        return np.asarray(values - (np.bincount(ring, weight * values) / total)[ring])

    with np.errstate(invalid="ignore", divide="ignore"):
        u, v = freed(observed), freed(true)
    factor = float(np.sum(weight * u * v) / np.sum(weight * v * v))
    # a ring's mean is one degree of freedom less for the voxels in it
    left = 1.0 - weight / total[ring]
    alone = left < 0.5
    z2 = (u - factor * v) ** 2 / (variance * np.where(alone, 1.0, left))
    edges, rows = _shells(s, shells)
    slope = [np.sum((weight * u * v)[r]) / np.sum((weight * v * v)[r]) for r in rows]
    return Comparison(
        edges,
        np.array([int(r.sum()) for r in rows]),
        np.array(slope) / factor,
        np.array([z2[r & ~alone].mean() for r in rows]),
        np.array([np.corrcoef(u[r], v[r])[0, 1] for r in rows]),
        factor,
    )
