r"""Sums of bins of a finished cut, with the errors that bins share.

With weights :math:`W_b`, the coverage times what else S was divided by,

.. math:: S = \frac{\sum_b W_b S_b}{\sum_b W_b}, \qquad
          R_x = \frac{\sum_b W_b R_{bx}}{\sum_b W_b}

is what the same cut with wider bins gives: events over coverage. Its variance of counting is
that of the sum of events plus one, not of as many ones as there are bins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from ewaldite.errors import UserError
from ewaldite.spectroscopy.shared_errors import SharedErrors

FloatArray = NDArray[np.float64]
_COVARIANCE = "covariance"


@dataclass(frozen=True)
class _Bins:
    """A cut as plain arrays; dims (bin), zero where there is no coverage."""

    value: FloatArray
    counting: FloatArray
    weight: FloatArray
    events: FloatArray
    background: FloatArray
    constant: FloatArray
    coverage: FloatArray
    shared: SharedErrors
    common: FloatArray

    @classmethod
    def of(cls, cut: sc.DataGroup[Any]) -> _Bins:
        missing = [n for n in ("S", "counting_variance", _COVARIANCE) if n not in cut]
        if missing:
            raise UserError(
                "sum bins of a cut",
                f"it has no {', '.join(missing)}",
                "Give what ewaldite.load reads of a file of cuts/, made by this version.",
            )
        estimator = cut[_COVARIANCE]["estimator"]
        if estimator != "coverage":
            raise UserError(
                "sum bins of a cut",
                f"its estimator is '{estimator}', whose weights are not kept",
                "Use [normalise] estimator = 'coverage', or a cut with wider bins.",
            )
        s = cut["S"]
        absent = np.zeros(s.shape, np.bool_)
        for mask in s.masks.values():
            absent |= mask.values

        def plain(name: str, otherwise: float = 0.0) -> FloatArray:
            given = cut[name].values if name in cut else np.full(s.shape, otherwise)
            return np.where(absent, 0.0, given).astype(np.float64).ravel()

        coverage = plain("coverage")
        shared = SharedErrors.from_scipp(cut[_COVARIANCE])
        relative = np.asarray(shared.relative.power(2).sum(axis=1)).ravel()
        value = plain("S")
        # what is common, and neither from the coverage nor from levels, is from the empty run
        rest = plain("common_variance") - value**2 * relative
        if shared.absolute is not None:
            rest -= np.asarray(shared.absolute.power(2).sum(axis=1)).ravel()
        noise = 1e-6 * plain("common_variance")
        return cls(
            value, plain("counting_variance"), coverage * plain("factor", 1.0),
            plain("events"), plain("background"), plain("time_background"), coverage, shared,
            np.sqrt(np.where(rest > noise, rest, 0.0)),
        )  # fmt: skip

    @property
    def scale(self) -> float:
        """S is this times events over weight."""
        counted = float((self.events - self.background).sum())
        if counted != 0.0:
            return float(((self.value + self.constant) * self.weight).sum()) / counted
        # without an event the variance is that of one
        ones = (self.counting * self.weight**2)[self.weight > 0]
        return float(np.sqrt(ones.min())) if ones.size else 0.0


def sum_bins(cut: sc.DataGroup[Any], regions: ArrayLike) -> sc.DataGroup[Any]:
    """Sum bins of a cut into regions.

    Parameters
    ----------
    cut:
        What ``ewaldite.load`` reads of ``cuts/NAME.nxs``, made with the estimator ``coverage``.
    regions:
        Number of the region that a bin belongs to, negative for none; dims as ``S``, int.

    Returns
    -------
    :
        ``S`` with variances, ``counting_variance`` and ``common_variance``, ``coverage`` and
        ``events``, with the dim ``region``; and ``covariance``, from which
        :func:`covariance_matrix` says how regions hang together.

    Raises
    ------
    UserError
        If it is no cut with its covariance, or the regions have another shape.
    """
    bins = _Bins.of(cut)
    label = np.asarray(regions)
    if label.shape != cut["S"].shape or label.dtype.kind not in "iu":
        raise UserError(
            "sum bins of a cut",
            f"regions have the shape {label.shape} and type {label.dtype}, S {cut['S'].shape}",
            "Give a whole number for each bin, negative for none.",
        )
    number = int(label.max(initial=-1)) + 1
    return _summed(cut, bins, label.ravel(), number, ("region",), (number,), {})


def widen(cut: sc.DataGroup[Any], axis: str, factor: int) -> sc.DataGroup[Any]:
    """Make the bins of an axis ``factor`` times as wide.

    Parameters
    ----------
    cut:
        As for :func:`sum_bins`.
    axis:
        Name.
    factor:
        A divisor of the number of its bins.

    Returns
    -------
    :
        As :func:`sum_bins`, with the dims of the cut; it can be widened again.

    Raises
    ------
    UserError
        If there is no such axis, or the number of bins is no multiple.
    """
    s = cut["S"]
    if axis not in s.dims or factor < 1 or s.sizes[axis] % factor:
        has = ", ".join(f"{name} ({size})" for name, size in s.sizes.items())
        raise UserError(
            f"make bins of '{axis}' {factor} times as wide",
            f"the cut has the axes (and bins) {has}",
            "Give one of them, and a divisor of its number of bins.",
        )
    place = list(np.indices(s.shape))
    where = s.dims.index(axis)
    place[where] //= factor
    shape = tuple(n // factor if d == axis else n for d, n in s.sizes.items())
    coords = {d: s.coords[d] for d in s.dims}
    coords[axis] = coords[axis][axis, ::factor].copy()
    label = np.ravel_multi_index(tuple(place), shape).ravel()
    out = _summed(cut, _Bins.of(cut), label, int(np.prod(shape)), s.dims, shape, coords)
    if "cut" in cut:
        out["cut"] = cut["cut"]
    return out


def covariance_matrix(cut: sc.DataGroup[Any], bins: ArrayLike | None = None) -> FloatArray:
    """Covariance of S between bins.

    Parameters
    ----------
    cut:
        As for :func:`sum_bins`, or what that gave.
    bins:
        Flat numbers; dims (bin), int; all if None.

    Returns
    -------
    :
        dims (bin, bin), float64, in the unit of S squared; zero where there is no coverage.

    Raises
    ------
    UserError
        If it is no cut with its covariance.
    """
    b = _Bins.of(cut)
    rows = np.arange(b.value.size) if bins is None else np.asarray(bins, dtype=np.int64)
    part = b.shared.relative[rows]
    total = (part @ part.T).toarray() * np.outer(b.value[rows], b.value[rows])
    total += np.outer(b.common[rows], b.common[rows]) + np.diag(b.counting[rows])
    if b.shared.absolute is not None:
        constant = b.shared.absolute[rows]
        total += (constant @ constant.T).toarray()
    return np.asarray(total)


def _summed(
    cut: sc.DataGroup[Any],
    b: _Bins,
    label: NDArray[np.int64],
    number: int,
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    coords: dict[str, sc.Variable],
) -> sc.DataGroup[Any]:
    used = np.flatnonzero((label >= 0) & (b.weight > 0))
    chosen = csr_array((np.ones(used.size), (label[used], used)), shape=(number, label.size))
    weight = chosen @ b.weight
    seen = weight > 0
    safe = np.where(seen, weight, 1.0)
    value = chosen @ (b.weight * b.value) / safe
    # of the ones that stand for what was not counted, one is left
    ones = np.maximum(chosen @ np.ones(label.size) - 1.0, 0.0) * b.scale**2
    counting = np.maximum(chosen @ (b.counting * b.weight**2) - ones, 0.0) / safe**2
    share = csr_array(chosen.multiply(b.weight[None, :]).multiply(1.0 / safe[:, None]))
    relative = csr_array(share @ b.shared.relative)
    background = share @ b.common
    common = value**2 * np.asarray(relative.power(2).sum(axis=1)).ravel() + background**2
    shared, of_levels = replace(b.shared, relative=relative), np.zeros(number)
    if b.shared.absolute is not None:
        absolute = csr_array(share @ b.shared.absolute)
        shared = replace(shared, absolute=absolute)
        of_levels = np.asarray(absolute.power(2).sum(axis=1)).ravel()
        common = common + of_levels
    mask = sc.array(dims=dims, values=~seen.reshape(shape))

    def array(values: FloatArray, unit: Any, variances: FloatArray | None = None) -> Any:
        spread = None if variances is None else variances.reshape(shape)
        data = sc.array(dims=dims, values=values.reshape(shape), variances=spread, unit=unit)
        return sc.DataArray(data, coords=coords, masks={"no_coverage": mask})

    for absent in (value, counting, common):
        absent[~seen] = np.nan
    unit = cut["S"].unit
    out = {
        "S": array(value, unit, counting + common),
        "counting_variance": array(counting, cut["counting_variance"].unit),
        "common_variance": array(common, cut["common_variance"].unit),
        "events": array(chosen @ b.events, "counts"),
        "coverage": array(chosen @ b.coverage, cut["coverage"].unit),
    }
    if "factor" in cut:
        # the mean of the factors, so that weights of sums are what they were
        covered = np.where(seen, chosen @ b.coverage, np.nan)
        out["factor"] = array(weight / covered, "dimensionless")
    if "time_background" in cut:
        constant = cut["time_background"]
        mean = chosen @ (b.weight * b.constant) / safe
        mean[~seen] = of_levels[~seen] = np.nan
        out["time_background"] = array(mean, constant.unit, of_levels)
    if "background" in cut:
        out["background"] = array(chosen @ b.background, "counts")
    return sc.DataGroup({**out, _COVARIANCE: covariance_group(shared, "coverage")})


def covariance_group(shared: SharedErrors, estimator: str) -> sc.DataGroup[Any]:
    """What a file of a cut holds of shared errors: ``covariance``."""
    return sc.DataGroup({**shared.to_scipp(), "estimator": estimator})
