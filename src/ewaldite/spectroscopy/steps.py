"""Steps of the rotation: times of a run in which sample and tank stand, or hardly move."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.model.time_log import TimeLog
from ewaldite.spectroscopy.cut_grid import CutGrid
from ewaldite.tables.neutron import K2_TO_MEV

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Speed of the tank above which it moves, degrees/s: such times are in no step.
TANK_SPEED = 1e-3
#: Angles that differ less are the same, degrees.
SAME_ANGLE = 1e-4
_MOST = 100_000


@dataclass(frozen=True)
class Steps:
    """Steps of a run.

    Attributes
    ----------
    start, end:
        Ascending, apart; dims (step), s from the start of the run.
    a3, a4:
        Mean angles, without the sample's offset; dims (step), degrees.
    moving:
        Whether an angle changes within a step.
    """

    start: FloatArray
    end: FloatArray
    a3: FloatArray
    a4: FloatArray
    moving: bool

    def __len__(self) -> int:
        return int(self.start.size)

    def at(self, time: FloatArray) -> IntArray:
        """Step at a time, -1 for none; dims (event), int64."""
        found = np.searchsorted(self.start, time, side="right") - 1
        inside = (found >= 0) & (time < self.end[np.maximum(found, 0)])
        return np.where(inside, found, -1).astype(np.int64)


def finest_turn(grid: CutGrid, highest_energy: float) -> float:
    """Rotation that moves no event by more than a quarter of a bin.

    A turn by δ moves Q by no more than ``|Q| δ``, and ``|Q| ≤ k_i + k_f ≤ 2 k_max``.

    Parameters
    ----------
    grid:
        Of the cut.
    highest_energy:
        Of incident and final neutrons, meV.

    Returns
    -------
    :
        degrees; 360 where no row turns with the sample.
    """
    longest = 2.0 * np.sqrt(highest_energy / K2_TO_MEV)
    moved = np.linalg.norm(grid.table, axis=2).max(axis=0) * longest
    widths = np.array([grid.narrowest(r) for r in range(moved.size)])
    turning = moved > 0
    quarter = widths[turning] / moved[turning] / 4.0
    return float(np.rad2deg(quarter.min(initial=2.0 * np.pi)))


def find_steps(a3: TimeLog, a4: TimeLog, start: float, end: float, turn: float) -> Steps:
    """Cut a run into steps.

    Parameters
    ----------
    a3, a4:
        Logs of sample and tank, degrees against s.
    start, end:
        Of the run, s.
    turn:
        Largest change of a3 in a step, degrees.

    Returns
    -------
    :
        The steps. Consecutive times whose a3 differs by no more than ``turn``, and a4 by no
        more than 1e-4 degrees, are one step; a continuous rotation is cut into equal slices;
        times at which the tank moves are left out.

    Raises
    ------
    UserError
        If nothing is left, or the rotation is so fast that the steps cannot be counted.
    """
    inner = np.concatenate([a3.time, a4.time])
    edges = np.unique(np.concatenate([[start], inner[(inner > start) & (inner < end)], [end]]))
    pieces: list[tuple[float, float, float, float, float, float]] = []
    for low, high in pairwise(edges.tolist()):
        if a4.moving(TANK_SPEED)[a4.segment(np.array([low]))[0]]:
            continue
        first = float(a3.at(low))
        rate = float(a3.slope[a3.segment(low)])
        parts = max(int(np.ceil(abs(rate) * (high - low) / turn)), 1)
        if len(pieces) + parts > _MOST:
            raise UserError(
                "cut the run into steps of the rotation",
                f"there would be more than {_MOST}",
                "Make wider bins, or see whether the log of a3 is right.",
            )
        times = np.linspace(low, high, parts + 1)
        angle = first + rate * (times - low)
        tank = float(a4.at(low))
        pieces += [
            (times[i], times[i + 1], min(angle[i : i + 2]), max(angle[i : i + 2]), tank,
             (angle[i] + angle[i + 1]) / 2 * (times[i + 1] - times[i]))
            for i in range(parts)
        ]  # fmt: skip
    if not pieces:
        raise UserError(
            "cut the run into steps of the rotation",
            "the tank moves all the time, or the run has no duration",
            "See the log of a4, or give [[run]] a4.",
        )
    return _merged(pieces, turn)


def _merged(
    pieces: list[tuple[float, float, float, float, float, float]], turn: float
) -> Steps:
    groups: list[list[float]] = []
    for start, end, low, high, tank, turned in pieces:
        last = groups[-1] if groups else None
        if (
            last is not None
            and last[1] == start
            and abs(last[4] - tank) <= SAME_ANGLE
            and max(last[3], high) - min(last[2], low) <= turn
        ):
            last[1], last[5] = end, last[5] + turned
            last[2], last[3] = min(last[2], low), max(last[3], high)
        else:
            groups.append([start, end, low, high, tank, turned])
    table = np.array(groups)
    return Steps(
        start=table[:, 0],
        end=table[:, 1],
        a3=table[:, 5] / (table[:, 1] - table[:, 0]),
        a4=table[:, 4],
        moving=bool(np.any(table[:, 3] - table[:, 2] > SAME_ANGLE)),
    )
