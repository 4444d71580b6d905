"""Writes mini-CBF images as a Pilatus does, for simulated series and tests."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import importlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ewaldite.errors import MissingExtraError
from ewaldite.io.images.cbf import SECTION, STARTER
from ewaldite.io.images.series import Image
from ewaldite.model.experiment import Sensor

PADDING = 4095


@dataclass(frozen=True)
class CbfHeader:
    """What the header of a written image says; None leaves a line out.

    Attributes
    ----------
    start_angle, angle_increment:
        Spindle angle at the start of the frame and angle swept, degrees.
    exposure_time, exposure_period:
        Counting time and time from frame to frame, s.
    wavelength:
        Å.
    distance:
        mm.
    pixel_size:
        (fast, slow), mm.
    beam_centre:
        (fast, slow), pixels.
    count_cutoff:
        Smallest count that is not valid.
    sensor:
        Material and thickness in mm.
    polarization:
        Fraction in the convention of XDS.
    transmission:
        Transmitted fraction of the attenuators.
    flux:
        Incident beam, photons/s.
    tau:
        Dead time for which the counts were corrected, s; 0 where they were not.
    detector:
        Name of the detector.
    axis:
        Name and sense of the rotation axis.
    """

    start_angle: float | None = 0.0
    angle_increment: float | None = 0.1
    exposure_time: float | None = 0.1
    exposure_period: float | None = None
    wavelength: float | None = 1.0
    distance: float | None = 200.0
    pixel_size: tuple[float, float] | None = (0.172, 0.172)
    beam_centre: tuple[float, float] | None = None
    count_cutoff: int | None = 1_000_000
    sensor: Sensor | None = None
    polarization: float | None = None
    transmission: float | None = None
    flux: float | None = None
    tau: float | None = None
    detector: str = "PILATUS 6M, S/N 00-0000 (simulated)"
    axis: str = "X.CW"


def write_minicbf(path: Path, image: Image, header: CbfHeader | None = None) -> None:
    """Write one image with byte-offset compression and a checksum.

    Parameters
    ----------
    path:
        The file; with the suffix ``.gz`` or ``.bz2`` it is compressed again.
    image:
        Counts; dims (slow, fast), int32, of magnitude below 2^30 so that any step fits.
    header:
        What the text header says.

    Raises
    ------
    ValueError
        If counts are not int32 below 2^30 in magnitude.
    MissingExtraError
        If fabio is not installed.
    """
    if image.dtype != np.int32 or image.ndim != 2:
        raise ValueError(f"an image (slow, fast) of int32 is needed, not {image.dtype}")
    if max(int(image.max()), -int(image.min())) >= 2**30:
        raise ValueError("counts of 2^30 and more are not written")
    try:
        compress = importlib.import_module("fabio.ext.byte_offset").comp_cbf32
    except ImportError as error:
        raise MissingExtraError("fabio", "xray", "write CBF images") from error
    blob = np.asarray(compress(np.ascontiguousarray(image).ravel())).tobytes()
    text = header_text(path, header or CbfHeader()) + _binary_header(image.shape, blob)
    tail = bytes(PADDING) + b"\r\n" + SECTION + b"--\r\n;\r\n"
    data = text.encode("ascii") + STARTER + blob + tail
    if path.suffix == ".gz":
        data = gzip.compress(data, compresslevel=1, mtime=0)
    elif path.suffix == ".bz2":
        data = bz2.compress(data)
    path.write_bytes(data)


def header_text(path: Path, header: CbfHeader) -> str:
    """Return the text in front of the binary section."""
    name = path.name.split(".")[0]
    lines = [
        "###CBF: VERSION 1.5, ewaldite - PILATUS detectors",
        "",
        f"data_{name}",
        "",
        '_array_data.header_convention "PILATUS_1.2"',
        "_array_data.header_contents",
        ";",
        f"# Detector: {header.detector}",
        *(f"# {line}" for line in _lines(header)),
        ";",
        "",
    ]
    return "\r\n".join(lines)


def _lines(header: CbfHeader) -> list[str]:
    lines: list[str] = []

    def add(key: str, value: float | None, unit: str, factor: float = 1.0) -> None:
        if value is not None:
            lines.append(f"{key} {value * factor:.12g} {unit}".rstrip())

    if header.pixel_size is not None:
        fast, slow = (1e-3 * size for size in header.pixel_size)
        lines.append(f"Pixel_size {fast:.12g} m x {slow:.12g} m")
    if header.sensor is not None:
        name = "Silicon" if header.sensor.material == "Si" else header.sensor.material
        lines.append(f"{name} sensor, thickness {1e-3 * header.sensor.thickness:.12g} m")
    period = header.exposure_period
    add("Exposure_time", header.exposure_time, "s")
    add("Exposure_period", header.exposure_time if period is None else period, "s")
    add("Tau =", header.tau, "s")
    add("Count_cutoff", header.count_cutoff, "counts")
    add("Wavelength", header.wavelength, "A")
    add("Detector_distance", header.distance, "m", 1e-3)
    if header.beam_centre is not None:
        lines.append(
            f"Beam_xy ({header.beam_centre[0]:.6f}, {header.beam_centre[1]:.6f}) pixels"
        )
    add("Flux", header.flux, "ph/s")
    add("Filter_transmission", header.transmission, "")
    add("Start_angle", header.start_angle, "deg.")
    add("Angle_increment", header.angle_increment, "deg.")
    add("Polarization", header.polarization, "")
    lines.append(f"Oscillation_axis {header.axis}")
    return lines


def _binary_header(shape: tuple[int, ...], blob: bytes) -> str:
    checksum = base64.b64encode(hashlib.md5(blob).digest()).decode()
    lines = [
        "",
        "_array_data.data",
        ";",
        SECTION.decode(),
        "Content-Type: application/octet-stream;",
        '     conversions="x-CBF_BYTE_OFFSET"',
        "Content-Transfer-Encoding: BINARY",
        f"X-Binary-Size: {len(blob)}",
        "X-Binary-ID: 1",
        'X-Binary-Element-Type: "signed 32-bit integer"',
        "X-Binary-Element-Byte-Order: LITTLE_ENDIAN",
        f"Content-MD5: {checksum}",
        f"X-Binary-Number-of-Elements: {shape[0] * shape[1]}",
        f"X-Binary-Size-Fastest-Dimension: {shape[1]}",
        f"X-Binary-Size-Second-Dimension: {shape[0]}",
        f"X-Binary-Size-Padding: {PADDING}",
        "",
        "",
    ]
    return "\r\n".join(lines)
