"""What belongs to a frame as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ewaldite.model.experiment import FloatArray


@dataclass(frozen=True)
class Clock:
    """What belongs to a frame as a whole.

    Attributes
    ----------
    exposure:
        Time during which photons were counted, times the relative beam transmission;
        dims (frame), s.
    background_scale:
        Counts expected in a frame for one count in the summed background images:
        exposure / summed exposure of the background; dims (frame).
    position:
        Position in the scan; dims (frame).
    counting:
        Time during which photons were counted; dims (frame), s; None: the exposure.
    """

    exposure: FloatArray
    background_scale: FloatArray
    position: FloatArray
    counting: FloatArray | None = None

    @property
    def time(self) -> FloatArray:
        """Time during which photons were counted; dims (frame), s."""
        return self.exposure if self.counting is None else self.counting

    @property
    def cumulative(self) -> FloatArray:
        """Sums before each frame; dims (3, frame + 1)."""
        rows = np.stack([self.exposure, self.background_scale, self.position])
        return np.concatenate([np.zeros((3, 1)), np.cumsum(rows, axis=1)], axis=1)

    def divided(self, parts: int) -> Clock:
        """The same for frames cut into equal parts, each of which counts as a frame."""
        offset = np.tile((np.arange(parts) + 0.5) / parts - 0.5, self.position.size)
        return Clock(
            np.repeat(self.exposure / parts, parts),
            np.repeat(self.background_scale / parts, parts),
            np.repeat(self.position, parts) + offset,
        )
