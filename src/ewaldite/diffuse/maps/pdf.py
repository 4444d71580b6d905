"""The three-dimensional difference pair distribution function (3D-ΔPDF)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from ewaldite.crystal.cell import volume
from ewaldite.crystal.map_axes import REAL, RECIPROCAL, MapAxes
from ewaldite.diffuse.maps.common import inherited
from ewaldite.diffuse.maps.pdf_options import PdfOptions, Window
from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]

# At the resolution limit a Gaussian window has fallen to this
_GAUSS_EDGE = 0.01
# Doubles a sample: padded input, half of a complex transform, result
_DOUBLES = 3


@dataclass(frozen=True)
class _Prepared:
    """What is transformed: dims (h, k, l), absent voxels and those out of range zero."""

    values: FloatArray
    noise: float
    coverage: float


def pdf_shape(shape: tuple[int, int, int], padding: float) -> tuple[int, int, int]:
    """Samples along u, v, w: odd numbers of small factors, not below ``padding`` times the map.

    Parameters
    ----------
    shape:
        Of the map.
    padding:
        At least 1.
    """
    nu, nv, nw = (_fast_odd(int(np.ceil(padding * n - 1e-9))) for n in shape)
    return nu, nv, nw


def pdf_bytes(shape: tuple[int, int, int], padding: float) -> int:
    """Memory that :func:`delta_pdf` takes beside the map, bytes; as in :func:`pdf_shape`."""
    nu, nv, nw = pdf_shape(shape, padding)
    return 8 * _DOUBLES * nu * nv * nw + 8 * int(np.prod(shape))


def delta_pdf(
    variational: sc.DataArray,
    cell: ArrayLike,
    d_min: float,
    options: PdfOptions | None = None,
    *,
    friedel: bool = True,
) -> sc.DataArray:
    r"""Transform a variational map to real space.

    .. math::

        P(\mathbf r) = \int W(|\mathbf s|)\, \Delta I(\mathbf s)
        \cos(2\pi\, \mathbf s \cdot \mathbf r)\, d^3s
        = \sum_j W_j \Delta I_j \cos(2\pi\, \mathbf h_j \cdot \mathbf u)\,
        \frac{1}{V\, n_h n_k n_l},

    the Patterson function of the difference between the density and its average (Weber &
    Simonov, Z. Kristallogr. 227 (2012) 238): positive where pairs of atoms r apart are more
    frequent, or move more in phase, than in the average. From electrons² per cell it comes in
    electrons² per Å³ and cell, summed over the cell. The cosine makes it real and symmetric;
    of a map that breaks Friedel's law it sees the mean over mates. Parseval's theorem holds,
    ``Σ P² dV = Σ (W ΔI)² / (V nh nk nl)`` over the period of n cells, ``dV = V nh nk nl / N``
    with N samples.

    Parameters
    ----------
    variational:
        dims (h, k, l), with variances and any masks; see
        :func:`~ewaldite.diffuse.maps.parts.isotropic_parts`.
    cell:
        a, b, c, α, β, γ; dims (constant), Å and degrees.
    d_min:
        Resolution of the map, Å; the options may name a lower one.
    options:
        Window, range, absent voxels, padding.
    friedel:
        Whether mates in the map are copies of each other, and their errors with them.

    Returns
    -------
    :
        dims (u, v, w), unit of the map per Å³; coordinates ``u``, ``v``, ``w`` in Å along a, b,
        c, the origin in the middle; scalars ``sigma``, the standard deviation of the noise, a
        root mean square over all samples (on mirror planes and axes of the Laue group it is up
        to the root of their order larger, everywhere else a little smaller), and ``coverage``,
        the part of ``Σ W²`` in range that is observed, to which peaks are reduced where absent
        voxels are zero.

    Raises
    ------
    UserError
        If the map is no map, or nothing of it lies in range.
    """
    options = options or PdfOptions()
    axes = MapAxes.of(variational, cell)
    if axes.dims != RECIPROCAL:
        raise UserError(
            "make the 3D-ΔPDF",
            f"the data have the dims {variational.dims}",
            "Give a variational map with the dims h, k, l.",
        )
    prepared = _prepare(variational, axes, options, d_min)
    voxel = float(np.prod(axes.step)) / volume(cell)
    shape = pdf_shape(prepared.values.shape, options.padding)
    half = fft.rfftn(prepared.values, s=shape)
    lengths = np.asarray(cell, dtype=np.float64)[:3]
    u = [
        np.arange(-(n // 2), n // 2 + 1) / (n * d)
        for n, d in zip(shape, axes.step, strict=True)
    ]
    keep = [np.ones(len(x), np.bool_) for x in u]
    if options.reach is not None:
        keep = [np.abs(x * a) <= options.reach for x, a in zip(u, lengths, strict=True)]
    values = _real_part(half, axes, u, keep) * voxel
    unit = (variational.unit or sc.units.one) / sc.Unit("angstrom^3")
    # equal mates double the amplitude of their common cosine
    sigma = np.sqrt(prepared.noise * (1.0 if friedel else 0.5)) * voxel
    coords = {
        name: sc.array(dims=[name], values=x[some] * a, unit="angstrom")
        for name, x, some, a in zip(REAL, u, keep, lengths, strict=True)
    }
    coords |= inherited(variational)
    if "intensity_unit" in coords:
        text = f"{coords['intensity_unit'].value} per Å³"
        coords["intensity_unit"] = sc.scalar(text)
    coords["sigma"] = sc.scalar(float(sigma), unit=unit)
    coords["coverage"] = sc.scalar(prepared.coverage)
    return sc.DataArray(
        sc.array(dims=list(REAL), values=values, unit=unit), coords=coords, name="3D-ΔPDF"
    )


def window(s: FloatArray, s_max: float, kind: Window) -> FloatArray:
    """Window function of the length of s, 1 at the origin.

    ``hann``: ``cos²(π x / 2)``; ``lorch``: ``sin(π x) / (π x)`` (Lorch, J. Phys. C 2 (1969)
    229); ``gauss``: ``0.01^(x²)``; with ``x = s / s_max``.

    Parameters
    ----------
    s:
        Any dims, 1/Å.
    s_max:
        Where it ends, 1/Å.
    kind:
        Which.

    Returns
    -------
    :
        Same dims, zero beyond ``s_max``.
    """
    x = s / s_max
    if kind == "hann":
        shape = np.cos(np.pi * np.minimum(x, 1.0) / 2) ** 2
    elif kind == "lorch":
        shape = np.sinc(x)
    elif kind == "gauss":
        shape = _GAUSS_EDGE ** (x**2)
    else:
        shape = np.ones_like(x)
    return np.where(x <= 1.0 + 1e-9, shape, 0.0)


def _prepare(
    array: sc.DataArray, axes: MapAxes, options: PdfOptions, map_d_min: float
) -> _Prepared:
    """Window the map, and sum its variances."""
    ordered = array.transpose(RECIPROCAL)
    hidden = np.isnan(ordered.values)
    for mask in ordered.masks.values():
        hidden |= mask.broadcast(sizes=ordered.sizes).transpose(RECIPROCAL).values
    values = np.where(hidden, 0.0, ordered.values)
    if options.absent == "fill":
        _fill(values, hidden, options.fill_width)
    s_max = 1.0 / max(options.d_min or 0.0, map_d_min)
    s_min = 0.0 if options.d_max is None else 1.0 / options.d_max
    noise = seen = possible = 0.0
    h, k, l = (axes.start[i] + axes.step[i] * np.arange(axes.count[i]) for i in range(3))
    for number, one in enumerate(h):
        points = np.stack(np.meshgrid([one], k, l, indexing="ij"), axis=-1)[0]
        s = axes.length(points)
        weight = np.where(s >= s_min, window(s, s_max, options.window), 0.0)
        values[number] *= weight
        square, there = weight**2, ~hidden[number]
        possible += float(square.sum())
        seen += float(square[there].sum())
        if ordered.variances is not None:
            noise += float((square * ordered.variances[number])[there].sum())
    if not seen > 0:
        raise UserError(
            "make the 3D-ΔPDF",
            "no voxel of the map lies in the range of d_min and d_max",
            "Widen the range in [pdf].",
        )
    return _Prepared(values, noise, seen / possible)


def _fill(values: FloatArray, hidden: NDArray[np.bool_], width: float) -> None:
    """Replace hidden voxels by the Gaussian mean of those around, zero where there are none."""
    # here, for the memory that it takes where nothing is filled
    from scipy import ndimage

    top = ndimage.gaussian_filter(values, width, mode="constant", truncate=3.0)
    bottom = ndimage.gaussian_filter(
        (~hidden).astype(np.float64), width, mode="constant", truncate=3.0
    )
    some = hidden & (bottom > 1e-3)
    values[some] = top[some] / bottom[some]


def _real_part(
    half: NDArray[np.complex128],
    axes: MapAxes,
    u: list[FloatArray],
    keep: list[NDArray[np.bool_]],
) -> FloatArray:
    """Cosine transform from half of a complex one; dims (u, v, w) of what is kept.

    The transform counts voxels from the first one, so each sample still lacks the phase of
    where that lies; P(-u) = P(u) gives the other half.
    """
    count = [len(x) for x in u]
    middle = [n // 2 for n in count]
    phase = [np.exp(-2j * np.pi * s * x) for s, x in zip(axes.start, u, strict=True)]
    rows = [np.flatnonzero(some) for some in keep]
    upper = rows[2][rows[2] >= middle[2]]
    out = np.empty([len(r) for r in rows])
    split = len(rows[2]) - len(upper)
    for place, row in enumerate(rows[0]):
        source = half[(row - middle[0]) % count[0]]
        block = source[(rows[1] - middle[1]) % count[1]][:, upper - middle[2]]
        block = block * (phase[0][row] * phase[1][rows[1], None] * phase[2][upper])
        out[place, :, split:] = block.real
    out[:, :, :split] = out[::-1, ::-1, ::-1][:, :, :split]
    return out


def _fast_odd(least: int) -> int:
    """Smallest odd number, not below another, whose factors are 3, 5, 7 and 11."""
    number = least | 1
    while True:
        rest = number
        for factor in (3, 5, 7, 11):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return number
        number += 2
