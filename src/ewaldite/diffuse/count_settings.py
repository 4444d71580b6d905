"""How pixels become counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ewaldite.diffuse.count import NO_CEILING, Limits
from ewaldite.diffuse.dead_time import DeadTime
from ewaldite.model.experiment import FloatArray


@dataclass(frozen=True)
class CountSettings:
    """How pixels become counts.

    Attributes
    ----------
    bins:
        Length of the filter's histograms; 0 for none.
    floor, ceiling:
        Values below the one and at or above the other are no measurement.
    marker:
        Values at or above it are not even too high: they mark pixels without a count.
    gain, pedestal:
        Detector units per photon, and at zero photons.
    oversample:
        Parts into which every frame is cut.
    dead_time:
        What takes photons from bright pixels; None: nothing, or it is corrected already.
    bands:
        Bands of the detector that are worked on one after the other, each with all frames.
    """

    bins: int
    floor: int = 0
    ceiling: int = NO_CEILING
    marker: int = NO_CEILING
    gain: float = 1.0
    pedestal: float = 0.0
    oversample: int = 1
    dead_time: DeadTime | None = None
    bands: int = 1

    def limits(self, time: FloatArray) -> list[Limits]:
        """Which values of each frame are counts, and what they lost as parts of it.

        Parameters
        ----------
        time:
            Counting time of the frames; dims (frame), s.

        Returns
        -------
        :
            One a frame.
        """
        if self.dead_time is None:
            return [Limits(self.floor, self.ceiling)] * time.size
        made: dict[float, Limits] = {}
        for t in np.unique(time).tolist():
            ceiling = min(self.ceiling, self.dead_time.ceiling(t))
            table = self.dead_time.table(t / self.oversample, ceiling)
            made[t] = Limits(self.floor, ceiling, table)
        return [made[t] for t in time.tolist()]
