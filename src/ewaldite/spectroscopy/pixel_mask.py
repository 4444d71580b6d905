"""Pixels that do not count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.spectroscopy.event_mask import MaskBits
from ewaldite.spectroscopy.instrument import Instrument

DEAD, TUBE_END, BY_USER = "dead_pixel", "tube_end", "user_pixel"


@dataclass(frozen=True)
class PixelRules:
    """What makes a pixel one that does not count.

    Attributes
    ----------
    tube_ends:
        Pixels left out at each end of a tube.
    dead:
        Detector numbers that count nothing, or nonsense.
    excluded:
        Detector numbers that a user leaves out.
    """

    tube_ends: int = 0
    dead: Sequence[int] = ()
    excluded: Sequence[int] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Masks that can be set."""
        used = (
            (DEAD, bool(len(self.dead))),
            (TUBE_END, self.tube_ends > 0),
            (BY_USER, bool(len(self.excluded))),
        )
        return tuple(name for name, on in used if on)

    def flags(self, instrument: Instrument, bits: MaskBits) -> NDArray[np.uint32]:
        """Masks of the pixels of an instrument; dims (row), uint32.

        Raises
        ------
        UserError
            If a number is that of no pixel.
        """
        flags = np.zeros(len(instrument), dtype=np.uint32)
        for name, numbers in ((DEAD, self.dead), (BY_USER, self.excluded)):
            if not len(numbers):
                continue
            rows = instrument.rows(numbers)
            if np.any(rows < 0):
                unknown = np.asarray(numbers)[rows < 0]
                raise UserError(
                    f"leave out the pixels of [mask] ({name})",
                    f"{unknown.size} numbers are of no pixel, as {unknown[0]}",
                    f"Numbers run from {instrument.detector_number.min()} to "
                    f"{instrument.detector_number.max()}.",
                )
            flags[rows] |= bits.bit(name)
        tube = (instrument.channel * 5 + instrument.arc) * 8 + instrument.tube
        last = np.zeros(int(tube.max()) + 1, dtype=np.int64)
        np.maximum.at(last, tube, instrument.pixel)
        from_end = np.minimum(instrument.pixel, last[tube] - instrument.pixel)
        flags[from_end < self.tube_ends] |= bits.bit(TUBE_END)
        return flags
