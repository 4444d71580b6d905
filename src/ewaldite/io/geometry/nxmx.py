"""NXmx files: beam, detector and scan. They hold no crystal.

NeXus uses the frame of McStas: z along the beam, y up. It is turned by 180° about z into ours.

Pixel convention: the standard does not say whether ``module_offset`` leads to the corner or to
the centre of the first pixel. Facilities and DIALS write and read the **outer corner** of
pixel [0, 0] (``beam_center_x`` times the pixel size away from the beam), and so do we.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.geometry.checks import asked, unit_vector
from ewaldite.io.geometry.nxmx_axes import angle_of, asked_of, chain, compose, text_of
from ewaldite.io.geometry.nxmx_beam import beam_of
from ewaldite.io.geometry.nxmx_detector import child, image_count, panels_of
from ewaldite.model.experiment import Beam, FloatArray, Panel, Scan

HALF_TURN = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Instrument:
    """A sweep without its crystal.

    Attributes
    ----------
    path:
        The file.
    beam, panels, axis, scan, image_shape, trusted_range, notes:
        As in :class:`ewaldite.model.experiment.Sweep` and its wedges.
    """

    path: Path
    beam: Beam
    panels: tuple[Panel, ...]
    axis: FloatArray
    scan: Scan
    image_shape: tuple[int, int]
    trusted_range: tuple[int, int] | None
    notes: tuple[str, ...]


def read_nxmx(path: Path) -> Instrument:
    """Read beam, detector and scan of an NXmx file.

    Parameters
    ----------
    path:
        The file, .nxs or .h5.

    Returns
    -------
    :
        The instrument.

    Raises
    ------
    UserError
        If it cannot be opened, or lacks beam, detector module or a link of a chain.
    """
    try:
        with h5py.File(path, "r") as file:
            return _instrument(path, file)
    except OSError as error:
        raise UserError(
            asked(path), f"HDF5 cannot open it ({error})", "Check that the file is complete."
        ) from error


def _instrument(path: Path, file: h5py.File) -> Instrument:
    entry = _need(file, file, "NXentry", "entry")
    instrument = _need(file, entry, "NXinstrument", "instrument")
    detector = _need(file, instrument, "NXdetector", "detector")
    sample = child(entry, "NXsample", "sample")
    groups = [g for g in (instrument, sample) if g is not None]
    found = [g for g in (child(group, "NXbeam", "beam") for group in groups) if g is not None]
    if not found:
        raise UserError(asked(path), "it holds no NXbeam", "Give another source of geometry.")
    panels, shape, notes = panels_of(file, entry, detector, HALF_TURN)
    beam, beam_notes = beam_of(path, found, HALF_TURN)
    axis, phi, width = _spindle(file, sample)
    images = image_count(file, entry) or phi.size
    if phi.size == 1:
        phi, width = np.repeat(phi, images), np.repeat(width, images)
    elif phi.size != images:
        notes.append(f"{path} has {phi.size} angles for {images} images; the fewer count")
        phi, width = phi[:images], width[:images]
    exposure, time_notes = _exposure(detector, phi.size)
    frames = np.arange(1, phi.size + 1, dtype=np.int64)
    return Instrument(
        path=path,
        beam=beam,
        panels=panels,
        axis=HALF_TURN @ axis,
        scan=Scan(frames, phi, width, exposure),
        image_shape=shape,
        trusted_range=_trusted_range(detector),
        notes=(*notes, *beam_notes, *time_notes),
    )


def _spindle(
    file: h5py.File, sample: h5py.Group | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Scan axis (McStas), angle at the middle of each frame and width, degrees.

    The scan axis is the first rotation of the sample's chain that moves (where none does,
    "omega", else the last); rotations behind it turn it. The value is the start
    of a frame and ``NAME_end`` its end.
    """
    if sample is None or "depends_on" not in sample:
        return np.array([-1.0, 0.0, 0.0]), np.zeros(1), np.zeros(1)
    links = chain(file, text_of(sample["depends_on"][()]), sample.name)
    rotations = [i for i, link in enumerate(links) if link.rotation]
    if not rotations:
        return np.array([-1.0, 0.0, 0.0]), np.zeros(1), np.zeros(1)
    moving = [i for i in rotations if np.ptp(links[i].values) > 0.0]
    named = [i for i in rotations if links[i].path.rsplit("/", 1)[-1] == "omega"]
    scan = links[(moving or named or rotations[-1:])[0]]
    behind = links[links.index(scan) + 1 :]
    axis = compose(behind)[:3, :3] @ unit_vector(scan.vector, scan.path, Path(file.filename))
    start = scan.values
    width = _widths(file, scan.path, start)
    return axis, start + width / 2.0, np.abs(width)


def _widths(file: h5py.File, path: str, start: FloatArray) -> FloatArray:
    """Signed rotation of every frame, degrees."""
    end = file.get(f"{path}_end")
    if isinstance(end, h5py.Dataset) and end.size == start.size:
        return angle_of(end) - start
    increment = file.get(f"{path}_increment_set")
    if isinstance(increment, h5py.Dataset) and increment.size in (1, start.size):
        return np.broadcast_to(angle_of(increment), start.shape)
    step = float(np.median(np.diff(start))) if start.size > 1 else 0.0
    return np.full(start.shape, step)


def _exposure(detector: h5py.Group, count: int) -> tuple[FloatArray | None, list[str]]:
    """Time of counting of each frame, s."""
    if "count_time" not in detector:
        period = "; its frame_time is the period" if "frame_time" in detector else ""
        return None, [f"{detector.file.filename} does not state count_time{period}"]
    dataset = detector["count_time"]
    factor = {"ms": 1e-3, "us": 1e-6}.get(text_of(dataset.attrs.get("units", "s")), 1.0)
    times = np.atleast_1d(np.asarray(dataset[()], dtype=np.float64)).ravel() * factor
    if times.size not in (1, count) or not np.all(times > 0.0):
        return None, [f"count_time in {detector.file.filename} is no positive time"]
    return np.array(np.broadcast_to(times, (count,))), []


def _trusted_range(detector: h5py.Group) -> tuple[int, int] | None:
    """Take counts at or above the saturation value as overloads."""
    if "saturation_value" not in detector:
        return None
    low = int(detector["underload_value"][()]) if "underload_value" in detector else 0
    return low, int(np.max(detector["saturation_value"][()]))


def _need(file: h5py.File, parent: h5py.Group, kind: str, name: str) -> h5py.Group:
    group = child(parent, kind, name)
    if group is None:
        raise UserError(
            asked_of(file),
            f"'{parent.name}' holds no {kind}",
            "Give an NXmx file, or the geometry of DIALS or XDS.",
        )
    return group
