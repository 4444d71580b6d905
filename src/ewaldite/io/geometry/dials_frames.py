"""What varies from frame to frame in a DIALS experiment, and its goniometer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ewaldite.crystal.cell import nearest_rotation
from ewaldite.errors import UserError
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.io.geometry.checks import asked, check_axes, check_wavelength, unit_vector
from ewaldite.io.geometry.dials_file import Experiment, Model
from ewaldite.model.experiment import FloatArray, IntArray


@dataclass(frozen=True)
class FrameModels:
    """The models at the middle of each frame, in the laboratory of DIALS.

    Attributes
    ----------
    s0:
        dims (frame, xyz), 1/Å.
    setting:
        dims (frame, row, column).
    reciprocal:
        A = UB; dims (frame, xyz, reciprocal axis), 1/Å.
    axis:
        Spindle before the setting rotation; dims (xyz).
    fixed:
        dims (row, column).
    """

    s0: FloatArray
    setting: FloatArray
    reciprocal: FloatArray
    axis: FloatArray
    fixed: FloatArray


def models_at_frames(experiment: Experiment, count: int, chosen: IntArray) -> FrameModels:
    """Interpolate linearly between scan points, which are the edges of the frames.

    Parameters
    ----------
    experiment:
        The experiment.
    count:
        Number of its frames.
    chosen:
        Positions of the wanted frames among them; dims (frame), int64.

    Returns
    -------
    :
        The models of the wanted frames.

    Raises
    ------
    UserError
        If a number is missing or senseless, or scan points are not one more than frames.
    """
    beam, crystal = experiment.need("beam"), experiment.need("crystal")
    goniometer = experiment.get("goniometer") or {"rotation_axis": [1.0, 0.0, 0.0]}
    axis, fixed, setting = _goniometer(experiment, goniometer)
    real = np.stack(
        [experiment.numbers(crystal, f"real_space_{x}", (3,)) for x in "abc"], axis=1
    )
    reciprocal = np.asarray(np.linalg.inv(check_axes(real, experiment.path)).T, np.float64)

    def at(model: Model, key: str, constant: FloatArray) -> FloatArray:
        if not model.get(key):
            return np.repeat(constant[None], chosen.size, axis=0)
        points = experiment.numbers(model, key, (-1, *constant.shape))
        if points.shape[0] != count + 1:
            raise UserError(
                asked(experiment.path),
                f"'{key}' has {points.shape[0]} scan points for {count} frames",
                "Scan points are the edges of the frames, one more than these: refine again.",
            )
        return np.asarray((points[chosen] + points[chosen + 1]) / 2.0)

    settings = at(goniometer, "setting_rotation_at_scan_points", setting)
    return FrameModels(
        s0=at(beam, "s0_at_scan_points", constant_s0(experiment)),
        setting=np.stack([nearest_rotation(matrix) for matrix in settings]),
        reciprocal=at(crystal, "A_at_scan_points", reciprocal),
        axis=axis,
        fixed=fixed,
    )


def constant_s0(experiment: Experiment) -> FloatArray:
    """Incident wavevector in DIALS' laboratory; dims (xyz), 1/Å.

    The file has the direction to the source.

    Raises
    ------
    UserError
        If the wavelength or the direction is missing or senseless.
    """
    beam = experiment.need("beam")
    wavelength = check_wavelength(beam.get("wavelength"), experiment.path)
    to_source = experiment.numbers(beam, "direction", (3,))
    return -unit_vector(to_source, "the beam's direction", experiment.path) / wavelength


def _goniometer(
    experiment: Experiment, model: Model
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Scan axis, fixed rotation and setting rotation.

    A goniometer of several axes lists them from the crystal to the base: those before the scan
    axis make the fixed rotation, those behind it the setting rotation.
    """
    path = experiment.path
    if "axes" in model:
        axes = experiment.numbers(model, "axes", (-1, 3))
        angles = experiment.numbers(model, "angles", (len(axes),))
        scan_axis = int(experiment.numbers(model, "scan_axis", ()))
        if not 0 <= scan_axis < len(axes):
            raise UserError(asked(path), f"scan_axis is {scan_axis}", "Mend the goniometer.")
        fixed, setting = np.eye(3), np.eye(3)
        for i, (axis, angle) in enumerate(zip(axes, angles, strict=True)):
            if i < scan_axis:
                fixed = rotation_matrix(axis, angle) @ fixed
            elif i > scan_axis:
                setting = rotation_matrix(axis, angle) @ setting
        return unit_vector(axes[scan_axis], "the scan axis", path), fixed, setting
    axis = unit_vector(experiment.numbers(model, "rotation_axis", (3,)), "rotation_axis", path)
    rotations = [
        experiment.numbers(model, key, (3, 3)) if model.get(key) else np.eye(3)
        for key in ("fixed_rotation", "setting_rotation")
    ]
    return axis, rotations[0], rotations[1]
