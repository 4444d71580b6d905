"""How large what the steps of a run work on will be, before it is there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.cell import volume
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.mask import outside_panels
from ewaldite.diffuse.memory import expected_voxels, expected_voxels_of_sweep
from ewaldite.diffuse.wedge_job import BRAGG_GRID, WedgeJob
from ewaldite.io.images import FrameError
from ewaldite.io.nexus import read_info
from ewaldite.kernels import walk
from ewaldite.kernels.clipped import NO_COUNT
from ewaldite.model.grid import Grid

# Sweeps whose wedges are looked at; the others are taken to be like them
_LOOKED_AT = 4
# Pixels along each side of which one tells the resolution
_EVERY = 8
# There may be more rows than expected by so much
_MARGIN = 1.1


@dataclass(frozen=True)
class RunSizes:
    """Numbers of rows and voxels, known where their files are there, else predicted.

    Attributes
    ----------
    pixels, sweeps:
        Of an image; sweeps.
    segments, wedge_rows:
        Segments, and voxels of the map's grid, that the largest wedge touches.
    map_rows, scale_rows, bragg_rows:
        Observations on the map's grid and on that of scaling, and rows of the Bragg table.
    sweep_rows:
        Observations on the grid of scaling of the longest sweep.
    map_voxels, coarse_voxels:
        Merged voxels of both grids.
    """

    pixels: int
    sweeps: int
    segments: int
    wedge_rows: int
    map_rows: int
    scale_rows: int
    bragg_rows: int
    sweep_rows: int
    map_voxels: int
    coarse_voxels: int


def guess_of_good(context: Context) -> NDArray[np.bool_]:
    """Pixels of the first sweep that take part, before masks are made; dims (slow, fast).

    Those with a count in the first frame, within the resolution, 8 × 8 pixels at a time.
    """
    entry, limits = context.entries[0], context.options.map
    good = np.ones(entry.sweep.image_shape, dtype=bool)
    with suppress(FrameError):  # the step that needs the frame says what is wrong with it
        good = entry.samples.first != NO_COUNT
    for excluded in entry.images.masks().values():
        good &= ~excluded
    good &= ~outside_panels(entry.sweep.wedges[0].panels, entry.sweep.image_shape)
    if limits.d_min is None and limits.d_max is None:
        return good
    middle = _EVERY // 2
    slow, fast = (np.minimum(np.arange(0, n, _EVERY) + middle, n - 1) for n in good.shape)
    place = (slow[:, None] * good.shape[1] + fast).ravel()
    s = entry.features(entry.sweep.wedges[0]).at(place)[:, walk.SX : walk.SZ + 1]
    length = np.linalg.norm(s, axis=1).reshape(slow.size, fast.size)
    inside = length <= (np.inf if limits.d_min is None else 1 / limits.d_min)
    if limits.d_max is not None:
        inside &= length >= 1 / limits.d_max
    whole = np.repeat(np.repeat(inside, _EVERY, axis=0), _EVERY, axis=1)
    good &= whole[: good.shape[0], : good.shape[1]]
    return good


def run_sizes(context: Context, jobs: Sequence[WedgeJob], redone: Collection[str]) -> RunSizes:
    """Predict sizes, or read them from the results of steps that are not redone.

    Parameters
    ----------
    context:
        The run.
    jobs:
        Of some of the sweeps; none where the tables are there.
    redone:
        Names of the steps that will be done.

    Returns
    -------
    :
        The sizes.
    """
    options = context.options
    looked = [(job, max(job.entry.sweep.wedges, key=len)) for job in jobs[:_LOOKED_AT]]
    frames = sum(len(wedge) for e in context.entries for wedge in e.sweep.wedges)
    longest = max(sum(len(wedge) for wedge in e.sweep.wedges) for e in context.entries)
    seen = sum(len(wedge) for job, _ in looked for wedge in job.entry.sweep.wedges)

    def largest(per_cell: Sequence[int] | NDArray[np.int64]) -> int:
        found = (expected_voxels(*one, per_cell) for one in looked)
        return int(_MARGIN * max(found, default=0.0))

    @cache
    def expected(grid: Grid) -> tuple[int, int]:
        """Rows of all wedges, and different voxels."""
        found = [expected_voxels_of_sweep(job, grid.n) for job, _ in looked]
        more = _MARGIN * frames / max(seen, 1)
        return int(more * sum(n for n, _ in found)), int(more * sum(n for _, n in found))

    def rows(grid: Grid) -> int:
        return expected(grid)[0]

    def voxels(grid: Grid, rows: int) -> int:
        seen_once = expected(grid)[1] if jobs else rows
        return min(rows, seen_once, possible_voxels(context, grid))

    def known(name: str, step: str, guess: Callable[[], int]) -> int:
        path = context.out / name
        if step in redone or not path.is_file():
            return guess()
        return next(iter(read_info(path).sizes.values()))

    fine, coarse = options.map.grid, options.scale.grid
    map_rows = known("work/map_observations.nxs", "export", lambda: rows(fine))
    scale_rows = known(
        "observations.nxs",
        "combine",
        lambda: known("work/observations.nxs", "export", lambda: rows(coarse)),
    )
    return RunSizes(
        pixels=max(int(np.prod(e.sweep.image_shape)) for e in context.entries),
        sweeps=len(context.entries),
        segments=largest(context.partition.segments),
        wedge_rows=largest(fine.n),
        map_rows=map_rows,
        scale_rows=scale_rows,
        sweep_rows=int(scale_rows * longest / max(frames, 1)),
        bragg_rows=known("work/bragg.nxs", "export", lambda: rows(BRAGG_GRID)),
        map_voxels=known("merged.nxs", "merge", lambda: voxels(fine, map_rows)),
        coarse_voxels=known(
            "merged_coarse.nxs",
            "merge",
            lambda: voxels(coarse, scale_rows),
        ),
    )


def possible_voxels(context: Context, grid: Grid) -> int:
    """Voxels of the asymmetric unit within the resolution, about and rather more."""
    sphere = 4 / 3 * np.pi / context.d_min**3 * volume(context.cell) * grid.voxels_per_cell
    return int(_MARGIN * sphere / len(context.group.laue_operations)) + 1000
