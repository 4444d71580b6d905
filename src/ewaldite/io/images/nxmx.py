"""Metadata of NXmx files and of Eiger master files, which are nearly NXmx.

Field names and meanings: the NeXus application definition NXmx and the base classes it uses;
Dectris' SIMPLON API for ``detectorSpecific``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

from ewaldite.io.images.frame_header import material
from ewaldite.io.images.nxmx_angles import scan_angles
from ewaldite.io.images.nxmx_monitor import read_monitor
from ewaldite.io.images.series import ImageMetadata, no_data_markers
from ewaldite.io.images.units import Quantity, text_of, values_in
from ewaldite.model.experiment import FloatArray, IntArray, Sensor

# hc in eV Å, exact in the SI of 2019.
HC = 12398.419843320026


def group_of(parent: h5py.Group, nexus_class: str, usual: str) -> h5py.Group | None:
    """Return the first child of a NeXus class, or the one of the usual name, or None."""
    for name in parent:
        child = parent.get(name)
        kind = text_of(child.attrs.get("NX_class", "")) if child is not None else ""
        if isinstance(child, h5py.Group) and kind == nexus_class:
            return child
    child = parent.get(usual)
    return child if isinstance(child, h5py.Group) else None


def first_of(places: Sequence[tuple[h5py.Group | None, str]]) -> h5py.Dataset | None:
    """Return the first dataset that exists among (group, relative path), or None."""
    for group, name in places:
        found = group.get(name) if group is not None else None
        if isinstance(found, h5py.Dataset) and found.size:
            return found
    return None


def read_metadata(
    entry: h5py.Group, frames: IntArray, dtype: np.dtype[Any], total: int
) -> ImageMetadata:
    """Return what an NXentry says.

    Parameters
    ----------
    entry:
        The NXentry.
    frames:
        1-based frame numbers of the series; dims (frame).
    dtype:
        Type of the counts.
    total:
        Number of frames in the file.

    Raises
    ------
    UserError
        If a unit is not known.
    """
    notes: list[str] = []
    instrument = group_of(entry, "NXinstrument", "instrument")
    detector = detector_of(entry)

    def scalar(name: str, quantity: Quantity) -> float | None:
        return _scalar(first_of([(detector, name)]), quantity)

    def series(name: str) -> FloatArray | None:
        found = first_of([(detector, name), (detector, f"detectorSpecific/{name}")])
        return _per_frame(found, frames, notes)

    pixel = (scalar("x_pixel_size", "length"), scalar("y_pixel_size", "length"))
    pixel_size = (pixel[0], pixel[1]) if pixel[0] and pixel[1] else None
    distance = scalar("detector_distance", "length") or scalar("distance", "length")
    phi, width, said = scan_angles(entry, frames, total)
    notes += said
    count_time = series("count_time")
    monitor, monitor_name = read_monitor(entry, instrument, frames, total, count_time, notes)
    dead_time = scalar("dead_time", "time")
    applied = "countrate_correction_applied"
    corrected = _plain([(detector, applied), (detector, f"detectorSpecific/{applied}")])
    described = first_of(
        [(detector, "description"), (detector, "detectorSpecific/description")]
    )
    return ImageMetadata(
        wavelength=_wavelength(entry, instrument, detector, notes),
        exposure=count_time,
        period=series("frame_time"),
        phi=phi,
        width=width,
        pixel_size=pixel_size,
        distance=distance if distance else None,
        beam_centre=_beam_centre(detector, pixel_size),
        overload=_overload(detector, dtype),
        sensor=_sensor(detector),
        polarization_fraction=_polarization(entry, instrument),
        detector=text_of(described[()]) if described is not None else None,
        transmission=_plain([(instrument, "attenuator/attenuator_transmission")]),
        monitor=monitor,
        monitor_name=monitor_name,
        dead_time=dead_time if dead_time else None,
        rate_corrected=None if corrected is None else bool(corrected),
        notes=tuple(dict.fromkeys(notes)),
    )


def detector_of(entry: h5py.Group) -> h5py.Group | None:
    """Return the NXdetector of an entry, or None."""
    instrument = group_of(entry, "NXinstrument", "instrument")
    return group_of(instrument, "NXdetector", "detector") if instrument is not None else None


def bit_depth(detector: h5py.Group | None) -> int | None:
    """Return the stated number of bits of the images, or None."""
    depth = _plain(
        [(detector, "detectorSpecific/bit_depth_image"), (detector, "bit_depth_image")]
    )
    return int(depth) if depth else None


def nominal_frames(detector: h5py.Group | None) -> int | None:
    """Return the number of frames that were asked of the detector, images times triggers."""
    images = _plain([(detector, "detectorSpecific/nimages")])
    triggers = _plain([(detector, "detectorSpecific/ntrigger")])
    return int(images) * int(triggers or 1) if images else None


def _plain(places: Sequence[tuple[h5py.Group | None, str]]) -> float | None:
    found = first_of(places)
    return float(np.asarray(found[()]).ravel()[0]) if found is not None else None


def _scalar(dataset: h5py.Dataset | None, quantity: Quantity) -> float | None:
    return float(values_in(dataset, quantity)[0]) if dataset is not None else None


def _per_frame(
    dataset: h5py.Dataset | None, frames: IntArray, notes: list[str]
) -> FloatArray | None:
    if dataset is None:
        return None
    values = values_in(dataset, "time")
    if values.size == 1:
        values = np.full(int(frames.max()), values[0])
    if values.size < frames.max():
        notes.append(f"{dataset.name} has only {values.size} values: not used")
        return None
    chosen = values[frames - 1]
    return chosen if np.all(chosen > 0) else None


def _wavelength(
    entry: h5py.Group,
    instrument: h5py.Group | None,
    detector: h5py.Group | None,
    notes: list[str],
) -> float | None:
    beams = [(instrument, "beam"), (entry, "sample/beam"), (entry, "beam")]
    found = first_of([(group, f"{beam}/incident_wavelength") for group, beam in beams])
    if found is not None:
        values = values_in(found, "wavelength")
        if np.ptp(values) > 1e-6 * values[0]:
            notes.append(f"{found.name} holds a spectrum: the first wavelength counts")
        return float(values[0]) if values[0] > 0 else None
    energies = [(group, f"{beam}/incident_energy") for group, beam in beams]
    energies += [(detector, "photon_energy"), (detector, "detectorSpecific/photon_energy")]
    energy = _scalar(first_of(energies), "energy")
    return HC / energy if energy else None


def _beam_centre(
    detector: h5py.Group | None, pixel_size: tuple[float, float] | None
) -> tuple[float, float] | None:
    found = [first_of([(detector, f"beam_center_{axis}")]) for axis in "xy"]
    values = []
    for k, dataset in enumerate(found):
        if dataset is None:
            return None
        unit = text_of(dataset.attrs.get("units", "pixel")).lower()
        if unit.startswith(("pixel", "px")) or not unit:
            values.append(float(np.asarray(dataset[()]).ravel()[0]))
        elif pixel_size is not None:
            values.append(float(values_in(dataset, "length")[0]) / pixel_size[k])
        else:
            return None
    return values[0], values[1]


def _overload(detector: h5py.Group | None, dtype: np.dtype[Any]) -> int | None:
    """Smallest of the stated limits and of the depth's "no data" counts."""
    limits = list(no_data_markers(dtype, bit_depth(detector)))
    for name in ("saturation_value", "countrate_correction_count_cutoff"):
        value = _plain([(detector, name), (detector, f"detectorSpecific/{name}")])
        if value is not None and value > 0:
            limits.append(int(value))
    return min(limits, default=None)


def _sensor(detector: h5py.Group | None) -> Sensor | None:
    name = first_of([(detector, "sensor_material")])
    thickness = _scalar(first_of([(detector, "sensor_thickness")]), "length")
    if name is None or not thickness or not text_of(name[()]):
        return None
    return Sensor(material(text_of(name[()])), thickness)


def _polarization(entry: h5py.Group, instrument: h5py.Group | None) -> float | None:
    """Stokes vector (S0, S1, S2, S3) to the fraction in the plane: (1 + S1/S0) / 2."""
    places: list[tuple[h5py.Group | None, str]] = [
        (group, f"{beam}/incident_{name}_stokes")
        for group, beam in ((instrument, "beam"), (entry, "sample/beam"))
        for name in ("polarization", "polarisation")
    ]
    found = first_of(places)
    if found is None or found.shape[-1:] != (4,):
        return None
    stokes: FloatArray = np.asarray(found[()], dtype=np.float64).reshape(-1, 4)[0]
    return float((1 + stokes[1] / stokes[0]) / 2) if stokes[0] > 0 else None
