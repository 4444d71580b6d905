"""What every view of a map inherits from the table that it was made of."""

from __future__ import annotations

import scipp as sc

#: Scalars that say in what and on which scale an intensity is.
SCALARS = ("intensity_unit", "scale", "sigma_k", "space_group")


def inherited(array: sc.DataArray) -> dict[str, sc.Variable]:
    """Scalar coordinates that stay true of parts, sections and targets of an array."""
    return {name: array.coords[name] for name in SCALARS if name in array.coords}
