"""Step: what pixels count while no neutron of the source can arrive.

Forbidden time is that at the sample, less a guard at both ends of each interval and less the
windows of [mask], the prompt pulse among them. A window is one of the time at the detector, so
what it takes differs from pixel to pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.kernels.forbidden import count_forbidden
from ewaldite.run.telling import tell
from ewaldite.spectroscopy.converter import Converter
from ewaldite.spectroscopy.live_time import pulses_at
from ewaldite.spectroscopy.reduce_events import pieces
from ewaldite.spectroscopy.run_input import RunInput

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Earlier and later half of forbidden time: they agree if nothing leaks into it.
HALVES = 2
#: Once around a run in one step of the rotation.
_TURN = 360.0


@dataclass(frozen=True)
class ForbiddenTime:
    """Times of a frame at which only a background that is constant in time is counted.

    Attributes
    ----------
    converter:
        Of the run.
    spans:
        At the sample, guards taken off; dims (span, 2), s.
    """

    converter: Converter
    spans: FloatArray

    @classmethod
    def of(cls, converter: Converter, guard: float, name: str) -> ForbiddenTime:
        """Forbidden time of a run.

        Parameters
        ----------
        converter:
            Of the run.
        guard:
            Taken off at both ends of each interval, s.
        name:
            Of the file, for the message.

        Raises
        ------
        UserError
            If nothing is forbidden, or nothing is left of it.
        """
        given = converter.primary.frames.forbidden
        longest = float(np.diff(given, axis=1).max(initial=0.0))
        spans = given + np.array([guard, -guard])
        spans = spans[spans[:, 1] > spans[:, 0]]
        if not spans.size:
            found = "neutrons may arrive at all times, as far as the options and choppers say"
            remedy = "Give [primary] latest_at_sample, or leave [time_background] out."
            if longest > 0.0:
                found = f"its forbidden times are {1e3 * longest:.2f} ms long at most"
                remedy = (
                    f"Give a [time_background] guard below {5e2 * longest:.2f} ms "
                    "(it is taken off at both ends), or leave the section out."
                )
            raise UserError(f"find the time-independent background of {name}", found, remedy)
        return cls(converter, spans)

    @cached_property
    def halves(self) -> tuple[FloatArray, IntArray]:
        """Pieces of the spans, dims (piece, 2), s, and the half of each."""
        lengths = np.diff(self.spans, axis=1)[:, 0]
        half, before = lengths.sum() / 2.0, np.cumsum(lengths) - lengths
        found, part = [], []
        for (low, high), passed in zip(self.spans.tolist(), before.tolist(), strict=True):
            middle = float(np.clip(low + half - passed, low, high))
            for number, (a, b) in enumerate(((low, middle), (middle, high))):
                if b > a:
                    found.append((a, b))
                    part.append(number)
        return np.array(found), np.array(part, dtype=np.int64)

    @cached_property
    def windows(self) -> FloatArray:
        """Windows of [mask] that do not overlap; dims (window, 2), s in the frame."""
        merged: list[list[float]] = []
        for low, high in sorted((w.start, w.stop) for w in self.converter.windows):
            if merged and low <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], high)
            elif high > low:
                merged.append([low, high])
        return np.array(merged, dtype=np.float64).reshape(-1, 2)

    def length(self) -> FloatArray:
        """Forbidden time of a frame that pixels count in; dims (row, half), s."""
        one, period = self.converter.instrument, self.converter.primary.frames.period
        out = np.zeros((len(one), HALVES))
        spans, part = self.halves
        for (low, high), column in zip(spans.tolist(), part.tolist(), strict=True):
            out[:, column] += high - low
            a, b = low + one.final_time, high + one.final_time
            first, last = 0, 0
            if not self.converter.source_frames:
                first, last = int(a.min() // period) - 1, int(b.max() // period) + 1
            for turn in range(first, last + 1):
                for begin, end in self.windows + turn * period:
                    out[:, column] -= np.clip(
                        np.minimum(b, end) - np.maximum(a, begin), 0, None
                    )
        return np.maximum(out, 0.0)


def forbidden_live(run: RunInput, guard: float) -> FloatArray:
    """How long the pixels of a run could count in forbidden time; dims (row, half), s.

    Raises
    ------
    UserError
        As :meth:`ForbiddenTime.of`.
    """
    time = ForbiddenTime.of(run.converter, guard, run.raw.path.name)
    middle = np.array([time.spans.mean()])
    number = float(pulses_at(run.pulses, middle, run.steps(_TURN)).sum())
    return np.asarray(time.length() * number * run.keep[:, None])


def count_run(run: RunInput, guard: float, first: int = 0, stop: int | None = None) -> IntArray:
    """Count events of a run in forbidden time.

    Events with any other mask do not count.

    Parameters
    ----------
    run:
        The run, opened.
    guard:
        See :meth:`ForbiddenTime.of`; s.
    first, stop:
        First event in the order of the file, and the one after the last; all if None.

    Returns
    -------
    :
        dims (row, half), int64.

    Raises
    ------
    UserError
        As :meth:`ForbiddenTime.of`.
    """
    one = run.converter
    time = ForbiddenTime.of(one, guard, run.raw.path.name)
    steps = run.steps(_TURN)
    counts = np.zeros((len(one.instrument), HALVES), np.int64)
    fixed = (
        one.instrument.row_by_number,
        np.ascontiguousarray(one.pixel_table[:, 0]),
        one.pixel_flags,
        np.ascontiguousarray(one.instrument.a4.time, np.float64),
        one.tank_moving,
        one.clock,
        time.windows,
        *time.halves,
        steps.start,
        steps.end,
    )
    span = first, run.size if stop is None else stop
    for number, begin, end in pieces([s.size for s in run.raw.sources], span):
        source = run.raw.sources[number]
        slab = source.slab(begin, end)
        lowest, flags = run.pulse_flags(source)
        pulses = slice(slab.first_pulse, slab.first_pulse + slab.index.size - 1)
        count_forbidden(
            slab.number, slab.offset, slab.scale, slab.index, source.pulse_time[pulses],
            flags[pulses], lowest, *fixed, counts,
        )  # fmt: skip
        tell(len(slab))
    return np.asarray(counts * run.keep[:, None])
