"""What pictures take of a cut, whether it comes whole or as S alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.io.nexus.layout import intensity_unit
from ewaldite.plot.cut_axes import CutAxes
from ewaldite.plot.cut_map import Scale
from ewaldite.plot.style import unit_label

FloatArray = NDArray[np.float64]

# Part of the median coverage below which a bin does not set colours
_SMALL = 0.1


@dataclass(frozen=True)
class CutParts:
    """Arrays of a cut that are drawn; all of the same dims.

    Attributes
    ----------
    s:
        S(Q, ω) with variances, NaN where there is no coverage.
    axes:
        Its axes.
    lower, upper:
        Limits of the interval of S; None where only variances are known.
    events:
        Counted events; None if they are not known.
    coverage:
        None if it is not known.
    scale:
        Of the colours of S.
    """

    s: sc.DataArray
    axes: CutAxes
    lower: FloatArray | None = None
    upper: FloatArray | None = None
    events: FloatArray | None = None
    coverage: sc.DataArray | None = None
    scale: Scale = "linear"

    @classmethod
    def of(cls, data: sc.DataGroup[Any] | sc.DataArray) -> CutParts:
        """Take a cut as it is stored, or S alone."""
        if isinstance(data, sc.DataArray):
            return cls(data, CutAxes.of(data))
        s = data["S"]
        known = {
            n: np.asarray(data[n].values, dtype=np.float64)
            for n in ("lower", "upper", "events")
            if n in data
        }
        record = data.get("cut")
        scale: Scale = "linear" if record is None else record.get("scale", "linear")
        axes = CutAxes.of(s, record, str(data.get("folded_by", "")))
        return cls(s, axes, coverage=data.get("coverage"), scale=scale, **known)

    @property
    def bars(self) -> tuple[FloatArray, FloatArray]:
        """Lengths of the error bars down and up; dims of S, in its unit."""
        if self.lower is None or self.upper is None:
            both = np.sqrt(np.asarray(self.s.variances, dtype=np.float64))
            return both, both
        value = self.s.values
        return np.maximum(value - self.lower, 0.0), np.maximum(self.upper - value, 0.0)

    @property
    def typical(self) -> FloatArray:
        """S where the coverage is not a small part of the usual one; dims (bin).

        Bins that are hardly covered have errors many times as large as the others, and would
        set the range of the colours.
        """
        values = np.asarray(self.s.values, dtype=np.float64)
        if self.coverage is None:
            return values.ravel()
        covered = np.asarray(self.coverage.values, dtype=np.float64)
        some = covered > 0
        if not some.any():
            return values.ravel()
        return np.asarray(values[covered >= _SMALL * np.median(covered[some])])

    def turned(self, across: str, up: str) -> CutParts:
        """Put an axis across and the other upwards; without the errors, as :meth:`layer`."""
        dims = (across, up)
        return replace(
            self,
            s=sc.values(self.s.transpose(dims)),
            axes=replace(self.axes, axes=dims),
            lower=None,
            upper=None,
            events=None,
            coverage=None if self.coverage is None else self.coverage.transpose(dims),
        )

    def layer(self, dim: str, index: int) -> CutParts:
        """Keep one bin of an axis; without the errors, which maps do not show."""
        low, high = self.s.coords[dim].values[[index, index + 1]]
        return replace(
            self,
            s=sc.values(self.s[dim, index]),
            axes=self.axes.within(dim, float(low), float(high)),
            lower=None,
            upper=None,
            events=None,
            coverage=None if self.coverage is None else self.coverage[dim, index],
        )


def s_label(s: sc.DataArray) -> str:
    """Label of S with its unit."""
    unit = unit_label(intensity_unit(s))
    return f"S(Q, ω) ({unit or 'arb. units'})"
