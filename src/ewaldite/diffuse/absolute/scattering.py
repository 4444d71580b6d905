"""Scattering that the contents of a unit cell would show if their atoms were far apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.contents import CellContents
from ewaldite.crystal.form_factors import anomalous, atomic_number, element_symbol, form_factor
from ewaldite.tables.compton import incoherent, recoil

FloatArray = NDArray[np.float64]
OfS = Callable[[ArrayLike], FloatArray]

# Step in the length of s of the table of incoherent scattering that many voxels share, 1/Å
_STEP = 0.005
_CHUNK = 200_000


@dataclass(frozen=True)
class AtomScattering:
    """Scattering of a free atom.

    Attributes
    ----------
    f0:
        Form factor of s; electrons.
    incoherent:
        Compton scattering of s; electrons².
    anomalous:
        f′ + i f″; electrons.
    """

    f0: OfS
    incoherent: OfS
    anomalous: complex = 0j


def _bonded_hydrogen(s: ArrayLike) -> FloatArray:
    """``1 - f0²``: exact for an atom of one electron, here with the bonded form factor."""
    return np.asarray(1.0 - np.square(form_factor("H")(s)))


def _with_recoil(function: OfS, wavelength: float, s: ArrayLike) -> FloatArray:
    return np.asarray(function(s) * recoil(s, wavelength))


def atom_tables(
    contents: CellContents,
    wavelength: float,
    *,
    use_anomalous: bool = True,
    use_recoil: bool = False,
) -> dict[str, AtomScattering]:
    """Tables for every element of the contents.

    Form factors and anomalous terms are those of :mod:`ewaldite.crystal.form_factors`, Compton
    scattering that of :mod:`ewaldite.tables.compton`, save hydrogen's, which is ``1 - f0²``: a
    bonded atom differs from the free one of the table by up to 0.1 electrons².

    Parameters
    ----------
    contents:
        The contents.
    wavelength:
        Å.
    use_anomalous:
        Whether f′ and f″ are added.
    use_recoil:
        Whether Compton scattering carries the Breit–Dirac factor.

    Returns
    -------
    :
        By symbol.

    Raises
    ------
    UserError
        An element has no table.
    MissingExtraError
        xraylib, which has the Compton scattering, is not installed.
    """
    tables = {}
    for symbol in contents.elements:
        compton: OfS = partial(incoherent, atomic_number(symbol))
        if symbol == "H":
            compton = _bonded_hydrogen
        if use_recoil:
            compton = partial(_with_recoil, compton, wavelength)
        extra = anomalous(symbol, wavelength) if use_anomalous else 0j
        tables[symbol] = AtomScattering(form_factor(symbol), compton, extra)
    return tables


@dataclass(frozen=True)
class CellScattering:
    r"""Scattering of the atoms of a unit cell, averaged over directions.

    .. math::

        I_{coh}(s) = \sum_j |f_j|^2, \qquad
        I_{bond}(s) = 2 \sum_{i<j} \mathrm{Re}(f_i f_j^*) \frac{\sin 2\pi s r_{ij}}
        {2\pi s r_{ij}}, \qquad I_{incoh}(s) = \sum_j S_j

    with :math:`f = f_0(s) + f' + i f''` and the second sum over pairs at most ``depth`` bonds
    apart (Debye, Ann. Phys. 351 (1915) 809).

    Attributes
    ----------
    contents:
        The atoms.
    tables:
        Scattering of each element.
    depth:
        Bonds between the ends of the longest way; 0 for no interference.
    """

    contents: CellContents
    tables: Mapping[str, AtomScattering] = field(repr=False)
    depth: int = 0

    def coherent(self, s: ArrayLike) -> FloatArray:
        """``Σ |f|²``; s in 1/Å of any dims, result of the same dims, electrons²."""
        lengths = np.asarray(s, dtype=np.float64)
        out = np.zeros(lengths.shape)
        for symbol, number in self.contents.elements.items():
            atom = self.tables[symbol]
            real = atom.f0(lengths) + atom.anomalous.real
            out += number * (real**2 + atom.anomalous.imag**2)
        return out

    def incoherent(self, s: ArrayLike) -> FloatArray:
        """``Σ S``; s in 1/Å of any dims, result of the same dims, electrons²."""
        lengths = np.asarray(s, dtype=np.float64)
        out = np.zeros(lengths.shape)
        for symbol, number in self.contents.elements.items():
            out += number * self.tables[symbol].incoherent(lengths)
        return out

    def bonded(self, s: ArrayLike) -> FloatArray:
        """Interference of bonded atoms; s in 1/Å, dims (shell), result (shell), electrons²."""
        lengths = np.asarray(s, dtype=np.float64)
        pairs = self.contents.pairs.within(self.depth)
        out = np.zeros(lengths.shape)
        for z in np.unique(pairs.z, axis=0):
            those = np.all(pairs.z == z, axis=1)
            distance, number = pairs.distance[those], pairs.number[those]
            waves = np.zeros(lengths.shape)
            step = max(_CHUNK // max(lengths.size, 1), 1)
            for i in range(0, len(distance), step):
                part = slice(i, i + step)
                # numpy's sinc(x) is sin(πx)/(πx)
                waves += np.sinc(2 * lengths[..., None] * distance[part]) @ number[part]
            a, b = (self.tables[element_symbol(int(x))] for x in z)
            real = (a.f0(lengths) + a.anomalous.real) * (b.f0(lengths) + b.anomalous.real)
            out += 2 * (real + a.anomalous.imag * b.anomalous.imag) * waves
        return out

    @property
    def forward(self) -> float:
        """``|F(000)|²``, with ``F(000) = N_elec + Σ f′ + i Σ f″``; electrons²."""
        extra = sum(
            n * self.tables[symbol].anomalous for symbol, n in self.contents.elements.items()
        )
        return float(abs(self.contents.n_electrons + extra) ** 2)

    def tabulated_incoherent(self, s_max: float) -> OfS:
        """Incoherent scattering by cubic interpolation, for as many voxels as a map has.

        Parameters
        ----------
        s_max:
            Largest s that will be asked for, 1/Å.

        Returns
        -------
        :
            A function as :meth:`incoherent`, in steps of 0.005 1/Å or finer exact to 1e-5.
        """
        # here: with what it imports it takes 20 MB, which other steps do not need
        from scipy.interpolate import CubicSpline

        nodes = np.linspace(0.0, s_max, max(int(np.ceil(s_max / _STEP)), 4) + 1)
        spline = CubicSpline(nodes, self.incoherent(nodes))
        return lambda s: np.asarray(spline(np.asarray(s, dtype=np.float64)))
