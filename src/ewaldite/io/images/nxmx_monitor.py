"""Intensity of the incident beam in NXmx files.

Places and meanings: the NeXus base classes NXmonitor (``control`` is the entry's monitor) and
NXbeam.
"""

from __future__ import annotations

import h5py
import numpy as np

from ewaldite.model.experiment import FloatArray, IntArray

_CONTROL = "NXmonitor control"


def read_monitor(
    entry: h5py.Group,
    instrument: h5py.Group | None,
    frames: IntArray,
    total: int,
    count_time: FloatArray | None,
    notes: list[str],
) -> tuple[FloatArray | None, str | None]:
    """Return the intensity of the beam as a rate, and the name of what measured it.

    The counts of the monitor, ``control/data`` or ``control/integral``, over the counting time;
    else the flux ``total_flux`` or ``flux`` of the beam at the sample.

    Parameters
    ----------
    entry:
        The NXentry.
    instrument:
        Its NXinstrument.
    frames:
        1-based frame numbers of the series; dims (frame).
    total:
        Number of frames in the file.
    count_time:
        Counting time; dims (frame), s; without it counts are of no use.
    notes:
        What a user should know is added.

    Returns
    -------
    :
        dims (frame), float64; and its name; None where the file has none above zero.
    """
    for field in ("data", "integral"):
        counts = _values(entry.get(f"control/{field}"), frames, total, notes)
        if counts is None or count_time is None:
            continue
        rate = counts / count_time
        if counts.size == 1:
            # One number is the sum over all frames
            rate = np.full(frames.size, counts[0] / (count_time.mean() * total))
        return rate, _CONTROL
    places = [(instrument, "beam"), (entry, "sample/beam"), (entry, "beam")]
    for field in ("total_flux", "flux"):
        for group, beam in places:
            found = group.get(f"{beam}/{field}") if group is not None else None
            flux = _values(found, frames, total, notes)
            if flux is not None:
                return np.broadcast_to(flux, frames.shape).copy(), field
    return None, None


def _values(
    dataset: object, frames: IntArray, total: int, notes: list[str]
) -> FloatArray | None:
    """One value, or one a frame of the series; None where there is none above zero."""
    if not isinstance(dataset, h5py.Dataset) or not dataset.size:
        return None
    if dataset.dtype.kind not in "iuf":
        return None
    values: FloatArray = np.asarray(dataset[()], dtype=np.float64).ravel()
    if values.size not in (1, total):
        notes.append(f"{dataset.name} has {values.size} values for {total} frames: not used")
        return None
    chosen = values if values.size == 1 else values[frames - 1]
    return chosen if np.any(chosen > 0) else None
