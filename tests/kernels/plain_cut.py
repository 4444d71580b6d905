"""Where neutrons and cells lie in a cut, and what they count, from the formulas alone.

Slow, in numpy; written from the definitions in :mod:`ewaldite.kernels.cut_rows` and
:mod:`ewaldite.kernels.coverage`, and not from the code that they are to check.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.cuda.cuts import K2

FloatArray = NDArray[np.float64]
Cut = dict[str, Any]


def coordinates(cut: Cut, v: int, p: int, k: Any) -> FloatArray:
    """Rows in bins; dims (k, row)."""
    grid, views, k_f = cut["grid"], cut["views"], cut["pixel"].k_f[p]
    k = np.atleast_1d(np.asarray(k, np.float64))
    low, inverse, energy, length = grid.rows.T
    transfer = K2 * k**2 - cut["pixel"].table[p, 0]
    size = np.linalg.norm(k[:, None] * views.beam[v] - k_f, axis=1)
    x = views.ki[v] * k[:, None] - views.kf[v] @ k_f
    x = x + energy * transfer[:, None] + length * size[:, None]
    return np.asarray((x - low) * inverse)


def bin_of(cut: Cut, u: FloatArray) -> NDArray[np.int64]:
    """Flat bin, -1 outside; u dims (..., row)."""
    i = np.floor(u)
    inside = np.all((i >= 0) & (i < cut["grid"].number), axis=-1)
    return np.where(inside, i @ cut["grid"].stride, -1).astype(np.int64)


def neutron(cut: Cut, v: int, p: int, k: float) -> int:
    """Flat bin of one neutron."""
    return int(bin_of(cut, coordinates(cut, v, p, k))[0])


def shares(cut: Cut, start: FloatArray, end: FloatArray) -> dict[int, float]:
    """Parts of a straight line in the bins that it passes."""
    ends = [0.0, 1.0]
    for a, b in zip(start, end, strict=True):
        if a != b:
            low, high = sorted((a, b))
            ends += [(i - a) / (b - a) for i in range(int(np.ceil(low)), int(high) + 1)]
    found: dict[int, float] = {}
    for a, b in pairwise(sorted(t for t in ends if 0.0 <= t <= 1.0)):
        i = int(bin_of(cut, start + (a + b) / 2.0 * (end - start)))
        if i >= 0 and b > a:
            found[i] = found.get(i, 0.0) + b - a
    return found


def masked(cut: Cut, j: int, p: int, m: int) -> bool:
    """Whether a cell is masked."""
    flux = cut["flux"]
    if flux.block_of[j] < 0:
        return False
    width = (int(flux.cells[j]) + 7) // 8
    bits = np.unpackbits(
        flux.blocked[flux.block_of[j] + p * width :][:width], bitorder="little"
    )
    return bool(bits[m])


def cells_of(cut: Cut) -> list[tuple[int, int, int, int, float, float, float]]:
    """Pixel, step, interval and bin of all shares of cells: n w, ΔE where usable, ΔE."""
    flux, views, table = cut["flux"], cut["views"], cut["pixel"].table
    found = []
    for p in np.flatnonzero(table[:, 1] > 0):
        for v, j in enumerate(views.step):
            edges = flux.edges[flux.edge_of[j] :][: flux.cells[j] + 1]
            places = coordinates(cut, v, p, edges)
            for m in range(flux.cells[j]):
                n = flux.counts[flux.count_of[j] + m]
                if n < 0 or masked(cut, j, p, m):
                    continue
                span = K2 * (edges[m + 1] ** 2 - edges[m] ** 2)
                width = span * bool(flux.usable[flux.count_of[j] + m])
                for i, part in shares(cut, places[m], places[m + 1]).items():
                    amounts = (part * n * table[p, 1], part * width, part * span)
                    found.append((int(p), int(j), m, i, *amounts))
    return found
