"""Observations that come block by block, as often as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.merging.prepared import Prepared, Scaling, usable
from ewaldite.diffuse.merging.rates import ShellSums
from ewaldite.diffuse.merging.survey import Survey
from ewaldite.diffuse.observations import Observations

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: What begins another pass over the blocks of a table; their order never changes.
Source = Callable[[], Iterable[Observations]]


class Blocks:
    """A table of observations in blocks, with the rows that merging rejected.

    Parameters
    ----------
    source:
        Gives the blocks, the same at every pass.
    scaling:
        Gives scale a and offset c of a block; ones and zeros if None.
    """

    def __init__(self, source: Source, scaling: Scaling | None = None) -> None:
        self._source = source
        self._scaling = scaling
        self._rejected = np.zeros(0, np.bool_)
        self._length = 0

    def usable(self) -> Iterator[Prepared]:
        """Yield the usable rows of every block; ``rows`` are those of the whole table."""
        start = 0
        for block in self._source():
            stop = start + len(block)
            self._length = max(self._length, stop)
            table = block
            if self._rejected.size:
                table = block.with_mask("rejected", self._rejected[start:stop])
            scale, offset = (None, None) if self._scaling is None else self._scaling(block)
            found = usable(table, scale, offset)
            yield replace(found, rows=found.rows + start)
            start = stop

    def predicted(
        self, rates: ShellSums, error: FloatArray | None = None
    ) -> Iterator[Prepared]:
        """Yield the usable rows of every block with their predictions.

        Parameters
        ----------
        rates:
            Of all usable rows.
        error:
            Systematic error of each sweep as a part of the signal; dims (sweep), float64.
        """
        for block in self.usable():
            o = block.observations
            predicted = rates.predict(o, block.scale, block.offset)
            own = np.zeros(0) if error is None else error[o.sweep]
            yield replace(block, predicted=predicted, error=own)

    def survey(self, group: SpaceGroup, *, friedel: bool = True) -> Survey:
        """Make the first pass: rates, voxels and their numbers of observations."""
        found = Survey(group, friedel=friedel)
        for block in self.usable():
            found.add(block)
        return found

    def reject(self, rows: IntArray) -> None:
        """Leave rows of the whole table out of all passes that follow."""
        if self._rejected.size == 0:
            self._rejected = np.zeros(self._length, np.bool_)
        self._rejected[rows] = True

    @property
    def rejected(self) -> BoolArray:
        """Rows that were rejected; dims (observation) of the whole table, bool."""
        if self._rejected.size == 0:
            return np.zeros(self._length, np.bool_)
        return self._rejected
