r"""What a perfect reduction would see of a branch: its mean over the cells of each bin.

A bin of a cut holds cells of pixel, rotation and incident energy, as they happen to fall; the S
of the bin is the mean over them, not the value in its middle. And a neutron that started by τ
too late seems to be at

.. math:: k_i^{app} = \frac{m}{\hbar}\,\frac{L}{t - T}, \qquad k_i = \frac{m}{\hbar}\,
          \frac{L}{t - T - \tau},

so that Q and ω are off together. Cells are those of a sequence that fills space evenly; τ is
that of evenly probable neutrons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.simulate.bifrost import (
    SAMPLE,
    energy_of_speed,
    speed_of_energy,
    wavenumber_of_speed,
)
from ewaldite.simulate.bifrost_run import Run
from ewaldite.simulate.bifrost_sample import Dispersion
from ewaldite.simulate.compiled import compiled

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MOST = 2_000_000
#: Cells further from the branch are left out, meV.
_NEAR = 0.6
#: By how much neutrons may seem to be outside the band, meV.
_BLUR = 0.15
#: Powers of 1/g with g⁴ = g + 1: their multiples fill the unit cube evenly (Roberts, 2018).
_STEP = (0.8191725133961645, 0.6710436067037893, 0.5497004779019703)


@dataclass(frozen=True)
class CutBins:
    """Bins of h and energy transfer, and ranges of k and l.

    Attributes
    ----------
    h, transfer:
        Edges; r.l.u. and meV.
    k, l:
        First and last; r.l.u.
    """

    h: FloatArray
    transfer: FloatArray
    k: tuple[float, float] = (-0.1, 0.1)
    l: tuple[float, float] = (-1.05, -0.95)


@dataclass(frozen=True)
class Seen:
    """A branch as it is seen in the bins of a cut; all dims (h, transfer).

    NaN without cells, and far from the branch.

    Attributes
    ----------
    value:
        Mean of S without the flat part; 1/meV times the unit of the strength.
    slope:
        Its change if the branch were higher; per meV.
    energy:
        Mean energy of the branch; meV.
    cells:
        That were drawn.
    """

    value: FloatArray
    slope: FloatArray
    energy: FloatArray
    cells: FloatArray


def see(run: Run, cut: CutBins, *, draws: int = 10_000_000, late: int = 12) -> Seen:
    """Average the branch of a run over the cells of a cut.

    Parameters
    ----------
    run:
        With a branch.
    cut:
        Bins.
    draws:
        Cells that are drawn; most of them fall outside the cut.
    late:
        Starts of neutrons that are averaged over; 1 leaves the resolution out.

    Returns
    -------
    :
        What would be seen.
    """
    branch = run.sample.dispersion
    assert branch is not None
    pixel, setting, incident, place = _draw(run, cut, draws)
    b = run.instrument
    k_f = run.turned(b.direction)[pixel] * b.final_wavenumber[pixel, None]
    to_hkl = np.stack([run.sample.hkl(np.eye(3), float(a3)) for a3 in run.a3])[setting]
    weight = (b.n_b * b.final_wavenumber)[pixel]
    weight *= np.array([run.exposed(s) for s in range(run.a3.size)])[setting]
    shape = (cut.h.size - 1, cut.transfer.size - 1)
    sums = np.zeros((4, shape[0] * shape[1]))
    for tau, share in _starts(run, late):
        value, slope, energy, flux = _at(run, branch, k_f, to_hkl, b.final_energy[pixel],
                                         incident, tau)  # fmt: skip
        # The monitor sees the flux as blurred as the events: it weights both alike
        factor = share * weight * flux
        for row, what in enumerate((np.ones_like(value), value, slope, energy)):
            sums[row] += np.bincount(place, factor * what, sums.shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        _, value, slope, energy = (sums / sums[0]).reshape(4, *shape)
    cells = np.bincount(place, minlength=sums.shape[1]).reshape(shape).astype(np.float64)
    return Seen(value, slope, energy, cells)


def _at(
    run: Run,
    branch: Dispersion,
    k_f: FloatArray,
    to_hkl: FloatArray,
    final: FloatArray,
    incident: FloatArray,
    tau: float,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """S, its slope, energy of the branch and flux of neutrons that are late by τ."""
    place, _ = run.source.reference
    speed = speed_of_energy(incident)
    true = (SAMPLE - place) / ((SAMPLE - place) / speed - tau)
    energy, k_i = energy_of_speed(true), wavenumber_of_speed(true)
    q = -k_f
    q[:, 2] += k_i
    hkl = np.einsum("ni,nij->nj", q, to_hkl)
    at = branch.energy(hkl)
    value = branch.value(hkl, energy - final)
    slope = value * (energy - final - at) / branch.width**2
    flux = run.source.density(energy) / k_i * (true / speed) ** 3
    return value, slope, at, flux


def _starts(run: Run, number: int) -> Sequence[tuple[float, float]]:
    """Lateness against the mean start of evenly probable neutrons, s, with their shares."""
    _, when = run.source.reference
    _, times = run.source.start(200_000, np.random.default_rng(0))
    parts = np.array_split(np.sort(times - when), number)
    if number == 1:
        return [(0.0, 1.0)]
    return [(float(part.mean()), 1.0 / number) for part in parts]


def _draw(
    run: Run, cut: CutBins, draws: int
) -> tuple[IntArray, IntArray, FloatArray, IntArray]:
    b, branch = run.instrument, run.sample.dispersion
    assert branch is not None
    to_hkl = np.stack([run.sample.hkl(np.eye(3), float(a3)) for a3 in run.a3])
    limits = np.array([cut.h[0], cut.h[-1], *cut.k, *cut.l])
    pixel, setting = np.empty(_MOST, np.int64), np.empty(_MOST, np.int64)
    incident, place = np.empty(_MOST), np.empty(_MOST, np.int64)
    size = _cells(
        draws, run.turned(b.direction) * b.final_wavenumber[:, None], b.final_energy,
        np.ascontiguousarray(to_hkl), cut.h, cut.transfer, limits,
        np.array(run.source.limits) + np.array([-_BLUR, _BLUR]),
        np.array([branch.gap, branch.height, _NEAR]),
        float(wavenumber_of_speed(speed_of_energy(np.ones(1)))[0]),
        pixel, setting, incident, place,
    )  # fmt: skip
    return pixel[:size], setting[:size], incident[:size], place[:size]


@compiled
def _cells(
    draws: int,
    k_final: FloatArray,
    final: FloatArray,
    to_hkl: FloatArray,
    h_edges: FloatArray,
    edges: FloatArray,
    limits: FloatArray,
    band: FloatArray,
    branch: FloatArray,
    k_of_one: float,
    pixel: IntArray,
    setting: IntArray,
    incident: FloatArray,
    place: IntArray,
) -> int:
    """Keep those cells of a sequence that fall in the cut; even in energy transfer."""
    found = 0
    columns = edges.size - 1
    for n in range(draws):
        p = int(((n * _STEP[0]) % 1.0) * final.size)
        s = int(((n * _STEP[1]) % 1.0) * to_hkl.shape[0])
        transfer = edges[0] + ((n * _STEP[2]) % 1.0) * (edges[-1] - edges[0])
        energy = final[p] + transfer
        if energy < band[0] or energy > band[1]:
            continue
        z = k_of_one * np.sqrt(energy) - k_final[p, 2]
        x, y = -k_final[p, 0], -k_final[p, 1]
        m = to_hkl[s]
        h = x * m[0, 0] + y * m[1, 0] + z * m[2, 0]
        k = x * m[0, 1] + y * m[1, 1] + z * m[2, 1]
        third = x * m[0, 2] + y * m[1, 2] + z * m[2, 2]
        inside = limits[0] <= h < limits[1] and limits[2] <= k < limits[3]
        if not inside or not limits[4] <= third < limits[5]:
            continue
        wave = 1.0 - 0.5 * (np.cos(2.0 * np.pi * h) + np.cos(2.0 * np.pi * third))
        if abs(transfer - branch[0] - branch[1] * wave) > branch[2]:
            continue
        if found == pixel.size:
            break
        row = np.searchsorted(h_edges, h, side="right") - 1
        column = min(np.searchsorted(edges, transfer, side="right") - 1, columns - 1)
        pixel[found], setting[found], incident[found] = p, s, energy
        place[found] = row * columns + column
        found += 1
    return found
