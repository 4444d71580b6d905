"""Step: the events of a cut, slab by slab."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.kernels import cut_events as kernel
from ewaldite.spectroscopy.coverage import Pixels
from ewaldite.spectroscopy.cut_grid import CutGrid
from ewaldite.spectroscopy.exposure import Exposure, views
from ewaldite.tables.neutron import K2_TO_MEV

FloatArray = NDArray[np.float64]

#: Names of what keeps an event out of a cut, as in the kernel.
REASONS = ("in_cut", "outside", "no_pixel", "no_flux", "no_step", "masked")


@dataclass
class EventSums:
    """Events of a cut, summed as they come.

    Attributes
    ----------
    grid, pixel, exposed:
        The cut, and the pixels and steps that its coverage has.
    sums:
        Number (with the multiplicity m that symmetry gives it) Σ m, Σ m², and of the seed's
        estimator Σ m w and Σ m² w² with w = 1/(Φ N_b k_f/k_i); dims (bin, 4).
    tally:
        Events by :data:`REASONS`.
    """

    grid: CutGrid
    pixel: Pixels
    exposed: Exposure
    sums: FloatArray = field(init=False)
    tally: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.sums = np.zeros((self.grid.size, kernel.EVENT_COLUMNS))
        self.tally = np.zeros(kernel.REASONS, np.int64)
        self._views = views(self.grid, self.exposed.a3, self.exposed.a4)

    def add(
        self,
        pixel: ArrayLike,
        k_i: ArrayLike,
        step: ArrayLike,
        *,
        a3: ArrayLike | None = None,
        a4: ArrayLike | None = None,
    ) -> None:
        """Add a slab of events.

        Parameters
        ----------
        pixel:
            Row of the pixel; dims (event), int.
        k_i:
            Incident wavenumber; dims (event), 1/Å.
        step:
            Step in whose time it scattered, -1 for none; dims (event), int.
        a3, a4:
            Rotation of the sample with its offset, and tank angle, at the time of
            scattering; dims (event), degrees. Those of the step if a3 is None.

        Raises
        ------
        UserError
            If a3 is given without a4.
        """
        e, p, g = self.exposed, self.pixel, self.grid
        rows = np.ascontiguousarray(pixel, np.int64)
        steps = np.ascontiguousarray(step, np.int64)
        k = np.ascontiguousarray(k_i, np.float64)
        flux = (p.k_f, p.table, *e.arguments)
        bins = (g.rows, g.number, g.stride, K2_TO_MEV, self.sums, self.tally)
        if a3 is None:
            v = self._views
            kernel.bin_events(rows, k, steps, *flux, v.first, v.ki, v.kf, v.beam, *bins)
            return
        if a4 is None:
            raise UserError("bin events", "a3 is given without a4", "Give both or neither.")
        sample, tank = (
            np.ascontiguousarray(np.broadcast_to(np.deg2rad(np.asarray(x)), k.shape))
            for x in (a3, a4)
        )
        kernel.bin_moving(rows, k, steps, sample, tank, *flux, g.table, *bins)

    @property
    def reasons(self) -> dict[str, int]:
        """Number of events by what became of them."""
        return dict(zip(REASONS, self.tally.tolist(), strict=True))
