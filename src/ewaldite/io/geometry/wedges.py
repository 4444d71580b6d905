"""Cutting a scan into wedges, none of which straddles a jump of the spindle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray, Scan

DEFAULT_WEDGE_DEGREES = 5.0

Bounds = tuple[int, int]


def contiguous_runs(phi: FloatArray) -> list[Bounds]:
    """Find the runs of frames in which the spindle advances evenly.

    A step that differs from the usual one (the lower median by size) by more than half of it
    is a jump; where the spindle rests (stills), any step is one.

    Parameters
    ----------
    phi:
        Spindle angle at the middle of the frame; dims (frame), degrees, float64.

    Returns
    -------
    :
        Half-open ranges of positions, in order, that together hold every frame once.
    """
    if phi.size < 2:
        return [(0, int(phi.size))] if phi.size else []
    step = np.diff(phi)
    usual = float(step[np.argsort(np.abs(step), kind="stable")[(step.size - 1) // 2]])
    jumps = np.abs(step - usual) > max(0.5 * abs(usual), 1e-6)
    edges = [0, *(np.flatnonzero(jumps) + 1).tolist(), int(phi.size)]
    return list(pairwise(edges))


def split_evenly(scan: Scan, wedge_degrees: float | None = None) -> list[Bounds]:
    """Cut every run of a scan into equal wedges of at most some degrees.

    Parameters
    ----------
    scan:
        The frames.
    wedge_degrees:
        Largest rotation of a wedge, degrees; 5 where None.

    Returns
    -------
    :
        Half-open ranges of positions in the scan.

    Raises
    ------
    UserError
        If ``wedge_degrees`` is not positive.
    """
    limit = DEFAULT_WEDGE_DEGREES if wedge_degrees is None else float(wedge_degrees)
    if not limit > 0.0:
        raise UserError(
            "cut the scan into wedges",
            f"wedge_degrees = {limit}",
            "Give a positive number of degrees, as in wedge_degrees = 5.",
        )
    bounds = []
    for start, stop in contiguous_runs(scan.phi):
        rotation = abs(float(scan.phi[stop - 1] - scan.phi[start])) + float(scan.width[start])
        # a thousandth of a wedge of slack, so that rounded angles do not add one
        count = min(max(1, math.ceil(rotation / limit - 1e-3)), stop - start)
        edges = np.rint(np.linspace(start, stop, count + 1)).astype(int).tolist()
        bounds += list(pairwise(edges))
    return bounds


def split_blocks(scan: Scan, block: Sequence[int]) -> list[Bounds]:
    """Cut a scan where the block of refinement changes and where the spindle jumps.

    Parameters
    ----------
    scan:
        The frames.
    block:
        Number of the block that each frame belongs to; dims (frame).

    Returns
    -------
    :
        Half-open ranges of positions in the scan.
    """
    labels = np.asarray(block, dtype=np.int64)
    cuts = set((np.flatnonzero(np.diff(labels)) + 1).tolist())
    cuts |= {edge for run in contiguous_runs(scan.phi) for edge in run}
    edges = sorted(cuts | {0, len(scan)})
    return list(pairwise(edges))
