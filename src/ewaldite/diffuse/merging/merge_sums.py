"""What merging remembers of observations: sums that add up over wedges."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.merging.rates import ShellSums
from ewaldite.diffuse.observations import Observations
from ewaldite.errors import UserError
from ewaldite.kernels import merge as kernel
from ewaldite.kernels.voxel_table import unpack
from ewaldite.model.grid import Grid

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

Estimator = Literal["ratio", "inverse_variance"]

#: Kinds of half sets, in the order of the columns.
HALVES = ("random", "weighted", "friedel")
# Weight, relative to the predicted one, of an observation whose own variance is zero.
_VANISHING = 1e-12


@dataclass(frozen=True)
class Prepared:
    """Usable observations with what the kernels need beside them.

    Attributes
    ----------
    observations:
        Usable rows.
    rows:
        Their places in the table that they were taken from; dims (voxel), int64.
    scale, offset:
        a and c of the expected counts ``e a (I + c) + B``; dims (voxel), float64.
    predicted:
        Predicted counts, background, variance of the background; dims (voxel, 3), float64.
    """

    observations: Observations
    rows: IntArray
    scale: FloatArray
    offset: FloatArray
    predicted: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))


def prepare(
    observations: Observations,
    scale: FloatArray | None,
    offset: FloatArray | None,
    rates: ShellSums | None = None,
) -> tuple[Prepared, ShellSums]:
    """Take the usable rows and predict them.

    Parameters
    ----------
    observations:
        The table.
    scale, offset:
        Factors a and offsets c of the expected counts; dims (voxel), float64; None is 1 and 0.
    rates:
        Sums of all observations of the merge, where this table is a part; None is of the table.

    Returns
    -------
    :
        The rows, and the sums that predicted them.
    """
    n = len(observations)
    a = np.ones(n) if scale is None else np.asarray(scale, dtype=np.float64)
    c = np.zeros(n) if offset is None else np.asarray(offset, dtype=np.float64)
    good = observations.usable & (a > 0) & np.isfinite(a) & np.isfinite(c)
    rows = np.flatnonzero(good)
    if rows.size < n:
        observations, a, c = observations.select(rows), a[rows], c[rows]
    if rates is None:
        rates = ShellSums.of(observations, a, c)
    return Prepared(observations, rows, a, c, rates.predict(observations, a, c)), rates


def weights(prepared: Prepared, estimator: Estimator) -> FloatArray:
    """Weights w of ``I = Σ w (N - B - e a c) / Σ w e a``.

    An observation alone gives ``x = (N - B) / (e a) - c`` with variance
    ``(N + V) / (e a)²``, where N and V are expected values. The unbiased linear mean of least
    variance weights x with its inverse (Gauss–Markov), hence ``w = e a / (N + V)``. For
    ``"ratio"`` N and V are the smooth predictions of the shell: w then depends on exposure,
    scale and ``|s|``, never on what was counted in the voxel, and the mean stays
    unbiased however few the counts. For ``"inverse_variance"`` they are what was counted; an
    observation without counts, whose own variance is zero, then has no say unless its voxel
    holds nothing else.

    Parameters
    ----------
    prepared:
        Observations and predictions.
    estimator:
        Which.

    Returns
    -------
    :
        dims (voxel), float64, positive.
    """
    o = prepared.observations
    ea = o.exposure * prepared.scale
    smooth = np.asarray(ea / (prepared.predicted[:, 0] + prepared.predicted[:, 2]))
    if estimator == "ratio":
        return smooth
    own = o.counts + o.background_variance
    w = _VANISHING * smooth
    np.divide(ea, own, out=w, where=own > 0)
    return w


def asu_keys(
    observations: Observations, group: SpaceGroup, friedel: bool
) -> tuple[IntArray, BoolArray]:
    """Packed voxel of the asymmetric unit, and whether it is a Friedel mate's.

    With ``friedel=False`` a mate goes to the inverted voxel of the asymmetric unit, unless the
    crystal is centrosymmetric and mates are equivalent.

    Returns
    -------
    :
        dims (voxel), int64; dims (voxel), bool.
    """
    asu = AsuMap(observations.grid, group)
    index, operation = asu(observations.index)
    minus = asu.is_minus(operation)
    merged = friedel or group.is_centrosymmetric
    apart = np.zeros_like(minus) if merged else minus
    offset = observations.grid.numerator(np.zeros(3, dtype=np.int64))
    return kernel.pack_keys(index, apart, offset), minus


@dataclass(frozen=True)
class MergeSums:
    """Sums over the observations of every voxel of the asymmetric unit.

    Attributes
    ----------
    grid, group, friedel, estimator:
        What they were made with.
    key:
        Packed voxels, ascending; dims (voxel), int64.
    sums:
        Columns as ``kernels.merge`` names them; dims (voxel, column), float64.
    """

    grid: Grid
    group: SpaceGroup
    friedel: bool
    estimator: Estimator
    key: IntArray
    sums: FloatArray

    @staticmethod
    def of(
        prepared: Prepared,
        group: SpaceGroup,
        *,
        estimator: Estimator,
        friedel: bool,
        rng: np.random.Generator,
    ) -> MergeSums:
        """Sum observations.

        Parameters
        ----------
        prepared:
            Observations and their predictions.
        group:
            Space group of the crystal.
        estimator, friedel:
            Weights, and whether Friedel mates are merged or kept apart.
        rng:
            Deals the observations into random half sets, equal in number or in weight within
            this table; parts of a table merged one by one need generators of their own.

        Returns
        -------
        :
            The sums.

        Raises
        ------
        UserError
            The Laue group does not leave the grid invariant.
        """
        o = prepared.observations
        key, minus = asu_keys(o, group, friedel)
        unique, row = kernel.rows_of(key)
        w = weights(prepared, estimator)
        order = rng.permutation(len(o))
        coin = rng.integers(0, 2, len(o), dtype=np.bool_)
        own = w * o.exposure * prepared.scale
        halves = kernel.balance(row, own, order, coin, len(unique))
        sums = np.zeros((len(unique), kernel.COLUMNS))
        kernel.accumulate(
            row,
            o.counts,
            o.exposure,
            o.background,
            o.background_variance,
            prepared.scale,
            prepared.offset,
            w,
            prepared.predicted,
            o.length_of_s,
            o.fraction,
            np.concatenate([halves, ~minus[None]]),
            sums,
        )
        return MergeSums(o.grid, group, friedel, estimator, unique, sums)

    def __add__(self, other: MergeSums) -> MergeSums:
        """Add the sums of other observations.

        Raises
        ------
        UserError
            They were made with another grid, group or option.
        """
        for f in fields(self):
            if f.name in ("key", "sums"):
                continue
            mine, theirs = getattr(self, f.name), getattr(other, f.name)
            if mine != theirs:
                raise UserError(
                    "merge tables with one another",
                    f"their {f.name} differs: {mine} and {theirs}",
                    "Merge them with the same options.",
                )
        key, sums = kernel.union(self.key, self.sums, other.key, other.sums)
        return MergeSums(self.grid, self.group, self.friedel, self.estimator, key, sums)

    @property
    def index(self) -> IntArray:
        """Voxel indices; dims (voxel, 3), int64."""
        return unpack(self.key)
