"""What each pixel of a wedge contributes wherever it is counted: position and corrections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.geometry.absorption import PathSegment
from ewaldite.geometry.correction_table import CorrectionTable, correction_table
from ewaldite.geometry.pixel_corrections import CorrectionSwitches
from ewaldite.kernels import walk
from ewaldite.model.experiment import FloatArray, Panel, Wedge


@dataclass(frozen=True)
class FeatureSource:
    """Features of the pixels of all panels of a wedge, made band by band.

    Attributes
    ----------
    panels:
        The panels.
    tables:
        Their corrections.
    image_shape:
        (slow, fast).
    """

    panels: tuple[Panel, ...]
    tables: tuple[CorrectionTable, ...]
    image_shape: tuple[int, int]

    @property
    def s_max(self) -> float:
        """An upper bound of the length of the scattering vectors, 1/Å."""
        return 2.0 * max(table.wavenumber for table in self.tables)

    def band_rows(self, pixels: int) -> int:
        """Rows of the image in a band of so many pixels, about."""
        return max(1, pixels // self.image_shape[1])

    def pieces(
        self, pixels: int, rows: range | None = None
    ) -> Iterator[tuple[walk.Piece, CorrectionTable]]:
        """Cut rows of the image into pieces of panels, a band of the image after the other.

        Parameters
        ----------
        pixels:
            Pixels in a band, about: the image is cut into bands of :meth:`band_rows` rows.
        rows:
            Rows of the image, consecutive and on borders of bands; None for all.

        Yields
        ------
        :
            Rows of a panel and its place, see :data:`ewaldite.kernels.walk.Piece`, and its
            geometry and corrections.
        """
        height = self.band_rows(pixels)
        wanted = range(self.image_shape[0]) if rows is None else rows
        for start in range(wanted.start, wanted.stop, height):
            stop = min(start + height, wanted.stop)
            for panel, table in zip(self.panels, self.tables, strict=True):
                first = max(start - panel.offset[0], 0)
                last = min(stop - panel.offset[0], panel.shape[0])
                if first < last:
                    yield (first, last, panel.shape[1], *panel.offset), table

    def at(self, pixel: NDArray[np.int64]) -> FloatArray:
        """Features of some pixels.

        Parameters
        ----------
        pixel:
            Flat index in the image; dims (pixel), int64.

        Returns
        -------
        :
            What is summed with the multiplicity, columns as named in
            :mod:`ewaldite.kernels.walk`; dims (pixel, 8), float64; NaN where there is no panel.
        """
        out = np.full((pixel.size, walk.FEATURES), np.nan)
        slow, fast = np.divmod(pixel, self.image_shape[1])
        for panel, table in zip(self.panels, self.tables, strict=True):
            row, column = slow - panel.offset[0], fast - panel.offset[1]
            here = (row >= 0) & (row < panel.shape[0])
            here &= (column >= 0) & (column < panel.shape[1])
            s, total, swept = table.at(row[here], column[here])
            out[here] = np.column_stack(
                [np.ones(len(s)), s, fast[here], slow[here], swept, total]
            )
        return out

    def resolution(self) -> FloatArray:
        """Length of the scattering vector of every pixel of the image.

        Returns
        -------
        :
            dims (slow, fast), 1/Å, float64; NaN where there is no panel.
        """
        out = np.full(self.image_shape, np.nan)
        for (first, last, columns, slow, fast), table in self.pieces(1 << 17):
            s, _, _ = table.band(first, last)
            length = np.sqrt(np.einsum("px,px->p", s, s)).reshape(-1, columns)
            out[slow + first : slow + last, fast : fast + columns] = length
        return out


def feature_source(
    wedge: Wedge,
    image_shape: tuple[int, int],
    width: float,
    *,
    sensor_mu: float | None = None,
    path: Sequence[PathSegment] = (),
    switches: CorrectionSwitches | None = None,
) -> FeatureSource:
    """Prepare the features of a wedge.

    Parameters
    ----------
    wedge:
        Beam, panels and axis.
    image_shape:
        (slow, fast).
    width:
        Angle swept by one frame, degrees.
    sensor_mu, path, switches:
        As in :func:`ewaldite.geometry.pixel_corrections.pixel_corrections`.

    Returns
    -------
    :
        The source.

    Raises
    ------
    UserError
        If a value that a correction needs is missing or impossible.
    """
    tables = tuple(
        correction_table(
            panel, wedge.beam, wedge.axis, width,
            sensor_mu=sensor_mu, path=path, switches=switches,
        )
        for panel in wedge.panels
    )  # fmt: skip
    return FeatureSource(wedge.panels, tables, image_shape)
