"""Columns that tables of statistics share."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.merging.correlation import TOO_FEW, Correlation, cc_star
from ewaldite.kernels import quality as column

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

Part = Literal["total", "anisotropic"]

#: Parts of the intensity, and what the names of their columns end with.
PARTS: dict[Part, str] = {"total": "", "anisotropic": "_anisotropic"}


def add_r_meas(table: sc.Dataset, residuals: FloatArray, dim: str) -> None:
    r"""Add R_meas of the total and of the anisotropic part to a table.

    The multiplicity-independent R of Diederichs & Karplus (Nat. Struct. Biol. 4 (1997) 269),
    ``Σ √(n/(n-1)) |x - I| / Σ x``, with every observation weighted by its scaled exposure e a,
    for exposures differ a hundredfold where voxels are cut, and with ``1/√(1 - q/Σ q)`` for
    ``√(n/(n-1))``, which it is for equal weights q. The denominator of the total is
    ``Σ e a I``, which may be negative or near zero where the signal is; R is NaN unless it is
    positive. That of the anisotropic part is ``Σ e a |I - J|``, its mean size; noise of I
    adds to it, so that for noise alone R is ``√n``.

    Parameters
    ----------
    table:
        Gains ``r_meas`` and ``r_meas_anisotropic``.
    residuals:
        dims (dim, column), columns as ``kernels.quality`` names them, float64.
    dim:
        Dim of the table.
    """
    spread = residuals[:, column.SPREAD]
    for ending, bottom in (("", column.LEVEL), ("_anisotropic", column.RELIEF)):
        values = ratio(spread, residuals[:, bottom])
        table[f"r_meas{ending}"] = sc.array(dims=[dim], values=values, unit="one")


def add_correlation(
    table: sc.Dataset, name: str, ending: str, cc: Correlation, dim: str
) -> None:
    """Add a correlation with its interval and its number of pairs to a table.

    Parameters
    ----------
    table:
        Gains ``name``, ``name_lower``, ``name_upper`` and ``name_pairs``, each with the ending;
        those of few pairs are masked.
    name, ending:
        Of the columns.
    cc:
        dims (dim).
    dim:
        Dim of the table.
    """
    columns = {"": cc.value, "_lower": cc.lower, "_upper": cc.upper}
    for which, values in columns.items():
        column_ = sc.array(dims=[dim], values=values, unit="one")
        table[name + which + ending] = sc.DataArray(column_, masks={TOO_FEW: _mask(cc, dim)})
    table[f"{name}_pairs{ending}"] = sc.array(dims=[dim], values=cc.pairs, unit=None)


def add_cc_half(table: sc.Dataset, ending: str, cc: Correlation, dim: str) -> None:
    """Add CC1/2 as :func:`add_correlation` does, and CC* with the same mask."""
    add_correlation(table, "cc_half", ending, cc, dim)
    star = sc.array(dims=[dim], values=cc_star(cc.value), unit="one")
    table[f"cc_star{ending}"] = sc.DataArray(star, masks={TOO_FEW: _mask(cc, dim)})


def _mask(cc: Correlation, dim: str) -> sc.Variable:
    return sc.array(dims=[dim], values=cc.few)


def ratio(top: NDArray[np.float64] | IntArray, bottom: FloatArray | IntArray) -> FloatArray:
    """Quotient, NaN unless the denominator is positive; any dims."""
    out = np.full(np.shape(bottom), np.nan)
    np.divide(top, bottom, out=out, where=bottom > 0)
    return out
