"""All coefficients of a model as one vector, and where observations lie in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.scaling.basis import ControlPoints
from ewaldite.diffuse.scaling.model import ScalingModel
from ewaldite.diffuse.scaling.table import ScalingTable
from ewaldite.kernels.scaling_terms import Places, place

FloatArray = NDArray[np.float64]
Segment = tuple[str, ControlPoints, slice]

# b first: of all terms it is read most
_ORDER = ("b", "c", "a", "d", "B")
_COLUMNS = {"s": "length", "ix": "ix", "iy": "iy", "iz": "iz", "panel": "panel"}
# Where the steps of each term stand in ``Places.step``
_STEPS = {"a": (0, 1, 2), "b": (3,), "c": (4, 5), "d": (6, 7), "B": (8,)}


@dataclass(frozen=True)
class Layout:
    """Order of the coefficients: term by term, batch by batch.

    Attributes
    ----------
    model:
        The model whose control points they are.
    segments:
        Term, control points and place of each set of them.
    """

    model: ScalingModel
    segments: tuple[Segment, ...] = field(init=False)

    def __post_init__(self) -> None:
        segments, at = [], 0
        for term in _ORDER:
            for points in self.model.terms.get(term, ()):
                segments.append((term, points, slice(at, at + points.values.size)))
                at += points.values.size
        object.__setattr__(self, "segments", tuple(segments))

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return self.segments[-1][2].stop if self.segments else 0

    def of(self, *terms: str) -> list[Segment]:
        """Segments of some terms."""
        return [segment for segment in self.segments if segment[0] in terms]

    def vector(self) -> FloatArray:
        """The coefficients; dims (coefficient), float64."""
        values = [points.values.ravel() for _, points, _ in self.segments]
        return np.concatenate(values) if values else np.zeros(0)

    def with_vector(self, p: FloatArray) -> ScalingModel:
        """The model with these coefficients."""
        changed: dict[str, tuple[ControlPoints, ...]] = {}
        for term, points, where in self.segments:
            changed[term] = (*changed.get(term, ()), points.with_values(p[where]))
        return self.model.with_terms(**changed)

    def places(self, table: ScalingTable) -> Places:
        """Where observations lie among the nodes.

        Parameters
        ----------
        table:
            Of the batches of the model.

        Returns
        -------
        :
            The places.
        """
        found = {term: self._places_of(term, table) for term in _ORDER}
        step = np.zeros(9, np.int64)
        for term, points, _ in self.segments:
            stride = 1
            for axis, where in zip(points.axes, _STEPS[term], strict=False):
                step[where] = stride if axis.size > 1 else 0
                stride *= axis.size
        a, b, c, d, dose = (found[term] for term in ("a", "b", "c", "d", "B"))
        return Places(*a, *b, *c, *d, *dose, step)

    def _places_of(
        self, term: str, table: ScalingTable
    ) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        segments = self.of(term)
        if not segments:
            return np.zeros(0, np.int32), np.zeros((0, 1), np.uint16)
        if len(segments) == 1:
            segments = segments * len(table.batches)
        start = np.array([where.start for _, _, where in segments], dtype=np.int32)
        at = start[table.batch]
        axes = [points.axes for _, points, _ in segments]
        bins = axes[0][0].bins
        part = np.zeros((len(table), 0 if bins else len(axes[0])), np.uint16)
        stride = 1
        for i, axis in enumerate(axes[0]):
            mine = [of_batch[i] for of_batch in axes]
            place(
                getattr(table, _COLUMNS[axis.name]).astype(np.float32, copy=False),
                table.batch,
                np.array([a.low for a in mine]),
                np.array([a.per_step for a in mine]),
                np.array([a.size for a in mine]),
                axis.bins,
                stride,
                at,
                part,
                i,
            )
            stride *= axis.size
        return at, part
