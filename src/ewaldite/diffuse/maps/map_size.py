"""Whether the dense map fits in memory, asked before the work that leads to it."""

from __future__ import annotations

from math import prod

from ewaldite.diffuse.context import Context
from ewaldite.diffuse.maps.expand import map_bytes, map_shape
from ewaldite.errors import UserError
from ewaldite.run.budget import memory_budget
from ewaldite.run.sizes import format_bytes

# Å; a finer map is refused all the same, and its indices would not be numbers any more
_FINEST = 1e-6
# Bytes a voxel while the map is written: its errors in single precision
_WRITTEN = 4


def check_map_size(context: Context, held: int = 0) -> None:
    """Refuse a map that does not fit in memory.

    Parameters
    ----------
    context:
        The run; without the option ``[map] d_min`` its masks must be written.
    held:
        Memory that the process holds besides, bytes; 0 asks whether the map alone would fit.

    Raises
    ------
    UserError
        If the dense map does not fit in memory.
    """
    options = context.options
    d_min = max(context.d_min, _FINEST)
    box = options.map.grid, context.group, context.metric, d_min, options.map.limits
    needed = map_bytes(*box) + _WRITTEN * prod(map_shape(*box))
    budget = memory_budget(options.run.memory)
    if needed + held > budget.bytes:
        raise UserError(
            "make the map",
            f"it needs {format_bytes(needed)}, more than {budget} leaves",
            "Choose a larger [map] d_min or a smaller subdivide, or raise [run] memory.",
        )
