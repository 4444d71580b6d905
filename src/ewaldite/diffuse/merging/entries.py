"""Batches of a merge, voxel by voxel: what each saw, and how they agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.merging.columns import PARTS
from ewaldite.diffuse.merging.correlation import TOO_FEW, Correlation, pair_sums, pooled
from ewaldite.diffuse.merging.shells import Shells
from ewaldite.kernels import quality

FloatArray = NDArray[np.float64]
RowArray = NDArray[np.int32]
#: x, y, and weights.
Pairs = tuple[FloatArray, FloatArray, FloatArray | None]

# Entries that are worked on at a time
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Entries:
    """Voxels in batches.

    Attributes
    ----------
    row, batch:
        Voxel, ascending, and batch; dims (entry), int32.
    number:
        Observations; dims (entry), int32.
    q:
        Σ w e a; dims (entry), float64.
    intensity:
        Merged intensity of the batch; dims (entry), float64.
    halves:
        That of its halves; dims (entry), float64, NaN where one is empty.
    first_bin:
        First bin of rotation in which it was seen; dims (entry), int32.
    """

    row: RowArray
    batch: RowArray
    number: RowArray
    q: FloatArray
    intensity: FloatArray
    halves: tuple[FloatArray, FloatArray]
    first_bin: RowArray

    def cc_half(
        self, batches: int, shells: Shells, s: FloatArray, j: FloatArray
    ) -> list[Correlation]:
        """CC1/2 within each batch, of the total and of the anisotropic part; dims (batch).

        Parameters
        ----------
        batches:
            Their number.
        shells:
            Whose thin shells the isotropic part is constant in.
        s, j:
            Length of s and isotropic part of each voxel; dims (voxel), float64.
        """
        first, second = self.halves
        return self._by_batch(
            lambda rows: (first[rows], second[rows], None), batches, shells, s, j
        )

    def cc_others(
        self,
        batches: int,
        shells: Shells,
        s: FloatArray,
        j: FloatArray,
        intensity: FloatArray,
        norm: FloatArray,
    ) -> list[Correlation]:
        """Correlation of each batch with the mean of all others, as :meth:`cc_half`.

        Parameters
        ----------
        batches, shells, s, j:
            As in :meth:`cc_half`.
        intensity, norm:
            Merged intensity and Σ w e a of each voxel; dims (voxel), float64.
        """

        def pairs(rows: slice) -> Pairs:
            row, q, own = self.row[rows], self.q[rows], self.intensity[rows]
            total = norm[row]
            rest = total - q
            others = np.full(len(rest), np.nan)
            signal = intensity[row] * total - q * own
            np.divide(signal, rest, out=others, where=rest > 1e-9 * total)
            return own, others, q * rest / total

        return self._by_batch(pairs, batches, shells, s, j)

    def _by_batch(
        self,
        pairs: Callable[[slice], Pairs],
        batches: int,
        shells: Shells,
        s: FloatArray,
        j: FloatArray,
    ) -> list[Correlation]:
        """Correlations of x and y with weights, given for some entries at a time."""
        total = np.zeros((batches, quality.PAIRS))
        thin = np.zeros((batches * shells.cells, quality.PAIRS))
        for start in range(0, len(self.row), _CHUNK):
            rows = slice(start, start + _CHUNK)
            x, y, weight = pairs(rows)
            row, batch = self.row[rows], self.batch[rows].astype(np.int64)
            length = s[row]
            within = np.where(shells.shell(length) >= 0, batch, -1)
            pair_sums(x, y, within, batches, weight, sums=total)
            cell = shells.cell(length)
            place = np.where(cell >= 0, batch * shells.cells + cell, -1)
            iso = j[row]
            pair_sums(x - iso, y - iso, place, batches * shells.cells, weight, sums=thin)
        return [pooled(total[:, None]), pooled(thin.reshape(batches, shells.cells, -1))]


def between_batches(
    entries: Entries, names: Sequence[str], shells: Shells, s: FloatArray, j: FloatArray
) -> sc.DataGroup[sc.DataArray]:
    """Correlation of every two batches over the voxels that both saw.

    Voxels are weighted with ``q q' / (q + q')``, the inverse variance of the difference.

    Parameters
    ----------
    entries:
        Voxels of the batches.
    names:
        Of the batches.
    shells:
        Voxels beyond them are left out; the isotropic part is constant in their thin shells.
    s, j:
        Length of s and isotropic part of each voxel; dims (voxel), float64.

    Returns
    -------
    :
        ``cc``, ``cc_lower``, ``cc_upper`` with one on the diagonal, the same with the ending
        ``_anisotropic``, and
        ``voxels``, how many both saw; dims (batch, other), coordinates the names. Correlations
        of few voxels are masked.
    """
    batches = len(names)
    inside = shells.shell(s)[entries.row] >= 0
    total = np.zeros((batches, batches, quality.PAIRS))
    thin = np.zeros((batches, batches, shells.cells, quality.PAIRS))
    quality.add_batches(
        entries.row[inside],
        entries.batch[inside],
        entries.intensity[inside],
        entries.q[inside],
        shells.cell(s),
        j,
        total,
        thin,
    )
    number = np.bincount(entries.batch[inside], minlength=batches)
    found = {"": pooled(total[:, :, None]), PARTS["anisotropic"]: pooled(thin)}
    table: sc.DataGroup[sc.DataArray] = sc.DataGroup()
    for ending, cc in found.items():
        few = _symmetric(cc.few, False)
        for which, values in (("", cc.value), ("_lower", cc.lower), ("_upper", cc.upper)):
            table[f"cc{which}{ending}"] = _matrix(_symmetric(values, 1.0), names, "one", few)
    pairs = found[""].pairs
    common = np.triu(pairs, 1) + np.triu(pairs, 1).T + np.diag(number)
    table["voxels"] = _matrix(common, names, None, None)
    return table


def _symmetric(upper: NDArray[Any], diagonal: float) -> NDArray[Any]:
    full = np.where(np.tri(len(upper), dtype=bool), upper.T, upper)
    np.fill_diagonal(full, diagonal)
    return full


def _matrix(
    values: NDArray[Any],
    names: Sequence[str],
    unit: str | None,
    few: NDArray[Any] | None,
) -> sc.DataArray:
    dims = ["batch", "other"]
    coords = {dim: sc.array(dims=[dim], values=list(names)) for dim in dims}
    masks = {} if few is None else {TOO_FEW: sc.array(dims=dims, values=few)}
    return sc.DataArray(
        sc.array(dims=dims, values=values, unit=unit), coords=coords, masks=masks
    )
