"""Tables of a small cut, with all that kernels may meet, from numpy alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from ewaldite.kernels.coverage import COLUMNS
from ewaldite.kernels.cut_tables import GUIDES, BinTable, FluxTable, PixelTable, ViewTable

K2 = 2.0721249  # meV Å²
OPERATIONS = np.array([np.eye(3), np.diag([-1.0, 1.0, -1.0])])


def tables(
    *,
    pixels: int = 30,
    steps: int = 5,
    cells: int = 40,
    shape: tuple[int, int] = (12, 9),
    seed: int = 3,
) -> dict[str, Any]:
    """Arguments of both kernels: (h, E) with ranges of l and |Q|, masks and dead pixels."""
    rng = np.random.default_rng(seed)
    k_f = np.sqrt(rng.choice([2.7, 3.2, 3.8, 4.4, 5.0], pixels) / K2)
    angle, up = rng.uniform(0.2, 2.2, pixels), rng.uniform(-0.03, 0.03, pixels)
    direction = np.stack(
        [np.sin(angle) * np.cos(up), np.sin(up), np.cos(angle) * np.cos(up)], -1
    )
    weight = np.where(rng.random(pixels) < 0.1, 0.0, rng.uniform(0.5, 2.0, pixels))
    inverse = np.divide(1.0, weight, out=np.zeros(pixels), where=weight > 0)
    table = np.stack([K2 * k_f**2, weight, rng.uniform(1e-4, 1e-2, pixels)], -1)
    edges = np.sort(rng.uniform(1.1, 1.6, (2, cells + 1)), axis=1)
    edges_of = np.arange(steps, dtype=np.int64) % 2 * (cells + 1)
    counts = np.where(rng.random(steps * cells) < 0.1, -1.0, rng.poisson(50.0, steps * cells))
    counts[rng.random(counts.size) < 0.1] = 0.0
    width = (cells + 7) // 8
    blocked = rng.integers(0, 256, pixels * width).astype(np.uint8)
    block_of = np.full(steps, -1, np.int64)
    block_of[1:2] = 0
    usable = counts > 30
    span = np.diff(K2 * edges**2, axis=1)[np.arange(steps) % 2].ravel()
    per_count = np.where(
        usable, span / np.maximum(counts, 1.0), np.where(counts < 0, -1.0, 0.0)
    )
    guide, guides = zip(*(_guide(one) for one in edges), strict=True)
    flux = FluxTable(
        edges.ravel(), edges_of, np.arange(steps, dtype=np.int64) * cells,
        np.full(steps, cells, np.int64), counts, usable, per_count, blocked, block_of,
        np.concatenate(guide), np.array(guides)[np.arange(steps) % 2],
    )  # fmt: skip
    turn = np.linspace(0.0, 1.5, steps)
    sample = np.zeros((steps, 3, 3))
    sample[:, 0, 0] = sample[:, 2, 2] = np.cos(turn)
    sample[:, 2, 0], sample[:, 0, 2] = np.sin(turn), -np.sin(turn)
    sample[:, 1, 1] = 1.0
    hkl = np.zeros((4, 3))
    hkl[0], hkl[2] = [0, 0, 0.8], [0.8, 0, 0]  # range of l, axis h
    seen = np.einsum("rx,gxy,syz->sgrz", hkl, OPERATIONS, sample).reshape(-1, 4, 3)
    views = ViewTable(
        np.arange(steps + 1, dtype=np.int64) * 2, np.repeat(np.arange(steps), 2),
        np.ascontiguousarray(seen[..., 2]), seen, np.tile([0.0, 0.0, 1.0], (2 * steps, 1)),
    )  # fmt: skip
    rows = np.array(
        [
            [-1.5, 1 / 3.0, 0.0, 0.0],
            [0.2, 1 / 2.5, 0.0, 1.0],
            [-1.2, shape[0] / 2.4, 0.0, 0.0],
            [-1.5, shape[1] / 3.5, 1.0, 0.0],
        ]
    )
    bins = BinTable(rows, np.array([1, 1, *shape]), np.array([0, 0, shape[1], 1]))
    return {
        "pixel": PixelTable(direction * k_f[:, None], table, inverse),
        "flux": flux,
        "views": views,
        "grid": bins,
    }


def _guide(edges: Any) -> tuple[Any, float]:
    """Interval at the lower end of equal parts, as long as all edges ask for; parts to 1/Å."""
    parts = np.linspace(edges[0], edges[-1], GUIDES * (edges.size - 1) + 1)
    found = np.searchsorted(edges, parts[:-1], side="right") - 1
    return np.append(found, np.zeros(GUIDES, np.int64)), 1.0 / (parts[1] - parts[0])


def room(cut: dict[str, Any], terms: int = 20_000) -> tuple[Any, Any]:
    """Empty sums and terms."""
    bins = np.zeros((int(np.prod(cut["grid"].number)), COLUMNS))
    return bins, (np.empty(terms, np.int64), np.empty(terms, np.int64), np.empty(terms))


def readings(cut: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Members, bounds and variances: an interval is read in all steps at once."""
    flux = cut["flux"]
    steps, cells = flux.cells.size, int(flux.cells[0])
    step, cell = np.meshgrid(np.arange(steps), np.arange(cells))
    members = np.stack([step.ravel(), cell.ravel()], axis=1)
    bounds = np.arange(cells + 1, dtype=np.int64) * steps
    return members, bounds, np.random.default_rng(5).uniform(1e-4, 1e-2, cells)
