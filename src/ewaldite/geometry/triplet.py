"""Three detector tubes under an analyser: the unit that BIFROST is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.model.experiment import FloatArray, IntArray

ARCS, CHANNELS, TUBES, PIXELS = 5, 9, 3, 100


@dataclass(frozen=True)
class Triplet:
    """Three tubes and their analyser, in the laboratory at tank angle zero.

    Attributes
    ----------
    name:
        As in the file.
    channel, arc:
        From 0, in the order of growing A4 and of growing final energy.
    detector_number:
        dims (tube, pixel), int64.
    position:
        Where neutrons are counted, from the sample; dims (tube, pixel, xyz), m, float64.
    centre:
        Middle of the triplet; dims (xyz), m.
    analyser:
        Middle blade of the analyser; dims (xyz), m.
    d_spacing:
        Of its planes, Å.
    """

    name: str
    channel: int
    arc: int
    detector_number: IntArray
    position: FloatArray
    centre: FloatArray
    analyser: FloatArray
    d_spacing: float


def detector_number(
    arc: ArrayLike, channel: ArrayLike, tube: ArrayLike, pixel: ArrayLike
) -> IntArray:
    """Number of a pixel as BIFROST counts: 2700 arc + 900 tube + 100 channel + pixel + 1.

    A file says its own numbers; this is what they should be.

    Parameters
    ----------
    arc, channel, tube, pixel:
        From 0; dims (...), int.

    Returns
    -------
    :
        dims (...), int64.
    """
    parts = (
        np.asarray(arc, dtype=np.int64) * 2700,
        np.asarray(tube, dtype=np.int64) * 900,
        np.asarray(channel, dtype=np.int64) * 100,
        np.asarray(pixel, dtype=np.int64) + 1,
    )
    return np.asarray(sum(parts), dtype=np.int64)


def place_of_number(
    number: ArrayLike,
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Invert :func:`detector_number`: arc, channel, tube and pixel, each dims (...), int64."""
    rest = np.asarray(number, dtype=np.int64) - 1
    arc, rest = np.divmod(rest, ARCS * 540)
    tube, rest = np.divmod(rest, CHANNELS * PIXELS)
    channel, pixel = np.divmod(rest, PIXELS)
    return arc, channel, tube, pixel


def numbers_agree(triplet: Triplet) -> bool:
    """Whether the pixels of a triplet are numbered as they should be."""
    tubes, pixels = triplet.detector_number.shape
    tube, pixel = np.indices((tubes, pixels))
    wanted = detector_number(triplet.arc, triplet.channel, tube, pixel)
    return bool(np.array_equal(wanted, triplet.detector_number))


def design_triplet(
    channel: int,
    arc: int,
    *,
    arm: float,
    sample_analyser: float,
    analyser_detector: float,
    half_take_off: float,
    half_length: float,
    across: float = 0.014,
    tubes: int = TUBES,
    pixels: int = PIXELS,
    d_spacing: float,
) -> Triplet:
    """Make a triplet from the numbers of a drawing.

    The chain of the NeXus files: turn by the arm about y, go out to the analyser, turn by 90°
    about z and by the analyser's angle about the new y, turn by that angle again, go out to the
    detector.

    Parameters
    ----------
    channel, arc:
        From 0.
    arm:
        Angle of the arm in the tank about +y, degrees.
    sample_analyser, analyser_detector:
        m.
    half_take_off:
        Angle by which the analyser's planes turn the beam twice, degrees, negative downwards.
    half_length:
        From the middle of a tube to its end, m.
    across:
        From the middle tube to the outer ones, m.
    tubes, pixels:
        How many; pixels fill the tube's length evenly, the first one at the smallest A4.
    d_spacing:
        Å.

    Returns
    -------
    :
        The triplet.
    """
    y, z = (0.0, 1.0, 0.0), np.array([0.0, 0.0, 1.0])
    out = rotation_matrix(y, arm)
    analyser = out @ (sample_analyser * z)
    turn = rotation_matrix(y, half_take_off)
    frame = out @ rotation_matrix(z, 90.0) @ turn @ turn
    centre = analyser + frame @ (analyser_detector * z)
    local = np.zeros((tubes, pixels, 3))
    local[..., 0] = np.linspace(-across, across, tubes)[:, None]
    local[..., 1] = half_length * (1.0 - (2.0 * np.arange(pixels) + 1.0) / pixels)
    tube, pixel = np.indices((tubes, pixels))
    return Triplet(
        name=f"channel_{channel + 1}_{arc + 1}_triplet",
        channel=channel,
        arc=arc,
        detector_number=detector_number(arc, channel, tube, pixel),
        position=centre + local @ frame.T,
        centre=centre,
        analyser=analyser,
        d_spacing=d_spacing,
    )
