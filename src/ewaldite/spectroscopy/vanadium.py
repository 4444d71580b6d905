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
from ewaldite.geometry.neutron import wavenumber
from ewaldite.spectroscopy.backend import Backend, shared_errors
from ewaldite.spectroscopy.flux import Flux
from ewaldite.tables import vanadium as table

FloatArray = NDArray[np.float64]

#: Half width of the range of energy transfer that is elastic, meV.
ELASTIC_WINDOW = 0.25
_LARGEST_ERROR = 0.5
_PARABOLA = 3
_BLOCK = 1000
_LINE = 0.01  # meV


@dataclass(frozen=True)
class FluxAt:
    """Flux per meV of a run at energies.

    Attributes
    ----------
    value:
        NaN where there is none; dims (energy), counts/Å/meV.
    root:
        Relative errors by reading of the monitor, so that the relative covariance is R Rᵀ;
        dims (energy, reading).
    """

    value: FloatArray
    root: FloatArray


def flux_at(flux: Flux, energies: ArrayLike, pulse_width: float, half_width: float) -> FluxAt:
    """Flux of the whole run at given energies.

    A parabola is fitted to Φ within ``half_width``, with equal weights, and read in the middle;
    it is linear in the counts, so their errors go through exactly. Within one pulse width of
    an end of the band, or of a gap in it, there is no flux to be had, nor is Φ used in a fit:
    the pulse blurs the end by half its width to both sides.

    Parameters
    ----------
    flux:
        Of the run.
    energies:
        dims (energy), meV.
    pulse_width:
        s.
    half_width:
        meV.

    Returns
    -------
    :
        Values and their errors.
    """
    i = flux.intervals
    wanted = np.asarray(energies, dtype=np.float64)
    density = np.nansum(flux.density, axis=0)
    per_count = density / np.maximum(flux.total, 1e-300)
    error = np.where(flux.absent, 0.0, per_count * flux.total_error)
    inside = _inside(flux, wanted, pulse_width)
    clear = np.flatnonzero(_inside(flux, i.energy, pulse_width))
    value = np.full(wanted.shape, np.nan)
    root = np.zeros((wanted.size, len(i)))
    rows = np.flatnonzero(inside)
    for first in range(0, rows.size, _BLOCK):
        part = rows[first : first + _BLOCK]
        weights = _parabola(i.energy[clear] - wanted[part, None], half_width)
        value[part] = weights @ density[clear]
        root[np.ix_(part, clear)] = weights * error[clear] / value[part, None]
    return FluxAt(value, root)


@dataclass(frozen=True)
class FluxOfPixels:
    """Flux at the final energies of many pixels, on straight lines over 0.01 meV.

    Attributes
    ----------
    value:
        NaN where there is none; dims (pixel), counts/Å/meV.
    nodes:
        Errors at the ends of the lines; dims (node, reading).
    low, part:
        End of the line below a pixel, and its share of the way to the next; dims (pixel).
    """

    value: FloatArray
    nodes: FloatArray
    low: NDArray[np.int64]
    part: FloatArray

    def root(self, rows: NDArray[np.int64]) -> FloatArray:
        """Relative errors of some pixels by reading; dims (pixel, reading)."""
        low, part = self.low[rows], self.part[rows, None]
        return np.asarray((1 - part) * self.nodes[low] + part * self.nodes[low + 1])


def flux_at_pixels(
    flux: Flux, energies: FloatArray, pulse_width: float, half_width: float
) -> FluxOfPixels:
    """:func:`flux_at` the final energies of many pixels; arguments as there."""
    first, last = (round(float(x) / _LINE) for x in (energies.min(), energies.max()))
    nodes = np.arange(first - 1, last + 2) * _LINE
    at = flux_at(flux, nodes, pulse_width, half_width)
    place = energies / _LINE - (first - 1)
    low = place.astype(np.int64)
    part = place - low
    value = (1 - part) * at.value[low] + part * at.value[low + 1]
    return FluxOfPixels(value, at.root, low, part)


def _parabola(x: FloatArray, half_width: float) -> FloatArray:
    """Weights of points in the value at 0 of the parabola through them by least squares.

    Parameters
    ----------
    x:
        Distances; dims (energy, point), meV.
    half_width:
        Range, meV; the three nearest points where it holds fewer.
    """
    away = np.abs(x)
    third = np.partition(away, _PARABOLA - 1, axis=1)[:, _PARABOLA - 1 : _PARABOLA]
    near = away <= np.maximum(half_width, third)
    scaled = np.where(near, x, 0.0) / np.maximum(half_width, third)
    powers = np.stack([near * scaled**n for n in range(5)])
    sums = powers.sum(axis=2)
    normal = np.stack([sums[n : n + 3] for n in range(3)]).transpose(2, 0, 1)
    first = np.zeros((x.shape[0], 3, 1))
    first[:, 0] = 1.0
    c = np.linalg.solve(normal, first)[:, :, 0].T
    return np.asarray(
        c[0, :, None] * powers[0] + c[1, :, None] * powers[1] + c[2, :, None] * powers[2]
    )


