"""The corrections of `ewaldite.geometry.pixel_corrections`, fast.

On a flat panel the parallax, the efficiency and the attenuation depend only on the squared
radius from the foot of the normal. They are tabulated once, and the kernel interpolates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.geometry.absorption import PathSegment, path_transmission, sensor_efficiency
from ewaldite.geometry.detector import foot_of_normal, pixel_positions
from ewaldite.geometry.parallax import entry_ratio
from ewaldite.geometry.pixel_corrections import CorrectionSwitches, sensor_values
from ewaldite.geometry.polarization import check_fraction, polarization_axis
from ewaldite.geometry.swept_volume import sweep_vector
from ewaldite.kernels.corrections import (
    Plane,
    band_corrections,
    pixel_corrections,
    plane_of,
)
from ewaldite.model.experiment import Beam, FloatArray, Panel

_FEWEST, _MOST = 256, 1 << 17
_RATIO_TOLERANCE, _FACTOR_TOLERANCE = 1e-13, 1e-11


@dataclass(frozen=True)
class CorrectionTable:
    """All that the kernels need to correct the pixels of one panel of one wedge.

    Made by `correction_table`.

    Attributes
    ----------
    shape:
        Pixels of the panel (slow, fast).
    plane:
        Geometry and tables, see `ewaldite.kernels.corrections.plane_of`.
    """

    shape: tuple[int, int]
    plane: Plane

    @property
    def wavenumber(self) -> float:
        """1/λ, 1/Å."""
        return self.plane[4]

    def band(self, first: int, last: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Scattering vectors, corrections and swept volumes of a band of rows.

        Parameters
        ----------
        first, last:
            Half-open range of rows of the panel.

        Returns
        -------
        :
            s; dims (pixel, xyz), 1/Å, float64; total; dims (pixel), mrad², float64; d3s per
            frame; dims (pixel), 1/Å³, float64. Pixels run along the fast direction first.
        """
        pixels = (last - first) * self.shape[1]
        s, total, d3s = np.empty((pixels, 3)), np.empty(pixels), np.empty(pixels)
        band_corrections(first, last, self.shape[1], self.plane, s, total, d3s)
        return s, total, d3s

    def at(
        self, row: NDArray[np.int64], column: NDArray[np.int64]
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Do the same as `band` for single pixels.

        Parameters
        ----------
        row, column:
            Pixels of the panel; dims (pixel), int64.
        """
        s, total, d3s = np.empty((row.size, 3)), np.empty(row.size), np.empty(row.size)
        pixel_corrections(row, column, self.plane, s, total, d3s)
        return s, total, d3s


def correction_table(
    panel: Panel,
    beam: Beam,
    axis: ArrayLike,
    width: float,
    *,
    sensor_mu: float | None = None,
    path: Sequence[PathSegment] = (),
    switches: CorrectionSwitches | None = None,
) -> CorrectionTable:
    """Prepare the corrections of a panel.

    Parameters
    ----------
    panel, beam, axis, width, sensor_mu, path, switches:
        As in `ewaldite.geometry.pixel_corrections.pixel_corrections`.

    Returns
    -------
    :
        The table, whose bands agree with that function to 1e-9 relative (s to 1e-12 1/Å).

    Raises
    ------
    UserError
        If a value that a correction needs is missing or impossible.
    """
    on = CorrectionSwitches() if switches is None else switches
    radial = _radial_functions(panel, sensor_mu, path, on)
    foot = foot_of_normal(panel)
    corners = pixel_positions(
        panel,
        np.array([0, 0, 1, 1]) * (panel.shape[0] - 1),
        np.array([0, 1, 0, 1]) * (panel.shape[1] - 1),
    )
    # The squared radius is convex, so that a corner has the largest
    largest = float(((corners - foot) ** 2).sum(axis=-1).max())
    step, table = _pieces(radial, max(largest, panel.pixel_size[0] ** 2))
    polarization, projections = _polarization(beam, on.polarization)
    projections[2] = 1e-6 * sweep_vector(beam.s0, axis, width)
    to_first = np.linalg.lstsq(
        np.column_stack([panel.fast, panel.slow]), corners[0] - foot, rcond=None
    )[0]
    plane = plane_of(
        frame=np.array([foot, panel.fast, panel.slow], dtype=np.float64),
        start=np.asarray(to_first, dtype=np.float64),
        pitch=np.array(panel.pixel_size, dtype=np.float64),
        s0=beam.s0,
        wavenumber=1.0 / beam.wavelength,
        pupil=1e6 * panel.pixel_size[0] * panel.pixel_size[1] * panel.distance,
        weighted=on.solid_angle,
        polarization=polarization,
        projections=projections,
        step=step,
        table=table,
    )
    return CorrectionTable(panel.shape, plane)


def _radial_functions(
    panel: Panel,
    sensor_mu: float | None,
    path: Sequence[PathSegment],
    switches: CorrectionSwitches,
) -> Callable[[FloatArray], tuple[FloatArray, FloatArray]]:
    """Ratio of the radii and product of efficiency and attenuation by squared radius."""
    mu, thickness = sensor_values(panel, sensor_mu, switches)
    convention = panel.parallax if switches.parallax else "none"

    def radial(squared: FloatArray) -> tuple[FloatArray, FloatArray]:
        ratio = entry_ratio(
            squared, panel.distance, mu=mu, thickness=thickness, convention=convention
        )
        distance = np.sqrt(panel.distance**2 + ratio**2 * squared)
        cosine = panel.distance / distance
        factor = np.ones_like(squared)
        if switches.efficiency:
            factor = factor * sensor_efficiency(cosine, mu=mu, thickness=thickness)
        if switches.attenuation:
            factor = factor * path_transmission(distance, cosine, path)
        return ratio, factor

    return radial


def _pieces(
    radial: Callable[[FloatArray], tuple[FloatArray, FloatArray]], largest: float
) -> tuple[float, FloatArray]:
    """Cubic pieces, halved until both functions are right halfway between the nodes."""
    pieces = _FEWEST
    while True:
        step = largest / pieces
        nodes = np.arange(pieces + 1, dtype=np.float64)
        cubics = [_cubics(values) for values in radial(nodes * step)]
        ratio, factor = radial((nodes[:-1] + 0.5) * step)
        found = [np.array([0.125, 0.25, 0.5, 1.0]) @ c for c in cubics]
        right = np.all(np.abs(found[0] - ratio) <= _RATIO_TOLERANCE) and np.all(
            np.abs(found[1] - factor) <= _FACTOR_TOLERANCE * factor
        )
        if right or pieces >= _MOST:
            return step, np.ascontiguousarray(np.vstack(cubics).T)
        pieces *= 2


def _cubics(f: FloatArray) -> FloatArray:
    """Cubic pieces through equidistant values, with slopes that are right to fourth order.

    Hermite's cubics with slopes from the quartics through five values (Abramowitz and Stegun,
    table 25.2); their error is 1/384 of the fourth difference, as that of a spline.

    Parameters
    ----------
    f:
        Values at the nodes, at least 5; dims (node).

    Returns
    -------
    :
        Coefficients from the cubic to the constant one, in units of the step; dims (4, piece).
    """
    slope = np.empty_like(f)
    slope[2:-2] = (f[:-4] - f[4:] + 8.0 * (f[3:-1] - f[1:-3])) / 12.0
    first = np.array([[-25.0, 48.0, -36.0, 16.0, -3.0], [-3.0, -10.0, 18.0, -6.0, 1.0]]) / 12.0
    slope[:2] = first @ f[:5]
    slope[:-3:-1] = -first @ f[:-6:-1]
    a, b, rise = slope[:-1], slope[1:], np.diff(f)
    return np.stack([a + b - 2.0 * rise, 3.0 * rise - 2.0 * a - b, a, f[:-1]])


def _polarization(beam: Beam, wanted: bool) -> tuple[FloatArray, FloatArray]:
    """Coefficients and projections of the polarization factor; the last row is left empty."""
    projections = np.zeros((3, 3))
    if not wanted:
        return np.array([1.0, 0.0, 0.0]), projections
    fraction = check_fraction(beam.polarization_fraction)
    normal = polarization_axis(beam.s0, beam.polarization_normal)
    projections[0] = np.cross(normal, beam.s0 * beam.wavelength)
    projections[1] = normal
    return np.array([1.0, -fraction, fraction - 1.0]), projections
