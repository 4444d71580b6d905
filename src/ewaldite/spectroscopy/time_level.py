r"""Step: the level of a background that is constant in time, by groups of pixels.

With N events in forbidden time and the time X that the pixels of the group could count in it,
all pulses together,

.. math:: b = N / X, \qquad \sigma_b^2 = (N + 1) / X^2

counts a second and pixel. The variance is that of all counts here: right down to no event at
all, where the level is 0 and its error that of one event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.spectroscopy.instrument import Instrument

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Grouping = Literal["instrument", "arc", "triplet", "tube"]

#: File of the levels, in the folder of the results.
LEVEL = "time_background.nxs"
KIND = "level of the time-independent background"
_COORDS: dict[str, tuple[str, ...]] = {
    "instrument": (),
    "arc": ("arc",),
    "triplet": ("arc", "channel"),
    "tube": ("arc", "channel", "tube"),
}


@dataclass(frozen=True)
class TimeLevel:
    """Levels of groups of pixels.

    Attributes
    ----------
    group:
        Of each pixel; dims (pixel), int64.
    places:
        Of each group: arc, channel, tube from 0, as far as they are one; dims (group) each.
    events:
        In forbidden time; dims (group), int64.
    live:
        Of all pixels and pulses together; dims (group), s; 0 for a group that takes no part.
    """

    group: IntArray
    places: dict[str, IntArray]
    events: IntArray
    live: FloatArray

    def __len__(self) -> int:
        return int(self.events.size)

    @property
    def value(self) -> FloatArray:
        """Level; dims (group), counts/s of one pixel."""
        return self._per_live(self.events)

    @property
    def error(self) -> FloatArray:
        """Its standard error; dims (group), counts/s."""
        return self._per_live(np.sqrt(self.events + 1.0))

    def _per_live(self, counts: ArrayLike) -> FloatArray:
        given = np.asarray(counts, dtype=np.float64)
        out = np.zeros_like(given)
        np.divide(given, self.live, out=out, where=self.live > 0)
        return out

    def name(self, group: int) -> str:
        """Of a group, counted from 1 as in the file."""
        said = [f"{what} {values[group] + 1}" for what, values in self.places.items()]
        return ", ".join(said) or "all pixels"

    def to_scipp(self) -> sc.DataGroup[Any]:
        """Levels with errors, counts and times; dims (group)."""
        coords = {
            name: sc.array(dims=["group"], values=values, unit=None)
            for name, values in self.places.items()
        }
        level = sc.array(
            dims=["group"], values=self.value, variances=self.error**2, unit="counts/s"
        )
        return sc.DataGroup(
            {
                "kind": KIND,
                "level": sc.DataArray(
                    level,
                    coords=coords,
                    masks={"not_counted": sc.array(dims=["group"], values=self.live <= 0)},
                ),
                "events": sc.array(dims=["group"], values=self.events, unit="counts"),
                "live": sc.array(dims=["group"], values=self.live, unit="s"),
                "group_of_pixel": sc.array(dims=["pixel"], values=self.group, unit=None),
            }
        )

    @classmethod
    def from_scipp(cls, stored: Mapping[str, Any]) -> TimeLevel:
        """Invert :meth:`to_scipp`."""
        coords = stored["level"].coords
        return cls(
            stored["group_of_pixel"].values.astype(np.int64),
            {
                name: coords[name].values
                for name in ("arc", "channel", "tube")
                if name in coords
            },
            stored["events"].values.astype(np.int64),
            stored["live"].values.astype(np.float64),
        )


def time_level(
    instrument: Instrument, events: ArrayLike, live: ArrayLike, by: Grouping = "triplet"
) -> TimeLevel:
    """Levels from what pixels counted in forbidden time.

    Parameters
    ----------
    instrument:
        Says which pixel is where.
    events:
        Of each pixel; dims (pixel), int.
    live:
        How long it could count them, 0 for one that takes no part; dims (pixel), s.
    by:
        Which pixels have one level.

    Returns
    -------
    :
        The levels.
    """
    names = _COORDS[by]
    columns = [getattr(instrument, name) for name in names]
    table = np.stack([*columns, np.zeros(len(instrument), np.int64)], axis=1)
    found, group = np.unique(table, axis=0, return_inverse=True)
    group = group.ravel().astype(np.int64)
    size = found.shape[0]
    return TimeLevel(
        group,
        {name: found[:, n].astype(np.int64) for n, name in enumerate(names)},
        np.bincount(group, np.asarray(events), minlength=size).astype(np.int64),
        np.bincount(group, np.asarray(live, np.float64), minlength=size).astype(np.float64),
    )


def check_measured(level: TimeLevel, keep: NDArray[np.bool_], name: str) -> None:
    """Refuse groups of which pixels take part, while none of their forbidden time is left.

    Parameters
    ----------
    level:
        The levels.
    keep:
        Pixels that take part; dims (pixel).
    name:
        Of what is reduced, for the message.

    Raises
    ------
    UserError
        It names the first such group.
    """
    used = np.bincount(level.group[keep], minlength=len(level)) > 0
    lost = np.flatnonzero(used & ~(level.live > 0))
    if lost.size:
        raise UserError(
            f"find the time-independent background of {name}",
            f"windows of [mask] take all forbidden time of {level.name(int(lost[0]))}",
            "Make them shorter, or give [time_background] a larger group.",
        )
