"""What a reduced cut says of a branch and of Bragg peaks, to compare with what was put in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.simulate.bifrost_seen import Seen

FloatArray = NDArray[np.float64]

#: Bins this near to the branch (meV) are fitted, if so many cells were drawn in them.
_NEAR, _CELLS = 0.35, 20
_FEWEST = 100
#: A branch must be so many standard errors strong.
_STRONG = 5.0


@dataclass(frozen=True)
class Shifts:
    """By how much a branch is found higher than it is.

    Attributes
    ----------
    h:
        Middle of the bins; dims (found), r.l.u.
    energy:
        Where the branch is; dims (found), meV.
    value, error:
        Shift and its standard error; dims (found), meV.
    misfit:
        Chi-square a degree of freedom; dims (found).
    """

    h: FloatArray
    energy: FloatArray
    value: FloatArray
    error: FloatArray
    misfit: FloatArray

    @property
    def wrong(self) -> int:
        """Bins that are off by more than 0.003 meV and by more than three standard errors."""
        return int(np.sum(np.abs(self.value) > np.maximum(0.003, 3.0 * self.error)))


def branch_shifts(
    h: FloatArray, transfer: FloatArray, s: FloatArray, coverage: FloatArray, seen: Seen
) -> Shifts:
    r"""Fit a branch in every bin of h.

    S is :math:`A\,(M + \delta\, \partial M/\partial\omega_0) + B` with the mean M of the branch
    over the cells; errors are those of the counts that the fit expects.

    Parameters
    ----------
    h, transfer:
        Edges.
    s:
        NaN without coverage; dims (h, transfer).
    coverage:
        Counts over S; dims (h, transfer).
    seen:
        What is to be seen.

    Returns
    -------
    :
        Bins of h with at least a hundred counts near the branch, in which it stands out.
    """
    middle, found = (transfer[1:] + transfer[:-1]) / 2.0, []
    for i in range(h.size - 1):
        used = np.isfinite(s[i]) & (coverage[i] > 0.0) & (seen.cells[i] > _CELLS)
        used &= np.isfinite(seen.value[i])
        if not np.any(used):
            continue
        place = float(np.mean(seen.energy[i][used]))
        used &= np.abs(middle - place) < _NEAR
        values, counts = s[i][used], coverage[i][used]
        if np.count_nonzero(used) < 8 or values @ counts < _FEWEST:
            continue
        design = np.stack(
            [seen.value[i][used], seen.slope[i][used], np.ones(values.size)], axis=1
        )
        expected = np.full(values.size, np.average(values, weights=counts))
        for _ in range(4):
            error = np.sqrt(np.maximum(expected * counts, 0.3)) / counts
            inverse = np.linalg.inv((design / error[:, None] ** 2).T @ design)
            p = inverse @ design.T @ (values / error**2)
            expected = np.maximum(design @ p, 0.0)
        if not p[0] > _STRONG * np.sqrt(inverse[0, 0]):
            continue
        misfit = np.sum(((values - expected) / error) ** 2) / max(values.size - 3, 1)
        found.append(
            [(h[i] + h[i + 1]) / 2.0, place, p[1] / p[0], np.sqrt(inverse[1, 1]) / p[0], misfit]
        )
    return Shifts(*np.array(found).reshape(-1, 5).T)


def peak_centre(
    h: FloatArray,
    k: FloatArray,
    s: FloatArray,
    at: tuple[float, float],
    radius: float,
    variance: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray] | None:
    """Centre of a Bragg peak in a map.

    Parameters
    ----------
    h, k:
        Edges of the two axes.
    s:
        NaN without coverage; dims (h, k).
    at:
        Where the peak is sought.
    radius:
        The level comes from bins between this distance and 1.5 times it, the peak from within.
    variance:
        Of ``s``; dims (h, k).

    Returns
    -------
    :
        Centre and its standard errors, dims (axis); None where the disc is not covered, or no
        peak stands out.
    """
    x, y = np.meshgrid((h[1:] + h[:-1]) / 2.0, (k[1:] + k[:-1]) / 2.0, indexing="ij")
    away = np.hypot(x - at[0], y - at[1])
    inside, ring = away <= radius, (away > radius) & (away <= 1.5 * radius)
    known = np.isfinite(s)
    if not np.all(known[inside]) or np.count_nonzero(known & ring) < 5:
        return None
    peak = np.where(inside, s - np.mean(s[known & ring]), 0.0)
    total = float(peak.sum())
    if not total > 5.0 * np.std(s[known & ring]) * np.sqrt(np.count_nonzero(inside)):
        return None
    centre = np.array([np.sum(x[inside] * peak[inside]), np.sum(y[inside] * peak[inside])])
    centre /= total
    noise = np.zeros_like(s) if variance is None else np.where(inside, variance, 0.0)
    error = [
        float(np.sqrt(np.sum((a[inside] - c) ** 2 * noise[inside]))) / total
        for a, c in ((x, centre[0]), (y, centre[1]))
    ]
    return centre, np.array(error)
