"""An instrument from one file and a crystal from another, made one sweep.

Each file has its own laboratory frame and its own zero of the spindle. Both are matched by what
does not depend on them: beam, spindle and the orientation of the crystal at the same frame.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.io.geometry.checks import asked
from ewaldite.io.geometry.nxmx import Instrument
from ewaldite.io.geometry.scan import Choice, make_scan, positions
from ewaldite.io.geometry.wedges import split_evenly
from ewaldite.model.experiment import FloatArray, IntArray, Scan, Sweep, Wedge

BoolArray = NDArray[np.bool_]

MAX_ANGLE = 1.0  # degrees between beam and spindle, one file against the other
MAX_WAVELENGTH = 0.01  # relative difference
MAX_STEP = 0.01  # relative difference of the rotation a frame


def join(instrument: Instrument, crystal: Sweep, choice: Choice) -> Sweep:
    r"""Put the crystal of one file into the instrument of another.

    The orientation of the crystal at the middle of a frame is
    :math:`R_c(\varphi_c)\,axes_c` in its own file. With Q the rotation that carries
    its beam and spindle to those of the instrument, the axes at spindle angle 0 of the
    instrument are :math:`R_i(\varphi_i)^T\,Q\,R_c(\varphi_c)\,axes_c`.

    Parameters
    ----------
    instrument:
        Beam, detector, spindle and angles; they stay.
    crystal:
        Sweep whose crystal is taken, frame by frame.
    choice:
        What the user wants.

    Returns
    -------
    :
        The sweep, of the frames that both files know.

    Raises
    ------
    UserError
        If the files share no frame, or wavelength, beam, spindle or the rotation of a frame
        contradict each other.
    """
    chosen = positions(instrument.scan.frames, choice, instrument.path)
    notes = [
        *instrument.notes,
        "beam and detector are not those of the crystal's refinement",
    ]
    shared = _shared(instrument, crystal, chosen)
    if not shared.all():
        notes.append(f"{np.sum(~shared)} frames have no crystal and are left out")
        if choice.angles is not None:
            angles = np.asarray(choice.angles, dtype=np.float64)[shared]
            choice = replace(choice, angles=angles.tolist())
    scan = _scan(instrument, chosen[shared], choice)
    of_crystal = {int(frame): i for i, frame in enumerate(crystal.scan.frames)}
    at = np.array([of_crystal[int(frame)] for frame in scan.frames], dtype=np.int64)
    axes = _axes(instrument, scan, crystal, at)
    parallax = crystal.wedges[0].panels[0].parallax
    panels = tuple(
        panel if panel.sensor is None else replace(panel, parallax=parallax)
        for panel in instrument.panels
    )
    wedges = tuple(
        Wedge(i, start, stop, instrument.beam, panels, instrument.axis, axes[start:stop])
        for i, (start, stop) in enumerate(split_evenly(scan, choice.wedge_degrees))
    )
    return Sweep(
        scan=scan,
        wedges=wedges,
        image_shape=instrument.image_shape,
        space_group=crystal.space_group,
        untrusted=crystal.untrusted if crystal.image_shape == instrument.image_shape else (),
        trusted_range=instrument.trusted_range,
        resolution_range=crystal.resolution_range,
        template=None,
        source="nxmx",
        notes=(*notes, *crystal.notes),
    )


def _shared(instrument: Instrument, crystal: Sweep, chosen: IntArray) -> BoolArray:
    """Tell which of the chosen frames have a crystal; the files must belong together."""
    shared = np.isin(instrument.scan.frames[chosen], crystal.scan.frames)
    if not shared.any():
        raise UserError(
            asked(instrument.path),
            f"its frames {instrument.scan.frames[chosen].min()} to"
            f" {instrument.scan.frames[chosen].max()} have no crystal (the other file describes"
            f" {crystal.scan.frames.min()} to {crystal.scan.frames.max()})",
            "Give the crystal of this sweep.",
        )
    wavelength, other = instrument.beam.wavelength, crystal.wedges[0].beam.wavelength
    if abs(wavelength - other) > MAX_WAVELENGTH * other:
        raise UserError(
            asked(instrument.path),
            f"its wavelength is {wavelength:g} Å, that of the crystal's file {other:g} Å",
            "Give the crystal of this sweep.",
        )
    return shared


def _scan(instrument: Instrument, chosen: IntArray, choice: Choice) -> Scan:
    scan = instrument.scan
    exposure = None if scan.exposure is None else scan.exposure[chosen]
    return make_scan(
        scan.frames[chosen],
        scan.phi[chosen],
        scan.width[chosen],
        choice,
        instrument.path,
        exposure,
    )


def _axes(instrument: Instrument, scan: Scan, crystal: Sweep, at: IntArray) -> FloatArray:
    """Cell axes at spindle angle 0 of the instrument; dims (frame, xyz, abc), Å."""
    phi = crystal.scan.phi[at]
    sense = _sense(instrument, scan.phi, phi)
    wedge_of = np.empty(len(crystal.scan), dtype=np.int64)
    for wedge in crystal.wedges:
        wedge_of[wedge.start : wedge.stop] = wedge.index
    axes = np.empty((at.size, 3, 3))
    back = np.swapaxes(rotation_matrix(instrument.axis, scan.phi), -1, -2)
    target = _frame(instrument.beam.direction, instrument.axis)
    for index in np.unique(wedge_of[at]):
        wedge = crystal.wedges[index]
        rows = np.flatnonzero(wedge_of[at] == index)
        between = _angle(instrument.beam.direction, instrument.axis)
        other = _angle(wedge.beam.direction, sense * wedge.axis)
        if abs(between - other) > MAX_ANGLE:
            raise UserError(
                asked(instrument.path),
                f"beam and spindle make {between:.2f}° here and {other:.2f}° in the file of the"
                " crystal",
                "Give the crystal of this sweep.",
            )
        turn = target @ _frame(wedge.beam.direction, sense * wedge.axis).T
        in_lab = rotation_matrix(wedge.axis, phi[rows]) @ wedge.axes[at[rows] - wedge.start]
        axes[rows] = back[rows] @ turn @ in_lab
    return axes


def _sense(instrument: Instrument, phi: FloatArray, phi_crystal: FloatArray) -> float:
    """+1 where both spindles count alike, -1 where one axis points the other way."""
    if phi.size < 2:
        return 1.0
    step, other = float(phi[1] - phi[0]), float(phi_crystal[1] - phi_crystal[0])
    if abs(abs(step) - abs(other)) > MAX_STEP * max(abs(step), abs(other)):
        raise UserError(
            asked(instrument.path),
            f"a frame turns the crystal by {abs(step):g}° here and by {abs(other):g}° in the"
            " file of the crystal",
            "Give the crystal of this sweep.",
        )
    return -1.0 if step * other < 0.0 else 1.0


def _frame(beam: FloatArray, axis: FloatArray) -> FloatArray:
    """Orthonormal columns: spindle, beam's part at right angles to it, their product."""
    across = beam - (beam @ axis) * axis
    across = across / np.linalg.norm(across)
    return np.stack([axis, across, np.cross(axis, across)], axis=1)


def _angle(u: FloatArray, v: FloatArray) -> float:
    return float(np.rad2deg(np.arctan2(np.linalg.norm(np.cross(u, v)), u @ v)))
