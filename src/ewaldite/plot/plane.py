"""A plane of the reciprocal lattice, drawn on its true axes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.cell import orthogonalization
from ewaldite.plot.style import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Normal = Literal["h", "k", "l"]
FloatArray = NDArray[np.float64]

# Part of its length by which a way out of the region is one to the side
_SIDEWAYS = 0.7


@dataclass(frozen=True)
class Plane:
    """Two reciprocal axes in the plane of the paper.

    Attributes
    ----------
    across, up:
        Names of the axes, as in ``"h"`` and ``"k"``.
    basis:
        The two vectors as rows; dims (axis, xy), 1/Å, float64. The first lies along x; the
        angle between them is that of the lattice.
    unit:
        Unit of the axes, for their labels.
    """

    across: str
    up: str
    basis: FloatArray
    unit: str = "r.l.u."

    @classmethod
    def of_cell(cls, cell: ArrayLike, normal: Normal) -> Plane:
        """Plane of constant ``normal``: lengths and angle from the reciprocal metric (OᵀO)⁻¹.

        Parameters
        ----------
        cell:
            a, b, c, α, β, γ; dims (constant), Å and degrees.
        normal:
            The index that is constant.
        """
        reciprocal = np.linalg.inv(orthogonalization(cell))
        across, up = (name for name in ("h", "k", "l") if name != normal)
        u, v = (reciprocal["hkl".index(name)] for name in (across, up))
        return cls.of_vectors(u, v, (across, up))

    @classmethod
    def of_vectors(
        cls, u: FloatArray, v: FloatArray, names: tuple[str, str], unit: str = "r.l.u."
    ) -> Plane:
        """Plane of two Cartesian vectors, the first drawn along x.

        Parameters
        ----------
        u, v:
            dims (xyz), 1/Å or Å, not parallel.
        names:
            Names of the axes.
        unit:
            Their unit.
        """
        length = float(np.linalg.norm(u))
        along = float(u @ v) / length
        height = float(np.linalg.norm(np.cross(u, v))) / length
        return cls(names[0], names[1], np.array([[length, 0.0], [along, height]]), unit)

    def indices(self, x: float, y: float) -> tuple[float, float]:
        """Indices of a place in the plane, r.l.u.: :meth:`points` undone."""
        u, v = np.array([x, y]) @ np.linalg.inv(self.basis)
        return float(u), float(v)

    def points(self, u: ArrayLike, v: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Place of indices in the plane.

        Parameters
        ----------
        u, v:
            Indices along ``across`` and ``up``; dims that broadcast, r.l.u.

        Returns
        -------
        :
            x and y; 1/Å, float64.
        """
        a, b = np.asarray(u, dtype=np.float64), np.asarray(v, dtype=np.float64)
        x = a * self.basis[0, 0] + b * self.basis[1, 0]
        y = a * self.basis[0, 1] + b * self.basis[1, 1]
        return np.asarray(x), np.asarray(y)


def draw_frame(
    axes: Axes,
    plane: Plane,
    across: tuple[float, float],
    up: tuple[float, float],
) -> None:
    """Draw the outline of a region of a plane with ticks on its oblique edges.

    No lines go on across the region: they would be taken for a part of the data.

    Parameters
    ----------
    axes:
        Where; its own frame is hidden.
    plane:
        The axes of the lattice.
    across, up:
        First and last index along the two axes, r.l.u.
    """
    corners_u = [across[0], across[1], across[1], across[0], across[0]]
    corners_v = [up[0], up[0], up[1], up[1], up[0]]
    x, y = plane.points(corners_u, corners_v)
    axes.plot(x, y, color=FAINT, linewidth=0.8, zorder=3)
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set_xlim(x.min(), x.max())
    axes.set_ylim(y.min(), y.max())
    middle = plane.points((across[0] + across[1]) / 2, (up[0] + up[1]) / 2)
    centre = np.array([float(middle[0]), float(middle[1])])
    for first, limits, other in ((True, across, up), (False, up, across)):
        _draw_edge(axes, plane, centre, limits, other, first=first)


def _draw_edge(
    axes: Axes,
    plane: Plane,
    centre: FloatArray,
    limits: tuple[float, float],
    other: tuple[float, float],
    *,
    first: bool,
) -> None:
    """Ticks and label of the edge along one axis, on the side away from the centre."""
    name = plane.across if first else plane.up
    along, aside = plane.basis if first else plane.basis[::-1]
    # the way on which the lines of constant index leave the region: so labels of two edges
    # part at a corner whatever its angle
    outward = aside / np.linalg.norm(aside)

    def place(value: float) -> tuple[float, float]:
        pair = (value, other[0]) if first else (other[0], value)
        x, y = plane.points(*pair)
        return float(x), float(y)

    if (np.array(place(sum(limits) / 2)) - centre) @ outward < 0:
        outward = -outward
    sideways = abs(outward[0]) > _SIDEWAYS
    for value in _ticks(*limits):
        axes.annotate(
            f"{value:g}".replace("-", "−"),
            xy=place(value),
            xytext=_offset((7 if sideways else 12) * outward),
            textcoords="offset points",
            ha=("right" if outward[0] < 0 else "left") if sideways else "center",
            va="center",
            fontsize=8,
            color=INK,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.6, "shrinkB": 0},
        )
    angle = float(np.degrees(np.arctan2(along[1], along[0])))
    axes.annotate(
        f"{name} ({plane.unit})",
        xy=place(sum(limits) / 2),
        xytext=_offset((36 if sideways else 28) * outward),
        textcoords="offset points",
        ha="center",
        va="center",
        # a vertical axis is read upwards, whatever side of 90° rounding puts it
        rotation=angle if angle <= 90.0 + 1e-6 else angle - 180,
        fontsize=9,
        color=INK,
        annotation_clip=False,
    )


def _offset(vector: FloatArray) -> tuple[float, float]:
    return float(vector[0]), float(vector[1])


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two limits, whole where they are far enough apart."""
    from matplotlib.ticker import MaxNLocator

    locator = MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=high - low > 4)
    return [float(x) for x in locator.tick_values(low, high) if low <= x <= high]


def plane_name(normal: Normal, value: float) -> str:
    """Name as crystallographers say it: ``hk0``, ``h 1/2 l``."""
    fraction = Fraction(value).limit_denominator(12)
    exact = abs(float(fraction) - value) < 1e-6
    text = (str(fraction) if exact else f"{value:.3f}").replace("-", "−")
    names = [text if name == normal else name for name in ("h", "k", "l")]
    return "".join(names) if len(text) == 1 else " ".join(names)
