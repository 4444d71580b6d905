"""The frames of a DIALS experiment, in the old and the new form of its scan."""

from __future__ import annotations

import numpy as np

from ewaldite.io.geometry.checks import frame_range
from ewaldite.io.geometry.dials_file import Experiment, Model
from ewaldite.model.experiment import FloatArray, Scan


def scan_of(experiment: Experiment) -> tuple[Scan, list[str]]:
    """Every frame that an experiment knows, and notes.

    Old files hold ``oscillation`` as (start, width) and ``exposure_time``; new ones (dxtbx 3.13
    and later) a table ``properties`` with one start of rotation a frame. Without a scan the
    experiment is one still at spindle angle 0.

    Parameters
    ----------
    experiment:
        The experiment.

    Returns
    -------
    :
        The scan, and notes.

    Raises
    ------
    UserError
        If the scan is malformed.
    """
    model = experiment.get("scan")
    if model is None:
        imageset = experiment.get("imageset") or {}
        index = (imageset.get("single_file_indices") or [0])[0]
        return Scan(np.array([int(index) + 1]), np.zeros(1), np.zeros(1)), []
    first, last = (round(float(x)) for x in experiment.numbers(model, "image_range", (2,)))
    frames = frame_range(first, last, "image_range", experiment.path)
    start, width = _rotation(experiment, model, frames.size)
    exposure, notes = _exposure(experiment, model, frames.size)
    return Scan(frames, start + width / 2.0, np.full(frames.size, abs(width)), exposure), notes


def _rotation(experiment: Experiment, model: Model, count: int) -> tuple[FloatArray, float]:
    """Angle at the start of every frame, and width of a frame, degrees."""
    properties = model.get("properties") or {}
    if properties.get("oscillation"):
        start = experiment.numbers(properties, "oscillation", (count,))
        if properties.get("oscillation_width"):
            return start, float(experiment.numbers(properties, "oscillation_width", (-1,))[0])
        return start, float(np.median(np.diff(start))) if count > 1 else 0.0
    if not model.get("oscillation"):
        return np.zeros(count), 0.0
    first, width = experiment.numbers(model, "oscillation", (2,))
    return first + width * np.arange(count), float(width)


def _exposure(
    experiment: Experiment, model: Model, count: int
) -> tuple[FloatArray | None, list[str]]:
    properties = model.get("properties") or {}
    source = properties if properties.get("exposure_time") else model
    if not source.get("exposure_time"):
        return None, []
    times = experiment.numbers(source, "exposure_time", (-1,))
    # DIALS repeats the last time where the list is short
    times = np.concatenate([times, np.full(max(0, count - times.size), times[-1])])[:count]
    if not np.all(times > 0.0):
        return None, []
    note = f"exposure times are those of {experiment.path}, which may be the frame period"
    return times, [note]
