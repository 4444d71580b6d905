"""How smooth the control points are, and how smooth the data say they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ewaldite.diffuse.scaling.basis import Axis, ControlPoints
from ewaldite.diffuse.scaling.layout import Layout
from ewaldite.diffuse.scaling.options import Smoothness

FloatArray = NDArray[np.float64]

# Keeps the level of relative B, which the data do not know, where it starts
_ANCHOR = 1e-6
# Largest change of a weight in one go, and its range in units of what the data weigh
_MOST = 30.0
_RANGE = 1e-6, 1e6
# Sum of squared weights of an observation's nodes, on average and for each axis
_SHARE = 2 / 3


@dataclass(frozen=True)
class Part:
    """One kind of roughness of one term, ``λ |B (p - p₀)|²``.

    Attributes
    ----------
    term:
        The term.
    along:
        Axes that are looked along; none for the coefficients themselves.
    factor:
        λ.
    matrix:
        BᵀB over all coefficients; dims (coefficient, coefficient).
    adapts:
        Whether the data may set the factor.
    """

    term: str
    along: tuple[str, ...]
    factor: float
    matrix: sparse.csr_matrix
    adapts: bool


@dataclass(frozen=True)
class Penalty:
    """``(p - p₀)ᵀ R (p - p₀)``, a sum over parts.

    Attributes
    ----------
    parts:
        The parts.
    centre:
        p₀: 1 for d, and 0 for others, whose level is not penalised; dims (coefficient).
    matrix:
        R; dims (coefficient, coefficient), float64, symmetric.
    """

    parts: tuple[Part, ...]
    centre: FloatArray
    matrix: sparse.csr_matrix

    @staticmethod
    def of(parts: Sequence[Part], centre: FloatArray) -> Penalty:
        """Sum parts."""
        matrix = sparse.csr_matrix((centre.size, centre.size))
        for part in parts:
            matrix = matrix + part.factor * part.matrix
        return Penalty(tuple(parts), centre, sparse.csr_matrix(matrix))

    def __call__(self, p: FloatArray) -> float:
        """Value of the penalty."""
        away = p - self.centre
        return float(away @ (self.matrix @ away))

    def slope(self, p: FloatArray) -> FloatArray:
        """``R (p - p₀)``, half the gradient; dims (coefficient)."""
        return np.asarray(self.matrix @ (p - self.centre))


def penalty_of(
    layout: Layout, weights: Smoothness, squares: FloatArray, *, curvature: bool = False
) -> Penalty:
    """Penalty on rough coefficients, weighted as the data are.

    ``λ = m tr(AᵀA) / tr(BᵀB)``, both over all batches, and for c and for d - 1 themselves m
    times the largest element of the diagonal of AᵀA: the rule of mdx-lib 1.2, found from its
    reference numbers.

    Over the detector mdx-lib compares a with the mean of the nearest neighbours, which holds a
    slope at the border for rough. Where the data are to say how smooth a is, second differences
    along both axes are taken, for which a slope is smooth everywhere.

    Parameters
    ----------
    layout:
        The coefficients.
    weights:
        The factors m.
    squares:
        Diagonal of AᵀA, the normal matrix; dims (coefficient).
    curvature:
        Whether second differences are taken over the detector.

    Returns
    -------
    :
        The penalty.
    """
    centre = np.zeros(layout.size)
    for _, _, where in layout.of("d"):
        centre[where] = 1.0
    parts = []
    for term, along, weight, adapts in _rules(weights):
        segments = layout.of(term)
        if not segments or weight == 0:
            continue
        shapes = [_shape(points, along, curvature) for _, points, _ in segments]
        data = [squares[where] for _, _, where in segments]
        if along:
            trace = sum(float(shape.diagonal().sum()) for shape in shapes)
            if trace == 0:
                continue
            factor = weight * sum(float(x.sum()) for x in data) / trace
        else:
            factor = weight * max(float(x.max()) for x in data)
        first, last = segments[0][2].start, segments[-1][2].stop
        blocks = [
            sparse.csr_matrix((first, first)),
            *shapes,
            sparse.csr_matrix((layout.size - last, layout.size - last)),
        ]
        matrix = sparse.block_diag(blocks, format="csr")
        parts.append(Part(term, along, factor, matrix, adapts))
    return Penalty.of(parts, centre)


def adapted(
    layout: Layout,
    penalty: Penalty,
    p: FloatArray,
    squares: FloatArray,
    free: float,
    dispersion: float = 1.0,
) -> Penalty:
    """Weights of smoothness under which the data are most likely.

    ``λ' = λ φ (tr(S⁻ S_k) - tr((H + S)⁻¹ S_k)) / pᵀ S_k p`` with S = Σ λ S_k, the step of
    Wood & Fasiolo (Biometrics 73 (2017) 1071) towards the largest marginal likelihood: the
    coefficients are seen as a random walk whose variance is found along with them. For the
    traces the data are taken to weigh the same on all nodes, when all S_k of a term have
    common eigenvectors.

    Parameters
    ----------
    layout, penalty:
        Coefficients, and the penalty under which they were refined.
    p, squares:
        The coefficients, and the diagonal of the normal matrix; dims (coefficient).
    free:
        Part of the information that is left when the intensities are merged.
    dispersion:
        φ, the mean square of the residuals: where observations scatter more than they should,
        rough coefficients are less of a surprise.

    Returns
    -------
    :
        The penalty with other factors.
    """
    away = p - penalty.centre
    parts = []
    for part in penalty.parts:
        if not part.adapts:
            parts.append(part)
            continue
        family = [other for other in penalty.parts if other.term == part.term]
        gain = weigh = nodes = 0.0
        for _, points, where in layout.of(part.term):
            axes = sum(not axis.bins for axis in points.axes)
            data = free * float(squares[where].sum()) / _SHARE**axes / points.values.size
            spectra = {id(other): _spectrum(points, other.along) for other in family}
            own = spectra[id(part)]
            total = np.zeros_like(own)
            for other in family:
                total += other.factor * spectra[id(other)]
            some = total > 1e-12 * np.max(total)
            gain += float(np.sum(own[some] * data / (total[some] * (data + total[some]))))
            weigh += data * points.values.size
            nodes += points.values.size
        rough = float(away @ (part.matrix @ away))
        ratio = dispersion * gain / rough if rough > 0 else _MOST
        factor = part.factor * float(np.clip(ratio, 1 / _MOST, _MOST))
        level = weigh / max(nodes, 1.0)
        factor = float(np.clip(factor, _RANGE[0] * level, _RANGE[1] * level))
        parts.append(replace(part, factor=factor))
    return Penalty.of(parts, penalty.centre)


def _rules(w: Smoothness) -> list[tuple[str, tuple[str, ...], float, bool]]:
    """Term, axes that are looked along, factor m, whether the data may set it."""
    return [
        ("a", ("ix", "iy"), w.a_plane, True),
        ("a", ("iz",), w.a_rotation, True),
        ("b", ("iz",), w.b, True),
        ("c", ("s",), w.c_length, True),
        ("c", ("iz",), w.c_rotation, True),
        ("c", (), w.c_size, True),
        ("d", (), w.d, True),
        ("B", ("iz",), w.relative_b, True),
        ("B", (), _ANCHOR, False),
    ]


def _shape(points: ControlPoints, along: tuple[str, ...], curvature: bool) -> sparse.csr_matrix:
    """BᵀB of one set of control points."""
    if not along:
        return sparse.identity(points.values.size, format="csr")
    looks = [(name,) for name in along] if curvature else [along]
    rough = sparse.vstack([points.roughness(*look) for look in looks], format="csr")
    return sparse.csr_matrix(rough.T @ rough)


def _spectrum(points: ControlPoints, along: tuple[str, ...]) -> FloatArray:
    """Eigenvalues of BᵀB, over those along iz and those of the other axes; dims (iz, other)."""
    rotation = [axis for axis in points.axes if axis.name == "iz"]
    plane = [axis for axis in points.axes if axis.name != "iz"]
    if not along:
        return np.ones(
            (rotation[0].size if rotation else 1, int(np.prod([a.size for a in plane])))
        )
    if along == ("iz",):
        return np.repeat(_eigenvalues(rotation[0].size)[:, None], _number(plane), axis=1)
    values = np.zeros(1)
    for axis in plane:
        values = np.add.outer(_eigenvalues(axis.size), values).ravel()
    return np.repeat(values[None], _number(rotation), axis=0)


def _number(axes: list[Axis]) -> int:
    return int(np.prod([axis.size for axis in axes], dtype=np.int64))


@lru_cache(maxsize=64)
def _eigenvalues(size: int) -> FloatArray:
    """Eigenvalues of BᵀB of second differences along an axis."""
    rough = ControlPoints.constant([Axis("x", 0.0, 1.0, size)], 0.0).roughness("x").toarray()
    return np.maximum(np.linalg.eigvalsh(rough.T @ rough), 0.0)
