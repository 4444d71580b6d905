"""The frames of a sweep: those that the file knows and those that the user wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.geometry.checks import asked
from ewaldite.model.experiment import FloatArray, IntArray, Scan


@dataclass(frozen=True)
class Choice:
    """What the user wants of a geometry file.

    Attributes
    ----------
    wedge_degrees:
        Largest rotation of a wedge, degrees; None for the default.
    frames:
        Frame numbers, or None for all that the file knows.
    angles:
        Spindle angle at the middle of each frame in degrees, in place of the file's.
    experiment:
        Which experiment of a DIALS file (0-based), or None for the only one.
    """

    wedge_degrees: float | None = None
    frames: Sequence[int] | None = None
    angles: Sequence[float] | None = None
    experiment: int | None = None


def positions(known: IntArray, choice: Choice, path: Path) -> IntArray:
    """Positions of the wanted frames among those that the file knows.

    Parameters
    ----------
    known:
        Frame numbers in the file; dims (frame), int64.
    choice:
        What the user wants.
    path:
        The file, for the message.

    Returns
    -------
    :
        dims (frame), int64.

    Raises
    ------
    UserError
        If the file does not know a wanted frame.
    """
    if choice.frames is None:
        return np.arange(known.size)
    where = {int(frame): i for i, frame in enumerate(known)}
    missing = [int(frame) for frame in choice.frames if int(frame) not in where]
    if missing or not len(choice.frames):
        raise UserError(
            asked(path),
            f"it describes frames {known.min()} to {known.max()}"
            + (f", not frame {missing[0]}" if missing else ", and none is asked for"),
            "Choose frames that the geometry describes, or process them too.",
        )
    return np.array([where[int(frame)] for frame in choice.frames], dtype=np.int64)


def make_scan(
    frames: IntArray,
    phi: FloatArray,
    width: FloatArray,
    choice: Choice,
    path: Path,
    exposure: FloatArray | None = None,
) -> Scan:
    """Build a scan, with the user's angles where given.

    Parameters
    ----------
    frames, phi, width, exposure:
        As in :class:`Scan`; dims (frame). The sign of ``width`` is dropped: ``phi`` has it.
    choice:
        What the user wants.
    path:
        The file, for the message.

    Returns
    -------
    :
        The scan.

    Raises
    ------
    UserError
        If the number of angles is not that of the frames.
    """
    if choice.angles is not None:
        if len(choice.angles) != frames.size:
            raise UserError(
                asked(path),
                f"{len(choice.angles)} angles are given for {frames.size} frames",
                "Give one spindle angle for every frame.",
            )
        phi = np.asarray(choice.angles, dtype=np.float64)
    return Scan(frames, phi, np.abs(width), exposure)
