"""A few frames of a sweep, looked at before the pass over its images begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ewaldite.io.images.series import Image
from ewaldite.kernels.clipped import clip

#: Number of frames that are looked at.
FRAMES = 3
#: Counts above it are taken for it: more than any histogram holds.
TOP = 1023


def _none() -> NDArray[np.int16]:
    return np.empty((0, 0, 0), dtype=np.int16)


@dataclass
class SampleFrames:
    """The first frame, the last and one between, each read once and kept in 16 bits.

    The plan, the mask and the length of the histograms are all told from them.

    Attributes
    ----------
    read:
        Reads a frame by its position in the sweep; dims (slow, fast), counts.
    markers:
        Counts that say that there is none.
    count:
        Number of frames of the sweep.
    """

    read: Callable[[int], Image]
    markers: Sequence[int]
    count: int
    _frames: NDArray[np.int16] = field(default_factory=_none, repr=False)
    _seen: set[int] = field(default_factory=set, repr=False)

    @property
    def first(self) -> NDArray[np.int16]:
        """The first frame.

        Returns
        -------
        :
            Counts up to :data:`TOP`, -1 where there is none; dims (slow, fast).

        Raises
        ------
        FrameError, UserError
            As ``read`` does.
        """
        return self._frame(0)

    @property
    def all(self) -> NDArray[np.int16]:
        """All of them, fewer where there are not so many; dims (frame, slow, fast)."""
        for number in range(self._positions.size):
            self._frame(number)
        return self._frames

    def forget(self) -> None:
        """Give their memory back; what is asked for again is read again."""
        self._seen.clear()
        self._frames = _none()

    @property
    def _positions(self) -> NDArray[np.int64]:
        return np.unique(np.linspace(0, self.count - 1, FRAMES).astype(np.int64))

    def _frame(self, number: int) -> NDArray[np.int16]:
        if number not in self._seen:
            image = np.ascontiguousarray(self.read(int(self._positions[number])))
            if not self._seen:
                self._frames = np.empty((self._positions.size, *image.shape), dtype=np.int16)
            # The largest numbers of 64 bits are negative with a sign, and no counts either
            markers = np.array(self.markers, dtype=np.uint64).astype(np.int64)
            clip(image.reshape(-1), markers, TOP, self._frames[number].reshape(-1))
            self._seen.add(number)
        return np.asarray(self._frames[number])
