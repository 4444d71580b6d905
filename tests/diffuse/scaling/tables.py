"""Tables of observations for the tests of scaling, made from formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

from ewaldite.diffuse.observations import Observations
from ewaldite.model.grid import Grid


def table(n: int, **columns: Any) -> Observations:
    """A table with the given columns, and plain ones for the rest."""
    length = np.asarray(columns.pop("length", np.full(n, 0.3)), float)
    s = np.zeros((n, 3))
    s[:, 0] = length
    plain: dict[str, Any] = {
        "index": np.zeros((n, 3), np.int64),
        "counts": np.ones(n),
        "pixels": np.ones(n),
        "exposure": np.ones(n),
        "background": np.zeros(n),
        "background_variance": np.zeros(n),
        "fraction": np.ones(n),
        "ix": np.zeros(n),
        "iy": np.zeros(n),
        "iz": np.zeros(n),
        "panel": np.zeros(n, np.int32),
        "wedge": np.zeros(n, np.int32),
        "sweep": np.zeros(n, np.int32),
    }
    return Observations(grid=Grid((1, 1, 1)), s=s, **{**plain, **columns})
