"""Mini-CBF images as a Pilatus detector writes them.

Header: "Pilatus CBF header specification 1.4", Dectris (2012). Binary section: Hammersley,
Bernstein & Westbrook, International Tables G (2005), ch. 5.6.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import import_module
from pathlib import Path

import numpy as np

from ewaldite.errors import MissingExtraError
from ewaldite.simulate.experiment import RotationExperiment
from ewaldite.simulate.simulation import Image

PADDING = 4095


def minicbf_header(
    experiment: RotationExperiment, start: float, width: float, exposure: float
) -> str:
    """Return the lines that a Pilatus detector writes about an image.

    ``Beam_xy`` is where the direct beam hits, in 0-based pixels counted from the outer corner.

    Parameters
    ----------
    experiment:
        The experiment.
    start, width:
        Spindle angle at the start of the image and angle swept, degrees.
    exposure:
        Counting time, s.
    """
    detector = experiment.detector
    q = detector.pixel
    beam = detector.frame.T @ experiment.s0
    hit = beam[:2] * (detector.distance / beam[2] / q) + np.array(detector.origin) - 0.5
    lines = [
        "Detector: PILATUS simulated",
        f"Pixel_size {1e-3 * q:.9g} m x {1e-3 * q:.9g} m",
        f"Exposure_time {exposure:.9g} s",
        f"Exposure_period {exposure:.9g} s",
        "Count_cutoff 1048500 counts",
        f"Wavelength {experiment.wavelength:.9g} A",
        f"Detector_distance {1e-3 * detector.distance:.9g} m",
        f"Beam_xy ({hit[0]:.4f}, {hit[1]:.4f}) pixels",
        "Filter_transmission 1.0000",
        f"Start_angle {start:.6f} deg.",
        f"Angle_increment {width:.6f} deg.",
        f"Polarization {experiment.polarization:.6g}",
    ]
    if detector.sensor is not None:
        lines.insert(2, f"Silicon sensor, thickness {1e-3 * detector.sensor.thickness:.6f} m")
    return "".join(f"# {line}\r\n" for line in lines)


def write_image(path: Path, image: Image, header: str) -> None:
    """Write a mini-CBF image, compressed by byte offsets.

    Parameters
    ----------
    path:
        The file.
    image:
        Counts; dims (slow, fast), int32.
    header:
        From `minicbf_header`.

    Raises
    ------
    MissingExtraError
        If fabio is not installed.
    """
    try:
        codec = import_module("fabio.ext.byte_offset")
    except ImportError as error:
        raise MissingExtraError("fabio", "xray", "write CBF images") from error
    payload = bytes(codec.comp_cbf32(np.ascontiguousarray(image, dtype=np.int32).ravel()))
    digest = base64.b64encode(hashlib.md5(payload).digest()).decode("ascii")
    text = (
        "###CBF: VERSION 1.5, simulated by ewaldite\r\n"
        f"data_{path.stem}\r\n\r\n"
        '_array_data.header_convention "PILATUS_1.2"\r\n'
        f"_array_data.header_contents\r\n;\r\n{header};\r\n\r\n"
        "_array_data.data\r\n;\r\n--CIF-BINARY-FORMAT-SECTION--\r\n"
        "Content-Type: application/octet-stream;\r\n"
        '     conversions="x-CBF_BYTE_OFFSET"\r\n'
        "Content-Transfer-Encoding: BINARY\r\n"
        f"X-Binary-Size: {len(payload)}\r\n"
        "X-Binary-ID: 1\r\n"
        'X-Binary-Element-Type: "signed 32-bit integer"\r\n'
        "X-Binary-Element-Byte-Order: LITTLE_ENDIAN\r\n"
        f"Content-MD5: {digest}\r\n"
        f"X-Binary-Number-of-Elements: {image.size}\r\n"
        f"X-Binary-Size-Fastest-Dimension: {image.shape[1]}\r\n"
        f"X-Binary-Size-Second-Dimension: {image.shape[0]}\r\n"
        f"X-Binary-Size-Padding: {PADDING}\r\n\r\n"
    )
    tail = b"\0" * PADDING + b"\r\n--CIF-BINARY-FORMAT-SECTION----\r\n;\r\n\r\n"
    path.write_bytes(text.encode("ascii") + b"\x0c\x1a\x04\xd5" + payload + tail)
