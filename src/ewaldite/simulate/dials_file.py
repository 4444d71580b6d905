"""Geometry in the experiment list of DIALS.

In the frame of DIALS (imgCIF) the beam runs along -z; that of XDS is turned into it by half a
turn about x, ``(x, y, z) → (x, -y, -z)``. The origin of a panel is the outer **corner** of its
first pixel, and ``direction`` points from the sample to the source (dxtbx documentation).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ewaldite.errors import UserError
from ewaldite.simulate.experiment import RotationExperiment

UNTURNED = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]


def write_expt(path: Path, experiment: RotationExperiment, template: str) -> Path:
    """Write a DIALS experiment list with one experiment and constant geometry.

    Parameters
    ----------
    path:
        The file, usually with the ending ``.expt``.
    experiment:
        What to write.
    template:
        Name of the images with ``#`` for digits.

    Returns
    -------
    :
        The file.

    Raises
    ------
    UserError
        If the detector has parallax: XDS' convention, in which it is simulated, has no name
        in such a file.
    """
    if experiment.detector.parallax:
        raise UserError(
            f"write the geometry to {path}",
            "the detector is simulated with parallax in the convention of XDS",
            "Simulate without parallax, or write the files of XDS.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_experiment_list(experiment, template), indent=1), "utf-8")
    return path


def _experiment_list(experiment: RotationExperiment, template: str) -> dict[str, Any]:
    first = experiment.first_frame
    count = experiment.frames
    kinds = ("beam", "detector", "goniometer", "scan", "crystal", "imageset")
    models = dict.fromkeys(kinds, 0)
    return {
        "__id__": "ExperimentList",
        "experiment": [{"__id__": "Experiment", "identifier": "", **models}],
        "imageset": [{"__id__": "ImageSequence", "template": template, "mask": None}],
        "beam": [
            {
                "direction": _dials(-experiment.s0 * experiment.wavelength),
                "wavelength": experiment.wavelength,
                "polarization_normal": _dials(experiment.polarization_normal),
                "polarization_fraction": experiment.polarization,
                "flux": 0.0,
                "transmission": 1.0,
            }
        ],
        "detector": [_detector(experiment)],
        "goniometer": [
            {
                "rotation_axis": _dials(experiment.spindle),
                "fixed_rotation": UNTURNED,
                "setting_rotation": UNTURNED,
            }
        ],
        "scan": [
            {
                "image_range": [first, first + count - 1],
                "batch_offset": 0,
                "oscillation": [experiment.start, experiment.width],
                "exposure_time": [experiment.exposure] * count,
                "epochs": [0.0] * count,
                "valid_image_ranges": {},
            }
        ],
        "crystal": [
            {
                "__id__": "crystal",
                "real_space_a": _dials(experiment.axes[0]),
                "real_space_b": _dials(experiment.axes[1]),
                "real_space_c": _dials(experiment.axes[2]),
                "space_group_hall_symbol": experiment.hall,
            }
        ],
        "profile": [],
        "scaling_model": [],
    }


def _detector(experiment: RotationExperiment) -> dict[str, Any]:
    detector = experiment.detector
    frame, q = detector.frame, detector.pixel
    sensor = detector.sensor
    # the corner lies half a pixel before the centre of pixel (1, 1)
    x, y = (q * (0.5 - org) for org in detector.origin)
    panel = {
        "name": "Panel",
        "type": "SENSOR_PAD",
        "fast_axis": _dials(frame[:, 0]),
        "slow_axis": _dials(frame[:, 1]),
        "origin": _dials(frame @ [x, y, detector.distance]),
        "raw_image_offset": [0, 0],
        "image_size": list(detector.shape),
        "pixel_size": [q, q],
        "trusted_range": [0.0, 1048500.0],
        "thickness": sensor.thickness if sensor else 0.0,
        "material": "Si" if sensor else "",
        "mu": sensor.attenuation if sensor else 0.0,
        "identifier": "",
        "mask": [],
        "gain": 1.0,
        "pedestal": 0.0,
        "px_mm_strategy": {"type": "SimplePxMmStrategy"},
    }
    group = {
        "name": "",
        "type": "",
        "fast_axis": [1.0, 0.0, 0.0],
        "slow_axis": [0.0, 1.0, 0.0],
        "origin": [0.0, 0.0, 0.0],
        "children": [{"panel": 0}],
    }
    return {"panels": [panel], "hierarchy": group}


def _dials(vector: Iterable[float]) -> list[float]:
    x, y, z = np.array(list(vector), dtype=np.float64).tolist()
    return [x, -y, -z]
