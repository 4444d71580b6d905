"""Step: from raw events to energy and momentum transfer, slab by slab."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.io.bifrost.events import EventSlab
from ewaldite.kernels.events import FULL, LEAN, convert_events
from ewaldite.model.experiment import FloatArray
from ewaldite.model.time_log import TimeLog
from ewaldite.spectroscopy.converted import Converted
from ewaldite.spectroscopy.event_mask import MaskBits
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.pixel_mask import PixelRules
from ewaldite.spectroscopy.primary import Primary
from ewaldite.spectroscopy.pulses import PulseRules
from ewaldite.spectroscopy.rejection import Rejection
from ewaldite.spectroscopy.sample_frame import SampleFrame
from ewaldite.tables.neutron import H_OVER_MASS, HBAR_OVER_MASS, K2_TO_MEV

AMBIGUOUS, FORBIDDEN = "ambiguous_frame", "forbidden_time"
MOVING, UNKNOWN, NO_SPEED = "tank_moving", "unknown_pixel", "no_incident_speed"
#: A vertical component of Q below this is one of rounding, 1/Å.
SNAP = 1e-9
#: Speed of the tank above which it moves, degrees/s.
TANK_SPEED = 1e-3


@dataclass(frozen=True)
class Window:
    """An interval of the time in the pulse's frame that is left out.

    Attributes
    ----------
    name:
        Of the mask; several intervals may share one.
    start, stop:
        s.
    """

    name: str
    start: float
    stop: float


@dataclass(frozen=True)
class Converter:
    """All that turns raw events into energy and momentum transfer.

    Attributes
    ----------
    instrument:
        Pixels and angles.
    primary:
        How the time at the sample becomes the incident speed.
    sample:
        Orientation of the crystal, None if it is not known: then there is no hkl.
    pixels, pulses, windows, rejection:
        What is masked.
    source_frames:
        Whether ``event_time_zero`` is the source pulse, instead of the last pulse before
        detection.
    row_flags:
        Masks of the rows where these are no pixels of the instrument; dims (row), uint32.
    """

    instrument: Instrument
    primary: Primary
    sample: SampleFrame | None = None
    pixels: PixelRules = field(default_factory=PixelRules)
    pulses: PulseRules = field(default_factory=PulseRules)
    windows: tuple[Window, ...] = ()
    rejection: Rejection = field(default_factory=Rejection)
    source_frames: bool = False
    row_flags: NDArray[np.uint32] | None = None

    def __post_init__(self) -> None:
        if self.sample is None and self.rejection.needs_hkl:
            raise UserError(
                "mask events by hkl",
                "the orientation of the crystal is not known",
                "Give [sample] cell, u and v, or leave those masks out.",
            )

    @cached_property
    def bits(self) -> MaskBits:
        """Masks that can be set."""
        frames = self.primary.frames
        names = [*self.pixels.names, *self.pulses.names]
        names += list(dict.fromkeys(window.name for window in self.windows))
        names += [AMBIGUOUS] if frames.ambiguous.size else []
        names += [FORBIDDEN] if frames.forbidden.size else []
        names += [MOVING] if np.any(self.tank_moving) else []
        return MaskBits((*names, UNKNOWN, NO_SPEED, *self.rejection.names))

    @cached_property
    def pixel_table(self) -> FloatArray:
        """Final time (s), k_f x, y, z (1/Å), E_f (meV), A4 (rad); dims (row, 6)."""
        one = self.instrument
        k_f = one.k_f[:, None] * one.direction
        k_f[np.abs(k_f[:, 1]) < SNAP, 1] = 0.0
        parts = (one.final_time[:, None], k_f, one.final_energy[:, None])
        return np.hstack([*parts, np.deg2rad(one.A4)[:, None]])

    @cached_property
    def pixel_flags(self) -> NDArray[np.uint32]:
        """Masks of the pixels; dims (row), uint32."""
        if self.row_flags is not None:
            return self.row_flags
        return self.pixels.flags(self.instrument, self.bits)

    @cached_property
    def tank_moving(self) -> NDArray[np.bool_]:
        """Whether the tank moves after an entry of its log; dims (entry)."""
        return self.instrument.a4.moving(TANK_SPEED)

    @cached_property
    def clock(self) -> FloatArray:
        """As :func:`~ewaldite.kernels.events.convert_events` wants it; dims (5)."""
        one = self.primary
        length = one.sample_distance - one.reference_distance
        clock = [one.frames.earliest, one.frames.period, length, one.reference_time]
        return np.array([*clock, float(self.source_frames)])

    @cached_property
    def constants(self) -> FloatArray:
        """ħ/m (Å m/s), ħ²/2m (meV Å²), h/m (Å m/s); dims (3)."""
        return np.array([HBAR_OVER_MASS, K2_TO_MEV, H_OVER_MASS])

    @cached_property
    def logs(self) -> tuple[FloatArray, FloatArray]:
        """Sample (its offset included) and tank as kernels want them; see :func:`log_table`."""
        offset = 0.0 if self.sample is None else self.sample.offset
        return log_table(self.instrument.a3, offset), log_table(self.instrument.a4, 0.0)

    @cached_property
    def _fixed(self) -> tuple[Any, ...]:
        """Arguments of the kernel that are the same for all events."""
        bit, frames = self.bits.bit, self.primary.frames
        hkl = np.full((3, 3), np.nan) if self.sample is None else self.sample.to_hkl
        window_bits = np.array([bit(w.name) for w in self.windows], dtype=np.uint32)
        names = (AMBIGUOUS, FORBIDDEN, MOVING, UNKNOWN, NO_SPEED)
        return (
            self.instrument.row_by_number,
            self.pixel_table,
            self.pixel_flags,
            *self.logs,
            self.tank_moving,
            self.clock,
            np.ascontiguousarray(self.primary.curve),
            self.constants,
            np.ascontiguousarray(hkl),
            np.array([(w.start, w.stop) for w in self.windows]).reshape(-1, 2),
            window_bits,
            frames.ambiguous,
            frames.forbidden,
            np.array([bit(name) for name in names], dtype=np.uint32),
        )

    def pulse_flags(self, pulse_time: FloatArray) -> tuple[int, NDArray[np.uint32]]:
        """Masks of the source pulses of frames.

        Parameters
        ----------
        pulse_time:
            Beginning of each frame from the start of the run; dims (pulse), s.

        Returns
        -------
        :
            Smallest number of pulses since the source's, and masks by that number; dims (pulse,
            frame), uint32.
        """
        frames = self.primary.frames
        if self.source_frames:
            return 0, self.pulses.flags(pulse_time, self.bits, frames.period)[:, None]
        first = int(np.floor(frames.earliest / frames.period)) - 1
        late = frames.period * np.arange(first, first + 4)
        source = pulse_time[:, None] - late
        return first, self.pulses.flags(source, self.bits, frames.period)

    def convert(
        self,
        slab: EventSlab,
        pulse_time: FloatArray,
        flags: tuple[int, NDArray[np.uint32]],
        *,
        full: bool = True,
    ) -> Converted:
        """Convert events.

        Parameters
        ----------
        slab:
            The events.
        pulse_time:
            Beginning of each frame of their source from the start of the run; dims (pulse), s.
        flags:
            Masks of its pulses, by :meth:`pulse_flags`.
        full:
            Whether Q and ω are wanted, or only times, k_i and angles. Masks by hkl and ω make
            it full.

        Returns
        -------
        :
            Times, energies, momenta and masks.
        """
        size = len(slab)
        whole = full or bool(self.rejection.names)
        columns = np.empty((FULL if whole else LEAN, size))
        row = np.empty(size, dtype=np.int32)
        masks = np.empty(size, dtype=np.uint32)
        pulses = slice(slab.first_pulse, slab.first_pulse + slab.index.size - 1)
        convert_events(
            slab.number,
            slab.offset,
            slab.scale,
            slab.index,
            pulse_time[pulses],
            flags[1][pulses],
            flags[0],
            columns,
            row,
            masks,
            *self._fixed,
        )
        if self.rejection.names:
            self.rejection.flag(
                columns,
                row,
                masks,
                bits=self.bits,
                instrument=self.instrument,
                pixel=self.pixel_table,
                primary=self.primary,
                sample=self.sample,
            )
        return Converted(columns, row, masks)


def log_table(log: TimeLog, offset: float) -> FloatArray:
    """Time, value, slope, cosine, sine of a log of degrees, in rad; dims (5, entry)."""
    value = np.deg2rad(log.value + offset)
    return np.stack([log.time, value, np.deg2rad(log.slope), np.cos(value), np.sin(value)])
