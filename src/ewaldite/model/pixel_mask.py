"""Named masks of the pixels of a detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PixelMask:
    """Pixels that take no part, and why.

    Attributes
    ----------
    shape:
        (slow, fast).
    reasons:
        By name, True where a pixel is excluded; dims (slow, fast), bool.
    """

    shape: tuple[int, int]
    reasons: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def with_reason(self, name: str, excluded: NDArray[np.bool_]) -> PixelMask:
        """Return the mask with one more reason, joined with one of the same name."""
        joined = excluded | self.reasons[name] if name in self.reasons else excluded
        return PixelMask(self.shape, {**self.reasons, name: joined})

    @property
    def good(self) -> NDArray[np.bool_]:
        """True where no reason excludes a pixel; dims (slow, fast), bool."""
        good = np.ones(self.shape, dtype=bool)
        for excluded in self.reasons.values():
            good &= ~excluded
        return good

    def counts(self) -> dict[str, int]:
        """Number of pixels that each reason excludes; a pixel may have several reasons."""
        return {name: int(np.count_nonzero(e)) for name, e in self.reasons.items()}
