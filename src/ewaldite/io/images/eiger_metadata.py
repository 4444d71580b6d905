"""The metadata of a written Eiger master file: NXmx, with the geometry of one flat panel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ewaldite.model.experiment import FloatArray, Sensor

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class EigerHeader:
    """What the master file says; vectors are in the NeXus frame (z along the beam).

    Attributes
    ----------
    omega:
        Spindle angle at the start of each frame; dims (frame), degrees; may be longer than
        the images that exist, as after an aborted run. None writes no angles.
    omega_increment:
        Angle swept by a frame, degrees.
    axis:
        Direction of the spindle.
    wavelength:
        Å.
    count_time, frame_time:
        Counting time and time from frame to frame, s.
    distance:
        mm.
    pixel_size:
        (fast, slow), mm.
    beam_centre:
        (fast, slow) of the direct beam from the outer corner of the first pixel, pixels.
    fast, slow:
        Directions of the detector's pixels.
    sensor:
        Material and thickness in mm.
    pixel_mask:
        Bit field of NXmx; dims (slow, fast), uint32; None writes none.
    saturation_value, countrate_cutoff:
        Smallest counts that are not valid, or None.
    ntrigger:
        Number of triggers.
    nimages:
        Images per trigger that were asked for; None: as many as there are.
    detector:
        Name of the detector.
    """

    omega: FloatArray | None = None
    omega_increment: float = 0.1
    axis: Vector = (-1.0, 0.0, 0.0)
    wavelength: float = 1.0
    count_time: float = 0.1
    frame_time: float = 0.1
    distance: float = 200.0
    pixel_size: tuple[float, float] = (0.075, 0.075)
    beam_centre: tuple[float, float] = (0.0, 0.0)
    fast: Vector = (-1.0, 0.0, 0.0)
    slow: Vector = (0.0, -1.0, 0.0)
    sensor: Sensor = field(default_factory=lambda: Sensor("Si", 0.45))
    pixel_mask: NDArray[np.uint32] | None = None
    saturation_value: int | None = None
    countrate_cutoff: int | None = None
    ntrigger: int = 1
    nimages: int | None = None
    detector: str = "Eiger (simulated)"


def write_metadata(
    entry: h5py.Group,
    header: EigerHeader,
    total: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> None:
    """Fill an NXentry.

    Parameters
    ----------
    entry:
        The NXentry.
    header:
        What to write.
    total:
        Number of images.
    shape, dtype:
        (slow, fast) and type of the images.
    """
    instrument = nexus_group(entry, "instrument", "NXinstrument")
    beam = nexus_group(instrument, "beam", "NXbeam")
    _value(beam, "incident_wavelength", header.wavelength, "angstrom")
    detector = nexus_group(instrument, "detector", "NXdetector")
    _value(detector, "count_time", header.count_time, "s")
    _value(detector, "frame_time", header.frame_time, "s")
    _value(detector, "detector_distance", 1e-3 * header.distance, "m")
    for name, size, centre in zip("xy", header.pixel_size, header.beam_centre, strict=True):
        _value(detector, f"{name}_pixel_size", 1e-3 * size, "m")
        _value(detector, f"beam_center_{name}", centre, "pixel")
    detector["sensor_material"] = header.sensor.material
    _value(detector, "sensor_thickness", 1e-3 * header.sensor.thickness, "m")
    detector["description"] = header.detector
    detector["bit_depth_readout"] = 8 * dtype.itemsize
    if header.saturation_value is not None:
        detector["saturation_value"] = header.saturation_value
    if header.pixel_mask is not None:
        detector["pixel_mask"] = header.pixel_mask
    specific = nexus_group(detector, "detectorSpecific", "NXcollection")
    specific["bit_depth_image"] = 8 * dtype.itemsize
    specific["ntrigger"] = header.ntrigger
    specific["nimages"] = header.nimages or total // header.ntrigger
    if header.countrate_cutoff is not None:
        specific["countrate_correction_count_cutoff"] = header.countrate_cutoff
    _write_geometry(detector, header, shape)
    _write_sample(entry, header)


def _write_geometry(detector: h5py.Group, header: EigerHeader, shape: tuple[int, ...]) -> None:
    """Chain: pixel directions → module offset → distance along the beam."""
    moves = nexus_group(detector, "transformations", "NXtransformations")
    z = _value(moves, "det_z", header.distance, "mm")
    _axis(z, "translation", (0.0, 0.0, 1.0), ".")
    detector["depends_on"] = z.name
    module = nexus_group(detector, "module", "NXdetector_module")
    module["data_origin"] = np.array([0, 0])
    module["data_size"] = np.array(shape)
    corner = -sum(
        centre * size * np.array(direction)
        for centre, size, direction in zip(
            header.beam_centre, header.pixel_size, (header.fast, header.slow), strict=True
        )
    )
    offset = _value(module, "module_offset", 0.0, "mm")
    _axis(offset, "translation", (1.0, 0.0, 0.0), z.name)
    offset.attrs["offset"] = corner
    offset.attrs["offset_units"] = "mm"
    for name, size, direction in zip(
        ("fast", "slow"), header.pixel_size, (header.fast, header.slow), strict=True
    ):
        pixel = _value(module, f"{name}_pixel_direction", size, "mm")
        _axis(pixel, "translation", direction, offset.name)


def _write_sample(entry: h5py.Group, header: EigerHeader) -> None:
    sample = nexus_group(entry, "sample", "NXsample")
    if header.omega is None:
        return
    moves = nexus_group(sample, "transformations", "NXtransformations")
    omega = _value(moves, "omega", header.omega, "deg")
    _axis(omega, "rotation", header.axis, ".")
    _value(moves, "omega_end", header.omega + header.omega_increment, "deg")
    _value(moves, "omega_increment_set", header.omega_increment, "deg")
    sample["depends_on"] = omega.name


def nexus_group(parent: h5py.Group, name: str, nexus_class: str) -> h5py.Group:
    """Create a group of a NeXus class."""
    group = parent.create_group(name)
    group.attrs["NX_class"] = nexus_class
    return group


def _value(group: h5py.Group, name: str, value: float | FloatArray, unit: str) -> h5py.Dataset:
    dataset = group.create_dataset(name, data=value)
    dataset.attrs["units"] = unit
    return dataset


def _axis(dataset: h5py.Dataset, kind: str, vector: Vector, depends_on: str) -> None:
    dataset.attrs["transformation_type"] = kind
    dataset.attrs["vector"] = np.array(vector)
    dataset.attrs["depends_on"] = depends_on
