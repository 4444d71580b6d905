"""The isotropic part of the intensity: its mean over directions as a smooth curve in |s|."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Width of a shell in the length of s, 1/Å.
WIDTH = 0.01
#: Voxels that a shell holds at least.
LEAST = 20
# Rows for which interpolation weights are held at a time
_BLOCK = 1 << 16


@dataclass(frozen=True)
class IsotropicCurve:
    """Mean intensity in shells of the length of s, and the curve through the means.

    Between the means runs a cubic Hermite curve with the slopes of the parabola through three
    neighbours: continuous with its derivative, exact for intensities that are quadratic in |s|
    up to the variance of |s| within a shell, and linear in the means, so that their variances
    propagate exactly. Outside the outermost means it goes on as a straight line.

    Attributes
    ----------
    edges:
        Borders of the shells; dims (shell + 1), 1/Å, float64.
    s:
        Weighted mean length of s; dims (shell), 1/Å, float64.
    mean:
        Weighted mean intensity ``Σ w I / Σ w``; dims (shell), float64.
    variance:
        Its variance ``Σ w² σ² / (Σ w)²``; dims (shell), float64.
    weight:
        ``Σ w``; dims (shell), float64.
    number:
        Voxels; dims (shell), int64.
    """

    edges: FloatArray
    s: FloatArray
    mean: FloatArray
    variance: FloatArray
    weight: FloatArray
    number: IntArray

    def at(self, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Isotropic intensity and its variance.

        Parameters
        ----------
        s:
            Length of the scattering vector; any dims, 1/Å, float64.

        Returns
        -------
        :
            Both with the dims of ``s``, float64; NaN beyond the last shell that holds
            something, and where ``s`` is NaN.
        """
        flat = np.asarray(s, dtype=np.float64).ravel()
        value, variance = np.empty(flat.size), np.empty(flat.size)
        for start in range(0, flat.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            shell, weight = self.interpolation(flat[part])
            value[part] = np.einsum("ij,ij->i", weight, self.mean[shell])
            variance[part] = np.einsum("ij,ij->i", weight**2, self.variance[shell])
        return value.reshape(np.shape(s)), variance.reshape(np.shape(s))

    def shell_of(self, s: FloatArray) -> IntArray:
        """Shell that holds a length of s, -1 where none does; dims as ``s``, int64."""
        found = np.searchsorted(self.edges, s, side="right") - 1
        return np.where((found >= 0) & (found < len(self.s)), found, -1)

    def interpolation(self, s: FloatArray) -> tuple[IntArray, FloatArray]:
        """Shells and weights whose weighted sum of means is the curve.

        Parameters
        ----------
        s:
            dims (voxel), 1/Å.

        Returns
        -------
        :
            Shells, int64, and weights, float64; dims (voxel, 4) both. Weights are NaN where
            the curve is not defined.
        """
        count = len(self.s)
        outside = self.shell_of(s) < 0
        if count == 1:
            weight = np.zeros((len(s), 4))
            weight[:, 0] = np.where(outside, np.nan, 1.0)
            return np.zeros((len(s), 4), dtype=np.int64), weight
        left = np.clip(np.searchsorted(self.s, s, side="right") - 1, 0, count - 2)
        step = self.s[left + 1] - self.s[left]
        t = (s - self.s[left]) / step
        x = np.clip(t, 0.0, 1.0)
        slope = _slopes(self.s)
        # Hermite's four polynomials; beyond the ends the slope alone goes on
        from_left = x * (1 - x) ** 2 + np.minimum(t, 0.0)
        from_right = x**2 * (x - 1) + np.maximum(t - 1, 0.0)
        weight = np.zeros((len(s), 4))
        weight[:, 1] = (1 + 2 * x) * (1 - x) ** 2
        weight[:, 2] = x**2 * (3 - 2 * x)
        weight[:, 0:3] += (from_left * step)[:, None] * slope[left]
        weight[:, 1:4] += (from_right * step)[:, None] * slope[left + 1]
        weight[outside] = np.nan
        return np.clip(left[:, None] + np.arange(-1, 3), 0, count - 1), weight


@dataclass(frozen=True)
class Parts:
    """An intensity split in its isotropic part and what varies with direction.

    Attributes
    ----------
    curve:
        The means over shells.
    isotropic, isotropic_variance:
        The curve at every voxel; dims (voxel), float64.
    variational, variational_variance:
        Intensity minus curve; dims (voxel), float64. The variance accounts for the voxel's own
        share in the mean of its shell: ``σ² + var(curve) - 2 W w σ² / Σ w`` with the weight W
        of the shell in the curve.
    """

    curve: IsotropicCurve
    isotropic: FloatArray
    isotropic_variance: FloatArray
    variational: FloatArray
    variational_variance: FloatArray


def isotropic_curve(
    s: FloatArray,
    intensity: FloatArray,
    variance: FloatArray | None = None,
    weight: FloatArray | IntArray | None = None,
    *,
    width: float = WIDTH,
    least: int = LEAST,
) -> IsotropicCurve:
    """Average an intensity over directions.

    Shells have one width; those that hold too few voxels, near the origin and in the corners,
    are joined with the next ones. The mean is unbiased whatever the counts, as long as the
    weights do not depend on them: take the number of voxels that a row stands for (its distinct
    images under the Laue group), or the exposure for a mean of less noise that favours the
    directions seen longer.

    Parameters
    ----------
    s:
        Length of the scattering vector; dims (voxel), 1/Å, float64.
    intensity:
        dims (voxel), float64, any unit. Rows that are not finite are left out.
    variance:
        dims (voxel), float64; zeros if None.
    weight:
        dims (voxel); ones if None.
    width:
        Width of a shell, 1/Å.
    least:
        Voxels that a shell holds at least.

    Returns
    -------
    :
        The curve.

    Raises
    ------
    UserError
        If no row is finite, or the width is not positive.
    """
    spread = np.zeros(len(s)) if variance is None else variance
    share = np.ones(len(s)) if weight is None else np.asarray(weight, dtype=np.float64)
    use = np.isfinite(s) & np.isfinite(intensity) & np.isfinite(spread) & (share > 0)
    if not width > 0 or not np.any(use):
        raise UserError(
            "average the intensity over shells of |s|",
            f"the width is {width:g}/Å" if not width > 0 else "no voxel has an intensity",
            "Give a positive width." if not width > 0 else "Look at the masks of the table.",
        )
    intensity, spread = np.asarray(intensity), np.asarray(spread)
    if not np.all(use):
        s, share, intensity, spread = s[use], share[use], intensity[use], spread[use]
    del use
    edges = _edges(s, width, least)
    shell = np.searchsorted(edges, s, side="right") - 1

    def total(values: FloatArray) -> FloatArray:
        sums = np.bincount(shell, values, minlength=len(edges) - 1)
        return np.asarray(sums, dtype=np.float64)

    sums = total(share)
    return IsotropicCurve(
        edges=edges,
        s=total(share * s) / sums,
        mean=total(share * intensity) / sums,
        variance=total(share**2 * spread) / sums**2,
        weight=sums,
        number=np.bincount(shell, minlength=len(edges) - 1),
    )


def split(
    s: FloatArray,
    intensity: FloatArray,
    variance: FloatArray | None = None,
    weight: FloatArray | IntArray | None = None,
    *,
    width: float = WIDTH,
    least: int = LEAST,
) -> Parts:
    """Split an intensity in its isotropic and its variational part.

    Parameters and errors are those of :func:`isotropic_curve`; rows that are not finite stay
    so in the variational part.
    """
    curve = isotropic_curve(s, intensity, variance, weight, width=width, least=least)
    isotropic, spread = curve.at(s)
    noise = np.zeros(len(s)) if variance is None else variance
    share = np.ones(len(s)) if weight is None else weight
    own = np.empty(len(s))
    for start in range(0, len(s), _BLOCK):
        part = slice(start, start + _BLOCK)
        home = curve.shell_of(s[part])
        shell, factor = curve.interpolation(s[part])
        # columns that the clipping of the ends made twin have no weight but one
        own[part] = np.where(shell == home[:, None], factor, 0.0).sum(axis=1)
        own[part] *= np.where(home >= 0, share[part] / curve.weight[home], np.nan)
    return Parts(
        curve=curve,
        isotropic=isotropic,
        isotropic_variance=spread,
        variational=intensity - isotropic,
        variational_variance=np.maximum(noise * (1 - 2 * own) + spread, 0.0),
    )


def _edges(s: FloatArray, width: float, least: int) -> FloatArray:
    """Borders of shells of a width, joined upwards until each holds enough."""
    count = np.bincount((s / width).astype(np.int64))
    least = max(least, 1)
    edges, held = [0.0], 0
    for number, here in enumerate(count):
        held += int(here)
        if held >= least:
            edges.append((number + 1) * width)
            held = 0
    if held:
        # too few are left for a shell: the last one takes them
        if len(edges) > 1:
            edges.pop()
        edges.append(len(count) * width)
    # rounding of s / width may leave the last voxel just outside
    edges[-1] = max(edges[-1], float(np.nextafter(s.max(), np.inf)))
    return np.array(edges)


def _slopes(x: FloatArray) -> FloatArray:
    """Weights of the left, own and right mean in the slope at each; dims (shell, 3).

    The derivative of the parabola through the three, and of the chord at the ends.
    """
    gap = np.diff(x)
    slope = np.zeros((len(x), 3))
    left, right = gap[:-1], gap[1:]
    slope[1:-1, 0] = -right / (left * (left + right))
    slope[1:-1, 1] = (right - left) / (left * right)
    slope[1:-1, 2] = left / (right * (left + right))
    slope[0, 1:] = -1 / gap[0], 1 / gap[0]
    slope[-1, :2] = -1 / gap[-1], 1 / gap[-1]
    return slope
