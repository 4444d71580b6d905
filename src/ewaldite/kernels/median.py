"""Weighted medians over the neighbours of every voxel."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(nogil=True, cache=True, inline="always")
def _before(r1: float, w1: float, r2: float, w2: float) -> bool:
    """Order of pairs: by rate, then by weight."""
    return r1 < r2 or (r1 == r2 and w1 < w2)


@numba.njit(nogil=True, cache=True)
def _partition(
    rate: NDArray[np.float64], weight: NDArray[np.float64], lo: int, hi: int
) -> tuple[int, int, float]:
    """Put pairs below the middle one first and pairs above it last.

    Returns first and last position of the pairs equal to it, and the weight below them.
    """
    r, w = rate[(lo + hi) // 2], weight[(lo + hi) // 2]
    first, last, k, below = lo, hi, lo, 0.0
    while k <= last:
        rk, wk = rate[k], weight[k]
        if _before(rk, wk, r, w):
            below += wk
            rate[k], weight[k] = rate[first], weight[first]
            rate[first], weight[first] = rk, wk
            first += 1
            k += 1
        elif _before(r, w, rk, wk):
            rate[k], weight[k] = rate[last], weight[last]
            rate[last], weight[last] = rk, wk
            last -= 1
        else:
            k += 1
    return first, last, below


@numba.njit(nogil=True, cache=True)
def _extreme(
    rate: NDArray[np.float64], weight: NDArray[np.float64], lo: int, hi: int, largest: bool
) -> int:
    """Position of the largest or the smallest pair in lo … hi - 1."""
    best = lo
    for k in range(lo + 1, hi):
        if _before(rate[best], weight[best], rate[k], weight[k]) == largest:
            best = k
    return best


@numba.njit(nogil=True, cache=True)
def _median_of(rate: NDArray[np.float64], weight: NDArray[np.float64], n: int) -> float:
    """Weighted median of the first n pairs, whose order it changes (quickselect)."""
    if n == 0:
        return np.nan
    half = 0.0
    for i in range(n):
        half += weight[i]
    half *= 0.5
    lo, hi, base = 0, n - 1, 0.0
    while True:
        first, last, below = _partition(rate, weight, lo, hi)
        equal = (last - first + 1) * weight[first]
        if base + below > half:
            hi = first - 1
        elif base + below + equal > half or last == hi:
            break
        else:
            base += below + equal
            lo = last + 1
    r, w = rate[first], weight[first]
    start, end = base + below + 0.5 * w, base + below + equal - 0.5 * w
    if half < start and first > 0:
        k = _extreme(rate, weight, 0, first, True)
        x = start - 0.5 * w - 0.5 * weight[k]
        r = rate[k] + (r - rate[k]) * (half - x) / (start - x)
    elif half > end and last < n - 1:
        k = _extreme(rate, weight, last + 1, n, False)
        x = end + 0.5 * w + 0.5 * weight[k]
        r = r + (rate[k] - r) * (half - end) / (x - end)
    return float(r)


@numba.njit(nogil=True, cache=True)
def weighted_median(rate: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Weighted median, interpolated between the middles of the weights.

    The pairs are sorted by rate and ties by weight, so that the result does not depend on
    their order; with ``x_i = w_1 + … + w_(i-1) + w_i/2`` it is the linear interpolation of the
    rate at half the total weight (the definition of mdx-lib, made independent of ties), and
    the first or last rate where that pair alone holds more than half.

    Parameters
    ----------
    rate, weight:
        dims (n,), float64; pairs without weight are left out.

    Returns
    -------
    :
        The median, NaN where nothing has weight.
    """
    r = np.empty(rate.size)
    w = np.empty(rate.size)
    n = 0
    for i in range(rate.size):
        if weight[i] > 0:
            r[n], w[n] = rate[i], weight[i]
            n += 1
    return _median_of(r, w, n)


@numba.njit(nogil=True, cache=True)
def ball_median(
    rate: NDArray[np.float64],
    weight: NDArray[np.float64],
    rows: NDArray[np.int32],
    use: NDArray[np.bool_],
    todo: NDArray[np.bool_],
    out: NDArray[np.float64],
) -> None:
    """Weighted median of the rates around every voxel; see :func:`weighted_median`.

    Parameters
    ----------
    rate, weight:
        dims (voxel,), float64; voxels without weight are left out.
    rows:
        Neighbours, -1 for none; dims (voxel, neighbour), int32.
    use, todo:
        Voxels that count, and voxels to work out; dims (voxel,), bool.
    out:
        Written where asked for: the median, NaN where no neighbour counts; dims (voxel,),
        float64, unit of the rate.
    """
    r = np.empty(rows.shape[1])
    w = np.empty(rows.shape[1])
    for v in range(rows.shape[0]):
        if not todo[v]:
            continue
        n = 0
        for u in rows[v]:
            if u >= 0 and use[u] and weight[u] > 0:
                r[n], w[n] = rate[u], weight[u]
                n += 1
        out[v] = _median_of(r, w, n)


@numba.njit(nogil=True, cache=True)
def ball_deviation(
    rate: NDArray[np.float64],
    weight: NDArray[np.float64],
    centre: NDArray[np.float64],
    rows: NDArray[np.int32],
    use: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Weighted median of ``|rate - centre|`` around every voxel.

    Parameters
    ----------
    rate, weight, rows, use:
        As for :func:`ball_median`.
    centre:
        The level from which deviations are taken, one for each ball; dims (voxel,), float64.

    Returns
    -------
    :
        dims (voxel,), float64, unit of the rate; NaN where no neighbour counts.
    """
    out = np.empty(rows.shape[0])
    r = np.empty(rows.shape[1])
    w = np.empty(rows.shape[1])
    for v in range(rows.shape[0]):
        n = 0
        for u in rows[v]:
            if u >= 0 and use[u] and weight[u] > 0:
                r[n], w[n] = abs(rate[u] - centre[v]), weight[u]
                n += 1
        out[v] = _median_of(r, w, n)
    return out


@numba.njit(nogil=True, cache=True)
def ball_sum(
    value: NDArray[np.float64], rows: NDArray[np.int32], use: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Sum over the neighbours that count; dims as for :func:`ball_median`."""
    out = np.empty(rows.shape[0])
    # What does not count adds nothing, nor does no neighbour, -1, the last element
    counted = np.zeros(value.size + 1)
    for u in range(value.size):
        counted[u] = value[u] if use[u] else 0.0
    for v in range(rows.shape[0]):
        total = 0.0
        for u in rows[v]:
            total += counted[u]
        out[v] = total
    return out


@numba.njit(nogil=True, cache=True)
def ball_any(flag: NDArray[np.bool_], rows: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Tell where any neighbour is flagged; dims (voxel,), bool."""
    out = np.empty(rows.shape[0], np.bool_)
    flags = np.zeros(flag.size + 1, np.bool_)
    flags[:-1] = flag
    for v in range(rows.shape[0]):
        found = False
        for u in rows[v]:
            found |= flags[u]
        out[v] = found
    return out
