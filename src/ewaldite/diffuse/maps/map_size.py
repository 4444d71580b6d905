"""Memory of the dense map, asked before the work that leads to it."""

from __future__ import annotations

from math import prod

from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.maps.box import Limits
from ewaldite.diffuse.maps.expand import map_bytes, map_shape
from ewaldite.diffuse.maps.options import MapOptions
from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray
from ewaldite.model.grid import Grid
from ewaldite.run.budget import memory_budget
from ewaldite.run.sizes import format_bytes

# Å; a finer map is refused all the same, and its indices would not be numbers any more
_FINEST = 1e-6
# Bytes a voxel while the map is written: its errors in single precision
_WRITTEN = 4
# Voxels that are made at a time where the map is written layer by layer, and most layers
_AT_A_TIME = 3_000_000
_LAYERS = 32
# Voxels of a map that is written in a day
_MOST = 1e11


def needs_whole_map(options: MapOptions) -> bool:
    """Whether something is made of the map that takes all of it at once."""
    targets = options.supercell is not None or bool(options.fractional)
    return targets or "ccp4" in options.export


def layers_at_a_time(context: Context) -> int:
    """Layers along h that are made and written at a time."""
    _, nk, nl = _shape(context)
    return max(1, min(_LAYERS, _AT_A_TIME // (nk * nl)))


def held_map_bytes(context: Context) -> int:
    """Memory of what is made of the map at a time, written or not, bytes."""
    options = context.options
    if needs_whole_map(options.map):
        return map_bytes(*_box(context)) + _WRITTEN * prod(_shape(context))
    nh, nk, nl = _shape(context)
    voxels = min(layers_at_a_time(context), nh) * nk * nl
    return voxels * (map_bytes(*_box(context)) // (nh * nk * nl) + _WRITTEN)


def check_map_size(context: Context, held: int = 0) -> None:
    """Refuse a map of which not even what is made at a time fits in memory, or that never ends.

    Parameters
    ----------
    context:
        The run; without the option ``[map] d_min`` its masks must be written.
    held:
        Memory that the process holds besides, bytes; 0 asks whether the map alone would fit.

    Raises
    ------
    UserError
        If it does not.
    """
    if (voxels := prod(_shape(context))) > _MOST:
        raise UserError(
            "make the map",
            f"it has {float(voxels):.1e} voxels, and {_MOST:.0e} already take a day",
            f"{map_remedy(context.options.map)}.",
        )
    needed = held_map_bytes(context)
    budget = memory_budget(context.options.run.memory)
    if needed + held > budget.bytes:
        raise UserError(
            "make the map",
            f"it needs {format_bytes(needed)}, more than {budget} leaves",
            f"{map_remedy(context.options.map)}, or raise [run] memory.",
        )


def map_remedy(options: MapOptions) -> str:
    """What to do where a map takes too much memory."""
    whole = ""
    if needs_whole_map(options):
        whole = ", or leave out supercell, fractional and CCP4 files, which take the whole map"
    return f"Choose a larger [map] d_min or a smaller subdivide{whole}"


def _shape(context: Context) -> tuple[int, int, int]:
    return map_shape(*_box(context))


def _box(context: Context) -> tuple[Grid, SpaceGroup, FloatArray, float, Limits | None]:
    options = context.options.map
    d_min = max(context.d_min, _FINEST)
    return options.grid, context.group, context.metric, d_min, options.limits
