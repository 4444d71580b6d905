r"""Where an elastic line is, by maximum likelihood.

In every cell c (some pixels) the counts in bins of the lateness t are a line on a flat level,

.. math:: \lambda_{cb} = S_c\, \mathcal N(t_b;\ \mu_c, \sigma) + B_{g(c)}, \qquad
          \mu_c = \mu^0_c + \sum_j J_{cj}\, p_j,

with the strength of each cell free and the level common to the cells of a group. The maximum is
found by expectation and maximisation (Dempster, Laird & Rubin, *J. R. Stat. Soc. B* **39**, 1,
1977): a count belongs to the line with the probability
:math:`r_{cb} = S_c \mathcal N / \lambda_{cb}`, and p solves least squares with the weights
:math:`n_{cb} r_{cb}`. So counts away from the line, whatever they are, do not pull it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ewaldite.model.experiment import FloatArray, IntArray

_ROUNDS = 200
_STILL = 1e-4  # of a standard error


@dataclass(frozen=True)
class LineFit:
    r"""A line that was fitted.

    Attributes
    ----------
    value:
        Parameters p; dims (parameter).
    covariance:
        From the information of the counts; dims (parameter, parameter).
    sigma:
        Width of the line, s.
    events:
        Counts in the line.
    cell_mean, cell_error:
        Lateness of the line by each cell alone and its standard error; dims (cell), s.
    expected:
        Fitted :math:`\mu_c`; dims (cell), s.
    """

    value: FloatArray
    covariance: FloatArray
    sigma: float
    events: float
    cell_mean: FloatArray
    cell_error: FloatArray
    expected: FloatArray

    @property
    def misfit(self) -> float:
        """Chi-square of the cells a degree of freedom."""
        used = np.isfinite(self.cell_error) & (self.cell_error > 0.0)
        off = (self.cell_mean - self.expected)[used] / self.cell_error[used]
        return float(off @ off) / max(int(np.count_nonzero(used)) - self.value.size, 1)


def fit_line(
    counts: IntArray, late: FloatArray, start: FloatArray, design: FloatArray, group: IntArray
) -> LineFit:
    """Fit the place of an elastic line.

    Parameters
    ----------
    counts:
        dims (cell, bin).
    late:
        Middles of the bins; dims (bin), s.
    start:
        Place of the line where all parameters are zero; dims (cell), s.
    design:
        Change of the place with the parameters; dims (cell, parameter), s per unit.
    group:
        Of each cell, from 0: cells of a group share the level; dims (cell), int64.

    Returns
    -------
    :
        Parameters with their covariance. It is singular, and has infinities, where the cells
        say nothing of a parameter.
    """
    model = _Model(counts, late, group)
    p, sigma = np.zeros(design.shape[1]), float(late[-1] - late[0]) / 8.0
    for _ in range(_ROUNDS):
        away = late[None, :] - (start + design @ p)[:, None]
        mine, share = model.expect(away, sigma)
        held, first = mine.sum(axis=1), (mine * away).sum(axis=1)
        moved = _solve(design.T @ (held[:, None] * design), design.T @ first)
        p, shift = p + moved, design @ moved
        spread = (mine * away**2).sum() - 2.0 * shift @ first + held @ shift**2
        sigma = float(np.clip(np.sqrt(max(spread, 0.0) / held.sum()), model.step, late[-1]))
        model.update(held)
        # Information of a place: the sum of squared scores r t / σ² of the counts
        known = (mine * share * away**2).sum(axis=1) / sigma**4
        covariance = _inverse(design.T @ (known[:, None] * design))
        if np.all(moved**2 <= _STILL**2 * np.diag(covariance)):
            break
    expected = start + design @ p
    away = late[None, :] - expected[:, None]
    mine, _ = model.expect(away, sigma)
    held = mine.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where each cell alone would have the line: score over information
        mean = expected + (mine * away).sum(axis=1) / sigma**2 / known
        error = 1.0 / np.sqrt(known)
    return LineFit(p, covariance, sigma, float(held.sum()), mean, error, expected)


class _Model:
    """Strengths of the cells and levels of the groups."""

    def __init__(self, counts: IntArray, late: FloatArray, group: IntArray) -> None:
        self.counts, self.group = counts.astype(np.float64), group
        self.step, self.bins = float(late[1] - late[0]), late.size
        self.total = self.counts.sum(axis=1)
        self.cells = np.bincount(group).astype(np.float64)
        self.update(0.8 * self.total)

    def update(self, held: FloatArray) -> None:
        """Set them from the counts that belong to the line; dims (cell)."""
        self.strength = held
        rest = np.bincount(self.group, self.total - held)
        self.level = np.maximum(rest / self.cells / self.bins, 1e-9)

    def expect(self, away: FloatArray, sigma: float) -> tuple[FloatArray, FloatArray]:
        """Counts that belong to the line, and their share of all; dims (cell, bin)."""
        height = self.strength * self.step / (sigma * np.sqrt(2.0 * np.pi))
        line = height[:, None] * np.exp(-0.5 * (away / sigma) ** 2)
        share = line / (line + self.level[self.group][:, None])
        return self.counts * share, share


def _solve(normal: FloatArray, right: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.lstsq(normal, right, rcond=1e-12)[0])


def _inverse(normal: FloatArray) -> FloatArray:
    """Inverse of a normal matrix; infinities where it has none."""
    scale = np.sqrt(np.diag(normal))
    if not np.all(scale > 0.0):
        return np.full_like(normal, np.inf)
    scaled = normal / np.outer(scale, scale)
    if np.linalg.cond(scaled) > 1e10:
        return np.full_like(normal, np.inf)
    return np.asarray(np.linalg.inv(scaled) / np.outer(scale, scale))