def _inside(flux: Flux, energies: FloatArray, pulse_width: float) -> NDArray[np.bool_]:
    """Whether one pulse width to both sides in time there is flux."""
    i = flux.intervals
    k = wavenumber(energies)
    time = np.interp(k, i.wavenumber, i.time)
    inside = np.ones(energies.shape, dtype=np.bool_)
    absent = np.concatenate([[True], flux.absent, [True]])
    for shift in (-1.0, 0.0, 1.0):
        # v ∝ 1/t along the same path
        at = np.searchsorted(i.edges, k * time / (time + shift * pulse_width), side="right")
        inside &= ~absent[at]
    return inside


def debye_waller(
    momentum: ArrayLike,
    temperature: float,
    *,
    mass: float = table.MOLAR_MASS,
    debye: float = table.DEBYE_TEMPERATURE,
) -> FloatArray:
    r"""Debye–Waller factor :math:`e^{-2W}` of a cubic element.

    :math:`2W = Q^2 \langle u^2\rangle`, :math:`\langle u^2\rangle = \frac{3\hbar^2}{M k_B
    \Theta} \left[\frac14 + \left(\frac T\Theta\right)^2 \int_0^{\Theta/T} \frac{x\,dx}{e^x - 1}
    \right]` (Debye; Squires, Introduction to the Theory of Thermal Neutron Scattering, 1978,
    3.8).

    Parameters
    ----------
    momentum:
        Q; dims (...), 1/Å.
    temperature:
        K.
    mass:
        g/mol.
    debye:
        Θ, K.

    Returns
    -------
    :
        dims (...), float64.
    """
    from scipy import constants

    ratio = temperature / debye
    # what is beyond 60 is below 1e-24 of it
    integral = _integral(min(1.0 / ratio, 60.0)) if ratio > 0 else 0.0
    atom = mass * 1e-3 / constants.N_A
    scale = 3.0 * constants.hbar**2 / (atom * constants.k * debye) * 1e20
    mean_square = scale * (0.25 + ratio**2 * integral)
    return np.asarray(np.exp(-mean_square * np.asarray(momentum, np.float64) ** 2))


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


def _integral(end: float) -> float:
    """Integral of x/(eˣ - 1) from 0, by Gauss and Legendre; scipy's takes a second to load."""
    node, weight = np.polynomial.legendre.leggauss(120)
    x = end * (1.0 + node) / 2.0
    return float(np.sum(weight * x / np.expm1(x)) * end / 2.0)


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
        share = below / np.where(net > 0, net, 1.0)
    amount = 1.0 if atoms is None else atoms * table.INCOHERENT / (4.0 * np.pi)
    expected = at.value * amount * np.asarray(shielding) * np.asarray(debye)
    good = np.isfinite(expected) & (net > 0) & (variance <= (_LARGEST_ERROR * net) ** 2)
    if not np.any(good):
        lost = int(np.count_nonzero(~np.isfinite(at.value)))
        raise UserError(
            "find the efficiency of the pixels from vanadium",
            f"of {number.size} pixels {lost} have no flux at their final energy and the others "
            f"have no elastic counts ({counted.sum():.0f} in all)",
            "Give a longer run, or one whose band of wavelengths holds the final energies.",
        )
    value = np.where(good, net / np.where(good, expected, 1.0), 0.0)
    own = np.where(good, variance / np.where(good, net, 1.0) ** 2, 0.0)
    used = np.flatnonzero(good)

    def root(some: NDArray[np.int64]) -> FloatArray:
        # ln N_b falls with Φ_V, and by the share of the can with the ratio
        rows = at.root(used[some])
        if empty is None:
            return rows
        more = np.hstack([rows, np.zeros((rows.shape[0], 1))])
        return np.asarray(more + share[used[some], None] * empty.relative)

    shared = shared_errors(energies[good], root)
    own[good] += shared.rest
    group = np.zeros(number.size, np.int64)
    group[good] = shared.group
    unit = "dimensionless" if atoms is None else "meV*sr"
    return Backend(number, value, own, group, shared.modes, unit)
