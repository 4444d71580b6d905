"""Scale factors of other programs as a start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.scaling.prescale import Prescale
from ewaldite.errors import UserError
from ewaldite.io.scale_factors import FactorTable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class StartFactors:
    """Scale of a sweep by its place in the scan.

    Attributes
    ----------
    iz:
        Places, 0 for the first frame, ascending; dims (place), float64.
    factor:
        By which intensities are too large there; dims (place), float64, positive.
    """

    iz: FloatArray
    factor: FloatArray


def start_factors(
    table: FactorTable,
    sweeps: Mapping[str, int],
    *,
    numbers: Mapping[int, IntArray],
    phi: Mapping[int, FloatArray],
) -> dict[int, StartFactors]:
    """Find the places in the scans that scale factors belong to.

    Parameters
    ----------
    table:
        As it was read; without names of sweeps it is for the only sweep in ``sweeps``.
    sweeps:
        Numbers of the sweeps by their names.
    numbers:
        Number, in its file name, of every frame of each sweep; dims (frame), int64.
    phi:
        Spindle angle in the middle of every frame; dims (frame), degrees.

    Returns
    -------
    :
        Factors by the number of the sweep.

    Raises
    ------
    UserError
        A sweep is not known, or none of its places lies in the scan.
    """
    asked = f"start from the scale factors in {table.path}"
    if not table.sweep and len(sweeps) != 1:
        raise UserError(
            asked,
            f"the file names no sweep, and there are {len(sweeps)}",
            "Add a column 'sweep', or give a file for each sweep in [scale.start].",
        )
    names = table.sweep or (next(iter(sweeps)),) * table.place.size
    unknown = sorted(set(names) - set(sweeps))
    if unknown:
        raise UserError(
            asked,
            f"there is no sweep {unknown[0]!r}; the sweeps are {', '.join(sweeps)}",
            "Use the names in [[sweep]].",
        )
    out = {}
    for name in dict.fromkeys(names):
        rows = np.array([n == name for n in names])
        sweep = sweeps[name]
        known = numbers[sweep].astype(float) if table.kind == "frame" else phi[sweep]
        out[sweep] = _placed(asked, name, table.place[rows], table.factor[rows], known)
    return out


def _placed(
    asked: str, name: str, place: FloatArray, factor: FloatArray, known: FloatArray
) -> StartFactors:
    forward = known if known.size < 2 or known[-1] >= known[0] else -known
    place = place if forward is known else -place
    half = 0.5 * float(np.median(np.diff(forward))) if known.size > 1 else 0.5
    inside = (place >= forward[0] - half) & (place <= forward[-1] + half)
    if not np.any(inside):
        raise UserError(
            asked,
            f"none of the places of sweep {name!r} lies in its scan, "
            f"{known[0]:g} to {known[-1]:g}",
            "See whether frames or angles are meant, and how they are counted.",
        )
    order = np.argsort(place[inside], kind="stable")
    iz = np.interp(place[inside][order], forward, np.arange(known.size, dtype=np.float64))
    return StartFactors(iz, factor[inside][order])


def started(
    prescale: Prescale, batches: tuple[int, ...], given: Mapping[int, StartFactors]
) -> Prescale:
    """Take the course of the scale from given factors, its level from isotropic averages.

    The exposure is already taken out of intensities here, and programs set the level of each
    data set as they like; so only the course within a sweep is another program's to say.

    Parameters
    ----------
    prescale:
        Scales from isotropic averages.
    batches:
        Numbers of the sweeps.
    given:
        Factors by the number of the sweep; sweeps without keep theirs.

    Returns
    -------
    :
        The scales.
    """
    scale = prescale.scale.copy()
    for j, batch in enumerate(batches):
        if batch not in given:
            continue
        middle, level = prescale.middles(j)
        course = np.interp(middle, given[batch].iz, given[batch].factor)
        scale[j, np.isfinite(scale[j])] = course * (level.mean() / course.mean())
    return Prescale(prescale.rate, scale, prescale.low, prescale.per_cell)
