"""Kullback–Leibler divergence of neighbourhoods' histograms from Poisson distributions.

For a neighbourhood with ``m_c`` pixels of count c, M pixels and the rate Λ,

    D = Σ (m_c/M) ln(m_c / (M p_c)),   p_c = exp(-Λ) Λ^c / c!
      = (Σ m_c ln m_c - S ln Λ + F) / M + Λ - ln M,   S = Σ c m_c,   F = Σ m_c ln c!

so that taking a voxel out changes three scalars and the bins that the voxel fills, no more.

Histograms are sparse, see :mod:`ewaldite.kernels.sparse_histogram`. The pooled histogram of a
neighbourhood is made where it is wanted and not kept: few voxels are ever candidates.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.sparse_histogram import Sparse

_TABLE = 1 << 14


def entropy_table() -> NDArray[np.float64]:
    """``x ln x`` of whole numbers below 2^14 (larger ones are computed); dims (16384,)."""
    x = np.arange(_TABLE, dtype=np.float64)
    return np.asarray(x * np.log(np.maximum(x, 1.0)))


@numba.njit(nogil=True, cache=True, inline="always")
def _xlogx(x: int, table: NDArray[np.float64]) -> float:
    if x < table.size:
        return float(table[x])
    return float(x * math.log(x))


@numba.njit(nogil=True, cache=True)
def moments(histogram: Sparse, bins: int) -> NDArray[np.float64]:
    """Pixels, counts and summed ln c! of every histogram.

    Parameters
    ----------
    histogram:
        Pixels by count: first entry by voxel, count, number.
    bins:
        Counts are below.

    Returns
    -------
    :
        dims (voxel, 3), float64.
    """
    first, count, number = histogram
    log_factorial = np.empty(bins)
    for c in range(bins):
        log_factorial[c] = math.lgamma(c + 1.0)
    out = np.zeros((first.size - 1, 3))
    for v in range(first.size - 1):
        for e in range(first[v], first[v + 1]):
            c, x = count[e], np.float64(number[e])
            out[v, 0] += x
            out[v, 1] += c * x
            out[v, 2] += log_factorial[c] * x
    return out


@numba.njit(nogil=True, cache=True, inline="always")
def _pool(
    u: int,
    rows: NDArray[np.int32],
    use: NDArray[np.bool_],
    histogram: Sparse,
    out: NDArray[np.uint32],
) -> None:
    """Sum of the histograms of the neighbours of u that count; dims (count)."""
    first, count, number = histogram
    out[:] = 0
    for w in rows[u]:
        if w >= 0 and use[w]:
            for e in range(first[w], first[w + 1]):
                out[count[e]] += number[e]


@numba.njit(nogil=True, cache=True, inline="always")
def _divergence(entropy: float, m: float, s: float, f: float, rate: float) -> float:
    if m <= 0:
        return 0.0
    return (entropy - s * math.log(rate) + f) / m + rate - math.log(m)


@numba.njit(nogil=True, cache=True)
def entropies(
    histogram: Sparse,
    bins: int,
    rows: NDArray[np.int32],
    use: NDArray[np.bool_],
    table: NDArray[np.float64],
) -> NDArray[np.float64]:
    """``Σ m ln m`` of the pooled histogram of every neighbourhood.

    Parameters
    ----------
    histogram, bins:
        As for :func:`moments`.
    rows:
        Neighbours, -1 for none; dims (voxel, neighbour), int32.
    use:
        Voxels that count; dims (voxel,), bool.
    table:
        :func:`entropy_table`.

    Returns
    -------
    :
        dims (voxel,), float64.
    """
    out = np.zeros(rows.shape[0])
    pool = np.empty(bins, np.uint32)
    for v in range(rows.shape[0]):
        _pool(v, rows, use, histogram, pool)
        for c in range(bins):
            if pool[c] != 0:
                out[v] += _xlogx(pool[c], table)
    return out


@numba.njit(nogil=True, cache=True)
def divergences(
    entropy: NDArray[np.float64], pooled: NDArray[np.float64], rate: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Divergence of every neighbourhood, in nats.

    Parameters
    ----------
    entropy:
        ``Σ m ln m``; dims (voxel,), float64.
    pooled:
        Pixels, counts and summed ln c! of the neighbourhood; dims (voxel, 3), float64.
    rate:
        Λ > 0, counts per pixel; dims (voxel,), float64.

    Returns
    -------
    :
        dims (voxel,), float64; 0 for an empty neighbourhood.
    """
    out = np.empty(rate.size)
    for v in range(rate.size):
        out[v] = _divergence(entropy[v], pooled[v, 0], pooled[v, 1], pooled[v, 2], rate[v])
    return out


