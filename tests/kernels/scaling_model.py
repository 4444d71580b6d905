"""A small scaling model with every term, as dense matrices of weights of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.scaling import Rows
from ewaldite.kernels.scaling_terms import PARTS, Places

FloatArray = NDArray[np.float64]
TERMS = ("a", "b", "c", "d", "dose")
# Nodes along the axes of a term, and the first of its coefficients
NODES = {"a": (3, 2, 4), "b": (5,), "c": (3, 4), "d": (2, 3), "dose": (4,)}


@dataclass(frozen=True)
class Model:
    """Observations, and what each term does to them.

    Attributes
    ----------
    weights:
        Of the nodes of a term, empty where it is off; dims (observation, coefficient).
    """

    rows: Rows
    places: Places
    weights: dict[str, FloatArray]
    p: FloatArray
    weight: NDArray[np.float32]

    @property
    def voxel(self) -> NDArray[np.int64]:
        """Of each observation."""
        return np.repeat(np.arange(self.rows.start.size - 1), np.diff(self.rows.start))

    def value(self, term: str, p: FloatArray, off: float) -> FloatArray:
        """Of a term at observations."""
        w = self.weights[term]
        return w @ p if w.size else np.full(w.shape[0], off)

    def parts(self, p: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """``e a d``, ``b D`` and c of observations."""
        s2 = self.rows.length.astype(float) ** 2
        ead = self.rows.exposure * self.value("a", p, 1.0) * self.value("d", p, 1.0)
        loss = np.exp(-0.5 * s2 * self.value("dose", p, 0.0))
        return ead, self.value("b", p, 1.0) * loss, self.value("c", p, 0.0)

    def residuals(self, p: FloatArray, intensity: FloatArray) -> FloatArray:
        """``(signal - e a d (b D I + c)) / σ``."""
        ead, b, c = self.parts(p)
        expected = ead * (b * intensity[self.voxel] + c)
        return np.asarray(self.weight * (self.rows.signal - expected), np.float64)

    def intensity(self, p: FloatArray) -> FloatArray:
        """Weighted mean of each voxel, 0 without weight."""
        ead, b, c = self.parts(p)
        slope, rest = self.weight * ead * b, self.weight * (self.rows.signal - ead * c)
        top = np.bincount(self.voxel, slope * rest, self.rows.start.size - 1)
        bottom = np.bincount(self.voxel, slope * slope, self.rows.start.size - 1)
        return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)

    def jacobian(self, p: FloatArray, intensity: FloatArray) -> FloatArray:
        """Minus the derivatives of residuals by coefficients, by differences."""
        columns = []
        for j in range(p.size):
            d = np.zeros(p.size)
            d[j] = 1e-4
            up, down = self.residuals(p + d, intensity), self.residuals(p - d, intensity)
            columns.append((down - up) / 2e-4)
        return np.stack(columns, axis=1)


def model(on: str, *, bins: bool = False, seed: int = 0) -> Model:
    """Observations at random, with the terms that are named by their first letters.

    Parameters
    ----------
    on:
        Of "abcdD", D the dose term.
    bins:
        Whether d has bins, and no axis.
    """
    rng = np.random.default_rng(seed)
    many = rng.integers(1, 6, 25)
    start = np.append(0, np.cumsum(many))
    n = int(start[-1])
    has = {term: (term[0] if term != "dose" else "D") in on for term in TERMS}
    step, at, part, weights, size = np.zeros(9, np.int64), {}, {}, {}, 0
    for term in TERMS:
        nodes = NODES[term]
        if not has[term]:
            at[term], part[term] = np.zeros(0, np.int32), np.zeros((0, len(nodes)), np.uint16)
            continue
        strides = np.append(1, np.cumprod(nodes))[:-1]
        if term == "d" and bins:
            node = rng.integers(0, 6, n)
            at[term], part[term] = node + size, np.zeros((n, 0), np.uint16)
        else:
            low = np.stack([rng.integers(0, m - 1, n) for m in nodes], axis=1)
            at[term] = size + low @ strides
            part[term] = rng.integers(0, PARTS + 1, low.shape).astype(np.uint16)
            part[term][0] = 0
            step[{"a": 0, "b": 3, "c": 4, "d": 6, "dose": 8}[term] + np.arange(len(nodes))] = (
                strides
            )
        size += int(np.prod(nodes))
    for term in TERMS:
        weights[term] = np.zeros((n, size if has[term] else 0))
        if has[term]:
            ways = part[term] / PARTS
            axes = {"a": 0, "b": 3, "c": 4, "d": 6, "dose": 8}[term]
            for corner in np.ndindex((2,) * ways.shape[1]):
                share = np.prod(np.where(corner, ways, 1.0 - ways), axis=1)
                there = at[term] + np.array(corner, int) @ step[axes : axes + len(corner)]
                np.add.at(weights[term], (np.arange(n), there.astype(int)), share)
    places = Places(
        *(x for term in TERMS for x in (at[term].astype(np.int32), part[term])), step
    )
    signal, exposure, length = rng.uniform(
        [[5.0], [0.5], [0.2]], [[60.0], [3.0], [1.6]], (3, n)
    )
    rows = Rows(start, *(x.astype(np.float32) for x in (signal, exposure, length)))
    weight = np.where(rng.random(n) < 0.15, 0.0, rng.uniform(0.1, 0.4, n)).astype(np.float32)
    weight[start[3] : start[4]] = 0.0  # a voxel of which nothing is left
    return Model(rows, places, weights, rng.uniform(0.6, 1.4, size), weight)


def linearised(made: Model, kernel: Any) -> tuple[float, FloatArray, Any, FloatArray]:
    """Target, intensities, derivatives and gradient by the kernel."""
    intensity = np.full(made.rows.start.size - 1, np.nan)
    f = np.zeros((made.rows.signal.size, 6), np.float32)
    gradient = np.full(made.p.size, np.nan)
    target = kernel.linearise(
        made.rows, made.places, made.p, made.weight, intensity, f, gradient
    )
    return target, intensity, f, gradient
