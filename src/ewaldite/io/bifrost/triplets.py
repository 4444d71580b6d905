"""Triplets of a raw file: their pixels in space, and their analysers."""

from __future__ import annotations

import re

import h5py
import numpy as np

from ewaldite.errors import UserError
from ewaldite.geometry.triplet import Triplet, place_of_number
from ewaldite.io.bifrost.access import children, need, nexus_class, numbers, text, where
from ewaldite.io.bifrost.transformations import Step, chain_of, placement
from ewaldite.tables.neutron import GRAPHITE_002

_NAME = re.compile(r"channel_(\d+)_(\d+)_triplet")


def triplet_groups(instrument: h5py.Group) -> dict[str, h5py.Group]:
    """Detectors of an instrument in file order: channel 1 … 9, in each arc 1 … 5.

    Raises
    ------
    UserError
        If there is none.
    """
    found = children(instrument, "NXdetector")
    groups = {name: group for name, group in found.items() if "detector_number" in group}
    if not groups:
        raise UserError(
            f"read {where(instrument)}",
            "it has no detector (NXdetector with detector_number)",
            "Give a raw file of BIFROST.",
        )
    return dict(sorted(groups.items(), key=lambda item: _order(item[0])))


def read_triplet(group: h5py.Group) -> tuple[Triplet, list[Step]]:
    """Read a triplet and its analyser.

    Taken from the NXdetector: ``detector_number``, ``x_pixel_offset``, ``y_pixel_offset`` and
    ``z_pixel_offset`` (zero if absent), ``depends_on``; and the NXcrystal that its attribute
    ``inputs`` names (or, without it, channel_C_A_monochromator): ``depends_on`` and
    ``d_spacing`` (that of graphite if absent).

    Returns
    -------
    :
        The triplet at tank angle zero, and the chain that places it.

    Raises
    ------
    UserError
        If something is missing or does not fit together.
    """
    number = np.asarray(need(group, "detector_number")[()], dtype=np.int64)
    if number.ndim != 2:
        raise UserError(
            f"read {where(group)}",
            f"its detector_number has {number.ndim} dimensions",
            "It must have two: tube and pixel.",
        )
    need(group, "depends_on")
    steps = chain_of(group)
    matrix = placement(steps)
    local = np.zeros((*number.shape, 4))
    local[..., 3] = 1.0
    for axis, name in enumerate(("x_pixel_offset", "y_pixel_offset", "z_pixel_offset")):
        if name in group or axis < 2:
            local[..., axis] = _offsets(need(group, name), number.shape, axis)
    crystal = _analyser(group)
    need(crystal, "depends_on")
    spacing = GRAPHITE_002
    if "d_spacing" in crystal:
        spacing = float(numbers(crystal["d_spacing"], "angstrom").ravel()[0])
    channel, arc = _place(group, number)
    triplet = Triplet(
        name=group.name.rsplit("/", 1)[1],
        channel=channel,
        arc=arc,
        detector_number=number,
        position=(local @ matrix.T)[..., :3],
        centre=matrix[:3, 3],
        analyser=placement(chain_of(crystal))[:3, 3],
        d_spacing=spacing,
    )
    return triplet, steps


def _order(name: str) -> tuple[int, int, str]:
    match = _NAME.fullmatch(name)
    return (int(match[1]), int(match[2]), name) if match else (1000, 0, name)


def _place(group: h5py.Group, number: np.ndarray) -> tuple[int, int]:
    match = _NAME.fullmatch(group.name.rsplit("/", 1)[1])
    if match:
        return int(match[1]) - 1, int(match[2]) - 1
    arc, channel, _, _ = place_of_number(number[0, 0])
    return int(channel), int(arc)


def _offsets(dataset: h5py.Dataset, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """Offsets of pixels; along x files may give one a tube, along y one a pixel."""
    values = numbers(dataset, "m")
    if values.shape != shape and values.ndim == 1 and axis == 0:
        values = values[:, None]
    try:
        return np.broadcast_to(values, shape)
    except ValueError as error:
        raise UserError(
            f"read {where(dataset)}",
            f"its shape {values.shape} is not that of detector_number, {shape}",
            "Correct the file.",
        ) from error


def _analyser(group: h5py.Group) -> h5py.Group:
    """Find the crystal that a detector sees: through the inputs of its inputs."""
    instrument = group.parent
    pending, seen = [group], 0
    while pending and seen < 100:
        one = pending.pop(0)
        seen += 1
        if nexus_class(one) == "NXcrystal":
            return one
        inputs = one.attrs.get("inputs", ())
        names = [inputs] if isinstance(inputs, str | bytes) else list(inputs)
        pending += [instrument[text(n)] for n in names if text(n) in instrument]
    usual = re.sub("triplet$", "monochromator", group.name.rsplit("/", 1)[1])
    if nexus_class(instrument.get(usual)) == "NXcrystal":
        return instrument[usual]
    raise UserError(
        f"find the analyser of {where(group)}",
        f"its attribute 'inputs' names none, and there is no '{usual}'",
        "See whether the file is complete.",
    )
