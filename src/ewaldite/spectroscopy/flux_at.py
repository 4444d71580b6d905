"""The flux of a run per meV at given energies, with its errors.

The elastic line of vanadium takes one energy out of the incident spectrum, that of its pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.geometry.neutron import wavenumber
from ewaldite.spectroscopy.flux import Flux

FloatArray = NDArray[np.float64]

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
    the pulse blurs the end by half its width to both sides. Fewer than three intervals give
    none either.

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
    if clear.size < _PARABOLA:
        inside[:] = False
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
