"""The workflow of exports to SQW files of Horace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.ub import busing_levy
from ewaldite.errors import UserError
from ewaldite.io.export.sqw import SqwHead, SqwRun, sqw_writer
from ewaldite.io.export.sqw_pixels import ImageGrid
from ewaldite.kernels import spectra as kernel
from ewaldite.run.progress import Progress, SilentProgress
from ewaldite.spectroscopy.export_input import ExportInput
from ewaldite.spectroscopy.sample_frame import SampleFrame
from ewaldite.spectroscopy.spectra import LEAST, Block, Spectra
from ewaldite.spectroscopy.views import about_y
from ewaldite.tables.neutron import K2_TO_MEV

FloatArray = NDArray[np.float64]
Table = NDArray[np.float32]

_IMAGE = 1_000_000
_FLAT, _FLAT_BINS = 1e-3, 3  # 1/Å


def export_sqw(
    given: ExportInput,
    path: Path,
    *,
    created: datetime,
    image_bins: int = 50,
    progress: Progress | None = None,
) -> int:
    """Write an SQW file.

    The coverage is gone through twice: to count the pixels of each bin of the image, and to
    write them with the events. Memory does not depend on their number.

    Parameters
    ----------
    given:
        The runs.
    path:
        The file.
    created:
        When, for its head.
    image_bins:
        Along each axis of the image.
    progress:
        Is told how far it is.

    Returns
    -------
    :
        Number of pixels.

    Raises
    ------
    UserError
        If there is no crystal, nothing was measured, the file would be too large or cannot be
        written, or an event is of no pixel.
    """
    sample = given.spectra[0].run.converter.sample
    if sample is None or sample.cell is None:
        raise UserError(
            f"write {path}",
            "there is no crystal",
            "Give [sample] cell, u and v; Horace needs them.",
        )
    told = progress or SilentProgress()
    parts = _crystal_runs(given, sample)
    grid = image_grid(parts, image_bins)
    triplets = sum(len(p.spectra.run.raw.triplets) for p in parts)
    told.start("count pixels", triplets, "triplets")
    counts = np.zeros(grid.size, np.int64)
    for part in parts:
        for table in part.tables(given.scale, told, counted=False):
            counts += np.bincount(grid.bins(table), minlength=grid.size)
    told.finish()
    told.start("write pixels", triplets, "triplets")
    with sqw_writer(path, _head(given, parts, sample, created), grid, counts) as pixels:
        for part in parts:
            for table in part.tables(given.scale, told):
                pixels.add(table)
    told.finish()
    return int(counts.sum())


@dataclass(frozen=True)
class CrystalSpectra:
    """Spectra of a run, placed in the crystal.

    Attributes
    ----------
    spectra:
        Of the run.
    first:
        Number of its first step among those of all runs, from 1.
    along, turn:
        Q = k_i a - C k_f in the frame of the crystal; dims (step, xyz), (step, xyz, xyz).
    """

    spectra: Spectra
    first: int
    along: FloatArray
    turn: FloatArray

    def tables(self, scale: float, told: Progress, *, counted: bool = True) -> Iterator[Table]:
        """Pixels of Horace, block by block; dims (pixel, column)."""
        room = np.empty((0, kernel.PIXEL_COLUMNS), np.float32)
        last = -1
        for block in self.spectra.blocks(counted=counted):
            if block.coverage.size > len(room):
                room = np.empty((block.coverage.size, kernel.PIXEL_COLUMNS), np.float32)
            yield room[: self._fill(block, scale, room)]
            if block.first_pixel != last:
                told.advance()
                last = block.first_pixel

    def _fill(self, block: Block, scale: float, room: Table) -> int:
        one, r = self.spectra, self.spectra.ranges
        steps = slice(block.first_step, block.first_step + len(block.coverage))
        return int(
            kernel.fill_pixels(
                block.counts, block.coverage, block.covered, LEAST, scale, block.first_pixel,
                one.pixel.columns, self.along[steps], self.turn[steps],
                self.first + block.first_step, r.low, r.width, K2_TO_MEV, room,
            )
        )  # fmt: skip

    def limits(self) -> tuple[FloatArray, FloatArray]:
        """Least and largest Q that may have been measured; dims (xyz) each, 1/Å.

        Q is linear in k_i, so its ends are those of the band.
        """
        p, edges = self.spectra.pixel, self.spectra.exposed.edges
        k_f = p.k_f[p.table[:, 1] > 0]
        low, high = np.full(3, np.inf), np.full(3, -np.inf)
        for along, turn in zip(self.along, self.turn, strict=True):
            final = k_f @ turn.T
            for k in (edges.min(), edges.max()):
                q = k * along - final
                low, high = np.minimum(low, q.min(axis=0)), np.maximum(high, q.max(axis=0))
        return low, high


def _crystal_runs(given: ExportInput, sample: SampleFrame) -> list[CrystalSpectra]:
    matrix = 2.0 * np.pi * busing_levy(np.array(sample.cell)) @ sample.to_hkl
    parts, first = [], 1
    for one in given.spectra:
        table = np.einsum("xy,syz->sxz", matrix, about_y(-np.deg2rad(one.exposed.a3)))
        turn = np.einsum("sxy,syz->sxz", table, about_y(np.deg2rad(one.exposed.a4)))
        parts.append(CrystalSpectra(one, first, np.ascontiguousarray(table[:, :, 2]), turn))
        first += len(one.steps)
    return parts


def image_grid(parts: list[CrystalSpectra], bins: int) -> ImageGrid:
    """Grid of the image: all that was measured.

    Parameters
    ----------
    parts:
        All runs.
    bins:
        Along each axis; fewer where there would be more than a million, and few across the
        scattering plane, where there is no extent.
    """
    ends = [part.limits() for part in parts]
    low = np.min([e[0] for e in ends], axis=0)
    high = np.max([e[1] for e in ends], axis=0)
    flat = high - low < _FLAT
    middle = (low + high) / 2
    low, high = np.where(flat, middle - 0.15, low), np.where(flat, middle + 0.15, high)
    # float32 coordinates of pixels at the ends stay inside
    margin = 1e-5 * (high - low)
    ranges = parts[0].spectra.ranges.edges
    number = np.append(np.where(flat, _FLAT_BINS, bins), min(bins, ranges.size - 1))
    free = np.append(~flat, True)
    while np.prod(number) > _IMAGE:
        number[free] -= 1
    return ImageGrid(
        np.append(low - margin, ranges[0]), np.append(high + margin, ranges[-1]), number
    )


def _head(
    given: ExportInput, parts: list[CrystalSpectra], sample: SampleFrame, created: datetime
) -> SqwHead:
    assert sample.cell is not None
    instrument = given.spectra[0].run.converter.instrument
    runs = [
        SqwRun(f"{p.spectra.run.raw.path.stem}_{n:04d}", float(np.deg2rad(psi)))
        for p in parts
        for n, psi in enumerate(p.spectra.exposed.a3, 1)
    ]
    title = ", ".join(dict.fromkeys(p.spectra.run.raw.path.name for p in parts))
    return SqwHead(
        title=f"{title} (ewaldite), S in {given.unit}",
        instrument="BIFROST",
        sample="sample",
        cell=sample.cell,
        u=sample.to_hkl @ np.array([0.0, 0.0, 1.0]),
        v=sample.to_hkl @ np.array([1.0, 0.0, 0.0]),
        final_energy=instrument.final_energy,
        energy=given.spectra[0].ranges.edges,
        runs=runs,
        created=created,
    )
