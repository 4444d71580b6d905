r"""Step: the efficiency N_b of every pixel from a run of vanadium.

.. math::

    N_b = \varepsilon\, \Delta\Omega\, \Delta E_f = \frac{V - s\,U}
      {\Phi_V(E_f)\; n_V \sigma_{inc}/4\pi\; e^{-2W}\; A_V}

with V the elastic counts of vanadium, U those of the empty can or stage and s the ratio of
their fluxes. Φ_V is the flux of the vanadium run **per meV**, for the elastic line takes one
energy out of the incident spectrum; A_V its self-shielding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.spectroscopy.backend import Backend, shared_errors
from ewaldite.spectroscopy.constant_counts import ConstantCounts
from ewaldite.spectroscopy.flux import Flux
from ewaldite.spectroscopy.flux_at import flux_at_pixels
from ewaldite.tables import vanadium as table

FloatArray = NDArray[np.float64]

#: Half width of the range of energy transfer that is elastic, meV.
ELASTIC_WINDOW = 0.25
_LARGEST_ERROR = 0.5


@dataclass(frozen=True)
class EmptyCan:
    """Elastic counts of the can or stage alone.

    Attributes
    ----------
    counts:
        In the same window; dims (pixel), counts.
    ratio:
        Flux of the vanadium run over that of the empty one.
    relative:
        Relative errors of the ratio by reading of the vanadium's monitor, which Φ_V shares, and
        last that of the empty run's; dims (reading + 1).
    """

    counts: FloatArray
    ratio: float
    relative: FloatArray

    @classmethod
    def of(cls, counts: ArrayLike, flux: Flux, other: Flux) -> EmptyCan:
        """From the flux of both runs.

        Parameters
        ----------
        counts:
            dims (pixel), counts.
        flux, other:
            Of the vanadium and of the empty run.
        """
        total, base = float(flux.counts.sum()), float(other.counts.sum())
        mine = flux.total_error / max(total, 1e-300)
        others = float(np.sqrt((other.total_error**2).sum())) / max(base, 1e-300)
        if not base > 0:
            raise UserError(
                "subtract the empty run from vanadium",
                "its monitor counted nothing",
                "Give another [vanadium] empty.",
            )
        return cls(np.asarray(counts, np.float64), total / base, np.append(mine, -others))


def backend_from_vanadium(
    detector_number: ArrayLike,
    final_energy: ArrayLike,
    elastic: ArrayLike,
    flux: Flux,
    *,
    shielding: ArrayLike = 1.0,
    debye: ArrayLike = 1.0,
    atoms: float | None = None,
    empty: EmptyCan | None = None,
    constant: ConstantCounts | None = None,
    pulse_width: float,
    elastic_window: float = ELASTIC_WINDOW,
) -> Backend:
    """Efficiency of every pixel.

    Parameters
    ----------
    detector_number:
        dims (pixel), int.
    final_energy:
        E_f; dims (pixel), meV.
    elastic:
        Elastic counts of vanadium; dims (pixel), counts.
    flux:
        Of the vanadium run.
    shielding, debye:
        A_V and exp(-2W); dims (pixel) or one number.
    atoms:
        Number of vanadium atoms in the beam in units of 1e24 (so that atoms · barn is cm²);
        unknown if None, then σ_inc/4π is left out too and S is relative.
    empty:
        The empty can.
    constant:
        What is constant in time of the counts, less that of the can. It is subtracted; its
        error is common to pixels, and, as far as levels differ among pixels of one final
        energy, taken as their own.
    pulse_width:
        Of the source or of the pulse-shaping choppers, s.
    elastic_window:
        Half width that the elastic counts were summed over, meV; Φ_V is smoothed as much.

    Returns
    -------
    :
        N_b; a pixel without flux at E_f, or without counts above its background by at least
        twice the error, takes no part.

    Raises
    ------
    UserError
        If no pixel is left.
    """
    number = np.asarray(detector_number, dtype=np.int64)
    energies = np.asarray(final_energy, dtype=np.float64)
    counted = np.asarray(elastic, dtype=np.float64)
    at = flux_at_pixels(flux, energies, pulse_width, elastic_window)
    net, variance, share = counted, counted, np.zeros_like(counted)
    if empty is not None:
        below = empty.ratio * empty.counts
        net, variance = counted - below, counted + empty.ratio * below
    if constant is not None:
        net = net - constant.total
    if empty is not None:
        share = below / np.where(net > 0, net, 1.0)
    amount = 1.0 if atoms is None else atoms * table.INCOHERENT / (4.0 * np.pi)
    expected = at.value * amount * np.asarray(shielding) * np.asarray(debye)
    good = np.isfinite(expected) & (net > 0) & (variance <= (_LARGEST_ERROR * net) ** 2)
    if not np.any(good):
        lost = int(np.count_nonzero(~np.isfinite(at.value)))
        above = "" if empty is None else " above those of the empty run"
        raise UserError(
            "find the efficiency of the pixels from vanadium",
            f"of {number.size} pixels {lost} have no flux at their final energy and the others "
            f"have too few elastic counts{above} ({counted.sum():.0f} in all)",
            "Give a longer run, or one whose band of wavelengths holds the final energies.",
        )
    value = np.where(good, net / np.where(good, expected, 1.0), 0.0)
    own = np.where(good, variance / np.where(good, net, 1.0) ** 2, 0.0)
    used = np.flatnonzero(good)

    def root(some: NDArray[np.int64]) -> FloatArray:
        # ln N_b falls with Φ_V, and by the share of the can with the ratio
        chosen = used[some]
        rows = at.root(chosen)
        if empty is not None:
            more = np.hstack([rows, np.zeros((rows.shape[0], 1))])
            rows = np.asarray(more + share[chosen, None] * empty.relative)
        if constant is not None:
            rows = np.hstack([rows, constant.root(chosen) / net[chosen, None]])
        return rows

    shared = shared_errors(energies[good], root)
    own[good] += shared.rest
    group = np.zeros(number.size, np.int64)
    group[good] = shared.group
    unit = "dimensionless" if atoms is None else "meV*sr"
    return Backend(number, value, own, group, shared.modes, unit)
