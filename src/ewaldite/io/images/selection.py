"""Which frames of a numbered series are wanted, and which of those are missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from ewaldite.errors import UserError

Missing = Literal["error", "skip"]


@dataclass(frozen=True)
class Selection:
    """The frames to read.

    Attributes
    ----------
    frames:
        Frame numbers in order.
    missing:
        Wanted numbers that do not exist and were skipped.
    """

    frames: tuple[int, ...]
    missing: tuple[int, ...]


def select_frames(
    available: Collection[int],
    wanted: tuple[int, int] | None,
    exclude: Sequence[int],
    missing: Missing,
    name: Callable[[int], str],
) -> Selection:
    """Choose frames by an inclusive range and a list of exclusions.

    Parameters
    ----------
    available:
        Numbers of the frames that exist; not empty.
    wanted:
        Inclusive (first, last), or None for all from the first to the last.
    exclude:
        Numbers to leave out, existing or not.
    missing:
        Whether a gap in the numbering is an error or skipped and counted.
    name:
        Names the file of a frame number.

    Raises
    ------
    UserError
        If a frame of the range is missing, the range is empty, or nothing is left.
    """
    present = set(available)
    low, high = (min(present), max(present)) if wanted is None else wanted
    asked = f"read the frames {low} to {high} of {name(low)}"
    span = f"the frames that exist run from {min(present)} to {max(present)}"
    if low > high:
        raise UserError(asked, "the first frame lies behind the last", "Swap them in 'frames'.")
    unwanted = set(exclude)
    frames = tuple(sorted(n for n in present if low <= n <= high and n not in unwanted))
    if not frames:
        raise UserError(asked, f"no frame is left; {span}", "Change 'frames' or 'exclude'.")
    absent = tuple(n for n in range(low, high + 1) if n not in present and n not in unwanted)
    if absent and missing == "error":
        more = f" and {len(absent) - 1} more are" if len(absent) > 1 else " is"
        raise UserError(
            asked,
            f"{name(absent[0])} (frame {absent[0]}){more} missing; {span}",
            "Restore it, name the range with 'frames', leave it out with 'exclude', or choose "
            'missing = "skip".',
        )
    return Selection(frames, absent)
