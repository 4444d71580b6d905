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
class _Buffer:
    """Arrays for a band of a panel; fresh memory for every band is dearer than filling it."""

    features: FloatArray
    s: FloatArray
    total: FloatArray
    swept: FloatArray

    @classmethod
    def of(cls, panel: Panel, rows: int) -> _Buffer:
        """Make room for so many rows of a panel."""
        n = rows * panel.shape[1]
        features = np.ones((n, walk.FEATURES))
        features[:, walk.IX] = np.tile(np.arange(panel.shape[1]) + panel.offset[1], rows)
        return cls(features, np.empty((n, 3)), np.empty(n), np.empty(n))


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

    def bands(
        self, good: NDArray[np.bool_], pixels: int, rows: range | None = None
    ) -> Iterator[tuple[NDArray[np.int64], FloatArray]]:
        """Features of all pixels, a band of rows of a panel at a time.

        Parameters
        ----------
        good:
            Pixels that take part; dims (slow, fast).
        pixels:
            Pixels in a band, about: the image is cut into bands of :meth:`band_rows` rows.
        rows:
            Rows of the image, consecutive and on borders of bands; None for all.

        Yields
        ------
        :
            Flat index in the image, -1 for pixels that take no part; dims (pixel), int64; and
            the features as :func:`ewaldite.kernels.walk.walk_band` wants them; dims (pixel, 8).
            The arrays are used again for the next band.
        """
        height = self.band_rows(pixels)
        buffers = [_Buffer.of(panel, min(height, panel.shape[0])) for panel in self.panels]
        wanted = range(self.image_shape[0]) if rows is None else rows
        for start in range(wanted.start, wanted.stop, height):
            stop = min(start + height, wanted.stop)
            for panel, table, buffer in zip(self.panels, self.tables, buffers, strict=True):
                first = max(start - panel.offset[0], 0)
                last = min(stop - panel.offset[0], panel.shape[0])
                if first < last:
                    yield self._band(panel, table, good, first, last, buffer)

    def _band(
        self,
        panel: Panel,
        table: CorrectionTable,
        good: NDArray[np.bool_],
        first: int,
        last: int,
        buffer: _Buffer,
    ) -> tuple[NDArray[np.int64], FloatArray]:
        n = (last - first) * panel.shape[1]
        slow = np.arange(first, last) + panel.offset[0]
        fast = slice(panel.offset[1], panel.offset[1] + panel.shape[1])
        features = buffer.features[:n]
        table.fill(first, last, buffer.s, buffer.total, buffer.swept)
        features[:, walk.SX : walk.SZ + 1] = buffer.s[:n]
        features[:, walk.IY] = np.repeat(slow, panel.shape[1])
        features[:, walk.SWEPT] = buffer.swept[:n]
        features[:, walk.CORRECTION] = buffer.total[:n]
        number = slow[:, None] * self.image_shape[1] + np.arange(fast.start, fast.stop)
        part = good[slow[0] : slow[-1] + 1, fast]
        return np.where(part, number, -1).reshape(-1), features

    def at(self, pixel: NDArray[np.int64]) -> FloatArray:
        """Features of some pixels.

        Parameters
        ----------
        pixel:
            Flat index in the image, ascending; dims (pixel), int64.

        Returns
        -------
        :
            dims (pixel, 8), float64.
        """
        out = np.empty((pixel.size, walk.FEATURES))
        slow, fast = np.divmod(pixel, self.image_shape[1])
        everywhere = np.ones(self.image_shape, dtype=bool)
        for panel, table in zip(self.panels, self.tables, strict=True):
            row, column = slow - panel.offset[0], fast - panel.offset[1]
            here = (row >= 0) & (row < panel.shape[0])
            here &= (column >= 0) & (column < panel.shape[1])
            buffer = _Buffer.of(panel, 1)
            for r in np.unique(row[here]):
                chosen = np.flatnonzero(here & (row == r))
                _, features = self._band(panel, table, everywhere, int(r), int(r) + 1, buffer)
                out[chosen] = features[column[chosen]]
        return out

    def resolution(self) -> FloatArray:
        """Length of the scattering vector of every pixel of the image.

        Returns
        -------
        :
            dims (slow, fast), 1/Å, float64; NaN where there is no panel.
        """
        out = np.full(self.image_shape[0] * self.image_shape[1], np.nan)
        for pixel, features in self.bands(np.ones(self.image_shape, dtype=bool), 1 << 17):
            s = features[:, walk.SX : walk.SZ + 1]
            out[pixel] = np.sqrt(np.einsum("px,px->p", s, s))
        return out.reshape(self.image_shape)


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
