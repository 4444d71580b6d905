"""Memory that a worker uses again for its next wedge."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.runs import Runs


class Workspace(threading.local):
    """Large arrays that each thread keeps: fresh pages are dear.

    What is taken is put back when it is done with, so that an array is never in two hands, and
    one that was left half-written by an error is not used again.

    Attributes
    ----------
    runs:
        First pixels and rows of the runs of every frame.
    image:
        A frame that is no longer wanted.
    """

    runs: Runs | None = None
    image: NDArray[Any] | None = None
    _latest: NDArray[np.int32] | None = None

    def __reduce__(self) -> tuple[type[Workspace], tuple[()]]:
        """Another process has memory of its own."""
        return Workspace, ()

    def runs_of(self, frames: int) -> Runs:
        """Room for the runs of so many frames; dims (frame, run)."""
        kept = self.runs
        if kept is None or kept[0].shape[0] < frames:
            return np.empty((frames, 1024), np.int32), np.empty((frames, 1024), np.int32)
        return kept[0][:frames], kept[1][:frames]

    def take_latest(self, pixels: int) -> NDArray[np.int32]:
        """Take zeros for so many pixels or more: no run of rejected frames yet."""
        kept, self._latest = self._latest, None
        if kept is None or kept.size < pixels:
            return np.zeros(pixels, dtype=np.int32)
        return kept

    def put_latest(self, latest: NDArray[np.int32], written: NDArray[np.int64]) -> None:
        """Put them back, after zeros are written where they were changed; dims (place)."""
        latest[written] = 0
        self._latest = latest
