r"""Gain and offset of tubes, from where their lit parts end.

Charge division gives a position that is off by a gain and an offset, :math:`y = g\,y_m + o`.
The analysers, or a mask in front of the tube, light parts of it whose true ends :math:`a_j,
b_j` are known. A run that scatters evenly (vanadium) then counts in the pixel between
:math:`y_m^-` and :math:`y_m^+`

.. math:: \lambda = B + (c_0 + c_1 y) \sum_j \int_{y^-}^{y^+} \left[
          \Phi\!\left(\frac{y - a_j}{s}\right) - \Phi\!\left(\frac{y - b_j}{s}\right)\right]
          \frac{dy}{y^+ - y^-}

with Φ the normal integral. Two ends in sight tell gain and offset; the level, its slope, the
background and the blur s of the ends are of even or smooth shape and do not imitate them.
With one end in sight gain and offset are one number too many, with none there is nothing to
be fitted: such tubes stay as they were, and are named. A symmetric lit part does not tell
whether a tube is reversed; the scatter of A4 does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from ewaldite.errors import UserError
from ewaldite.geometry.analyser import analyser_frame
from ewaldite.geometry.triplet import Triplet
from ewaldite.model.experiment import FloatArray
from ewaldite.spectroscopy.calibrate.counts import ElasticCounts, merged
from ewaldite.spectroscopy.calibration import Calibration, Tube, TubeCalibration

_ROUNDS = 40
#: Least contrast of an end, in standard errors of the counts of some pixels around it.
_SEEN, _AROUND = 6.0, 10
#: Blur of an end to begin with, in pixels, and how sure of its logarithm one is.
_BLUR, _SURE = 0.3, 1.0
#: An end so far (in pixels) from the last pixel is out of sight.
_MARGIN = 0.7


@dataclass(frozen=True)
class TubeFit:
    """A tube that was fitted.

    Attributes
    ----------
    tube:
        Arc, channel and tube, from 0.
    value:
        Gain, and offset in m.
    gain_error, offset_error:
        Standard errors.
    events:
        Counts of the tube.
    misfit:
        Chi-square a degree of freedom, by which errors are widened where it is above 1.
    place, counts, expected:
        For a picture: nominal place (m), counts and fit of each pixel; dims (pixel).
    """

    tube: Tube
    value: TubeCalibration
    gain_error: float
    offset_error: float
    events: float
    misfit: float
    place: FloatArray
    counts: FloatArray
    expected: FloatArray


def fit_tubes(
    runs: Sequence[ElasticCounts],
    calibration: Calibration,
    lit: Sequence[tuple[float, float]],
    *,
    minimum: int = 200,
) -> tuple[tuple[TubeFit, ...], tuple[str, ...]]:
    """Fit gain and offset of all tubes.

    Parameters
    ----------
    runs:
        Of a sample that scatters evenly.
    calibration:
        Where the fit begins.
    lit:
        Parts of the tubes, in halves of their nominal length from the middle.
    minimum:
        Fewest counts of a tube.

    Returns
    -------
    :
        Fits, arc by arc, and words on tubes that were not fitted.

    Raises
    ------
    UserError
        If no tube could be fitted.
    """
    whole = merged(runs)
    held = np.where(whole.keep, whole.counts.sum(axis=1), np.nan)
    fits, skipped = [], []
    for triplet in whole.triplets:
        rows = whole.rows(triplet.arc, triplet.channel)
        place = _nominal(triplet)
        for tube, counts in enumerate(held[rows].reshape(place.shape)):
            key = (triplet.arc, triplet.channel, tube)
            start = calibration.tubes.get(key, TubeCalibration())
            found = fit_tube(counts, place[tube], start, lit, key, minimum)
            if isinstance(found, str):
                skipped.append(f"{tube_name(key)}: {found}")
            else:
                fits.append(found)
    if not fits:
        raise UserError(
            f"fit gains and offsets of tubes to {whole.name}",
            f"none of {len(skipped)} can be; {skipped[0]}",
            "Give a run of vanadium, and as [calibrate] lit where the tubes are lit, as in "
            "[[-0.9, 0.9]].",
        )
    return tuple(sorted(fits, key=lambda fit: fit.tube)), tuple(skipped)


def tube_name(tube: Tube) -> str:
    """As people count."""
    return f"arc {tube[0] + 1}, channel {tube[1] + 1}, tube {tube[2] + 1}"


def fit_tube(
    counts: FloatArray,
    place: FloatArray,
    start: TubeCalibration,
    lit: Sequence[tuple[float, float]],
    tube: Tube = (0, 0, 0),
    minimum: int = 200,
) -> TubeFit | str:
    """Fit gain and offset of one tube.

    Parameters
    ----------
    counts:
        NaN for a pixel that is left out; dims (pixel).
    place:
        Nominal, ascending, from the middle of the tube; dims (pixel), m.
    start:
        Where the fit begins.
    lit:
        In halves of the nominal length.
    tube:
        Which.
    minimum:
        Fewest counts.

    Returns
    -------
    :
        The fit, or why there is none.
    """
    used = np.isfinite(counts)
    n = np.where(used, counts, 0.0)
    if n.sum() < minimum:
        return f"it has {n.sum():.0f} counts"
    width = float(np.mean(np.diff(place)))
    model = _Tube(place, width, np.array(lit) * (np.ptp(place) + width) / 2.0)
    level = float(np.median(n[used]))
    p = np.array([start.gain, start.offset, np.log(_BLUR * width), level, 0.0, 0.02 * level])
    for _ in range(_ROUNDS):
        expected, slopes = model.slopes(p)
        matrix, right = _equations(n, used, expected, slopes)
        matrix[2, 2] += 1.0 / _SURE**2
        right[2] += (np.log(_BLUR * width) - p[2]) / _SURE**2
        matrix[5, 5] += 1e-6
        scale = np.sqrt(np.diag(matrix))
        step = np.linalg.lstsq(matrix / np.outer(scale, scale), right / scale, rcond=1e-12)[0]
        step = np.clip(step / scale, -model.limits(level), model.limits(level))
        p = p + step
        if np.all(np.abs(step[:2] * scale[:2]) < 0.01):
            break
    expected = model.value(p)
    if (fault := _fault(model, p)) is not None:
        return fault
    covariance = np.linalg.inv(matrix)
    pulls = (n - expected)[used] / np.sqrt(np.maximum(expected[used], 1.0))
    misfit = float(pulls @ pulls) / max(int(used.sum()) - p.size, 1)
    gain_error, offset_error = np.sqrt(np.diag(covariance)[:2] * max(misfit, 1.0))
    return TubeFit(
        tube, TubeCalibration(float(p[0]), float(p[1])), float(gain_error),
        float(offset_error), float(n.sum()), misfit, place, counts, expected,
    )  # fmt: skip


@dataclass(frozen=True)
class _Tube:
    """The model; parameters: gain, offset, ln blur, level, its slope, background."""

    place: FloatArray
    width: float
    ends: FloatArray

    def value(self, p: FloatArray) -> FloatArray:
        gain, offset, blur = p[0], p[1], np.exp(p[2])
        low = gain * (self.place - self.width / 2.0) + offset
        high = low + gain * self.width
        seen = np.zeros(self.place.size)
        for first, last in self.ends:
            for end, sign in ((first, 1.0), (last, -1.0)):
                seen += sign * (_integral((high - end) / blur) - _integral((low - end) / blur))
        seen *= blur / (gain * self.width)
        reach = self.place[-1] - self.place[0]
        return np.asarray(p[5] + (p[3] + p[4] * self.place / reach) * seen)

    def slopes(self, p: FloatArray) -> tuple[FloatArray, FloatArray]:
        steps = np.array([1e-4, 1e-2 * self.width, 0.02, *(1e-3 * max(p[3], 1.0),) * 3])
        moved = [(self.value(p + d) - self.value(p - d)) for d in np.diag(steps)]
        return self.value(p), np.stack(moved, axis=1) / (2.0 * steps)

    def limits(self, level: float) -> FloatArray:
        """Longest step."""
        return np.array([0.01, self.width, 0.5, level + 1.0, level + 1.0, level + 1.0])

    def nominal(self, p: FloatArray) -> FloatArray:
        """Where the ends are seen; dims (end), m."""
        return np.asarray((self.ends.ravel() - p[1]) / p[0])


def _integral(z: FloatArray) -> FloatArray:
    """Integral of the normal integral: z Φ(z) + φ(z)."""
    return np.asarray(z * ndtr(z) + np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi))


def _equations(
    n: FloatArray, used: FloatArray, expected: FloatArray, slopes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    weight = np.where(used, 1.0 / np.maximum(expected, 0.5), 0.0)
    off = n - expected
    typical = np.median(np.abs(off[used]) * np.sqrt(weight[used])) / 0.6745
    pull = np.abs(off) * np.sqrt(weight) / max(float(typical), 1.0)
    weight = weight * np.minimum(1.0, 3.0 / np.maximum(pull, 1e-9))
    return slopes.T @ (weight[:, None] * slopes), slopes.T @ (weight * off)


def _fault(model: _Tube, p: FloatArray) -> str | None:
    """Why the fit says nothing, None where it does."""
    seen = model.nominal(p)
    margin = _MARGIN * model.width
    first, last = model.place[0] - model.width / 2.0, model.place[-1] + model.width / 2.0
    inside = (seen > first + margin) & (seen < last - margin)
    if np.count_nonzero(inside) < 2:
        return f"{np.count_nonzero(inside)} ends of its lit parts are in sight, two are needed"
    contrast = p[3] / np.sqrt(max(p[3] + p[5], 0.1)) * np.sqrt(_AROUND)
    if contrast < _SEEN or np.exp(p[2]) > _AROUND / 2.0 * model.width:
        return "the ends of its lit parts do not stand out"
    return None if 0.5 < p[0] < 2.0 else f"its gain would be {p[0]:.2f}"


def _nominal(triplet: Triplet) -> FloatArray:
    """Places along the tubes towards larger A4, from their middle; dims (tube, pixel), m."""
    y = triplet.position @ analyser_frame(triplet.analyser)[:, 1]
    return np.asarray(y - y.mean(axis=1, keepdims=True))
