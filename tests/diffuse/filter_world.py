"""A lattice of 3 × 3 × 3 voxels a cell with a known background and known peaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import poisson

MAX_COUNT = 60


@dataclass(frozen=True)
class World:
    """Voxels with their truth; sigma is the expected excess over the root of the background."""

    index: np.ndarray
    histogram: np.ndarray
    overflow: np.ndarray
    overflow_sum: np.ndarray
    rate: np.ndarray
    pixels: np.ndarray
    excess: np.ndarray

    @property
    def background(self):
        return self.rate * self.pixels

    @property
    def sigma(self):
        return self.excess / np.sqrt(self.background)

    @property
    def data(self):
        return self.index, self.histogram, self.overflow, self.overflow_sum


def background_rate(index):
    """From 0.02 to 20 along h, waves along k and l, two rings of width 5 voxels."""
    x = (index - index.min(axis=0)) / np.maximum(np.ptp(index, axis=0), 1)
    log = np.log(0.025) + np.log(13 / 0.025) * x[:, 0]
    log += 0.15 * np.sin(5 * x[:, 1]) + 0.1 * np.cos(4 * x[:, 2])
    radius = np.linalg.norm(index, axis=1)
    rings = sum(np.exp(-(((radius - r) / 5) ** 2) / 2) for r in (20, 40))
    return np.clip(np.exp(log) * (1 + 0.5 * rings), 0.02, 20)


def counted(rng, pixels, rate):
    """Histograms of Poisson counts, and the pairs above them."""
    histogram = np.empty((pixels.size, MAX_COUNT + 1), np.int64)
    over = np.empty(pixels.size, np.int64)
    for start in range(0, pixels.size, 10_000):
        part = slice(start, start + 10_000)
        p = poisson.pmf(np.arange(MAX_COUNT + 1), rate[part, None])
        tail = np.clip(1 - p.sum(axis=1, keepdims=True), 0, 1)
        p = np.concatenate([p, np.where(tail < 1e-12, 0, tail)], axis=1)
        drawn = rng.multinomial(pixels[part], p / p.sum(axis=1, keepdims=True))
        histogram[part], over[part] = drawn[:, :-1], drawn[:, -1]
    return histogram, over


def make_world(seed, cells=(40, 6, 5), node_sigma=None, tails=0.1):
    """Peaks at whole hkl.

    ``node_sigma(rng, n)`` draws the expected excess at the nodes in sigma; every neighbour by a
    face gets a uniform share of up to ``tails`` of the node's excess per pixel. The excess
    falls on a tenth to all of the pixels of a voxel. 5 to 1000 pixels a voxel, log-uniform; one
    voxel in twenty is missing.
    """
    rng = np.random.default_rng(seed)
    size = [3 * c for c in cells]
    index = np.stack(np.indices(size), axis=-1).reshape(-1, 3) - np.array(size) // 2
    rate = background_rate(index)
    pixels = np.exp(rng.uniform(np.log(5), np.log(1000), len(index))).astype(np.int64)
    added = np.zeros(size)
    node = (index % 3 == 0).all(axis=1)
    if node_sigma is not None:
        height = node_sigma(rng, node.sum()) * np.sqrt(rate[node] / pixels[node])
        added.reshape(-1)[node] = height
        flat = added.copy()
        for axis in range(3):
            for step in (-1, 1):
                share = rng.uniform(0, tails, size)
                added += np.roll(flat, step, axis) * share
    excess = added.reshape(-1) * pixels
    struck = np.maximum(1, (pixels * rng.uniform(0.1, 1, pixels.size)).astype(np.int64))
    quiet, over = counted(rng, pixels - struck, rate)
    loud, more = counted(rng, struck, rate + excess / struck)
    keep = rng.random(len(index)) < 0.95
    mean_above = np.maximum(MAX_COUNT + 1, rate + excess / struck)
    return World(
        index=index[keep].astype(np.int64),
        histogram=(quiet + loud)[keep].astype(np.uint32),
        overflow=(over + more)[keep],
        overflow_sum=np.ceil((over + more) * mean_above)[keep].astype(np.int64),
        rate=rate[keep],
        pixels=pixels[keep],
        excess=excess[keep],
    )
