"""Spindle angles of an NXmx or Eiger file.

NXmx gives the angle at the **start** of each frame along the sample's chain of
transformations; ``<axis>_end`` and ``<axis>_increment_set`` say how far it turned meanwhile.
"""

from __future__ import annotations

import h5py
import numpy as np

from ewaldite.io.images.units import text_of, values_in
from ewaldite.model.experiment import FloatArray, IntArray

Angles = tuple[FloatArray | None, FloatArray | None, list[str]]
_PLACES = (
    "sample/goniometer",
    "sample/transformations",
    "instrument/detector/goniometer",
    "instrument/detector/detectorSpecific",
)
_AXES = ("omega", "phi", "chi", "kappa", "gonio", "spindle")


def scan_angles(entry: h5py.Group, frames: IntArray, total: int) -> Angles:
    """Return the angle at the middle of each frame, the angle swept, and notes.

    Parameters
    ----------
    entry:
        The NXentry.
    frames:
        1-based frame numbers; dims (frame).
    total:
        Number of frames in the file.

    Returns
    -------
    :
        phi and width, dims (frame), degrees, or None where the file has no scanned axis;
        and what a user should know.

    Raises
    ------
    UserError
        If the unit of an angle is not known.
    """
    axis = _scanned(entry)
    if axis is not None:
        return _from_array(axis, frames, total)
    return _from_start(entry, frames)


def _scanned(entry: h5py.Group) -> h5py.Dataset | None:
    """Find the rotation with one value a frame: on the sample's chain, else by its name."""
    chain = list(_chain(entry))
    named = [
        found
        for place in _PLACES
        for name in _AXES
        if isinstance(found := entry.get(f"{place}/{name}"), h5py.Dataset)
    ]
    for axis in chain + named:
        if axis.size > 1 and np.ptp(np.asarray(axis[()], dtype=np.float64)) > 0:
            return axis
    # All values equal: a series of stills, whose angle is still that of its rotation.
    return next((axis for axis in chain + named if axis.size > 1), None)


def _chain(entry: h5py.Group) -> list[h5py.Dataset]:
    sample = entry.get("sample")
    found = sample.get("depends_on") if isinstance(sample, h5py.Group) else None
    axes: list[h5py.Dataset] = []
    target = text_of(found[()]) if isinstance(found, h5py.Dataset) else "."
    here: h5py.Group = sample if isinstance(sample, h5py.Group) else entry
    # A chain that bites its tail ends too.
    while target not in (".", "") and len(axes) < 32:
        axis = here.get(target) if not target.startswith("/") else entry.file.get(target)
        if not isinstance(axis, h5py.Dataset):
            break
        if text_of(axis.attrs.get("transformation_type", "")) == "rotation":
            axes.append(axis)
        target = text_of(axis.attrs.get("depends_on", "."))
        here = axis.parent
    return axes


def _from_array(axis: h5py.Dataset, frames: IntArray, total: int) -> Angles:
    start = values_in(axis, "angle")
    if start.size < frames.max():
        short = f"{axis.name} has {start.size} angles for {total} frames: no angles are used"
        return None, None, [short]
    width, said = _widths(axis, start)
    phi = start + width / 2
    return phi[frames - 1], width[frames - 1], said


def _widths(axis: h5py.Dataset, start: FloatArray) -> tuple[FloatArray, list[str]]:
    name = axis.name.rsplit("/", 1)[-1]
    end = axis.parent.get(f"{name}_end")
    if isinstance(end, h5py.Dataset) and end.size == start.size:
        return values_in(end, "angle") - start, []
    for suffix in ("increment_set", "range_average", "increment"):
        found = axis.parent.get(f"{name}_{suffix}")
        if isinstance(found, h5py.Dataset):
            value = values_in(found, "angle")
            if value.size in (1, start.size):
                return np.broadcast_to(value, start.shape).copy(), []
    # The angle to the next start; a jump between triggers must not count as a frame's width.
    step = np.median(np.diff(start))
    said = f"{axis.name} states no width: the median step {step:.6g} degrees is used"
    return np.full(start.shape, step), [said]


def _from_start(entry: h5py.Group, frames: IntArray) -> Angles:
    for place in _PLACES:
        for name in _AXES:
            start = entry.get(f"{place}/{name}_start")
            step = entry.get(f"{place}/{name}_increment")
            if isinstance(start, h5py.Dataset) and isinstance(step, h5py.Dataset):
                width = np.full(frames.shape, values_in(step, "angle")[0])
                phi = values_in(start, "angle")[0] + (frames - 0.5) * width
                said = f"angles follow from {start.name} and {step.name}, on through triggers"
                return phi, width, [said]
    return None, None, []
