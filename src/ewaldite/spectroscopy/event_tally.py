"""What became of the events of a run, counted while they pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.event_tally import BITS, KEPT, REJECTED, tally_events

IntArray = NDArray[np.int64]


@dataclass
class EventTally:
    """Events by pixel and by mask; it grows, and tallies of parts of a run add up.

    Attributes
    ----------
    pixels:
        Events without a mask, and with one; dims (row, 2), int64.
    masks:
        Events of each mask, by its bit; an event with several is in each; dims (32), int64.
    nowhere:
        Events of no pixel.
    """

    pixels: IntArray
    masks: IntArray
    nowhere: int = 0

    @classmethod
    def of(cls, rows: int) -> EventTally:
        """Nothing so far, for that many rows of the instrument."""
        return cls(np.zeros((rows, 2), np.int64), np.zeros(BITS, np.int64))

    def add(self, row: NDArray[np.int32], flags: NDArray[np.uint32]) -> None:
        """Count events.

        Parameters
        ----------
        row:
            Row of the pixel in the instrument, negative for none; dims (event).
        flags:
            Masks by bit; dims (event).
        """
        self.nowhere += tally_events(row, flags, self.pixels, self.masks)

    def __add__(self, other: EventTally) -> EventTally:
        return EventTally(
            self.pixels + other.pixels, self.masks + other.masks, self.nowhere + other.nowhere
        )

    @property
    def total(self) -> int:
        """All events."""
        return int(self.pixels.sum()) + self.nowhere

    @property
    def kept(self) -> IntArray:
        """Events without a mask; dims (row), int64."""
        return np.asarray(self.pixels[:, KEPT])

    @property
    def rejected(self) -> IntArray:
        """Events with a mask; dims (row), int64."""
        return np.asarray(self.pixels[:, REJECTED])

    def by_name(self, names: tuple[str, ...]) -> dict[str, int]:
        """Events of each mask; ``names`` in the order of the bits."""
        return {name: int(self.masks[bit]) for bit, name in enumerate(names)}
