"""Bragg reflections, scaled and merged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.merging.bragg_positions import CELLS
from ewaldite.diffuse.merging.error_model import SystematicError, fit_error
from ewaldite.diffuse.merging.statistics import length_at_centre
from ewaldite.diffuse.merging.survey import Voxels
from ewaldite.diffuse.observations import INTENSITY_UNIT, grid_coords
from ewaldite.kernels import histogram
from ewaldite.kernels.merge import pack_keys
from ewaldite.kernels.voxel_table import unpack

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Mask of reflections of which no observation could be used.
NOT_MEASURED = "not measured"
#: What rows are counted as that have no positive scale.
NO_SCALE = "no scale"


@dataclass(frozen=True)
class BraggMerge:
    """A merged Bragg table and how it came about.

    Attributes
    ----------
    table:
        See :func:`merge_bragg`.
    left_out:
        Rows that were left out, by the name of the mask; rows with several count for each.
    error:
        Systematic error, None without an error model.
    """

    table: sc.DataArray
    left_out: dict[str, int]
    error: SystematicError | None


@dataclass(frozen=True)
class _Rows:
    """Usable rows: reflection, scaled intensity, variance, diffuse part, weight, one count."""

    row: IntArray
    x: FloatArray
    variance: FloatArray
    diffuse: FloatArray
    weight: FloatArray
    unit: FloatArray

    def total(self, values: FloatArray, size: int) -> FloatArray:
        return np.asarray(np.bincount(self.row, values, minlength=size), dtype=np.float64)


def merge_bragg(
    bragg: sc.DataArray,
    group: SpaceGroup,
    *,
    metric: FloatArray,
    scale: FloatArray | None = None,
    friedel: bool = True,
    systematic: bool = False,
    seed: int = 0,
) -> BraggMerge:
    """Merge Bragg reflections, scaled by ``a b d`` without an offset.

    ``I = Σ w x / Σ w`` of the scaled intensities ``x = I_i / A_i`` with the scaled exposures as
    weights, ``w = e A``: the variance of a counted intensity goes as 1/w, and weights
    that do not know the counts leave the mean unbiased. Its variance is ``Σ w² σ² / (Σ w)²``,
    that of one count where none was counted. What is diffuse under the spot is merged with the
    same weights. With ``systematic`` an error g that is a part of the intensity is fitted as in
    :func:`~ewaldite.diffuse.merging.error_model.fit_error`, one for all sweeps, and σ² becomes
    ``σ² + g² I²``.

    Parameters
    ----------
    bragg:
        Bragg table, see :func:`~ewaldite.diffuse.bragg.bragg_table`. Masked rows (partial, no
        count), and rows without intensity or scale, are left out.
    group:
        Space group of the crystal.
    metric:
        Reciprocal metric tensor; dims (3, 3), 1/Å².
    scale:
        A of each row; dims (voxel), float64; ones if None.
    friedel:
        Whether Friedel mates are merged.
    systematic:
        Whether a systematic error is fitted.
    seed:
        Of the half sets, not negative.

    Returns
    -------
    :
        ``table``: dims (voxel); data ``intensity`` with variances, counts/mrad²/s;
        coordinates ``h``, ``k``, ``l``, ``s`` (1/Å), ``diffuse``, ``multiplicity``,
        ``left_out`` (rows of the reflection that were), ``exposure`` (Σ e A), ``chi2`` and
        ``chi2_expected``, ``random_a``, ``random_b``, ``space_group``. A reflection all of
        whose rows were left out stays, NaN and masked as ``not measured``.
    """
    a = np.ones(len(bragg)) if scale is None else np.asarray(scale, dtype=np.float64)
    hkl = np.rint(np.stack([bragg.coords[x].values for x in "hkl"], axis=1)).astype(np.int64)
    key, row = _reflections(hkl, group, friedel)
    good, left_out = _usable(bragg, a)
    size = len(key)
    rows = _rows(bragg, a, row, good)
    number = np.bincount(rows.row, minlength=size)
    norm = rows.total(rows.weight, size)
    seen = norm > 0
    merged = _mean(rows, rows.x, norm)
    error = _fit(rows, merged, norm) if systematic else None
    g2 = 0.0 if error is None else float(error.value[0]) ** 2
    own = rows.variance + g2 * merged[rows.row] ** 2
    square = rows.total(rows.weight**2 * own, size)
    one = rows.total((rows.weight * rows.unit) ** 2, size) / np.maximum(number, 1)
    variance = np.full(size, np.nan)
    np.divide(np.where(square > 0, square, one), norm**2, out=variance, where=seen)
    scatter, expected = _scatter(rows, merged, variance, own, number)
    first, second = _halves(rows, key, number, norm, merged, seed)
    coords = grid_coords(CELLS, unpack(key))
    of_intensity = {
        "diffuse": _mean(rows, rows.diffuse, norm),
        "random_a": first,
        "random_b": second,
    }
    coords |= {name: _column(x, INTENSITY_UNIT) for name, x in of_intensity.items()}
    length = length_at_centre(unpack(key), AsuMap(CELLS, group), metric)
    coords |= {
        "s": _column(length, "1/angstrom"),
        "exposure": _column(norm, "mrad**2*s"),
        "chi2": _column(scatter, "one"),
        "chi2_expected": _column(expected, "one"),
        "multiplicity": _column(number, None),
        "left_out": _column(np.bincount(row[~good], minlength=size), None),
        "space_group": sc.scalar(group.name),
    }
    data = sc.array(dims=["voxel"], values=merged, variances=variance, unit=INTENSITY_UNIT)
    masks = {NOT_MEASURED: sc.array(dims=["voxel"], values=~seen)}
    table = sc.DataArray(data, coords=coords, masks=masks, name="intensity")
    return BraggMerge(table, left_out, error)


def _reflections(hkl: IntArray, group: SpaceGroup, friedel: bool) -> tuple[IntArray, IntArray]:
    asu = AsuMap(CELLS, group)
    index, operation = asu(hkl)
    minus = asu.is_minus(operation)
    if friedel or group.is_centrosymmetric:
        minus = np.zeros_like(minus)
    key, row = np.unique(pack_keys(index, minus, np.zeros(3, np.int64)), return_inverse=True)
    return key, row.astype(np.int64)


def _usable(bragg: sc.DataArray, a: FloatArray) -> tuple[BoolArray, dict[str, int]]:
    bad = {str(name): mask.values for name, mask in bragg.masks.items()}
    bad[NO_SCALE] = ~((a > 0) & np.isfinite(a))
    good = np.isfinite(bragg.values) & (bragg.coords["exposure"].values > 0)
    for mask in bad.values():
        good &= ~mask
    return good, {name: int(mask.sum()) for name, mask in bad.items()}


def _rows(bragg: sc.DataArray, a: FloatArray, row: IntArray, good: BoolArray) -> _Rows:
    scale = a[good]
    exposure = bragg.coords["exposure"].values[good]
    counts = bragg.coords["counts"].values[good]
    sigma = np.sqrt(bragg.variances[good])
    some = (counts > 0) & (sigma > 0)
    # σ = √N times the value of a count, which is the swept volume over the exposure
    volume = np.full(len(scale), np.nan)
    np.divide(sigma * exposure, np.sqrt(np.maximum(counts, 1.0)), out=volume, where=some)
    usual = float(np.median(volume[some])) if np.any(some) else 1.0
    unit = np.where(some, volume, usual) / exposure / scale
    return _Rows(
        row=row[good],
        x=bragg.values[good] / scale,
        variance=(sigma / scale) ** 2,
        diffuse=bragg.coords["diffuse"].values[good] / scale,
        weight=exposure * scale,
        unit=unit,
    )


def _mean(rows: _Rows, values: FloatArray, norm: FloatArray) -> FloatArray:
    """Weighted mean of what is known, NaN where nothing is."""
    known = np.isfinite(values)
    weight = np.where(known, rows.weight, 0.0)
    out = np.full(len(norm), np.nan)
    bottom = rows.total(weight, len(norm))
    top = rows.total(weight * np.where(known, values, 0.0), len(norm))
    np.divide(top, bottom, out=out, where=bottom > 0)
    return out


def _fit(rows: _Rows, merged: FloatArray, norm: FloatArray) -> SystematicError:
    """One systematic error from the scatter about the mean."""
    level, part = merged[rows.row], rows.weight / norm[rows.row]
    # What is not the reflection's own counts: background, and its error
    rest = np.maximum(rows.variance - rows.unit * rows.x, 0.0)
    counting = np.maximum(rows.unit * np.maximum(level, 0.0) + rest, rows.unit**2)
    table = np.zeros((1, histogram.SIGNAL_BINS, histogram.RESIDUAL_BINS, 3))
    z = np.full(len(level), np.nan)
    np.divide(rows.x - level, np.sqrt(counting * (1 - part)), out=z, where=part < 1 - 1e-9)
    zero = np.zeros(len(z), np.int32)
    histogram.add_residuals(zero, z, level**2 / counting, table)
    return fit_error(table)


def _scatter(
    rows: _Rows, merged: FloatArray, variance: FloatArray, own: FloatArray, number: IntArray
) -> tuple[FloatArray, FloatArray]:
    """``Σ w (x - I)²`` and its expected value ``Σ w σ² - Σ w var I``."""
    size = len(merged)
    scatter = rows.total(rows.weight * (rows.x - merged[rows.row]) ** 2, size)
    expected = rows.total(rows.weight * own, size)
    expected -= rows.total(rows.weight, size) * np.nan_to_num(variance)
    several = number > 1
    return np.where(several, scatter, 0.0), np.where(several, np.maximum(expected, 0.0), 0.0)


def _halves(
    rows: _Rows,
    key: IntArray,
    number: IntArray,
    norm: FloatArray,
    merged: FloatArray,
    seed: int,
) -> tuple[FloatArray, FloatArray]:
    voxels = Voxels(key, number.astype(np.int32), norm)
    dealt = voxels.deal(rows.row.astype(np.int32), rows.weight, seed)[0]
    weight = np.where(dealt, rows.weight, 0.0)
    bottom = rows.total(weight, len(key))
    top = rows.total(weight * rows.x, len(key))
    both = (bottom > 1e-9 * norm) & (norm - bottom > 1e-9 * norm)
    first, second = np.full(len(key), np.nan), np.full(len(key), np.nan)
    np.divide(top, bottom, out=first, where=both)
    np.divide(merged * norm - top, norm - bottom, out=second, where=both)
    return first, second


def _column(values: FloatArray | IntArray, unit: str | None) -> sc.Variable:
    return sc.array(dims=["voxel"], values=values, unit=unit)
