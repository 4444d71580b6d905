"""How good a merged table is, in shells of the length of s."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.observations import grid_of, index_of
from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
HalfSets = Literal["random", "weighted", "friedel"]

# Voxels around a sphere that are counted within a few minutes
_MOST_VOXELS = 1e11


def length_at_centre(index: IntArray, asu: AsuMap, metric: FloatArray) -> FloatArray:
    """Length of the scattering vector at the centre of voxels, ``√(h G* hᵀ)``.

    Parameters
    ----------
    index:
        dims (voxel, 3), int64.
    asu:
        Holds the grid.
    metric:
        Reciprocal metric tensor G*; dims (3, 3), 1/Å².

    Returns
    -------
    :
        dims (voxel), 1/Å, float64.
    """
    hkl = asu.grid.centre(index)
    return np.asarray(np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", hkl, metric, hkl), 0.0)))


def correlation(first: FloatArray, second: FloatArray) -> float:
    """Pearson's correlation of the pairs without NaN; NaN for fewer than three of them.

    Parameters
    ----------
    first, second:
        dims (voxel), float64.

    Returns
    -------
    :
        -1 … 1, or NaN where it is not defined.
    """
    both = np.isfinite(first) & np.isfinite(second)
    x, y = first[both], second[both]
    if x.size < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def cc_half(
    merged: sc.DataArray, edges: ArrayLike, kind: HalfSets = "random"
) -> tuple[FloatArray, IntArray]:
    """Correlation between half sets, CC1/2 (Karplus & Diederichs, Science 336 (2012) 1030).

    Parameters
    ----------
    merged:
        Merged table.
    edges:
        Edges of the shells in the length of s; dims (shell + 1), 1/Å.
    kind:
        Which half sets.

    Returns
    -------
    :
        Correlation, dims (shell), float64, NaN where it is not defined; number of pairs, dims
        (shell), int64.
    """
    first, second = (merged.coords[f"{kind}_{half}"].values for half in "ab")
    bounds = np.asarray(edges, dtype=np.float64)
    shell = np.searchsorted(bounds, merged.coords["s"].values, side="right") - 1
    members = [shell == i for i in range(len(bounds) - 1)]
    pairs = [int(np.sum(np.isfinite(first[m]) & np.isfinite(second[m]))) for m in members]
    cc = [correlation(first[m], second[m]) for m in members]
    return np.array(cc), np.array(pairs, dtype=np.int64)


def cc_star(cc: ArrayLike) -> FloatArray:
    """Correlation with the unknown truth, ``√(2 CC1/2 / (1 + CC1/2))``; NaN for CC1/2 < 0.

    Parameters
    ----------
    cc:
        CC1/2; any dims.

    Returns
    -------
    :
        CC*; same dims, float64.
    """
    x = np.asarray(cc, dtype=np.float64)
    out = np.full_like(x, np.nan)
    good = x >= 0
    np.sqrt(2 * x, out=out, where=good)
    np.divide(out, np.sqrt(1 + x, where=good, out=np.ones_like(x)), out=out, where=good)
    return out


def completeness(
    merged: sc.DataArray, group: SpaceGroup, metric: FloatArray, d_min: float, width: float
) -> tuple[IntArray, IntArray]:
    """Count the voxels of the asymmetric unit that were seen, and all there are.

    Parameters
    ----------
    merged:
        Merged table; Friedel mates that were kept apart count once.
    group:
        Space group of the crystal.
    metric:
        Reciprocal metric tensor; dims (3, 3), 1/Å².
    d_min:
        Resolution, Å; the length of s is taken at the centres of voxels.
    width:
        Width of a shell in the length of s, 1/Å; the first begins at 0.

    Returns
    -------
    :
        Seen and possible; dims (shell), int64, both.

    Raises
    ------
    UserError
        If more voxels lie within the resolution than can be counted.
    """
    asu = AsuMap(grid_of(merged), group)
    _check_number(asu, metric, d_min)
    possible = asu.count(metric, d_min, width)
    index, _ = asu(index_of(merged))
    s = length_at_centre(np.unique(index, axis=0), asu, metric)
    shell = np.minimum((s[s <= 1 / d_min] / width).astype(np.int64), possible.size - 1)
    return np.bincount(shell, minlength=possible.size), possible


def _check_number(asu: AsuMap, metric: FloatArray, d_min: float) -> None:
    """Refuse a resolution at which counting voxels would not end; h reaches ``a / d_min``."""
    lengths = np.sqrt(np.diag(np.linalg.inv(metric)))
    with np.errstate(over="ignore"):
        voxels = float(np.prod(2 * np.array(asu.grid.n) * (lengths / d_min) + 1))
    if voxels > _MOST_VOXELS:
        raise UserError(
            "count the voxels for the completeness",
            f"d_min = {d_min:g} Å holds {voxels:.1e} of them",
            "Choose a larger d_min or a coarser grid.",
        )


def shell_table(
    merged: sc.DataArray,
    group: SpaceGroup,
    metric: FloatArray,
    d_min: float,
    width: float,
    kind: HalfSets = "random",
) -> sc.Dataset:
    """Statistics of a merged table in shells.

    Parameters
    ----------
    merged, group, metric, d_min, width:
        As in :func:`completeness`.
    kind:
        Half sets for CC1/2.

    Returns
    -------
    :
        dims (s), with edges as coordinate ``s`` (1/Å): ``voxels``, ``possible``,
        ``completeness``, ``multiplicity`` (mean), ``intensity`` (mean, counts/mrad²/s),
        ``intensity_over_sigma`` (mean), ``chi2`` (reduced), ``cc_half``, ``cc_star``.

    Raises
    ------
    UserError
        If more voxels lie within the resolution than can be counted.
    """
    seen, possible = completeness(merged, group, metric, d_min, width)
    edges = np.arange(possible.size + 1) * width
    cc, _ = cc_half(merged, edges, kind)
    shell = np.searchsorted(edges, merged.coords["s"].values, side="right") - 1
    inside = (shell >= 0) & (shell < possible.size)

    def total(values: NDArray[np.float64] | IntArray) -> FloatArray:
        sums = np.bincount(shell[inside], values[inside], minlength=possible.size)
        return np.asarray(sums, dtype=np.float64)

    count = total(np.ones(len(shell)))
    rows = {
        "completeness": _ratio(seen, possible),
        "multiplicity": _ratio(total(merged.coords["multiplicity"].values), count),
        "intensity_over_sigma": _ratio(total(merged.values / np.sqrt(merged.variances)), count),
        "chi2": _ratio(
            total(merged.coords["chi2"].values), total(merged.coords["chi2_expected"].values)
        ),
        "cc_half": cc,
        "cc_star": cc_star(cc),
    }
    columns = {name: sc.array(dims=["s"], values=v, unit="one") for name, v in rows.items()}
    columns["voxels"] = sc.array(dims=["s"], values=seen, unit=None)
    columns["possible"] = sc.array(dims=["s"], values=possible, unit=None)
    mean = _ratio(total(merged.values), count)
    columns["intensity"] = sc.array(dims=["s"], values=mean, unit=merged.unit)
    bounds = sc.array(dims=["s"], values=edges, unit="1/angstrom")
    return sc.Dataset(columns, coords={"s": bounds})


def _ratio(top: NDArray[np.float64] | IntArray, bottom: FloatArray | IntArray) -> FloatArray:
    out = np.full(len(bottom), np.nan)
    np.divide(top, bottom, out=out, where=bottom > 0)
    return out
