"""Cuts as they are stored, with known numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipp as sc

UNITS = {"h": "one", "k": "one", "l": "one", "Q": "1/angstrom", "energy_transfer": "meV"}


def stored(
    events: Any, coverage: Any, edges: dict[str, Any], integrate: dict[str, Any] | None = None
) -> sc.DataGroup[Any]:
    """A cut of these events and this coverage (0: absent)."""
    n, c = np.asarray(events, np.float64), np.asarray(coverage, np.float64)
    dims = list(edges)
    absent = c == 0
    safe = np.where(absent, np.nan, c)
    coords = {
        d: sc.array(dims=[d], values=np.asarray(e, np.float64), unit=UNITS.get(d, "one"))
        for d, e in edges.items()
    }
    mask = {"no_coverage": sc.array(dims=dims, values=absent)}

    def array(values: Any, unit: str, variances: Any = None) -> sc.DataArray:
        data = sc.array(dims=dims, values=values, variances=variances, unit=unit)
        return sc.DataArray(data, coords=coords, masks=mask)

    return sc.DataGroup(
        {
            "S": array(n / safe, "cm^2/meV/sr", (n + 1) / safe**2),
            "lower": array((n - np.sqrt(n)) / safe, "cm^2/meV/sr"),
            "upper": array((n + np.sqrt(n) + 1.8) / safe, "cm^2/meV/sr"),
            "counting_variance": array((n + 1) / safe**2, "one"),
            "common_variance": array(0.01 * (n / safe) ** 2, "one"),
            "events": array(n, "counts"),
            "coverage": array(c, "one"),
            "cut": {"name": "test", "axes": dims, "integrate": integrate or {}},
            "reasons": {"in_cut": int(n.sum()), "outside": 1234},
        }
    )