@numba.njit(nogil=True, cache=True)
def _without(
    v: int,
    u: int,
    histogram: Sparse,
    moment: NDArray[np.float64],
    pool: NDArray[np.uint32],
    entropy: NDArray[np.float64],
    pooled: NDArray[np.float64],
    rate: NDArray[np.float64],
    table: NDArray[np.float64],
) -> tuple[float, float]:
    """Entropy and divergence of the neighbourhood u, whose pool is given, when v is out."""
    first, count, number = histogram
    e = entropy[u]
    for i in range(first[v], first[v + 1]):
        x = np.int64(number[i])
        m = np.int64(pool[count[i]])
        e += _xlogx(int(m - x), table) - _xlogx(int(m), table)
    return e, _divergence(
        e,
        pooled[u, 0] - moment[v, 0],
        pooled[u, 1] - moment[v, 1],
        pooled[u, 2] - moment[v, 2],
        rate[u],
    )


@numba.njit(nogil=True, cache=True)
def removal_changes(
    candidate: NDArray[np.bool_],
    use: NDArray[np.bool_],
    rows: NDArray[np.int32],
    histogram: Sparse,
    bins: int,
    moment: NDArray[np.float64],
    entropy: NDArray[np.float64],
    pooled: NDArray[np.float64],
    rate: NDArray[np.float64],
    table: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Change of the divergence, summed over neighbourhoods, when a voxel is taken out.

    A neighbourhood that would be left empty is undecided: it adds nothing.

    Parameters
    ----------
    candidate:
        Voxels to work out, of those that count; dims (voxel,), bool.
    use:
        Voxels that count; dims (voxel,), bool.
    rows:
        Neighbours (a mutual relation), -1 for none; dims (voxel, neighbour), int32.
    histogram, bins, moment:
        Of the voxels, as for :func:`moments`; dims (voxel, 3).
    entropy, pooled:
        Of the neighbourhoods: ``Σ m ln m`` and moments; dims (voxel,), (voxel, 3).
    rate:
        Λ > 0 of the neighbourhoods, counts per pixel; dims (voxel,), float64.
    table:
        :func:`entropy_table`.

    Returns
    -------
    :
        dims (voxel,), float64, nats; NaN where not asked for.
    """
    out = np.full(rows.shape[0], np.nan)
    pool = np.empty(bins, np.uint32)
    for v in range(rows.shape[0]):
        if not candidate[v]:
            continue
        total = 0.0
        for u in rows[v]:
            if u >= 0 and pooled[u, 0] > moment[v, 0]:
                _pool(u, rows, use, histogram, pool)
                d = _divergence(entropy[u], pooled[u, 0], pooled[u, 1], pooled[u, 2], rate[u])
                _, after = _without(v, u, histogram, moment, pool, entropy, pooled, rate, table)
                total += after - d
        out[v] = total
    return out


@numba.njit(nogil=True, cache=True)
def remove_in_order(
    order: NDArray[np.int64],
    stop: bool,
    use: NDArray[np.bool_],
    rows: NDArray[np.int32],
    histogram: Sparse,
    bins: int,
    moment: NDArray[np.float64],
    entropy: NDArray[np.float64],
    pooled: NDArray[np.float64],
    rate: NDArray[np.float64],
    table: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Take voxels out, one after the other, while that lowers the summed divergence.

    Parameters
    ----------
    order:
        Rows to try, in this order; dims (candidate,), int64.
    stop:
        End at the first voxel that does not lower the sum (the rule of mdx-lib); else such a
        voxel stays in and the next one is tried.
    use, rows, histogram, bins, moment, rate, table:
        As for :func:`removal_changes`.
    entropy, pooled:
        The same; changed in place to what is left in the neighbourhoods.

    Returns
    -------
    :
        Voxels taken out; dims (voxel,), bool.
    """
    out = np.zeros(rows.shape[0], np.bool_)
    left = use.copy()
    pool = np.empty(bins, np.uint32)
    new_entropy = np.empty(rows.shape[1])
    for v in order:
        total = 0.0
        for o in range(rows.shape[1]):
            u = rows[v, o]
            if u >= 0 and pooled[u, 0] > moment[v, 0]:
                _pool(u, rows, left, histogram, pool)
                d = _divergence(entropy[u], pooled[u, 0], pooled[u, 1], pooled[u, 2], rate[u])
                new_entropy[o], after = _without(
                    v, u, histogram, moment, pool, entropy, pooled, rate, table
                )
                total += after - d
        if total < 0:
            out[v] = True
            left[v] = False
            for o in range(rows.shape[1]):
                u = rows[v, o]
                if u >= 0:
                    emptied = pooled[u, 0] <= moment[v, 0]
                    entropy[u] = 0.0 if emptied else new_entropy[o]
                    pooled[u] -= moment[v]
        elif stop:
            break
    return out
