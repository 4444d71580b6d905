"""Bragg intensities of another program, scaled to ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.absolute.totals import lengths
from ewaldite.diffuse.observations import INTENSITY_UNIT, grid_coords
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid
from ewaldite.model.sums import packed

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_CELLS = Grid((1, 1, 1))
_FEWEST = 20
# Beyond so many sigma a reflection counts less in the fit
_ROBUST = 3.0
# Disagreement of two programs that both have small errors, relative
_MODEL_ERROR = 0.05


@dataclass(frozen=True)
class ReferenceScale:
    """How a reference was scaled.

    Attributes
    ----------
    factor, b:
        ``I_ours = factor · exp(-b s²/2) · I_reference``; counts/mrad²/s per unit of the
        reference, Å².
    sigma_factor:
        Relative standard uncertainty of the factor at the middle of the common reflections.
    common:
        Reflections that both have.
    filled:
        Reflections taken from the reference.
    """

    factor: float
    b: float
    sigma_factor: float
    common: int
    filled: int

    def note(self) -> str:
        """One sentence for the log."""
        return (
            f"The reference was scaled by {self.factor:.5g} with B = {self.b:.3g} Å² on "
            f"{self.common} common reflections (± {100 * self.sigma_factor:.2g} %); "
            f"{self.filled} reflections were taken from it."
        )


def with_reference(
    bragg_merged: sc.DataArray,
    hkl: IntArray,
    intensity: FloatArray,
    sigma: FloatArray,
    cell: ArrayLike,
    group: SpaceGroup,
    *,
    use: Literal["missing", "all"] = "missing",
) -> tuple[sc.DataArray, ReferenceScale]:
    """Complete the Bragg table with scaled intensities of a reference.

    Equivalent reflections of the reference are averaged; then ``factor · exp(-b s²/2)`` is
    fitted by robust least squares to the ratio of ours to theirs on the common ones.

    Parameters
    ----------
    bragg_merged:
        Our merged Bragg table; masked rows and rows without a number are those that we lack.
    hkl:
        Of the reference; dims (reflection, 3), int64.
    intensity, sigma:
        dims (reflection), any unit, float64; sigma positive.
    cell:
        a, b, c, α, β, γ; Å and degrees.
    group:
        Space group.
    use:
        ``"missing"`` keeps what we have, ``"all"`` replaces it.

    Returns
    -------
    :
        A table like ours, with the coordinate ``common``: the error that the rows taken from
        the reference have together; the fit. What neither has stays without a number.

    Raises
    ------
    UserError
        Fewer than 20 reflections are common, or they do not correlate.
    """
    asu = AsuMap(_CELLS, group)
    ours = _ours(bragg_merged, asu)
    theirs = _mean(asu(hkl)[0], intensity, sigma)
    s_theirs = lengths(_CELLS, theirs.index, cell)
    _, left, right = np.intersect1d(
        packed(ours.index), packed(theirs.index), return_indices=True
    )
    fit = _fit(
        ours.value[left], ours.sigma[left],
        theirs.value[right], theirs.sigma[right], s_theirs[right],
    )  # fmt: skip
    factor, b, relative = fit
    k = factor * np.exp(-b * s_theirs**2 / 2)
    keep = np.ones(len(ours.index), dtype=np.bool_)
    take = np.ones(len(theirs.index), dtype=np.bool_)
    if use == "all":
        keep[left] = False
    else:
        take[right] = False
    index = np.concatenate([ours.index[keep], theirs.index[take]])
    filled = (k * theirs.value)[take]
    values = np.concatenate([ours.value[keep], filled])
    sigmas = np.concatenate([ours.sigma[keep], (k * theirs.sigma)[take]])
    common = np.concatenate([np.zeros(np.count_nonzero(keep)), relative * filled])
    lost = _lost(bragg_merged, asu, index)
    index = np.concatenate([index, lost])
    nothing = np.full(len(lost), np.nan)
    values, sigmas, common = (np.concatenate([c, nothing]) for c in (values, sigmas, common))
    coords = grid_coords(_CELLS, index)
    coords["common"] = sc.array(dims=["voxel"], values=common, unit=INTENSITY_UNIT)
    data = sc.array(dims=["voxel"], values=values, variances=sigmas**2, unit=INTENSITY_UNIT)
    table = sc.DataArray(data, coords=coords, name=bragg_merged.name)
    number = int(np.count_nonzero(take))
    return table, ReferenceScale(factor, b, relative, len(left), number)


@dataclass(frozen=True)
class _Unique:
    index: IntArray
    value: FloatArray
    sigma: FloatArray


def _mean(index: IntArray, value: FloatArray, sigma: FloatArray) -> _Unique:
    """Weighted means of equivalent reflections."""
    _, first, place = np.unique(packed(index), return_index=True, return_inverse=True)
    weight = np.bincount(place, sigma**-2)
    mean = np.bincount(place, value / sigma**2) / weight
    return _Unique(index[first], mean, np.asarray(weight**-0.5, dtype=np.float64))


def _ours(table: sc.DataArray, asu: AsuMap) -> _Unique:
    good = np.isfinite(table.values) & (table.variances > 0)
    for mask in table.masks.values():
        good &= ~mask.values
    value = table.values.copy()
    if "diffuse" in table.coords:
        value -= np.nan_to_num(table.coords["diffuse"].values)
    hkl = np.stack([np.rint(table.coords[x].values) for x in "hkl"], axis=1).astype(np.int64)
    return _mean(asu(hkl[good])[0], value[good], np.sqrt(table.variances[good]))


def _lost(table: sc.DataArray, asu: AsuMap, known: IntArray) -> IntArray:
    """Reflections of our table that are not among the known ones."""
    hkl = np.stack([np.rint(table.coords[x].values) for x in "hkl"], axis=1).astype(np.int64)
    own = np.unique(asu(hkl)[0], axis=0)
    return own[~np.isin(packed(own), packed(known))]


def _fit(
    ours: FloatArray, sigma: FloatArray, theirs: FloatArray, error: FloatArray, s: FloatArray
) -> tuple[float, float, float]:
    """Factor, B, and the relative error of the factor at the middle of the reflections."""
    asked = "scale the reference reflections to ours"
    remedy = "Check that [absolute] reference is of this crystal, in the same setting."
    strong = (ours > 3 * sigma) & (theirs > 3 * error)
    if np.count_nonzero(strong) < _FEWEST:
        found = f"only {np.count_nonzero(strong)} reflections above 3 sigma are common"
        raise UserError(asked, found, remedy)
    if np.corrcoef(np.log(ours[strong]), np.log(theirs[strong]))[0, 1] < 0.5:
        raise UserError(asked, "their logarithms correlate by less than 0.5", remedy)
    start = np.median(np.log(ours[strong] / theirs[strong]))
    x = s**2 / 2
    middle = float(np.average(x, weights=np.clip(ours, 0, None)))

    # both sides have errors, so the spread of the trial factor's own residuals is used
    # (effective variance): a fit with fixed weights would take theirs as exact and be low
    def residual(p: FloatArray) -> FloatArray:
        k = np.exp(p[0] - p[1] * (x - middle))
        model = k * theirs
        spread = sigma**2 + (k * error) ** 2
        spread = spread + _MODEL_ERROR**2 * (ours**2 + model**2) / 2
        return np.asarray((ours - model) / np.sqrt(spread))

    # here, for the memory that it takes where there is no reference
    from scipy.optimize import least_squares

    solution = least_squares(residual, np.array([start, 0.0]), loss="soft_l1", f_scale=_ROBUST)
    p = solution.x
    covariance = np.linalg.inv(solution.jac.T @ solution.jac)
    scatter = max(2 * solution.cost / (len(x) - 2), 1.0)
    relative = float(np.sqrt(covariance[0, 0] * scatter))
    return float(np.exp(p[0] + p[1] * middle)), float(p[1]), relative
