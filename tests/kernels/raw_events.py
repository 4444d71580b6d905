"""Raw events with all that kernels may meet, and what becomes of each by the formulas alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SCALE = 1e-6
MOVING, UNKNOWN, NO_SPEED = 1 << 3, 1 << 4, 1 << 5
AMBIGUOUS, FORBIDDEN, WINDOWS = 1 << 1, 1 << 2, (1 << 6, 1 << 7)
#: ħ/m (Å m/s), ħ²/2m (meV Å²), h/m (Å m/s).
CONSTANTS = np.array([629.6223, 2.0721248, 629.6223 * 2 * math.pi])
PERIOD = 1.0 / 14.0
#: t_min, T, L, t_0, and whether the frame is that of the source pulse.
CLOCK = np.array([0.143, PERIOD, 162.0, 1.72e-3, 1.0])


def _log(times: Any, values: Any, slopes: Any) -> FloatArray:
    values = np.asarray(values, np.float64)
    return np.array([times, values, slopes, np.cos(values), np.sin(values)])


@dataclass
class Raw:
    """Events of one detector."""

    pulses: int = 40
    each: int = 12
    seed: int = 0
    clock: FloatArray = field(default_factory=CLOCK.copy)
    tabulated: bool = False

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        n = self.pulses * self.each
        many = rng.multinomial(n, np.full(self.pulses, 1.0 / self.pulses))
        self.index = np.append(0, np.cumsum(many))
        # 0, -1 and 99 are of no pixel
        self.number = rng.choice([0, 3, 4, 7, 9, 10, -1, 99], n).astype(np.int32)
        self.rows = np.full(11, -1, np.int32)
        self.rows[[3, 4, 7, 9, 10]] = np.arange(5)
        self.offset = rng.integers(0, int(PERIOD / SCALE), n).astype(np.int32)
        self.pulse_time = np.arange(self.pulses) * PERIOD + 100.0
        self.first_frame = 1
        self.pulse_bits = (rng.random((self.pulses, 3)) < 0.1).astype(np.uint32) << 10
        k_f = rng.uniform(1.1, 1.6, 5)
        angle = rng.uniform(0.2, 2.0, 5)
        direction = np.stack([np.sin(angle), rng.uniform(-0.1, 0.1, 5), np.cos(angle)], axis=1)
        direction /= np.linalg.norm(direction, axis=1)[:, None]
        energy = CONSTANTS[1] * k_f**2
        self.final_time = 2.9 / (CONSTANTS[0] * k_f)
        self.pixel = np.column_stack([self.final_time, direction * k_f[:, None], energy, angle])
        self.pixel_bits = np.array([0, 0, 1 << 11, 0, 0], np.uint32)
        end = 100.0 + self.pulses * PERIOD
        times = [100.5, 101.2, (101.2 + end) / 2]
        self.a3 = _log(times, [0.3, 0.6, -0.4], [0.3 / 0.7, 0.002, 2.0])
        self.a4 = _log(times, [0.5, 0.9, 0.2], [0.0, 0.5, 0.0])
        self.moving = np.array([False, True, False])
        self.curve = np.zeros((2, 0))
        if self.tabulated:
            time = np.linspace(0.15, 0.143 + 0.9 * PERIOD, 40)  # the ends of the frame are not
            self.curve = np.array([time, 2.0 + 25 * (time - 0.15) + 90 * (time - 0.15) ** 2])

    def one(self, e: int) -> dict[str, Any]:
        """What becomes of an event."""
        p = int(np.searchsorted(self.index, e, side="right")) - 1
        number = int(self.number[e])
        r = int(self.rows[number]) if 0 <= number < self.rows.size else -1
        if r < 0:
            return {"row": -1, "flags": UNKNOWN, "masks": UNKNOWN}
        t_min, period, length, zero, of_source = self.clock
        arrival = self.offset[e] * SCALE
        folded = arrival - self.final_time[r]
        n = math.ceil((t_min - folded) / period)
        t = folded + n * period
        when = self.pulse_time[p] + (t if of_source else folded)
        frame = min(max(n - self.first_frame, 0), self.pulse_bits.shape[1] - 1)
        k_i = length / (t - zero) / CONSTANTS[0] if t > zero else math.nan
        if self.tabulated:
            wave = np.interp(t, *self.curve, left=math.nan, right=math.nan)
            k_i = 2 * math.pi / float(wave)
        flags = int(self.pixel_bits[r]) | int(self.pulse_bits[p, frame])
        if not 0 < k_i < math.inf:
            flags |= NO_SPEED
        angles = []
        for log in (self.a3, self.a4):
            j = max(int(np.searchsorted(log[0], when, side="right")) - 1, 0)
            angles.append(log[1, j] + log[2, j] * max(when - log[0, j], 0.0))
        if self.moving[j]:
            flags |= MOVING
        return {
            "row": r, "flags": flags, "t": t, "k_i": k_i, "when": when, "arrival": arrival,
            "a3": angles[0], "a4": angles[1], "masks": flags,
        }  # fmt: skip

    @property
    def all(self) -> list[dict[str, Any]]:
        """Of every event."""
        return [self.one(e) for e in range(self.number.size)]
