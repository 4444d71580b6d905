"""A value that was logged while the neutrons came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray

#: Entries further apart than this (s) are not joined by a line: the device stood still.
LONGEST_GAP = 2.0


@dataclass(frozen=True)
class TimeLog:
    """A logged value as a function of time.

    Two habits of logging exist. A device that moves is read many times a second, and between
    two readings its value is on the line that joins them. A device that stands still is read at
    the end of its move and then hardly ever. So entries at most ``longest_gap`` apart are
    joined by a line, and over a longer gap the earlier value holds until the next entry. Before
    the first entry its value holds.

    Attributes
    ----------
    time:
        Ascending, from the start of the run; dims (entry), s, float64.
    value:
        dims (entry), in the unit that the owner of the log names, float64.
    longest_gap:
        s; infinite joins all entries, 0 none.
    """

    time: FloatArray
    value: FloatArray
    longest_gap: float = LONGEST_GAP

    def __post_init__(self) -> None:
        time, value = self.time, self.value
        asked = "use a log"
        if time.ndim != 1 or time.shape != value.shape or not time.size:
            found = f"{time.size} times and {value.size} values"
            raise UserError(asked, found, "Give as many values as times, one at least.")
        if not (np.all(np.isfinite(time)) and np.all(np.isfinite(value))):
            raise UserError(asked, "not all of its entries are numbers", "Leave those out.")
        falls = np.flatnonzero(np.diff(time) <= 0)
        if falls.size:
            raise UserError(
                asked,
                f"its time does not increase after entry {falls[0] + 1} of {time.size} "
                f"({time[falls[0]]:.6f} s, then {time[falls[0] + 1]:.6f} s)",
                "Sort it, or leave out the doubled entries.",
            )

    @classmethod
    def constant(cls, value: float) -> TimeLog:
        """Make a log of a value that never changes."""
        return cls(np.zeros(1), np.array([value], dtype=np.float64))

    @property
    def slope(self) -> FloatArray:
        """Change after each entry until the next; dims (entry), per s, 0 where it holds."""
        slope = np.zeros(self.time.size)
        gap = np.diff(self.time)
        joined = gap <= self.longest_gap
        slope[:-1][joined] = np.diff(self.value)[joined] / gap[joined]
        return slope

    def segment(self, time: ArrayLike) -> NDArray[np.int64]:
        """Entry that a time follows, the first one for earlier times; dims as time, int64."""
        found = np.searchsorted(self.time, np.asarray(time, dtype=np.float64), side="right")
        return np.asarray(np.maximum(found - 1, 0), dtype=np.int64)

    def at(self, time: ArrayLike) -> FloatArray:
        """Value at any times.

        Parameters
        ----------
        time:
            From the start of the run; dims (...), s, float64.

        Returns
        -------
        :
            dims (...), unit of the log, float64.
        """
        when = np.asarray(time, dtype=np.float64)
        entry = self.segment(when)
        since = np.maximum(when - self.time[entry], 0.0)
        return np.asarray(self.value[entry] + self.slope[entry] * since)

    def moving(self, fastest: float) -> NDArray[np.bool_]:
        """Whether the value changes faster than ``fastest`` after each entry; dims (entry)."""
        return np.asarray(np.abs(self.slope) > fastest)
