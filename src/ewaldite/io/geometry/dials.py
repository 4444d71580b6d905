r"""DIALS .expt files: constant and scan-varying geometry.

DIALS' model of a reflection h (Waterman et al., Acta Cryst. D72 (2016) 558) is

.. math:: r = S\,R(e, \varphi)\,F\,A\,h,\qquad r = s_1 - s_0

with the setting rotation S, the fixed rotation F, and A = UB at zero rotation. Ours is
:math:`h = r \cdot R_s(\varphi) \cdot axes`; so the spindle is S·e and the axes are
:math:`R_s^T S R(e, \varphi) F A^{-T}`, which is S·F·A⁻ᵀ for a constant S.

The beam of DIALS runs along about −z. Its frame is turned by 180° about x into ours.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ewaldite.crystal.cell import nearest_rotation
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.io.geometry.checks import check_axes
from ewaldite.io.geometry.dials_detector import (
    image_shape,
    panels_of,
    trusted_range_of,
    untrusted_of,
)
from ewaldite.io.geometry.dials_file import Experiment, read_experiment
from ewaldite.io.geometry.dials_frames import FrameModels, constant_s0, models_at_frames
from ewaldite.io.geometry.dials_scan import scan_of
from ewaldite.io.geometry.scan import Choice, make_scan, positions
from ewaldite.io.geometry.wedges import split_evenly
from ewaldite.model.experiment import Beam, FloatArray, Panel, Scan, Sweep, Wedge

HALF_TURN = np.diag([1.0, -1.0, -1.0])
DEFAULT_POLARIZATION = 0.999


def read_dials(path: Path, choice: Choice) -> Sweep:
    """Read one experiment of a DIALS file as a sweep.

    Parameters
    ----------
    path:
        The .expt file.
    choice:
        What the user wants of it.

    Returns
    -------
    :
        The sweep.

    Raises
    ------
    UserError
        If the file is incomplete, holds several experiments of which none is chosen, or has no
        crystal.
    """
    experiment = read_experiment(path, choice.experiment)
    experiment.need("crystal")
    full, notes = scan_of(experiment)
    chosen = positions(full.frames, choice, path)
    exposure = None if full.exposure is None else full.exposure[chosen]
    scan = make_scan(
        full.frames[chosen], full.phi[chosen], full.width[chosen], choice, path, exposure
    )
    frames = models_at_frames(experiment, len(full), chosen)
    turn = HALF_TURN if frames.s0[:, 2].mean() < 0.0 else np.eye(3)
    panels, detector_notes = panels_of(experiment, turn)
    beam = _beam(experiment, turn, notes)
    wedges = tuple(
        _wedge(experiment, i, bounds, scan, frames, turn, panels, beam)
        for i, bounds in enumerate(split_evenly(scan, choice.wedge_degrees))
    )
    crystal, imageset = experiment.need("crystal"), experiment.get("imageset") or {}
    return Sweep(
        scan=scan,
        wedges=wedges,
        image_shape=image_shape(panels),
        space_group=crystal.get("space_group_hall_symbol") or None,
        untrusted=untrusted_of(experiment),
        trusted_range=trusted_range_of(experiment),
        template=imageset.get("template") or None,
        source="dials",
        notes=(*notes, *detector_notes),
    )


def _wedge(
    experiment: Experiment,
    index: int,
    bounds: tuple[int, int],
    scan: Scan,
    frames: FrameModels,
    turn: FloatArray,
    panels: tuple[Panel, ...],
    beam: Beam,
) -> Wedge:
    start, stop = bounds
    span = slice(start, stop)
    s0 = turn @ frames.s0[span].mean(axis=0)
    phi, setting = scan.phi[span], frames.setting[span]
    axis = nearest_rotation(setting.mean(axis=0)) @ frames.axis
    # real-space axes as columns are A to the power -T
    real = np.swapaxes(np.linalg.inv(frames.reciprocal[span]), -1, -2)
    in_lab = setting @ rotation_matrix(frames.axis, phi) @ frames.fixed @ real
    axes = turn @ np.swapaxes(rotation_matrix(axis, phi), -1, -2) @ in_lab
    return Wedge(
        index=index,
        start=start,
        stop=stop,
        beam=replace(
            beam,
            wavelength=float(1.0 / np.linalg.norm(frames.s0[span], axis=1).mean()),
            direction=s0 / np.linalg.norm(s0),
        ),
        panels=panels,
        axis=turn @ axis,
        axes=check_axes(axes, experiment.path),
    )


def _beam(experiment: Experiment, turn: FloatArray, notes: list[str]) -> Beam:
    """Beam at rest, with its polarization; a wedge replaces what it refined."""
    model = experiment.need("beam")
    s0 = turn @ constant_s0(experiment)
    fraction = model.get("polarization_fraction")
    normal = np.array([0.0, 1.0, 0.0])
    if model.get("polarization_normal"):
        normal = experiment.numbers(model, "polarization_normal", (3,))
    measured = fraction is not None and float(fraction) != DEFAULT_POLARIZATION
    return Beam(
        wavelength=float(1.0 / np.linalg.norm(s0)),
        direction=s0 / np.linalg.norm(s0),
        polarization_fraction=DEFAULT_POLARIZATION if fraction is None else float(fraction),
        polarization_normal=turn @ normal,
        polarization_measured=measured,
    )
