"""Any plane through a map, drawn on its true axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.map_axes import RECIPROCAL, basis_of
from ewaldite.diffuse.maps.plane_spec import PlaneSpec
from ewaldite.diffuse.maps.sections import plane_section
from ewaldite.plot.plane import Plane, draw_frame
from ewaldite.plot.slices import Limits, colour_bar
from ewaldite.plot.style import ABSENT, INK, colour_map, new_figure, robust_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]

SEQUENTIAL, DIVERGING = "viridis", "RdBu_r"
# Of absent samples where the colours about zero are nearly white
_DARKER = "#b4bac1"
# What varies about zero, by the name that the program gives it
_SIGNED = ("variational", "3D-ΔPDF")
_REAL_NAMES = str.maketrans("hkl", "uvw")
# Å, round spacings
_ABOVE = (20, 15, 10, 8, 7, 6, 5, 4, 3.5, 3, 2.5, 2.2, 2, 1.8, 1.6, 1.4, 1.3, 1.2, 1.1, 1)
_RINGS = (*_ABOVE, 0.9, 0.8, 0.7, 0.6, 0.5)
_MOST_RINGS = 3


@dataclass(frozen=True)
class SectionView:
    """A plane through a map with all that a picture of it needs.

    Attributes
    ----------
    layer:
        dims (p, q); what :func:`~ewaldite.diffuse.maps.sections.plane_section` gives.
    spec:
        The plane.
    basis:
        Vectors of one unit along the axes of the map as rows; dims (axis, xyz), 1/Å or Å.
    real:
        Whether the map is one of real space.
    """

    layer: sc.DataArray
    spec: PlaneSpec
    basis: FloatArray
    real: bool

    @classmethod
    def of(
        cls,
        array: sc.DataArray,
        cell: ArrayLike,
        plane: PlaneSpec | str,
        thickness: float = 0.0,
    ) -> SectionView:
        """Cut a map; see :func:`~ewaldite.diffuse.maps.sections.plane_section`."""
        spec = PlaneSpec.parse(plane) if isinstance(plane, str) else plane
        layer = plane_section(array, cell, spec, thickness=thickness)
        real = "u" in array.dims
        basis = basis_of(("u", "v", "w") if real else RECIPROCAL, cell)
        return cls(layer, spec, basis, real)

    @property
    def plane(self) -> Plane:
        """The axes in the paper."""
        first, second = (self._named(x) for x in self.spec.labels)
        unit = "Å" if self.real else "r.l.u."
        u, v = self.spec.u @ self.basis, self.spec.v @ self.basis
        return Plane.of_vectors(u, v, (first, second), unit)

    @property
    def title(self) -> str:
        """Name of the plane."""
        return self._named(self.spec.name)

    def _named(self, text: str) -> str:
        return text.translate(_REAL_NAMES) if self.real else text

    @property
    def lengths(self) -> FloatArray:
        """Distance of the samples from the origin of space; dims (p, q), 1/Å or Å."""
        p, q = self.layer.coords["p"].values, self.layer.coords["q"].values
        points = self.spec.origin + p[:, None, None] * self.spec.u + q[:, None] * self.spec.v
        return np.asarray(np.linalg.norm(points @ self.basis, axis=-1))

    @property
    def foot(self) -> tuple[float, float, float]:
        """Point of the plane nearest to the origin: p, q, and its distance, 1/Å or Å."""
        sides = np.stack([self.spec.u, self.spec.v]) @ self.basis
        start = self.spec.origin @ self.basis
        p, q = np.linalg.lstsq(sides.T, -start, rcond=None)[0]
        away = float(np.linalg.norm(start + p * sides[0] + q * sides[1]))
        return float(p), float(q), away

    @property
    def is_signed(self) -> bool:
        """Whether it shows what varies about zero."""
        return str(self.layer.name).startswith(_SIGNED)


def draw_section(
    axes: Axes,
    view: SectionView,
    *,
    limits: Limits | None = None,
    colours: str | None = None,
    rings: Sequence[float] | None = None,
) -> QuadMesh:
    """Draw a plane on its true, in general oblique, axes.

    What lies beyond the farthest sample that is present is left white; within, absent samples
    are grey. The cursor of an interactive window reads indices.

    Parameters
    ----------
    axes:
        Where.
    view:
        What.
    limits:
        Colour limits in the unit of the map; from quantiles if None, symmetric about zero for
        variational maps and PDFs.
    colours:
        Name of a colour map of matplotlib; one that fits if None.
    rings:
        Spacings d, Å, at which circles |s| = 1/d are drawn (in real space: radii, Å); a few
        round ones if None (in real space none).

    Returns
    -------
    :
        The mesh, for a colour bar.
    """
    from matplotlib.colors import ListedColormap

    values, lengths = view.layer.values, view.lengths
    present = np.isfinite(values)
    # without a sample, all of the plane is drawn as absent
    reach = float(lengths[present if present.any() else ...].max())
    rows, columns = (
        np.flatnonzero((lengths <= reach * (1 + 1e-9)).any(axis=i)) for i in (1, 0)
    )
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    p, q = (_edges(view.layer.coords[x].values, cut) for x, cut in zip("pq", part, strict=True))
    plane = view.plane
    x, y = plane.points(p[:, None], q[None, :])
    hole = ~present[part] & (lengths[part] <= reach)
    grey = np.ma.masked_where(~hole, np.zeros(hole.shape))
    axes.pcolormesh(
        x,
        y,
        grey,
        cmap=ListedColormap([_DARKER if view.is_signed else ABSENT]),
        rasterized=True,
        linewidth=0,
    )
    low, high = limits or robust_limits(values, symmetric=view.is_signed)
    name = colours or (DIVERGING if view.is_signed else SEQUENTIAL)
    mesh = axes.pcolormesh(
        x,
        y,
        np.ma.masked_invalid(values[part]),
        cmap=colour_map(name),
        vmin=low,
        vmax=high,
        rasterized=True,
        linewidth=0,
    )
    draw_frame(axes, plane, (p[0], p[-1]), (q[0], q[-1]))
    _draw_rings(axes, view, reach, rings)
    axes.format_coord = lambda x, y: _cursor(view, plane, x, y)  # type: ignore[method-assign]
    return mesh


def section_figure(
    array: sc.DataArray,
    cell: ArrayLike,
    plane: PlaneSpec | str = "hk0",
    *,
    thickness: float = 0.0,
    limits: Limits | None = None,
    colours: str | None = None,
    rings: Sequence[float] | None = None,
) -> Figure:
    """Picture of a plane with its colour bar; see :func:`draw_section`.

    Parameters
    ----------
    array:
        dims (h, k, l) or (u, v, w).
    cell:
        a, b, c, α, β, γ; dims (constant), Å and degrees.
    plane:
        Which, or its name, as in ``"hhl"``.
    thickness:
        Full thickness along the normal that is averaged over, 1/Å or Å.
    limits, colours, rings:
        See :func:`draw_section`.
    """
    view = SectionView.of(array, cell, plane, thickness)
    p, q = (view.layer.coords[x].values for x in "pq")
    x, y = view.plane.points(p[:, None], q[None, :])
    aspect = float(np.ptp(y) / max(np.ptp(x), 1e-12))
    figure = new_figure(6.6, min(max(4.9 * aspect + 1.0, 2.6), 9.0))
    figure.set_layout_engine("compressed")
    axes = figure.add_subplot()
    mesh = draw_section(axes, view, limits=limits, colours=colours, rings=rings)
    unit = "Å" if view.real else "1/Å"
    note = f"   {thickness:g} {unit} thick" if thickness else ""
    axes.set_title(view.title + note, fontsize=12, color=INK, style="italic", pad=10)
    colour_bar(figure, mesh, [axes], view.layer)
    return figure


def _edges(centres: FloatArray, part: slice) -> FloatArray:
    step = centres[1] - centres[0] if len(centres) > 1 else 1.0
    inner = centres[part]
    return np.append(inner - step / 2, inner[-1] + step / 2)


def _cursor(view: SectionView, plane: Plane, x: float, y: float) -> str:
    p, q = plane.indices(x, y)
    point = view.spec.origin + p * view.spec.u + q * view.spec.v
    length = float(np.linalg.norm(point @ view.basis))
    names = "uvw" if view.real else "hkl"
    text = "  ".join(f"{n} = {c:.2f}" for n, c in zip(names, point, strict=True))
    return f"{text}  |r| = {length:.2f} Å" if view.real else f"{text}  |s| = {length:.4f} 1/Å"


def _draw_rings(
    axes: Axes, view: SectionView, reach: float, rings: Sequence[float] | None
) -> None:
    from matplotlib.patches import Circle
    from matplotlib.patheffects import withStroke

    p, q, away = view.foot
    x, y = view.plane.points(p, q)
    centre = float(x), float(y)
    if rings is None:
        fitting = [d for d in _RINGS if 1.5 * away < 1 / d < 0.96 * reach]
        # evenly spaced in |s|, the finest near the edge
        aims = [0.92 * reach * (i + 1) / _MOST_RINGS for i in range(_MOST_RINGS)]
        rings = () if view.real else _closest(fitting, aims)
    ink = INK if view.is_signed else "white"
    halo = "white" if view.is_signed else INK
    for ring in rings:
        length = ring if view.real else 1 / ring
        if length <= away:
            continue
        radius = float(np.sqrt(length**2 - away**2))
        circle = Circle(centre, radius, fill=False, edgecolor=ink, linewidth=0.7, alpha=0.8)
        circle.set_linestyle(":")
        axes.add_patch(circle)
        axes.annotate(
            f"{ring:g} Å",
            (centre[0], centre[1] + radius),
            ha="center",
            va="center",
            fontsize=6.5,
            color=ink,
            path_effects=[withStroke(linewidth=1.8, foreground=halo)],
        )


def _closest(spacings: Sequence[float], aims: Sequence[float]) -> list[float]:
    if not spacings:
        return []
    chosen = [min(spacings, key=lambda d: abs(1 / d - aim)) for aim in aims]
    return list(dict.fromkeys(chosen))
