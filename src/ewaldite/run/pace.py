"""How far and how fast a stage of the run is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ewaldite.run.sizes import counted, format_bytes, format_seconds


@dataclass(frozen=True)
class Pace:
    """State of a stage at one moment.

    Attributes
    ----------
    name:
        Of the stage.
    total, unit:
        How much there is to do, and of what.
    done:
        How much is done, with what an earlier run had done.
    skipped:
        How much an earlier run had done: it does not count in the rate.
    seconds:
        Since the stage began.
    memory:
        Resident memory, bytes.
    """

    name: str
    total: int
    unit: str
    done: int
    skipped: int
    seconds: float
    memory: int

    @property
    def amount(self) -> str:
        """How much there is to do, as in ``"1 frame"``."""
        return counted(self.total, self.unit)

    @property
    def rate(self) -> float | None:
        """Units per second in this run; None before the first."""
        fresh = self.done - self.skipped
        return fresh / self.seconds if fresh > 0 and self.seconds > 1e-6 else None

    @property
    def seconds_left(self) -> float | None:
        """Predicted time to the end, s; None before there is a rate."""
        rate = self.rate
        return None if rate is None else max(self.total - self.done, 0) / rate

    @property
    def status(self) -> str:
        """Rate, time left and memory in words."""
        parts = []
        if self.rate is not None and self.seconds_left is not None:
            parts.append(f"{self.rate:.3g} {self.unit}/s")
            if self.done < self.total:
                parts.append(f"{format_seconds(self.seconds_left)} left")
        parts.append(format_bytes(self.memory))
        return ", ".join(parts)

    def __str__(self) -> str:
        """One line."""
        percent = 100 * self.done // self.total if self.total else 100
        earlier = f", {self.skipped} of them earlier" if self.skipped else ""
        count = f"{self.done} of {self.amount} ({percent} %{earlier})"
        return f"{self.name}: {count}, {self.status}"

    def to_dict(self) -> dict[str, Any]:
        """Numbers for other programs, fit for JSON; times in s, memory in bytes."""
        return {
            "step": self.name,
            "done": self.done,
            "total": self.total,
            "unit": self.unit,
            "skipped": self.skipped,
            "seconds": round(self.seconds, 3),
            "rate": self.rate,
            "seconds_left": self.seconds_left,
            "rss": self.memory,
        }
