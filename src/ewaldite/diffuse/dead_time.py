"""Dead time of photon-counting pixels: what it takes from the counts, and what that costs.

A pixel that has counted a photon is blind for the dead time τ. With the true rate r, the
observed one m, and x = r τ (Knoll, *Radiation Detection and Measurement*, 4th ed., chapter 4):

* non-paralysable, ``m = r / (1 + x)``: photons that come while it is blind are lost;
* paralysable, ``m = r exp(-x)``: they are lost and make it blind for τ again. The observed rate
  is largest, ``1 / (e τ)``, at x = 1 and falls beyond.

Counts stay what was counted. What the dead time took is estimated pixel by pixel, for the
brightness of neighbours differs, and lengthens no exposure before it is summed by voxel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import lambertw

from ewaldite.model.experiment import FloatArray
from ewaldite.model.sums import Sums

Model = Literal["non_paralysable", "paralysable"]

#: Columns of the sums that :meth:`DeadTime.table` fills.
LOST, EXCESS = "lost", "lost_excess"
# A pixel that loses more of its photons than this is overloaded. The paralysable model folds
# over at 1 - 1/e = 0.63, and its error grows without bound on the way there
_LARGEST_LOSS = 0.5


@dataclass(frozen=True)
class DeadTime:
    """How a pixel counts.

    Attributes
    ----------
    model:
        Which of the two.
    tau:
        Dead time, s.
    """

    model: Model
    tau: float

    def observed(self, rate: FloatArray) -> FloatArray:
        """Observed rate of a true one; dims (...), 1/s."""
        x = np.asarray(rate) * self.tau
        live = np.exp(-x) if self.model == "paralysable" else 1.0 / (1.0 + x)
        return np.asarray(rate * live)

    def live(self, observed: FloatArray) -> FloatArray:
        """Part of the photons that is counted, at an observed rate.

        ``1 - m τ``, or ``exp(-x)`` with ``x exp(-x) = m τ``, ``x = -W(-m τ)`` on the branch
        below the fold (Corless et al., Adv. Comput. Math. 5, 329, 1996).

        Parameters
        ----------
        observed:
            dims (...), 1/s.

        Returns
        -------
        :
            dims (...); at least 1/2: beyond, a pixel is overloaded.
        """
        m = np.minimum(np.asarray(observed) * self.tau, self._largest)
        if self.model == "non_paralysable":
            return np.asarray(1.0 - m)
        return np.asarray(np.exp(lambertw(-m).real))

    @property
    def _largest(self) -> float:
        """Observed rate times τ at which the largest loss is reached."""
        live = 1.0 - _LARGEST_LOSS
        if self.model == "non_paralysable":
            return _LARGEST_LOSS
        return float(-np.log(live) * live)

    def ceiling(self, time: float) -> int:
        """Smallest count in a time (s) that is too high to be corrected."""
        return int(self._largest * time / self.tau) + 1

    def table(self, time: float, size: int) -> FloatArray:
        """Photons lost, by count.

        A photon is lost to the others: at N counts the rate is that of N - 1, which makes the
        estimate free of bias to first order in τ however few the counts are, as
        ``E[N (N - 1)]`` is the square of the mean of a Poisson variable. With L that part
        which is counted, ``N / L`` is the estimate of what came, and ``N (1/L - 1)`` the loss.

        The observed counts scatter less than Poisson's law says, and the estimate more:
        ``var N / (dm/dr)²``, where ``var N`` is ``N L²`` in the first model and
        ``N (1 - 2 x exp(-x))`` in the second (Müller, NIM 112, 47, 1973), and dm/dr is L² or
        ``L (1 - x)``.

        Parameters
        ----------
        time:
            Counting time, s.
        size:
            Number of counts, 0 among them.

        Returns
        -------
        :
            The loss, and the variance of the estimate above N; dims (count, 2), float64.
        """
        n = np.arange(size, dtype=np.float64)
        live = self.live(np.maximum(n - 1.0, 0.0) / time)
        if self.model == "non_paralysable":
            variance = n / live**2
        else:
            x = -np.log(live)
            variance = n * (1.0 - 2.0 * x * live) / (live * (1.0 - x)) ** 2
        return np.stack([n * (1.0 / live - 1.0), variance - n], axis=1)

    def restored(self, image: FloatArray, time: float) -> FloatArray:
        """Counts of an image with what was lost; dims (...), counts, float64."""
        counts = np.asarray(image)
        table = self.table(time, int(counts.max(initial=0)) + 1)
        return np.asarray(counts + table[counts.astype(np.int64), 0])


def shortened(sums: Sums) -> Sums:
    """Shorten the exposure of voxels by what the dead time took from their counts.

    With the counts N of a voxel and its losses D the exposure and the background shrink by
    ``L = N / (N + D)``, so that the intensity is ``(N + D - B) / E``, the sum of what each
    pixel should have counted, while N is what was counted. What the variance ``(N + V) / E²``
    of the counts lacks is added to that of the background, V.

    Parameters
    ----------
    sums:
        Columns ``counts``, ``exposure``, ``background``, ``background_variance`` and those of
        the losses.

    Returns
    -------
    :
        The same without the losses; as it was where there are none.
    """
    if LOST not in sums.columns:
        return sums
    counts = sums["counts"].astype(np.float64)
    live = np.ones(len(sums))
    np.divide(counts, counts + sums[LOST], out=live, where=sums[LOST] > 0)
    more = np.maximum(live**2 * (counts + sums[EXCESS]) - counts, 0.0)
    changed = {
        "exposure": sums["exposure"] * live,
        "background": sums["background"] * live,
        "background_variance": sums["background_variance"] * live**2 + more,
    }
    columns = {**sums.columns, **changed}
    return Sums(sums.index, {n: c for n, c in columns.items() if n not in (LOST, EXCESS)})
