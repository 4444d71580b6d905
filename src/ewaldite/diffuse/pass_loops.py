"""Compiled loops that the pass over the images meets."""

from __future__ import annotations

from collections.abc import Iterable

from ewaldite.run.loop_list import Loop, loops_of

#: In the order in which they are met: by the plan, by walk and counting, by the filter.
MET = [
    "byte_offset:decode",
    "clipped:clip",
    "corrections:pixel_corrections",
    "block_median:largest_block_median",
    "voxel_table:new_slots",
    "walk:walk_rows",
    "voxel_table:unpack",
    "tally:tally_histogram",
    "sparse_histogram:compress",
    "voxel_table:pack_all",
    "sparse_histogram:gather",
    "divergence:moments",
    "neighbours:_scan",
    "median:ball_median",
    "median:ball_sum",
    "level:predicted_level",
    "median:ball_deviation",
    "median:ball_any",
    "divergence:entropies",
    "divergence:divergences",
    "divergence:removal_changes",
    "divergence:remove_in_order",
]


def pass_loops(counts: Iterable[str]) -> list[Loop]:
    """Loops that almost every pass meets, in the order in which it does.

    Parameters
    ----------
    counts:
        Types of the counts of images, as ``int32``.

    Returns
    -------
    :
        For :func:`~ewaldite.run.load_early.load_early`.
    """
    listed = loops_of(("diffuse",), counts)
    wanted = [f"ewaldite.kernels.{name}" for name in MET]
    return [loop for name in wanted for loop in listed if f"{loop.module}:{loop.name}" == name]
