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
#: What another slab costs: another pass over the observations, as part of the whole merge.
SLAB_COST = 0.3


def table_bytes(rows: int, spots: int) -> int:
    """Of the observations of a sweep and of a Bragg table, which are loaded and joined."""
    return 700 * rows + 600 * spots


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


def image_bytes(step: str, sizes: RunSizes, options: DiffuseOptions) -> int:
    """Of the steps ``mask`` and ``correct``, which hold images of the detector."""
    if step == "mask":
        limits = options.map.d_min, options.map.d_max, *options.mask.resolution_rings
        return (8 + 14 * any(limits)) * sizes.pixels
    return 68 * sizes.pixels


def collect_need(kept: int) -> Need:
    """Memory of the step ``integrate`` besides that of the program.

    Parameters
    ----------
    kept:
        Bytes that the sums of the largest wedge take on disk, :data:`SEGMENT_BYTES` a segment.
    """
    return Need(base=0, worker=4 * kept)


def wedge_bytes(sizes: RunSizes) -> int:
    """Of the step ``export``, which holds one wedge."""
    return 50_000_000 + 480 * sizes.wedge_rows


def report_bytes(sizes: RunSizes) -> int:
    """Of the report: pictures of the masks, of maps' planes, and the merged table."""
    return 170_000_000 + 40 * sizes.pixels + 70 * sizes.map_voxels
