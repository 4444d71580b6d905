"""Control points and their coefficients: the one form of every term of the scaling model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from ewaldite.kernels.scaling_points import interpolate

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Axis:
    """Equidistant nodes along one coordinate.

    Attributes
    ----------
    name:
        Of the coordinate: ``ix``, ``iy``, ``iz``, ``s`` or ``panel``.
    low, high:
        First and last node; the unit of the coordinate.
    size:
        Number of nodes.
    bins:
        Whether the nearest node is taken, the nodes being the middles of bins; a tie goes up.
        Otherwise values between nodes are interpolated linearly.
    """

    name: str
    low: float
    high: float
    size: int
    bins: bool = False

    def __post_init__(self) -> None:
        if self.size < 1 or not np.isfinite([self.low, self.high]).all():
            raise ValueError(f"axis {self.name}: {self.size} nodes, {self.low} … {self.high}")
        if self.size > 1 and self.high <= self.low:
            raise ValueError(f"axis {self.name} does not ascend: {self.low} … {self.high}")

    @property
    def nodes(self) -> FloatArray:
        """Places of the nodes; dims (node)."""
        if self.size == 1:
            return np.array([(self.low + self.high) / 2])
        return np.linspace(self.low, self.high, self.size)

    @property
    def per_step(self) -> float:
        """Nodes per unit of the coordinate; 0 for a single node."""
        return 0.0 if self.size == 1 else (self.size - 1) / (self.high - self.low)

    def place(self, coordinate: ArrayLike) -> tuple[IntArray, FloatArray]:
        """Node below each place, and the way from it to the next.

        A place beyond the border counts as on it.

        Parameters
        ----------
        coordinate:
            dims (observation).

        Returns
        -------
        :
            Number of the node, at most the last but one, dims (observation), int64; fraction
            of the step, 0 … 1, dims (observation), float64, NaN where the place is NaN.
        """
        position = (np.asarray(coordinate, dtype=np.float64) - self.low) * self.per_step
        position = np.clip(position, 0.0, self.size - 1.0)
        if self.bins:
            position = np.floor(position + 0.5)
        node = np.nan_to_num(position).astype(np.int64)
        node = np.minimum(node, max(self.size - 2, 0))
        return node, position - node


@dataclass(frozen=True)
class ControlPoints:
    """A function of one, two or three coordinates, given by its values at nodes.

    Between nodes it is the tensor product of linear interpolations, ``f = A p``; beyond
    the first and last node it keeps the value of the border.

    Attributes
    ----------
    axes:
        One to three; the first is the fastest in memory.
    values:
        Coefficients p; dims are those of the axes in reverse order, float64.
    """

    axes: tuple[Axis, ...]
    values: FloatArray

    def __post_init__(self) -> None:
        shape = tuple(axis.size for axis in reversed(self.axes))
        if not 1 <= len(self.axes) <= 3 or self.values.shape != shape:
            raise ValueError(f"values of shape {self.values.shape} for nodes {shape}")

    @staticmethod
    def constant(axes: Sequence[Axis], value: float) -> ControlPoints:
        """Make a function that is the same everywhere."""
        shape = tuple(axis.size for axis in reversed(axes))
        return ControlPoints(tuple(axes), np.full(shape, value))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates, in the order of the axes."""
        return tuple(axis.name for axis in self.axes)

    def axis(self, name: str) -> Axis:
        """The axis of a coordinate."""
        return self.axes[self.names.index(name)]

    def with_values(self, values: FloatArray) -> ControlPoints:
        """The same nodes with other values, given in any shape of their number."""
        return replace(self, values=np.asarray(values, np.float64).reshape(self.values.shape))

    def __call__(self, *coordinates: ArrayLike) -> FloatArray:
        """Evaluate.

        Parameters
        ----------
        *coordinates:
            One array for each axis; dims (observation).

        Returns
        -------
        :
            dims (observation), float64; NaN where a coordinate is NaN.
        """
        places = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in coordinates))
        if len(places) != len(self.axes):
            raise ValueError(f"{len(places)} coordinates for the axes {self.names}")
        stacked = np.zeros((3, places[0].size))
        for row, place in zip(stacked, places, strict=False):
            row[:] = place.ravel()
        padding = 3 - len(self.axes)
        found = interpolate(
            stacked,
            np.array([axis.low for axis in self.axes] + [0.0] * padding),
            np.array([axis.per_step for axis in self.axes] + [0.0] * padding),
            np.array([axis.size for axis in self.axes] + [1] * padding),
            np.array([axis.bins for axis in self.axes] + [False] * padding),
            self.values.ravel(),
        )
        return found.reshape(places[0].shape)

    def at(self, columns: Mapping[str, FloatArray]) -> FloatArray:
        """Evaluate, taking the coordinates by name; see :meth:`__call__`."""
        return self(*(columns[name] for name in self.names))

    def matrix(self, *coordinates: ArrayLike) -> sparse.csr_matrix:
        """Weights A of the coefficients, ``f = A p`` with p in the order of ``values.ravel()``.

        Parameters
        ----------
        *coordinates:
            One array for each axis, without NaN; dims (observation).

        Returns
        -------
        :
            dims (observation, node), float64; every row adds up to 1.
        """
        places = [np.asarray(x, np.float64).ravel() for x in coordinates]
        rows = np.arange(places[0].size)
        column, weight = np.zeros((1, rows.size), np.int64), np.ones((1, rows.size))
        stride = 1
        for axis, place in zip(self.axes, places, strict=True):
            node, part = axis.place(place)
            ends = (node, np.minimum(node + 1, axis.size - 1))
            column = np.concatenate([column + stride * end for end in ends])
            weight = np.concatenate([weight * (1 - part), weight * part])
            stride *= axis.size
        entries = (weight.ravel(), (np.tile(rows, len(column)), column.ravel()))
        out = sparse.csr_matrix(entries, shape=(rows.size, stride))
        out.eliminate_zeros()
        return out

    def roughness(self, *names: str) -> sparse.csr_matrix:
        """Matrix B whose ``|B p|²`` says how far the values are from smooth.

        Along one axis it is the second difference with the weights -1/2, 1, -1/2; over
        several axes the difference from the mean of the nearest neighbours, as many as there
        are. A single node is always smooth.

        Parameters
        ----------
        *names:
            Axes that are looked along; the others are taken node by node.

        Returns
        -------
        :
            dims (row, node), float64.
        """
        if len(names) == 1:
            factors = [
                _second_difference(axis.size)
                if axis.name in names
                else sparse.identity(axis.size)
                for axis in self.axes
            ]
            return _product(factors)
        links = sparse.csr_matrix((self.values.size, self.values.size))
        for name in names:
            factors = [
                _links(axis.size) if axis.name == name else sparse.identity(axis.size)
                for axis in self.axes
            ]
            links = links + _product(factors)
        number = np.asarray(links.sum(axis=1)).ravel()
        mean = sparse.diags_array(1 / np.maximum(number, 1)) @ links
        return sparse.csr_matrix(sparse.diags_array((number > 0).astype(float)) - mean)


def _second_difference(size: int) -> sparse.csr_matrix:
    """Rows -1/2, 1, -1/2; none for fewer than three nodes."""
    rows = max(size - 2, 0)
    return sparse.csr_matrix(
        sparse.diags([-0.5, 1.0, -0.5], [0, 1, 2], shape=(rows, size)) if rows else (0, size)
    )


def _links(size: int) -> sparse.csr_matrix:
    """Ones where two nodes are neighbours."""
    ones = np.ones(max(size - 1, 0))
    return sparse.csr_matrix(sparse.diags([ones, ones], [-1, 1], shape=(size, size)))


def _product(factors: Sequence[sparse.spmatrix]) -> sparse.csr_matrix:
    """Kronecker product with the first factor the fastest."""
    return reduce(lambda done, slower: sparse.kron(slower, done, format="csr"), factors)
