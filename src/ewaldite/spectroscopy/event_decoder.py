"""What a cut needs of raw events, without all else that the converter knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.io.bifrost.events import EventSlab
from ewaldite.kernels.event_decode import COUNTERS, REJECTED, decode_events
from ewaldite.spectroscopy.converter import MOVING, NO_SPEED, UNKNOWN, Converter
from ewaldite.spectroscopy.event_mask import MaskCounts

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Decoded:
    """Events without a mask, in the order of the file.

    Attributes
    ----------
    row:
        Of the pixel; dims (event), int32.
    k_i:
        Incident wavenumber; dims (event), 1/Å.
    time:
        Of scattering, from the start of the run; dims (event), s.
    """

    row: NDArray[np.int32]
    k_i: FloatArray
    time: FloatArray

    def __len__(self) -> int:
        return int(self.row.size)


@dataclass
class Buffers:
    """Room for events, used again and again by one thread.

    Attributes
    ----------
    row, k_i, time:
        As in :class:`Decoded`.
    step:
        Of the rotation; dims (event), int32.
    a3, a4:
        Angles; dims (event), rad.
    masked:
        Events by mask; dims (counter), int64.
    """

    row: NDArray[np.int32]
    k_i: FloatArray
    time: FloatArray
    step: NDArray[np.int32]
    a3: FloatArray
    a4: FloatArray
    masked: NDArray[np.int64]

    @classmethod
    def of(cls, size: int) -> Buffers:
        """Room for so many events."""
        k_i, time, a3, a4 = np.empty((4, size))
        row, step = np.empty((2, size), np.int32)
        return cls(row, k_i, time, step, a3, a4, np.zeros(COUNTERS, np.int64))


@dataclass(frozen=True)
class EventDecoder:
    """Decodes raw events as the converter would.

    Masks of cells (see :mod:`.cell_mask`) are left to the cut.

    Attributes
    ----------
    converter:
        Of the run.
    """

    converter: Converter

    @cached_property
    def _fixed(self) -> tuple[Any, ...]:
        one = self.converter
        bits = [one.bits.bit(name) for name in (MOVING, UNKNOWN, NO_SPEED)]
        tank = one.instrument.a4
        return (
            one.instrument.row_by_number,
            np.ascontiguousarray(one.pixel_table[:, 0]),
            one.pixel_flags,
            np.ascontiguousarray(tank.time, np.float64),
            one.tank_moving,
            one.clock,
            np.ascontiguousarray(one.primary.curve),
            one.constants,
            np.array(bits, dtype=np.uint32),
        )

    def decode(
        self,
        slab: EventSlab,
        pulse_time: FloatArray,
        flags: tuple[int, NDArray[np.uint32]],
        room: Buffers,
    ) -> Decoded:
        """Decode events.

        Parameters
        ----------
        slab, pulse_time, flags:
            As for :meth:`Converter.convert`.
        room:
            For as many events at least; what is returned lies in it, and its counters grow.
        """
        pulses = slice(slab.first_pulse, slab.first_pulse + slab.index.size - 1)
        arguments: tuple[Any, ...] = (
            slab.number, slab.offset, slab.scale, slab.index, pulse_time[pulses],
            flags[1][pulses], flags[0], *self._fixed, room.row, room.k_i, room.time,
            room.masked,
        )  # fmt: skip
        kept = decode_events(*arguments)
        return Decoded(room.row[:kept], room.k_i[:kept], room.time[:kept])

    def mask_counts(self, masked: Sequence[int] | NDArray[np.int64], total: int) -> MaskCounts:
        """Counters of the kernel by name, of so many events in all."""
        names = self.converter.bits.names
        counts = {name: int(masked[i]) for i, name in enumerate(names)}
        return MaskCounts(total, int(masked[REJECTED]), {n: c for n, c in counts.items() if c})
