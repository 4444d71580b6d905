"""The loops over pixels that evaluate a truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ewaldite.simulate.compiled import compiled

FloatArray = NDArray[np.float64]

# adding and subtracting 3·2⁵¹ rounds a double to the nearest integer without a branch or a
# call, so that the loop over a row becomes vector instructions
_ROUND = 6755399441055744.0


@compiled
def add_cosine(
    h: FloatArray, k: FloatArray, l: FloatArray, wave: FloatArray, total: FloatArray
) -> None:
    """Add ``c cos 2π(u h + v k + w l)`` for points in a row, with an error below 1e-13 c.

    Parameters
    ----------
    h, k, l:
        dims (point), float64.
    wave:
        (c, u, v, w).
    total:
        Added to; dims (point), float64.
    """
    c, u, v, w = wave[0], wave[1], wave[2], wave[3]
    for i in range(h.size):
        turns = u * h[i] + v * k[i] + w * l[i]
        x = np.pi * (turns - ((turns + _ROUND) - _ROUND))
        y = x * x
        # cos 2x = 1 - 2 sin²x with |x| ≤ π/2 and Taylor's series of the sine
        sine = 1.0 - y * (1.0 / 342.0)
        sine = 1.0 - y * (1.0 / 272.0) * sine
        sine = 1.0 - y * (1.0 / 210.0) * sine
        sine = 1.0 - y * (1.0 / 156.0) * sine
        sine = 1.0 - y * (1.0 / 110.0) * sine
        sine = 1.0 - y * (1.0 / 72.0) * sine
        sine = 1.0 - y * (1.0 / 42.0) * sine
        sine = 1.0 - y * (1.0 / 20.0) * sine
        sine = 1.0 - y * (1.0 / 6.0) * sine
        total[i] += c * (1.0 - 2.0 * y * sine * sine)


@compiled
def add_smooth(
    s: FloatArray,
    axes: FloatArray,
    waves: FloatArray,
    nodes: FloatArray,
    levels: FloatArray,
    ring: FloatArray,
    result: FloatArray,
) -> None:
    """Add diffuse intensity and ring (`ewaldite.simulate.truth.Truth`).

    Parameters
    ----------
    s:
        dims (xyz, row, point), 1/Å, float64.
    axes:
        dims (xyz, abc), Å, float64.
    waves, nodes:
        (coefficient, u, v, w) of cosines; dims (wave, 4), float64.
    levels:
        Diffuse level, halo, width of the envelope.
    ring:
        Level, position, width.
    result:
        Added to; dims (row, point), float64.
    """
    points = s.shape[2]
    h, k, l = np.empty(points), np.empty(points), np.empty(points)
    wavy, near = np.empty(points), np.empty(points)
    for row in range(s.shape[1]):
        x, y, z = s[0, row], s[1, row], s[2, row]
        for i in range(points):
            h[i] = x[i] * axes[0, 0] + y[i] * axes[1, 0] + z[i] * axes[2, 0]
            k[i] = x[i] * axes[0, 1] + y[i] * axes[1, 1] + z[i] * axes[2, 1]
            l[i] = x[i] * axes[0, 2] + y[i] * axes[1, 2] + z[i] * axes[2, 2]
            wavy[i] = 1.0
            near[i] = 0.0
        for j in range(waves.shape[0]):
            add_cosine(h, k, l, waves[j], wavy)
        for j in range(nodes.shape[0]):
            add_cosine(h, k, l, nodes[j], near)
        for i in range(points):
            squared = x[i] * x[i] + y[i] * y[i] + z[i] * z[i]
            closeness = 0.5 + 0.5 * near[i]
            closeness *= closeness
            closeness *= closeness
            shape = wavy[i] + levels[1] * closeness * closeness
            result[row, i] += levels[0] * shape * np.exp(-0.5 * squared / levels[2] ** 2)
            off = (np.sqrt(squared) - ring[1]) / ring[2]
            result[row, i] += ring[0] * np.exp(-0.5 * off * off)


@compiled
def strength(node: NDArray[np.int64], operations: NDArray[np.int64], seed: int) -> float:
    """Exponentially distributed number of mean 1 that belongs to the orbit of a node.

    Seed and lexicographically last equivalent node run through the mixing function of
    SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).

    Parameters
    ----------
    node:
        (h, k, l), int64.
    operations:
        dims (op, 3, 3), int64.
    seed:
        Any whole number.

    Returns
    -------
    :
        Zero for 0 0 0.
    """
    h, k, l = np.int64(0), np.int64(0), np.int64(0)
    for j in range(operations.shape[0]):
        op = operations[j]
        a = op[0, 0] * node[0] + op[0, 1] * node[1] + op[0, 2] * node[2]
        b = op[1, 0] * node[0] + op[1, 1] * node[1] + op[1, 2] * node[2]
        c = op[2, 0] * node[0] + op[2, 1] * node[1] + op[2, 2] * node[2]
        if a > h or (a == h and (b > k or (b == k and c > l))):
            h, k, l = a, b, c
    if h == 0 and k == 0 and l == 0:
        return 0.0
    state = np.uint64(seed)
    for value in (h, k, l):
        state = (state ^ np.uint64(value)) + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    uniform = (float(state >> np.uint64(11)) + 0.5) / 9007199254740992.0
    return float(-np.log(uniform))


@compiled
def add_bragg(
    s: FloatArray,
    axes: FloatArray,
    star: FloatArray,
    operations: NDArray[np.int64],
    seed: int,
    peaks: FloatArray,
    result: FloatArray,
) -> None:
    """Add Bragg spots (`ewaldite.simulate.truth.Truth`).

    Parameters
    ----------
    s, axes, result:
        As in `add_smooth`.
    star:
        Reciprocal axes as rows; dims (abc, xyz), 1/Å, float64.
    operations, seed:
        As in `strength`.
    peaks:
        Mean height, decay B, width σ, cut in σ.
    """
    height, decay, width, cut = peaks[0], peaks[1], peaks[2], peaks[3]
    limit = cut * width * cut * width
    node = np.empty(3, dtype=np.int64)
    off = np.empty(3)
    for row in range(s.shape[1]):
        for i in range(s.shape[2]):
            x, y, z = s[0, row, i], s[1, row, i], s[2, row, i]
            for j in range(3):
                q = x * axes[0, j] + y * axes[1, j] + z * axes[2, j]
                nearest = (q + _ROUND) - _ROUND
                off[j] = q - nearest
                node[j] = np.int64(nearest)
            dx = off[0] * star[0, 0] + off[1] * star[1, 0] + off[2] * star[2, 0]
            dy = off[0] * star[0, 1] + off[1] * star[1, 1] + off[2] * star[2, 1]
            dz = off[0] * star[0, 2] + off[1] * star[1, 2] + off[2] * star[2, 2]
            squared = dx * dx + dy * dy + dz * dz
            if squared < limit:
                x, y, z = x - dx, y - dy, z - dz
                at_node = x * x + y * y + z * z
                result[row, i] += (
                    height
                    * strength(node, operations, seed)
                    * np.exp(-0.5 * decay * at_node - 0.5 * squared / width**2)
                )
