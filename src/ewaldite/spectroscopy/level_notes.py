"""What is said of the levels of a constant background, and whether counts agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.spectroscopy.time_level import TimeLevel

FloatArray = NDArray[np.float64]

# Chance below which it is said that counts do not agree, and counts that it needs of each
_UNLIKELY, _ENOUGH = 1e-4, 5.0


def disagreement(events: ArrayLike, live: ArrayLike) -> float | None:
    r"""Chance of counts that differ so much, if all come at one rate.

    :math:`\chi^2 = \sum (N_i - E_i)^2/E_i` with :math:`E_i = X_i \sum N / \sum X`.

    Parameters
    ----------
    events, live:
        N and X; dims (part).

    Returns
    -------
    :
        None where there are fewer than two parts, or less than five counts are expected in one.
    """
    from scipy.special import chdtrc

    counted, time = np.asarray(events, np.float64), np.asarray(live, np.float64)
    counted, time = counted[time > 0], time[time > 0]
    expected = time * counted.sum() / max(float(time.sum()), 1e-300)
    if counted.size < 2 or expected.min() < _ENOUGH:
        return None
    off = float(((counted - expected) ** 2 / expected).sum())
    return float(chdtrc(counted.size - 1, off))


def level_notes(
    level: TimeLevel,
    halves: tuple[FloatArray, FloatArray],
    runs: tuple[FloatArray, FloatArray],
    names: Sequence[str],
) -> list[str]:
    """What a user should know of levels.

    Parameters
    ----------
    level:
        The levels.
    halves:
        Events and live time of the earlier and the later half of forbidden time; dims (half).
    runs:
        Of each run; dims (run).
    names:
        Of the runs.

    Returns
    -------
    :
        Nothing where all agrees.
    """
    notes = []
    first, last = (f"{int(n):,}" for n in halves[0])
    if _unlikely(*halves):
        notes.append(
            f"time-independent background: forbidden time is not even, {first} events in its "
            f"earlier half and {last} in the later one; neutrons leak in, or the prompt pulse "
            "does: give a longer [time_background] guard, or a [[mask.window]]"
        )
    if _unlikely(*runs):
        rates = runs[0] / np.maximum(runs[1], 1e-300)
        low, high = int(np.argmin(rates)), int(np.argmax(rates))
        notes.append(
            f"time-independent background: the level of {names[high]} is "
            f"{rates[high] / max(rates[low], 1e-300):.2f} times that of {names[low]}, and one "
            "for all runs is subtracted; reduce them apart"
        )
    within = _within(level)
    if within is not None and within < _UNLIKELY:
        notes.append(
            f"time-independent background: the levels of {len(level)} groups differ by more "
            "than their errors (as they may)"
        )
    return notes


def _within(level: TimeLevel) -> float | None:
    return disagreement(level.events, level.live)


def _unlikely(events: FloatArray, live: FloatArray) -> bool:
    chance = disagreement(events, live)
    return chance is not None and chance < _UNLIKELY


def level_lines(level: TimeLevel) -> list[str]:
    """Levels with the counts that they rest on, for the log and the report."""
    used = np.flatnonzero(level.live > 0)
    total, live = int(level.events[used].sum()), float(level.live[used].sum())
    mean = total / live if live > 0 else 0.0
    lines = [
        f"{total:,} events in forbidden time, {mean:.3g} counts/s and pixel on average; "
        f"levels of {used.size} groups"
    ]
    chance = _within(level)
    if chance is not None:
        lines.append(f"chance of levels that differ so much, if they are one: {chance:.2g}")
    lines += [
        f"{level.name(int(g))}: {level.value[g]:.3g} ± {level.error[g]:.2g} counts/s and pixel "
        f"({level.events[g]:,} events)"
        for g in used
    ]
    return lines
