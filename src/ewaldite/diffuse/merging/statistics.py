"""How good a merged table is, in shells of the length of s."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.merging.columns import (
    PARTS,
    Part,
    add_cc_half,
    add_r_meas,
    ratio,
)
from ewaldite.diffuse.merging.correlation import Correlation, pair_sums, pooled
from ewaldite.diffuse.merging.shells import Shells, isotropic_part
from ewaldite.diffuse.observations import grid_of, index_of
from ewaldite.errors import UserError
from ewaldite.model.sums import packed

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
HalfSets = Literal["random", "weighted", "friedel"]

# Voxels around a sphere that are counted within a few minutes
_MOST_VOXELS = 1e11
# Rows that are worked on at a time
_CHUNK = 1 << 18


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


def cc_half(
    merged: sc.DataArray,
    edges: ArrayLike,
    kind: HalfSets = "random",
    part: Part = "total",
    isotropic: FloatArray | None = None,
) -> Correlation:
    """Correlation between half sets, CC1/2 (Karplus & Diederichs, Science 336 (2012) 1030).

    Of the total it is Pearson's correlation of the voxels of a shell. As the intensity falls
    with |s| within every shell, that alone makes halves correlate; the CC1/2 of the anisotropic
    part is free of it: the isotropic part is subtracted from both halves, and what is left of
    the means over thin shells is taken out too (see
    :func:`~ewaldite.diffuse.merging.correlation.pooled`).

    Parameters
    ----------
    merged:
        Merged table.
    edges:
        Edges of the shells in the length of s; dims (shell + 1), 1/Å.
    kind:
        Which half sets.
    part:
        ``"total"`` or ``"anisotropic"``.
    isotropic:
        Isotropic part of each row, if it is known already; dims (voxel), float64.

    Returns
    -------
    :
        dims (shell).
    """
    first, second = (merged.coords[f"{kind}_{half}"].values for half in "ab")
    shells = Shells.of(np.asarray(edges, dtype=np.float64))
    s = merged.coords["s"].values
    if part == "total":
        return pooled(pair_sums(first, second, shells.shell(s), len(shells))[:, None])
    j = isotropic_part(merged) if isotropic is None else isotropic
    sums = pair_sums(first - j, second - j, shells.cell(s), shells.cells)
    return pooled(shells.by_shell(sums))


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
    voxel, s = np.empty(len(merged), np.int64), np.empty(len(merged))
    for start in range(0, len(merged), _CHUNK):
        rows = slice(start, start + _CHUNK)
        index, _ = asu(index_of(merged["voxel", rows]))
        voxel[rows], s[rows] = packed(index), length_at_centre(index, asu, metric)
    if not np.all(voxel[1:] > voxel[:-1]):
        s = s[np.unique(voxel, return_index=True)[1]]
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
    residuals: FloatArray | None = None,
    isotropic: FloatArray | None = None,
) -> sc.Dataset:
    """Statistics of a merged table in shells.

    Parameters
    ----------
    merged, group, metric, d_min, width:
        As in :func:`completeness`.
    kind:
        Half sets for CC1/2.
    residuals:
        Sums over the observations in the same shells, for R_meas; dims (shell, column) as
        ``kernels.quality`` names them, float64.
    isotropic:
        Isotropic part of each row, if it is known already; dims (voxel), float64.

    Returns
    -------
    :
        dims (s), with edges as coordinate ``s`` (1/Å): ``voxels``, ``possible``,
        ``completeness``, ``multiplicity`` (mean), ``intensity`` (mean, counts/mrad²/s),
        ``intensity_over_sigma`` (mean), ``chi2`` (reduced), and for the total and, with the
        ending ``_anisotropic``, for the anisotropic part ``r_meas`` (with ``residuals``),
        ``cc_half``, its ``cc_half_lower`` and ``cc_half_upper``, ``cc_half_pairs``, and
        ``cc_star``. Correlations of few pairs are masked.

    Raises
    ------
    UserError
        If more voxels lie within the resolution than can be counted.
    """
    seen, possible = completeness(merged, group, metric, d_min, width)
    shells = Shells.equal(possible.size, width)
    shell = shells.shell(merged.coords["s"].values)
    inside = shell >= 0

    def total(values: NDArray[np.float64] | IntArray) -> FloatArray:
        sums = np.bincount(shell[inside], values[inside], minlength=possible.size)
        return np.asarray(sums, dtype=np.float64)

    count = total(np.ones(len(shell)))
    rows = {
        "completeness": ratio(seen, possible),
        "multiplicity": ratio(total(merged.coords["multiplicity"].values), count),
        "intensity_over_sigma": ratio(total(merged.values / np.sqrt(merged.variances)), count),
        "chi2": ratio(
            total(merged.coords["chi2"].values), total(merged.coords["chi2_expected"].values)
        ),
    }
    columns = {
        "voxels": sc.array(dims=["s"], values=seen, unit=None),
        "possible": sc.array(dims=["s"], values=possible, unit=None),
        "intensity": sc.array(
            dims=["s"], values=ratio(total(merged.values), count), unit=merged.unit
        ),
    }
    columns |= {name: sc.array(dims=["s"], values=v, unit="one") for name, v in rows.items()}
    bounds = sc.array(dims=["s"], values=shells.edges, unit="1/angstrom")
    table = sc.Dataset(columns, coords={"s": bounds})
    if residuals is not None:
        add_r_meas(table, residuals, "s")
    j = isotropic_part(merged) if isotropic is None else isotropic
    for part, ending in PARTS.items():
        cc = cc_half(merged, shells.edges, kind, part, j)
        add_cc_half(table, ending, cc, "s")
    return table
