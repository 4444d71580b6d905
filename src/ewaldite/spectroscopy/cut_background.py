r"""Step: the background of a cut from an empty run, turned with the sample.

The can, the cryostat and the air stand still in the laboratory while the sample turns. What
they scatter into pixel p at an incident energy does so at *every* rotation of the sample, and
there belongs to another hkl. So each event of the empty run is put at every step of the
sample's run, as it is in the laboratory, with the weight

.. math:: w = f_p \, \frac{\Phi_j(E_i)}{\Phi_{empty}(E_i)},

the flux of the step over that of the whole empty run and the share f that the sample lets
through. Masks and symmetry operations are those of the sample's run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.kernels import cut_background as kernel
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.flux import Flux
from ewaldite.tables.neutron import K2_TO_MEV

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Background:
    """Background of a cut.

    Attributes
    ----------
    total:
        Counts to subtract; dims (bin).
    counting:
        Their variance from the events of the empty run, each of which may be in a bin at
        several steps; dims (bin).
    common:
        Their variance from its monitor; dims (bin).
    lost:
        Events of the empty run at energies at which its monitor has no flux.
    """

    total: FloatArray
    counting: FloatArray
    common: FloatArray
    lost: int


def turned_background(
    events: EventSums,
    pixel: ArrayLike,
    k_i: ArrayLike,
    flux: Flux,
    factor: ArrayLike = 1.0,
) -> Background:
    """Background of a cut.

    Parameters
    ----------
    events:
        Of the sample, with its pixels and steps.
    pixel, k_i:
        Row and incident wavenumber of all events of the empty run; dims (event), int and 1/Å.
    flux:
        Of the empty run.
    factor:
        What the sample lets through of the background; dims (pixel) or one number.

    Returns
    -------
    :
        What to subtract.
    """
    grid, e, p = events.grid, events.exposed, events.pixel
    k = np.asarray(k_i, dtype=np.float64)
    row = np.asarray(pixel, dtype=np.int64)
    where = flux.intervals
    reading = np.searchsorted(where.edges, k, side="right") - 1
    inside = (reading >= 0) & (reading < len(where))
    inside &= ~flux.absent[np.clip(reading, 0, len(where) - 1)]
    order = np.flatnonzero(inside)[np.argsort(reading[inside], kind="stable")]
    counts = flux.counts.sum(axis=0)
    if flux.shared:
        relative = flux.relative_variance
    else:
        total = np.maximum(flux.readings.sum(axis=0), 1.0)
        relative = flux.variance.sum(axis=0) / total**2
    bins = np.zeros((grid.size, kernel.COLUMNS))
    kernel.turn_events(
        row[order], k[order], reading[order].astype(np.int64),
        where.width / np.maximum(counts, 1e-300), relative,
        np.broadcast_to(np.asarray(factor, np.float64), (p.table.shape[0],)).copy(),
        p.columns, e.table, *events.views, K2_TO_MEV, bins,
    )  # fmt: skip
    return Background(
        bins[:, kernel.TOTAL].copy(),
        bins[:, kernel.COUNTING].copy(),
        bins[:, kernel.COMMON].copy(),
        int(np.count_nonzero(~inside)),
    )
