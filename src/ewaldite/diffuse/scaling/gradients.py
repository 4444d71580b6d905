"""Conjugate gradients for the step of the joint refinement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """Solution of ``H x = g``.

    Attributes
    ----------
    x:
        dims (coefficient).
    decrease:
        By how much it lowers ``xᵀ H x - 2 gᵀ x``: the decrease of the target that a linear
        model predicts.
    iterations:
        Number of multiplications by H.
    """

    x: FloatArray
    decrease: float
    iterations: int


def conjugate_gradients(
    multiply: Callable[[FloatArray], FloatArray],
    gradient: FloatArray,
    invert: Callable[[FloatArray], FloatArray],
    *,
    enough: float,
    share: float,
    most: int,
) -> Step:
    """Solve ``H x = g`` as far as it pays.

    Preconditioned (Hestenes & Stiefel, J. Res. NBS 49 (1952) 409; Concus, Golub & O'Leary, in
    Sparse Matrix Computations (1976) 309). H may be singular as long as g lies in its range:
    what the data do not determine stays 0.

    Parameters
    ----------
    multiply:
        Gives ``H v``; H symmetric and positive semidefinite.
    gradient:
        g; dims (coefficient).
    invert:
        Gives about ``H⁻¹ v``; symmetric and positive definite.
    enough, share:
        Stop when an iteration decreases the target by less than ``enough``, or by less than
        this share of the whole decrease so far.
    most:
        Most iterations.

    Returns
    -------
    :
        The step.
    """
    x = np.zeros_like(gradient)
    rest = gradient.copy()
    direction = invert(rest)
    product = float(rest @ direction)
    decrease = 0.0
    for n in range(1, most + 1):
        turned = multiply(direction)
        curvature = float(direction @ turned)
        if product <= 0 or curvature <= 0:
            return Step(x, decrease, n - 1)
        length = product / curvature
        x += length * direction
        rest -= length * turned
        gain = length * product
        decrease += gain
        if gain <= max(enough, share * decrease):
            return Step(x, decrease, n)
        z = invert(rest)
        following = float(rest @ z)
        direction = z + (following / product) * direction
        product = following
    return Step(x, decrease, most)
