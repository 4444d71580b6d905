"""Memory that each step of a run needs, as a function of sizes.

The bytes a row or a voxel were counted in the code and measured by ``benchmarks/memory.py``.
"""

from __future__ import annotations

from ewaldite.diffuse.merging.options import MergeOptions
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.diffuse.run_sizes import RunSizes
from ewaldite.run.plan import Need

# What one block of a table takes while it is read, worked on and written
_BLOCK = 60_000_000
#: Most slabs that the voxels of a merge are cut into.
MOST_SLABS = 64
#: Of a segment that is kept: its index and 16 columns.
SEGMENT_BYTES = 140
#: Pixels whose corrections are made together: what is made on the way stays in a cache.
CORRECTED_PIXELS = 1 << 16
#: What another slab costs: another pass over the observations, as part of the whole merge.
SLAB_COST = 0.3


def combine_need(rows: int, spots: int) -> Need:
    """Memory of the step ``combine`` besides that of the program.

    Parameters
    ----------
    rows:
        Observations of the longest sweep, which are loaded, sorted and joined.
    spots:
        Rows of the Bragg table.
    """
    return Need(base=170 * rows + 600 * spots, worker=330 * rows, result=140 * rows)


def merge_need(
    rows: int, voxels: int, sweeps: int, options: MergeOptions, *, statistics: bool = True
) -> Need:
    """Memory of a merge besides that of the program; a band is a slab of the voxels.

    Of every voxel the first pass finds place, number and exposure; a slab then sums 24 columns
    and makes 27 of them; statistics keep ten. Of every voxel in a sweep they keep the sums, and
    its halves.

    Parameters
    ----------
    rows:
        Observations.
    voxels:
        Merged voxels.
    sweeps:
        Number of sweeps.
    options:
        How they are merged.
    statistics:
        Whether statistics are made.

    Returns
    -------
    :
        Bytes.
    """
    entries = min(rows, voxels * sweeps) if statistics else 0
    kept = 110 if statistics else 60
    slab = 480 * voxels
    worker = _BLOCK + kept * voxels + 45 * entries
    if options.noise == "empirical":
        worker, slab = worker + slab, 0
    finish = _BLOCK + (200 * voxels + 110 * entries if statistics else 0)
    if options.outlier_sigma is not None or options.error_model != "none":
        finish = max(finish, _BLOCK + 420 * voxels)
    return Need(base=0, worker=worker, shard=slab, finish=finish)


def scale_bytes(rows: int, options: DiffuseOptions) -> int:
    """Memory of scaling besides that of the program."""
    column = 110 if options.scale.method == "joint" else 420
    return _BLOCK + column * rows


def map_table_bytes(voxels: int, options: DiffuseOptions) -> int:
    """Of the merged table while maps are made of it, and of the tables of their parts."""
    parts = 90 * len([part for part in options.map.parts if part != "diffuse"])
    columns = 270 if options.map.export else 120
    return 80_000_000 + (columns + parts) * voxels


def mask_bytes(sizes: RunSizes, options: DiffuseOptions) -> int:
    """Of the step ``mask``, which holds images of the detector."""
    limits = options.map.d_min, options.map.d_max, *options.mask.resolution_rings
    return (8 + 14 * any(limits)) * sizes.pixels


def collect_need(kept: int) -> Need:
    """Memory of the step ``integrate`` besides that of the program.

    Parameters
    ----------
    kept:
        Bytes that the sums of the largest wedge take on disk, :data:`SEGMENT_BYTES` a segment.
    """
    return Need(base=0, worker=4 * kept)


def export_need(kept: int) -> Need:
    """Memory of the step ``export`` besides that of the program.

    Parameters
    ----------
    kept:
        Bytes that the largest wedge takes on disk when it is summed into the grids, see
        :func:`collected_bytes`.
    """
    return Need(base=_BLOCK + int(1.2 * kept), worker=int(1.8 * kept), result=kept)


def collected_bytes(sizes: RunSizes, options: DiffuseOptions) -> int:
    """Bytes on disk of the largest wedge on the grids, with 14 columns of a voxel.

    Coarser voxels are fewer at least by the areas of their faces.
    """
    fine = options.map.grid.voxels_per_cell
    coarser = [min(n / fine, 1.0) for n in (options.scale.grid.voxels_per_cell, 1)]
    return int(140 * sizes.wedge_rows * (1.0 + sum(part ** (2 / 3) for part in coarser)))


def correct_need(pixels: int) -> Need:
    """Memory of the step ``correct`` besides that of the program.

    Parameters
    ----------
    pixels:
        Of an image; seven of them are held, and once more while one is written.
    """
    return Need(
        base=_BLOCK // 2 + 32 * pixels,
        worker=200 * CORRECTED_PIXELS,
        result=28 * CORRECTED_PIXELS,
    )


def report_bytes(sizes: RunSizes) -> int:
    """Of the report: pictures of the masks, of maps' planes, and the merged table."""
    return 170_000_000 + 40 * sizes.pixels + 70 * sizes.map_voxels
