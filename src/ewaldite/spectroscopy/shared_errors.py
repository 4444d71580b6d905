r"""Errors that bins of a cut share, in a form that fits into its file.

Readings of the monitor and efficiencies of pixels are in many bins at once. With a column x for
each, of standard error σ_x,

.. math:: R_{bx} = \frac{\partial \ln C_b}{\partial \ln x}\, \frac{\sigma_x}{x}, \qquad
          \mathrm{Cov}(S_b, S_{b'}) = \delta_{bb'} V_b + S_b S_{b'} \sum_x R_{bx} R_{b'x}

with V the variance of counting. R is sparse. Where it has too many entries, neighbouring
columns are joined by :math:`R_b = \sqrt{\sum_x R_{bx}^2}`: the variance of each bin stays
exact, and the covariance of two becomes an upper limit (Cauchy and Schwarz), so that no error
of a sum of bins comes out too small.

What is subtracted has errors that are no share of S. They are a root A of their own, in the
unit of S, whose covariance :math:`\sum_x A_{bx} A_{b'x}` is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from ewaldite.kernels.coverage import COVERAGE
from ewaldite.spectroscopy.coverage import Coverage

FloatArray = NDArray[np.float64]

#: Entries of R that are kept of each cause: 12 bytes an entry.
MOST = 500_000


@dataclass(frozen=True)
class SharedErrors:
    """Relative errors that bins share.

    Attributes
    ----------
    relative:
        R; sparse (bin, source).
    cause:
        Of each source, a row of :attr:`causes`; dims (source), int64.
    causes:
        Names of what the errors are from.
    exact:
        Whether covariances from a cause are exact, or upper limits.
    absolute:
        A, of what is constant in time; sparse (bin, source); None where nothing is subtracted.
    absolute_exact:
        Whether covariances of it are exact, or upper limits.
    """

    relative: csr_array
    cause: NDArray[np.int64]
    causes: tuple[str, ...]
    exact: tuple[bool, ...]
    absolute: csr_array | None = None
    absolute_exact: bool = True

    @classmethod
    def of(cls, covered: Coverage, amount: int = COVERAGE, most: int = MOST) -> SharedErrors:
        """Errors of a coverage.

        Parameters
        ----------
        covered:
            The coverage.
        amount:
            What S is divided by: the coverage, or the width.
        most:
            Entries to keep of each cause.
        """
        size = covered.sums[:, amount]
        inverse = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
        parts: list[tuple[str, csr_array, bool]] = []
        for name, factor, variance, total in (
            ("pixels", covered.pixel_factor, covered.pixel_variance, covered.by_pixel),
            ("monitor", covered.monitor_factor, covered.monitor_variance, covered.by_monitor),
        ):
            # derivatives are kept of the coverage alone
            kept = amount == COVERAGE
            if factor is not None and kept:
                rows = np.repeat(np.arange(size.size, dtype=np.int32), np.diff(factor.indptr))
                values = factor.data * np.sqrt(variance)[factor.indices] * inverse[rows]
                part = csr_array((values, factor.indices, factor.indptr), shape=factor.shape)
            else:
                kept = False
                part = csr_array((np.sqrt(total[:, amount]) * inverse)[:, None])
            parts.append((name, *joined(part, most, kept)))
        modes = csr_array(covered.by_mode(amount) * inverse[:, None])
        parts.append(("vanadium's monitor", modes, True))
        parts = [p for p in parts if p[1].nnz]
        empty = csr_array((size.size, 0))
        return cls(
            csr_array(hstack([empty, *(p[1] for p in parts)])),
            np.repeat(np.arange(len(parts)), [p[1].shape[1] for p in parts]),
            tuple(p[0] for p in parts),
            tuple(p[2] for p in parts),
        )

    def subtracting(self, root: csr_array, exact: bool, most: int = MOST) -> SharedErrors:
        """Copy with the errors of what is subtracted.

        Parameters
        ----------
        root:
            A; sparse (bin, source), in the unit of S.
        exact:
            Whether covariances of it are.
        most:
            Entries to keep.
        """
        kept, still = joined(root, most, exact)
        return replace(self, absolute=kept, absolute_exact=still)

    def to_scipp(self) -> sc.DataGroup[Any]:
        """Entries of R, and of A where there are any, as tables, with what they are from."""
        table = self.relative.tocoo()

        def column(values: NDArray[Any], kind: str, dim: str = "term") -> sc.Variable:
            return sc.array(dims=[dim], values=values.astype(kind), unit=None)

        out = sc.DataGroup(
            {
                "bin": column(table.row, "int32"),
                "source": column(table.col, "int32"),
                "relative": sc.array(
                    dims=["term"], values=table.data.astype("float32"), unit="dimensionless"
                ),
                "cause": column(self.cause, "int32", "source"),
                "causes": list(self.causes),
                "exact": list(self.exact),
                "bins": int(self.relative.shape[0]),
            }
        )
        if self.absolute is not None:
            more = self.absolute.tocoo()
            out["subtracted"] = sc.DataGroup(
                {
                    "bin": column(more.row, "int32"),
                    "source": column(more.col, "int32"),
                    "error": column(more.data, "float32"),
                    "sources": int(more.shape[1]),
                    "exact": self.absolute_exact,
                }
            )
        return out

    @classmethod
    def from_scipp(cls, stored: Mapping[str, Any]) -> SharedErrors:
        """Invert :meth:`to_scipp`.

        Raises
        ------
        KeyError
            If it is something else.
        """
        cause = stored["cause"].values.astype(np.int64)
        place = (stored["bin"].values, stored["source"].values)
        values = stored["relative"].values.astype(np.float64)
        bins = int(stored["bins"])
        relative = csr_array((values, place), shape=(bins, cause.size))
        plain = cls(relative, cause, tuple(stored["causes"]), tuple(stored["exact"]))
        if "subtracted" not in stored:
            return plain
        more = stored["subtracted"]
        values = more["error"].values.astype(np.float64)
        place = (more["bin"].values, more["source"].values)
        absolute = csr_array((values, place), shape=(bins, int(more["sources"])))
        return replace(plain, absolute=absolute, absolute_exact=bool(more["exact"]))


def joined(part: csr_array, most: int, exact: bool) -> tuple[csr_array, bool]:
    """Join neighbouring columns of a root until it has few enough entries.

    Parameters
    ----------
    part:
        Sparse (bin, source).
    most:
        Entries that are enough; one column is left where there are more bins.
    exact:
        Whether covariances of it are exact.

    Returns
    -------
    :
        The same or a narrower one of the same variances, and whether covariances are exact.
    """
    found, joined = part, False
    while found.nnz > most and found.shape[1] > 1:
        rows = np.repeat(np.arange(found.shape[0], dtype=np.int32), np.diff(found.indptr))
        halved = (found.shape[0], (found.shape[1] + 1) // 2)
        # entries of the same place are added
        found = csr_array((found.data**2, (rows, found.indices // 2)), shape=halved)
        found.data = np.sqrt(found.data)
        joined = True
    return found, exact and not joined
