"""Geometry in the files of XDS, with all the digits of the numbers.

XDS itself rounds to fixed columns; its files are read in free format. Cell axes are stated
for spindle angle 0, and the beam as a wavevector of length 1/λ.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ewaldite.simulate.experiment import RotationExperiment


def write_xparm(folder: Path, experiment: RotationExperiment) -> Path:
    """Write XPARM.XDS (XDS manual, "Files": XPARM.XDS).

    Parameters
    ----------
    folder:
        Where to; made if absent.
    experiment:
        What to write.

    Returns
    -------
    :
        The file.
    """
    detector, (nx, ny) = experiment.detector, experiment.detector.shape
    q, frame = detector.pixel, detector.frame
    lines = [
        " XPARM.XDS    VERSION Jan 1, 2024  BUILT=20240101",
        f"{experiment.first_frame:6d} {_row([experiment.start, experiment.width])} "
        f"{_row(experiment.spindle)}",
        f"{_row([experiment.wavelength])} {_row(experiment.s0)}",
        f"{experiment.space_group:6d} {_row(experiment.cell)}",
        *(_row(axis) for axis in experiment.axes),
        f"{1:9d}{nx:10d}{ny:10d} {_row([q, q])}",
        _row([*detector.origin, detector.distance]),
        *(_row(frame[:, i]) for i in range(3)),
        f"{1:10d}{1:10d}{nx:10d}{1:10d}{ny:10d}",
        _row([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
    ]
    return _write(folder, "XPARM.XDS", lines)


def write_xds_inp(folder: Path, experiment: RotationExperiment, template: str) -> Path:
    """Write XDS.INP (XDS manual, "Input parameters").

    Parameters
    ----------
    folder:
        Where to; made if absent.
    experiment:
        What to write.
    template:
        Name of the images with ``?`` for digits, relative to the folder.

    Returns
    -------
    :
        The file.
    """
    detector, (nx, ny) = experiment.detector, experiment.detector.shape
    first = experiment.first_frame
    last = first + experiment.frames - 1
    columns, rows = detector.gaps()
    lines = [
        "! simulated by ewaldite",
        "JOB= ALL",
        "DETECTOR= PILATUS",
        f"NX= {nx}  NY= {ny}  QX= {detector.pixel!r}  QY= {detector.pixel!r}",
        "OVERLOAD= 1048500",
        "MINIMUM_VALID_PIXEL_VALUE= 0",
        # the bounds themselves are trusted: pixel 1 is number 0 here
        *(f"UNTRUSTED_RECTANGLE= {a} {b + 1} 0 {ny + 1}" for a, b in columns),
        *(f"UNTRUSTED_RECTANGLE= 0 {nx + 1} {a} {b + 1}" for a, b in rows),
        *_sensor(experiment),
        f"DIRECTION_OF_DETECTOR_X-AXIS= {_row(detector.frame[:, 0])}",
        f"DIRECTION_OF_DETECTOR_Y-AXIS= {_row(detector.frame[:, 1])}",
        f"ORGX= {detector.origin[0]!r}  ORGY= {detector.origin[1]!r}",
        f"DETECTOR_DISTANCE= {detector.distance!r}",
        f"NAME_TEMPLATE_OF_DATA_FRAMES= {template}",
        f"DATA_RANGE= {first} {last}",
        f"ROTATION_AXIS= {_row(experiment.spindle)}",
        f"OSCILLATION_RANGE= {experiment.width!r}",
        f"STARTING_ANGLE= {experiment.start!r}  STARTING_FRAME= {first}",
        f"X-RAY_WAVELENGTH= {experiment.wavelength!r}",
        f"INCIDENT_BEAM_DIRECTION= {_row(experiment.s0)}",
        f"FRACTION_OF_POLARIZATION= {experiment.polarization!r}",
        f"POLARIZATION_PLANE_NORMAL= {_row(experiment.polarization_normal)}",
        f"SPACE_GROUP_NUMBER= {experiment.space_group}",
        f"UNIT_CELL_CONSTANTS= {_row(experiment.cell)}",
        *(
            f"UNIT_CELL_{name}-AXIS= {_row(axis)}"
            for name, axis in zip("ABC", experiment.axes, strict=True)
        ),
    ]
    return _write(folder, "XDS.INP", lines)


def write_integrate_lp(folder: Path, experiment: RotationExperiment, block: int = 20) -> Path:
    """Write the part of INTEGRATE.LP that states the geometry of every block of images.

    The geometry is the same in all of them.

    Parameters
    ----------
    folder:
        Where to; made if absent.
    experiment:
        What to write.
    block:
        Images a block; the last may be shorter.

    Returns
    -------
    :
        The file.
    """
    first = experiment.first_frame
    stop = first + experiment.frames
    detector = experiment.detector
    names = ("A", "B", "C")
    lines = ["", " ***** INTEGRATE ***** (simulated by ewaldite)", ""]
    for start in range(first, stop, block):
        last = min(start + block, stop) - 1
        lines += [
            f"{' PROCESSING OF IMAGES':>41} {start:8d}      ... {last:7d}",
            "",
            " REFINED PARAMETERS:   POSITION BEAM ORIENTATION CELL",
            f" SPACE GROUP NUMBER {experiment.space_group:6d}",
            f" UNIT CELL PARAMETERS {_row(experiment.cell)}",
            *(
                f" COORDINATES OF UNIT CELL {name}-AXIS {_row(axis)}"
                for name, axis in zip(names, experiment.axes, strict=True)
            ),
            f" LAB COORDINATES OF ROTATION AXIS {_row(experiment.spindle)}",
            f" DIRECT BEAM COORDINATES (REC. ANGSTROEM) {_row(experiment.s0)}",
            f" DETECTOR ORIGIN (PIXELS) AT {_row(detector.origin)}",
            f" CRYSTAL TO DETECTOR DISTANCE (mm) {_row([detector.distance])}",
            f" LAB COORDINATES OF DETECTOR X-AXIS {_row(detector.frame[:, 0])}",
            f" LAB COORDINATES OF DETECTOR Y-AXIS {_row(detector.frame[:, 1])}",
            "",
        ]
    return _write(folder, "INTEGRATE.LP", lines)


def _sensor(experiment: RotationExperiment) -> list[str]:
    sensor = experiment.detector.sensor
    # XDS corrects parallax wherever it knows a sensor
    if sensor is None or not experiment.detector.parallax:
        return []
    return [f"SENSOR_THICKNESS= {sensor.thickness!r}  SILICON= {sensor.attenuation!r}"]


def _row(values: Iterable[float]) -> str:
    return " ".join(f"{float(x):.15g}" for x in values)


def _write(folder: Path, name: str, lines: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path
