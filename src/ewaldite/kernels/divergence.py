"""Kullback–Leibler divergence of neighbourhoods' histograms from Poisson distributions.

For a neighbourhood with ``m_c`` pixels of count c, M pixels and the rate Λ,

    D = Σ (m_c/M) ln(m_c / (M p_c)),   p_c = exp(-Λ) Λ^c / c!
      = (Σ m_c ln m_c - S ln Λ + F) / M + Λ - ln M,   S = Σ c m_c,   F = Σ m_c ln c!

so that taking a voxel out changes three scalars and the bins that the voxel fills, no more.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

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
def moments(histogram: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Pixels, counts and summed ln c! of every histogram.

    Parameters
    ----------
    histogram:
        Pixels by count; dims (voxel, count), uint32.

    Returns
    -------
    :
        dims (voxel, 3), float64.
    """
    n, bins = histogram.shape
    log_factorial = np.empty(bins)
    for c in range(bins):
        log_factorial[c] = math.lgamma(c + 1.0)
    out = np.zeros((n, 3))
    for v in range(n):
        for c in range(bins):
            x = histogram[v, c]
            if x:
                out[v, 0] += x
                out[v, 1] += c * np.float64(x)
                out[v, 2] += log_factorial[c] * x
    return out


@numba.njit(nogil=True, cache=True)
def pool(
    histogram: NDArray[np.uint32], rows: NDArray[np.int32], use: NDArray[np.bool_]
) -> NDArray[np.uint32]:
    """Sum of the histograms of the neighbours that count.

    Parameters
    ----------
    histogram:
        dims (voxel, count), uint32.
    rows:
        Neighbours, -1 for none; dims (voxel, neighbour), int32.
    use:
        Voxels that count; dims (voxel,), bool.

    Returns
    -------
    :
        dims (voxel, count), uint32.
    """
    n, bins = rows.shape[0], histogram.shape[1]
    out = np.zeros((n, bins), np.uint32)
    for v in range(n):
        for u in rows[v]:
            if u >= 0 and use[u]:
                for c in range(bins):
                    out[v, c] += histogram[u, c]
    return out


@numba.njit(nogil=True, cache=True, inline="always")
def _divergence(entropy: float, m: float, s: float, f: float, rate: float) -> float:
    if m <= 0:
        return 0.0
    return (entropy - s * math.log(rate) + f) / m + rate - math.log(m)


@numba.njit(nogil=True, cache=True)
def entropies(pooled: NDArray[np.uint32], table: NDArray[np.float64]) -> NDArray[np.float64]:
    """``Σ m ln m`` of every histogram; dims (voxel, count) to (voxel,)."""
    out = np.zeros(pooled.shape[0])
    for v in range(pooled.shape[0]):
        for x in pooled[v]:
            out[v] += _xlogx(x, table)
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
    histogram: NDArray[np.uint32],
    moment: NDArray[np.float64],
    pools: NDArray[np.uint32],
    entropy: NDArray[np.float64],
    pooled: NDArray[np.float64],
    rate: NDArray[np.float64],
    table: NDArray[np.float64],
) -> tuple[float, float]:
    """Entropy and divergence of the neighbourhood u when v is out of it."""
    e = entropy[u]
    for c in range(histogram.shape[1]):
        x = np.int64(histogram[v, c])
        if x:
            m = np.int64(pools[u, c])
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
    rows: NDArray[np.int32],
    histogram: NDArray[np.uint32],
    moment: NDArray[np.float64],
    pools: NDArray[np.uint32],
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
        Voxels to work out; dims (voxel,), bool.
    rows:
        Neighbours (a mutual relation), -1 for none; dims (voxel, neighbour), int32.
    histogram, moment:
        Of the voxels; dims (voxel, count), uint32, and (voxel, 3), float64.
    pools, entropy, pooled:
        Of the neighbourhoods: histogram, ``Σ m ln m`` and moments; dims (voxel, count),
        (voxel,), (voxel, 3).
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
    for v in range(rows.shape[0]):
        if not candidate[v]:
            continue
        total = 0.0
        for u in rows[v]:
            if u >= 0 and pooled[u, 0] > moment[v, 0]:
                d = _divergence(entropy[u], pooled[u, 0], pooled[u, 1], pooled[u, 2], rate[u])
                _, after = _without(
                    v, u, histogram, moment, pools, entropy, pooled, rate, table
                )
                total += after - d
        out[v] = total
    return out


@numba.njit(nogil=True, cache=True)
def remove_in_order(
    order: NDArray[np.int64],
    stop: bool,
    rows: NDArray[np.int32],
    histogram: NDArray[np.uint32],
    moment: NDArray[np.float64],
    pools: NDArray[np.uint32],
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
    rows, histogram, moment, rate, table:
        As for :func:`removal_changes`.
    pools, entropy, pooled:
        The same; changed in place to what is left in the neighbourhoods.

    Returns
    -------
    :
        Voxels taken out; dims (voxel,), bool.
    """
    out = np.zeros(rows.shape[0], np.bool_)
    new_entropy = np.empty(rows.shape[1])
    for v in order:
        total = 0.0
        for o in range(rows.shape[1]):
            u = rows[v, o]
            if u >= 0 and pooled[u, 0] > moment[v, 0]:
                d = _divergence(entropy[u], pooled[u, 0], pooled[u, 1], pooled[u, 2], rate[u])
                new_entropy[o], after = _without(
                    v, u, histogram, moment, pools, entropy, pooled, rate, table
                )
                total += after - d
        if total < 0:
            out[v] = True
            for o in range(rows.shape[1]):
                u = rows[v, o]
                if u >= 0:
                    emptied = pooled[u, 0] <= moment[v, 0]
                    entropy[u] = 0.0 if emptied else new_entropy[o]
                    pooled[u] -= moment[v]
                    for c in range(histogram.shape[1]):
                        pools[u, c] -= histogram[v, c]
        elif stop:
            break
    return out
