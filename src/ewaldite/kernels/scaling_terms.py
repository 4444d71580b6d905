"""Terms of the scaling model at one observation, for the kernels that go over all of them.

The coefficients of all terms are one vector. Where an observation lies among the nodes of a
term is kept as the place of the lowest node in that vector, and as ways from it in units of
1/65535 of a step. Arithmetic on places is unsigned, which spares a test for negative indices.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
PlaceArray = NDArray[np.int32]
PartArray = NDArray[np.uint16]
StepArray = NDArray[np.int64]

#: Parts of a step between two nodes.
PARTS = 65535
#: One of them.
UNIT = 1.0 / PARTS


class Places(NamedTuple):
    """Places of all observations among the nodes; arrays of no length where a term is off.

    Attributes
    ----------
    a, b, c, d, dose:
        Lowest node, as a place in the vector of coefficients; dims (observation), int32.
    a_part, b_part, c_part, d_part, dose_part:
        Ways from it; dims (observation, axis), uint16; d has no axis where it has bins.
    step:
        Places from a node to the next, 0 for an axis of one node: a along ix, iy, iz; b; c
        along the length of s and iz; d along two axes; dose; dims (9), int64.
    """

    a: PlaceArray
    a_part: PartArray
    b: PlaceArray
    b_part: PartArray
    c: PlaceArray
    c_part: PartArray
    d: PlaceArray
    d_part: PartArray
    dose: PlaceArray
    dose_part: PartArray
    step: StepArray


@numba.njit(nogil=True, cache=True, fastmath=True)
def _line(v: FloatArray, at: np.uint64, step: np.uint64, x: float) -> float:
    return float(v[at] + x * (v[at + step] - v[at]))


@numba.njit(nogil=True, cache=True, fastmath=True)
def _plane(
    v: FloatArray, at: np.uint64, step: np.uint64, row: np.uint64, x: float, y: float
) -> float:
    low = _line(v, at, step, x)
    return low + y * (_line(v, at + row, step, x) - low)


@numba.njit(nogil=True, cache=True, fastmath=True)
def _to_line(out: FloatArray, at: np.uint64, step: np.uint64, x: float, u: float) -> None:
    w = x * u
    out[at] += u - w
    out[at + step] += w


@numba.njit(nogil=True, cache=True, fastmath=True)
def _to_plane(
    out: FloatArray,
    at: np.uint64,
    step: np.uint64,
    row: np.uint64,
    x: float,
    y: float,
    u: float,
) -> None:
    w = y * u
    _to_line(out, at, step, x, u - w)
    _to_line(out, at + row, step, x, w)


@numba.njit(nogil=True, cache=True, fastmath=True)
def value_a(at: PlaceArray, part: PartArray, step: StepArray, i: int, v: FloatArray) -> float:
    """``a`` of observation i, from coefficients v."""
    x, y, z = part[i, 0] * UNIT, part[i, 1] * UNIT, part[i, 2] * UNIT
    node, one, row = np.uint64(at[i]), np.uint64(step[0]), np.uint64(step[1])
    low = _plane(v, node, one, row, x, y)
    high = _plane(v, node + np.uint64(step[2]), one, row, x, y)
    return float(low + z * (high - low))


@numba.njit(nogil=True, cache=True, fastmath=True)
def value_b(at: PlaceArray, part: PartArray, step: int, i: int, v: FloatArray) -> float:
    """``b``, or the dose term, of observation i."""
    return _line(v, np.uint64(at[i]), np.uint64(step), part[i, 0] * UNIT)


@numba.njit(nogil=True, cache=True, fastmath=True)
def value_c(at: PlaceArray, part: PartArray, step: StepArray, i: int, v: FloatArray) -> float:
    """``c`` of observation i."""
    one, row = np.uint64(step[4]), np.uint64(step[5])
    return _plane(v, np.uint64(at[i]), one, row, part[i, 0] * UNIT, part[i, 1] * UNIT)


@numba.njit(nogil=True, cache=True, fastmath=True)
def value_d(at: PlaceArray, part: PartArray, step: StepArray, i: int, v: FloatArray) -> float:
    """``d`` of observation i."""
    if part.shape[1] == 0:
        return float(v[np.uint64(at[i])])
    one, row = np.uint64(step[6]), np.uint64(step[7])
    return _plane(v, np.uint64(at[i]), one, row, part[i, 0] * UNIT, part[i, 1] * UNIT)


@numba.njit(nogil=True, cache=True, fastmath=True)
def add_a(
    at: PlaceArray, part: PartArray, step: StepArray, i: int, u: float, out: FloatArray
) -> None:
    """Add u times the weights of the nodes of ``a`` at observation i."""
    x, y, w = part[i, 0] * UNIT, part[i, 1] * UNIT, part[i, 2] * UNIT * u
    node, one, row = np.uint64(at[i]), np.uint64(step[0]), np.uint64(step[1])
    _to_plane(out, node, one, row, x, y, u - w)
    _to_plane(out, node + np.uint64(step[2]), one, row, x, y, w)


@numba.njit(nogil=True, cache=True, fastmath=True)
def add_b(
    at: PlaceArray, part: PartArray, step: int, i: int, u: float, out: FloatArray
) -> None:
    """Add u times the weights of the nodes of ``b``, or of the dose term."""
    _to_line(out, np.uint64(at[i]), np.uint64(step), part[i, 0] * UNIT, u)


@numba.njit(nogil=True, cache=True, fastmath=True)
def add_c(
    at: PlaceArray, part: PartArray, step: StepArray, i: int, u: float, out: FloatArray
) -> None:
    """Add u times the weights of the nodes of ``c``."""
    one, row = np.uint64(step[4]), np.uint64(step[5])
    _to_plane(out, np.uint64(at[i]), one, row, part[i, 0] * UNIT, part[i, 1] * UNIT, u)


@numba.njit(nogil=True, cache=True, fastmath=True)
def add_d(
    at: PlaceArray, part: PartArray, step: StepArray, i: int, u: float, out: FloatArray
) -> None:
    """Add u times the weights of the nodes of ``d``."""
    if part.shape[1] == 0:
        out[np.uint64(at[i])] += u
    else:
        one, row = np.uint64(step[6]), np.uint64(step[7])
        _to_plane(out, np.uint64(at[i]), one, row, part[i, 0] * UNIT, part[i, 1] * UNIT, u)


@numba.njit(nogil=True, cache=True)
def place(
    coordinate: NDArray[np.float32],
    batch: NDArray[np.int16],
    low: FloatArray,
    per_step: FloatArray,
    size: StepArray,
    nearest: bool,
    step: int,
    at: PlaceArray,
    part: PartArray,
    column: int,
) -> None:
    """Place observations along one axis.

    Parameters
    ----------
    coordinate:
        dims (observation), float32.
    batch:
        dims (observation), int16.
    low, per_step, size:
        First node, nodes per unit, number of nodes; dims (batch).
    nearest:
        Whether the nearest node is taken.
    step:
        Places from a node to the next.
    at:
        Is added to; dims (observation), int32.
    part:
        Has one column set, unless the nearest node is taken; dims (observation, axis), uint16.
    column:
        Which.
    """
    for i in range(coordinate.size):
        j = batch[i]
        x = (coordinate[i] - low[j]) * per_step[j]
        x = min(max(x, 0.0), float(size[j] - 1))
        if nearest:
            at[i] += step * int(np.floor(x + 0.5))
        else:
            node = min(int(x), max(size[j] - 2, 0))
            at[i] += step * node
            part[i, column] = int((x - node) * PARTS + 0.5)
