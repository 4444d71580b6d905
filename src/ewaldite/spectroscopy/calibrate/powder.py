r"""Debye–Scherrer lines on the tubes of a module.

A line of spacing d is at :math:`\sin(A4/2) = \lambda_f / 2d`, and each pixel selects its own
:math:`\lambda_f`. So a shift across the beam moves the lines along the tubes alike at all
angles, while one along it, which changes :math:`\lambda_f`, moves them by
:math:`2\tan(A4/2)\, \delta\lambda/\lambda`: lines at several angles tell them apart. A tube
of one run counts

.. math:: \lambda_p = b + \sum_l a_l e^{-x_l^2 / 2\sigma_l^2}, \qquad
          x_l = \frac{Q_p - Q_l}{k_f \cos(A4_l/2)}, \qquad
          \sigma_l^2 = s_0^2 + s_1^2 \tan^2\frac{A4_l}{2},

with :math:`Q_p = 2 k_f \sin(A4_p/2)`, and b and the :math:`a_l` free for each tube of each
run: neither efficiencies nor fluxes matter. To first order x is :math:`A4_p - A4_l`. A line
is even in Q, as a spread of wavelengths or spacings makes it; were it even in A4, shifts
along would be off by some :math:`\tfrac34 \sigma^2 \tan(A4/2)`, which is 0.1 mm for σ = 0.5°.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ewaldite.model.experiment import FloatArray, IntArray
from ewaldite.spectroscopy.calibrate.counts import ElasticCounts
from ewaldite.spectroscopy.calibrate.module_line import ModuleLine
from ewaldite.spectroscopy.calibrate.place import NAMES, Place
from ewaldite.spectroscopy.calibration import ModuleCalibration

#: Widths to begin with, and how sure of their logarithm one is before the fit.
WIDTH, SURE = np.deg2rad(0.25), 0.7
#: A line must be this many standard errors strong to count.
STRENGTH = 5.0
_NEAR = 2.5  # σ
_GLOBAL = len(NAMES) + 2


@dataclass
class PowderLines:
    r"""Powder patterns on the tubes of a module, with what was fitted to them so far.

    Attributes
    ----------
    place:
        The module.
    counts:
        Elastic counts; dims (profile, pixel).
    rows:
        Pixels of each profile among those of the module; dims (profile, pixel), int64.
    a4:
        Of the tank; dims (profile, 1), rad.
    q:
        :math:`2\pi/d` of the lines; dims (line), 1/Å.
    widths:
        Logarithms of s0 and s1.
    level, strength:
        b and a; dims (profile, 1) and (profile, line).
    """

    place: Place
    counts: FloatArray
    rows: IntArray
    a4: FloatArray
    q: FloatArray
    widths: FloatArray
    level: FloatArray
    strength: FloatArray

    @classmethod
    def of(
        cls,
        runs: Sequence[tuple[ElasticCounts, IntArray]],
        place: Place,
        line: ModuleLine,
        spacings: Sequence[float],
    ) -> PowderLines:
        """Take the elastic counts of a module from runs of a powder.

        Parameters
        ----------
        runs:
            With the rows of the module in each.
        place:
            The module.
        line:
            Its elastic line: counts within 2.5 σ of it are taken.
        spacings:
            Of the powder, Å.
        """
        middle = float(np.nanmean(line.fit.expected))
        counts, number, tank = [], [], []
        for run, rows in runs:
            near = np.abs(run.late - middle) <= 2.5 * line.fit.sigma + 2.5e-4
            held = run.counts[rows][:, near].sum(axis=1).astype(np.float64)
            held[~run.keep[rows]] = np.nan
            one = run.instrument
            tubes = one.channel[rows] * (int(one.tube.max()) + 1) + one.tube[rows]
            for tube in np.unique(tubes):
                mine = np.flatnonzero(tubes == tube)
                counts.append(held[mine])
                number.append(mine)
                tank.append(np.deg2rad(run.a4))
        q = 2.0 * np.pi / np.array(sorted(spacings, reverse=True))
        n = np.stack(counts)
        level = np.nanmedian(n, axis=1, keepdims=True) + 0.5
        return cls(
            place, n, np.stack(number), np.array(tank)[:, None], q,
            np.log([WIDTH, WIDTH]), level, np.repeat(level, q.size, axis=1),
        )  # fmt: skip

    def equations(self, where: ModuleCalibration) -> tuple[FloatArray, FloatArray]:
        """Normal equations of angle, along, across, widths; b and a eliminated, and improved.

        Returns
        -------
        :
            Matrix, dims (parameter, parameter), and right side, dims (parameter); per degree, m
            and 1.
        """
        pixels = self._pixels(where)
        for _ in range(3):
            change, inner = self._derivatives(*pixels)
            matrix, right, weight, off = self._blocks(change, inner)
            step = np.linalg.solve(matrix, right[..., None])[..., 0]
            self.level = np.maximum(self.level + step[:, :1], 0.05)
            self.strength = np.maximum(self.strength + step[:, 1:], 0.0)
        change, inner = self._derivatives(*pixels)
        matrix, right, weight, off = self._blocks(change, inner)
        mixed = np.einsum("pnx,px,pgx->png", inner, weight, change)
        solved = np.linalg.solve(matrix, np.concatenate([mixed, right[..., None]], axis=2))
        whole = np.einsum("pgx,px,phx->gh", change, weight, change)
        side = np.einsum("pgx,px,px->g", change, weight, off)
        whole -= np.einsum("png,pnh->gh", mixed, solved[..., :-1])
        side -= np.einsum("png,pn->g", mixed, solved[..., -1])
        free = slice(len(NAMES), None)
        whole[free, free] += np.eye(2) / SURE**2
        side[free] += (np.log(WIDTH) - self.widths) / SURE**2
        return whole, side

    def widen(self, step: FloatArray) -> None:
        """Change the logarithms of the widths, within reason."""
        self.widths = np.clip(self.widths + np.clip(step, -0.3, 0.3), *np.log([1e-4, 0.05]))

    @property
    def strong(self) -> int:
        """Number of lines on tubes that count."""
        return int(np.count_nonzero(self._strong))

    def _pixels(self, where: ModuleCalibration) -> tuple[FloatArray, FloatArray]:
        """A4 (rad) and k_f (1/Å), dims (quantity, profile, pixel), and their derivatives."""
        values = self.place.at(where)[1:, self.rows]
        values[0] += self.a4
        return values, self.place.slopes[:, 1:, self.rows]

    def _derivatives(
        self, values: FloatArray, slopes: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Of expected counts by what is common, and by b and a; (profile, parameter, pixel)."""
        whole, k = values
        d_a4, d_k = slopes[:, 0], slopes[:, 1]
        sine = np.minimum(self.q[:, None] / (2.0 * k[:, None, :]), 1.0)
        cosine = np.sqrt(np.maximum(1.0 - sine**2, 1e-6))
        slope = sine / cosine
        s0, s1 = np.exp(2.0 * self.widths)
        variance = s0 + s1 * slope**2
        half = np.abs(whole)[:, None, :] / 2.0
        x = 2.0 * (np.sin(half) - sine) / cosine
        shape = np.where(sine < 1.0, np.exp(-0.5 * x**2 / variance), 0.0)
        near = np.any(np.abs(x) < _NEAR * np.sqrt(variance), axis=2, keepdims=True)
        shape = np.where(near, shape, 0.0)
        height = self.strength[..., None] * shape
        by_x = -height * x / variance
        # dx = ± dA4 + 2 tan(A4/2) dk/k
        turned = (np.sign(whole) * d_a4)[:, :, None, :] * (np.cos(half) / cosine)
        moved = turned + 2.0 * slope * (d_k / k)[:, :, None, :]
        places = (by_x * moved).sum(axis=2)
        by_width = height * x**2 / variance
        width = [(by_width * part / variance).sum(axis=1) for part in (s0, s1 * slope**2)]
        change = np.stack([*places, *width], axis=1)
        inner = np.concatenate([np.ones_like(shape[:, :1]), shape], axis=1)
        return change, inner

    def _blocks(
        self, change: FloatArray, inner: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Equations of b and a of each profile, weights and differences of its pixels."""
        expected = self.level + np.einsum("pl,plx->px", self.strength, inner[:, 1:])
        used = np.isfinite(self.counts)
        off = np.where(used, self.counts - expected, 0.0)
        weight = np.where(used, 1.0 / np.maximum(expected, 0.5), 0.0)
        # Beyond four standard errors a pixel is bad rather than unlucky
        pull = np.abs(off) * np.sqrt(weight)
        weight = weight * np.minimum(1.0, 4.0 / np.maximum(pull, 1e-9))
        matrix = np.einsum("pnx,px,pmx->pnm", inner, weight, inner)
        right = np.einsum("pnx,px,px->pn", inner, weight, off)
        index = np.arange(matrix.shape[1])
        diagonal = matrix[:, index, index]
        matrix[:, index, index] += np.where(diagonal > 1e-9, 1e-9 * diagonal, 1.0)
        self._strong = self.strength > STRENGTH / np.sqrt(np.maximum(diagonal[:, 1:], 1e-12))
        change *= np.any(self._strong, axis=1)[:, None, None]
        return matrix, right, weight, off
