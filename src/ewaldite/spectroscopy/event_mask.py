"""Names of what can be wrong with an event, and the bits that say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError

_MOST = 32


@dataclass(frozen=True)
class MaskBits:
    """Masks by name, each a bit of an unsigned 32-bit number.

    Attributes
    ----------
    names:
        In the order of the bits.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        doubled = sorted({name for name in self.names if self.names.count(name) > 1})
        if doubled or len(self.names) > _MOST:
            found = (
                f"'{doubled[0]}' is used twice" if doubled else f"there are {len(self.names)}"
            )
            raise UserError(
                "name the masks", found, f"Give at most {_MOST}, each a name of its own."
            )

    def bit(self, name: str) -> np.uint32:
        """Bit of a mask; none for a name that is not used."""
        if name not in self.names:
            return np.uint32(0)
        return np.uint32(1 << self.names.index(name))

    def of(self, flags: NDArray[np.uint32], name: str) -> NDArray[np.bool_]:
        """Whether a mask is set; dims as flags."""
        return np.asarray((flags & self.bit(name)) != 0)


@dataclass
class MaskCounts:
    """How many events each mask leaves out.

    Attributes
    ----------
    total:
        All events.
    rejected:
        Events with at least one mask.
    counts:
        By name; an event with several is counted in each.
    """

    total: int = 0
    rejected: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, masks: Mapping[str, NDArray[np.bool_]], size: int) -> None:
        """Count events.

        Parameters
        ----------
        masks:
            By name; dims (event).
        size:
            Number of events.
        """
        self.total += size
        any_of = np.zeros(size, dtype=bool)
        for name, mask in masks.items():
            self.counts[name] = self.counts.get(name, 0) + int(np.count_nonzero(mask))
            any_of |= mask
        self.rejected += int(np.count_nonzero(any_of))

    def plus(self, more: MaskCounts) -> None:
        """Add other events, in place."""
        self.total += more.total
        self.rejected += more.rejected
        for name, number in more.counts.items():
            self.counts[name] = self.counts.get(name, 0) + number

    def lines(self) -> Iterator[str]:
        """Say it."""
        kept = self.total - self.rejected
        yield f"{self.total:,} events, {kept:,} without a mask"
        for name, count in self.counts.items():
            yield f"  {name}: {count:,} ({100 * count / max(self.total, 1):.2f} %)"
