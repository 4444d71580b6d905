"""Mean intensity in shells of |s|: the picture of a table that is too long to plot."""

from __future__ import annotations

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.cell import orthogonalization

SHELL_WIDTH = 0.01
_MOST_SHELLS = 5000


class ShellSums:
    """Sums over shells of equal width in |s|, fed block by block.

    Parameters
    ----------
    width:
        Width of a shell, in the unit of |s| (1/Å for crystals).
    """

    def __init__(self, width: float = SHELL_WIDTH) -> None:
        self.width = width
        self._number = np.zeros(0)
        self._position = np.zeros(0)
        self._signal = np.zeros(0)
        self._variance = np.zeros(0)

    def add(
        self,
        s: NDArray[np.float64],
        signal: NDArray[np.float64],
        variance: NDArray[np.float64],
    ) -> None:
        """Add samples; those that are not finite, or beyond 5000 shells, are left out.

        Parameters
        ----------
        s, signal, variance:
            dims (sample), float64, one unit each.
        """
        use = np.isfinite(s) & np.isfinite(signal) & np.isfinite(variance)
        use &= (s >= 0) & (s < _MOST_SHELLS * self.width)
        shell = (s[use] / self.width).astype(np.int64)
        length = max(int(shell.max(initial=-1)) + 1, self._number.size)
        parts = {
            "_number": None,
            "_position": s[use],
            "_signal": signal[use],
            "_variance": variance[use],
        }
        for name, weights in parts.items():
            total = np.bincount(shell, weights, minlength=length).astype(np.float64)
            old = getattr(self, name)
            total[: old.size] += old
            setattr(self, name, total)

    def means(self, signal_unit: sc.Unit | None, s_unit: sc.Unit | None) -> sc.DataArray:
        """Unweighted mean of every shell that holds something.

        Returns
        -------
        :
            dims (s): mean signal with the variance of the mean, ``Σσ²/n²``; coordinates ``s``
            (mean of the samples) and ``number`` of samples.
        """
        full = self._number > 0
        number = self._number[full]
        return sc.DataArray(
            sc.array(
                dims=["s"],
                values=self._signal[full] / number,
                variances=self._variance[full] / number**2,
                unit=signal_unit,
            ),
            coords={
                "s": sc.array(dims=["s"], values=self._position[full] / number, unit=s_unit),
                "number": sc.array(dims=["s"], values=number.astype(np.int64)),
            },
            name="intensity",
        )


def magnitude(
    array: sc.DataArray, cell: tuple[float, ...] | None
) -> tuple[NDArray[np.float64], sc.Unit | None] | None:
    """|s| of every element, from what the array holds.

    That is the coordinate ``s``; else ``sqrt(sx² + sy² + sz²)``; else the length of
    ``hkl · O⁻¹``, O the orthogonalization matrix of the cell.

    Parameters
    ----------
    array:
        A table, or a map with dims h, k, l.
    cell:
        Å and degrees, or None.

    Returns
    -------
    :
        |s| (dims as the array, float64) and its unit; None where the array does not tell.
    """
    coords = array.coords
    if "s" in coords and coords["s"].dims == array.dims:
        return np.asarray(coords["s"].values, dtype=np.float64), coords["s"].unit
    if {"sx", "sy", "sz"} <= set(coords.keys()):
        x, y, z = (np.asarray(coords[c].values, dtype=np.float64) for c in ("sx", "sy", "sz"))
        return np.sqrt(x**2 + y**2 + z**2), coords["sx"].unit
    if cell is None or not {"h", "k", "l"} <= set(coords.keys()):
        return None
    hkl = [_spread(coords[c], array) for c in ("h", "k", "l")]
    basis = np.linalg.inv(orthogonalization(cell))
    square = np.zeros(array.shape)
    for component in range(3):
        square += sum(basis[i, component] * hkl[i] for i in range(3)) ** 2
    return np.sqrt(square), sc.Unit("1/angstrom")


def shell_means(
    array: sc.DataArray, cell: tuple[float, ...] | None = None, width: float = SHELL_WIDTH
) -> sc.DataArray | None:
    """Mean of the unmasked elements in shells of |s|; None where |s| is not known.

    Parameters
    ----------
    array, cell:
        See :func:`magnitude`.
    width:
        Width of a shell in the unit of |s|.

    Returns
    -------
    :
        See :meth:`ShellSums.means`.
    """
    sums = ShellSums(width)
    found = add_array(sums, array, cell)
    return None if found is None else sums.means(array.unit, found)


def add_array(
    sums: ShellSums, array: sc.DataArray, cell: tuple[float, ...] | None
) -> sc.Unit | None:
    """Add the unmasked elements of an array; the unit of |s|, None where |s| is not known."""
    found = magnitude(array, cell)
    if found is None or str(array.dtype) not in ("float64", "float32", "int64", "int32"):
        return None
    s, unit = found
    signal = np.asarray(array.values, dtype=np.float64)
    spread = array.variances
    variance = np.zeros_like(signal) if spread is None else np.asarray(spread, np.float64)
    use = np.ones(array.shape, dtype=bool)
    for mask in array.masks.values():
        use &= ~_spread(mask, array).astype(bool)
    sums.add(s[use], signal[use], variance[use])
    return unit or sc.units.one


def _spread(variable: sc.Variable, array: sc.DataArray) -> NDArray[np.float64]:
    """Values of a variable with its dims in the array's order, broadcastable to it."""
    dims = [dim for dim in array.dims if dim in variable.dims]
    values = variable.transpose(dims).values if dims else variable.value
    shape = [array.sizes[dim] if dim in dims else 1 for dim in array.dims]
    return np.broadcast_to(np.asarray(values).reshape(shape), array.shape)
