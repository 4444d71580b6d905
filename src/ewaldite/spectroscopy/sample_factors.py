r"""Step: what belongs to one ion of the sample is divided out of a cut.

Unpolarised neutrons scatter from moments of one kind of ion as

.. math::

    \frac{k_i}{k_f} \frac{d^2\sigma}{d\Omega\, d\omega}
    = \Bigl(\frac{\gamma r_0}{2}\Bigr)^2 F^2(Q)\, e^{-2W(Q)}
      \sum_{\alpha\beta} (\delta_{\alpha\beta} - \hat Q_\alpha \hat Q_\beta)\,
      S_{\alpha\beta}(\mathbf Q, \omega)

with S in Bohr magnetons squared (G. L. Squires, Introduction to the Theory of Thermal Neutron
Scattering, chapters 7 and 8). With :math:`2W = Q^2 U` the factors are

======================  ======================  =============================================
polarisation            factor                  what S is then
======================  ======================  =============================================
``isotropic``           2                       one component, as S_xx = S_yy = S_zz
``transverse``          1 + (Q̂·m̂)²              one component across the moment
``longitudinal``        1 - (Q̂·m̂)²              the component along it
======================  ======================  =============================================

A bin is divided by the mean of the factors over its cells with the weight of the coverage. The
coverage estimator gives, for S that is constant across the bin times a factor that is not, just
this mean times S; so S comes out right, which it does not with the factor at the middle of the
bin. Single events are not divided: that would weigh up those where the factor is small, and
its mean over few events is biased.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.io.nexus.layout import UNIT_COORD
from ewaldite.kernels import sample_factors as kernel
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.cut_grid import CutGrid
from ewaldite.spectroscopy.exposure import Exposure
from ewaldite.spectroscopy.pixels import Pixels
from ewaldite.spectroscopy.sample_factor_options import SampleFactorOptions
from ewaldite.spectroscopy.sample_frame import SampleFrame
from ewaldite.spectroscopy.views import about_y, views
from ewaldite.tables.magnetic import PER_BOHR_MAGNETON, form_factor, ion_name
from ewaldite.tables.neutron import K2_TO_MEV

FloatArray = NDArray[np.float64]

#: Cells that are looked at in one pass; more than that are looked at in several, until every
#: bin has been met or a pass has met no new one.
CELLS = 30_000_000
_POINTS = 2000
_VARIANCES = ("counting_variance", "common_variance")
_LEAST = 1e-4
_KINDS = {"transverse": kernel.TRANSVERSE, "longitudinal": kernel.LONGITUDINAL}


@dataclass(frozen=True)
class SampleFactors:
    """Factors of a sample.

    Attributes
    ----------
    options:
        As given.
    moment:
        Unit vector along the moment on the sample table; dims (xyz).
    square:
        U, Å².
    """

    options: SampleFactorOptions
    moment: FloatArray
    square: float

    @property
    def constant(self) -> bool:
        """Whether no factor depends on Q."""
        o = self.options
        return o.ion is None and self.square == 0.0 and o.polarisation not in _KINDS

    def radial(self, q: FloatArray) -> FloatArray:
        """F² exp(-2W), times 2 where all directions are alike; q dims (...), 1/Å."""
        o = self.options
        total = np.exp(-self.square * q**2)
        if o.ion is not None:
            total = total * form_factor(o.ion, q, o.g) ** 2
        return np.asarray(2.0 * total if o.polarisation == "isotropic" else total)

    def means(
        self, grid: CutGrid, pixel: Pixels, exposed: Exposure, covered: FloatArray
    ) -> FloatArray:
        """Mean of the factors in each bin, with the weight of the coverage.

        Parameters
        ----------
        grid, pixel, exposed:
            The cut.
        covered:
            Its coverage; dims (bin).

        Returns
        -------
        :
            dims (bin), float64; NaN where there is no coverage. Bins that no cell's middle
            lies in take that of the nearest bin.
        """
        seen = covered > 0
        if self.constant:
            return np.where(seen, self.radial(np.zeros(1))[0], np.nan)
        table, flux = pixel.columns, exposed.table
        highest = exposed.edges.max(initial=0.0) + np.sqrt(pixel.table[:, 0].max() / K2_TO_MEV)
        q = np.linspace(0.0, highest, _POINTS)
        turned = np.einsum("sxy,y->sx", about_y(np.deg2rad(exposed.a3)), self.moment)
        in_tank = np.einsum("sxy,sy->sx", about_y(-np.deg2rad(exposed.a4)), turned)
        seen_by = views(grid, exposed.a3, exposed.a4)
        used = np.flatnonzero(pixel.table[:, 1] > 0)
        cells = used.size * float(exposed.cells[seen_by.step].sum())
        passes = int(np.clip(np.ceil(cells / CELLS), 1, max(used.size, 1)))
        sums, before = np.zeros((grid.size, 2)), -1
        for first in range(passes):
            kernel.sum_factors(
                used[first::passes], self.radial(q), (_POINTS - 1) / highest,
                _KINDS.get(self.options.polarisation, kernel.NONE),
                np.ascontiguousarray(turned[:, 2]), np.ascontiguousarray(in_tank), table, flux,
                seen_by, grid.bins, K2_TO_MEV, sums,
            )  # fmt: skip
            found = int(np.count_nonzero(sums[seen, 0]))
            if found in (before, int(np.count_nonzero(seen))):
                break
            before = found
        met = sums[:, 0] > 0
        mean = np.divide(sums[:, 1], sums[:, 0], out=np.full(grid.size, np.nan), where=met)
        return np.where(seen, _nearest(mean, met, grid.shape), np.nan)

    def divide(self, data: sc.DataGroup[Any], means: FloatArray) -> sc.DataGroup[Any]:
        """Divide a cut.

        Parameters
        ----------
        data:
            What :func:`~ewaldite.spectroscopy.estimators.estimate` gave.
        means:
            From :meth:`means`; dims (bin).

        Returns
        -------
        :
            The same with ``S``, its limits and variances divided, and ``factor``, the means.
            Bins whose factor is below 1e-4 of the largest are masked as ``no_factor``.

        Raises
        ------
        UserError
            If a unit is asked for that needs an absolute S, and it is not.
        """
        number, unit = self._unit(data["S"].unit)
        shape = data["S"].shape
        factor = means.reshape(shape)
        largest = np.nanmax(factor) if np.any(np.isfinite(factor)) else 0.0
        lost = ~(factor > _LEAST * largest)
        inverse = number / np.where(lost, np.nan, factor)
        out = dict(data.items())
        for name in ("S", "lower", "upper", "time_background", *_VARIANCES):
            if name not in data:
                continue
            square = name.endswith("variance")
            out[name] = _scaled(data[name], inverse**2 if square else inverse, lost)
            if not square and unit is not None:
                out[name] = _in_unit(out[name], unit)
        out["factor"] = data["coverage"].copy()
        out["factor"].values = factor
        out["factor"].unit = sc.units.one
        return sc.DataGroup(out)

    def _unit(self, stored: sc.Unit) -> tuple[float, str | None]:
        asked = self.options.unit
        if asked == "same":
            return 1.0, None
        if stored != sc.Unit("barn/meV/sr"):
            raise UserError(
                f"give S in the unit '{asked}' ([sample_factors] unit)",
                "S is not absolute for each formula unit",
                "Give [vanadium] mass and [normalise] amount.",
            )
        if asked == "mbarn":
            return 1e3, "mbarn/meV/sr"
        per_energy = 1e3 if asked == "muB2/eV" else 1.0
        return per_energy / PER_BOHR_MAGNETON, asked


def sample_factors(
    options: SampleFactorOptions | None, sample: SampleFrame | None
) -> SampleFactors | None:
    """Prepare factors.

    Parameters
    ----------
    options:
        None for none.
    sample:
        Orientation of the crystal; needed for the direction of a moment.

    Raises
    ------
    UserError
        If the ion is not tabulated, a number has no unit, or there is no crystal.
    """
    if options is None:
        return None
    if options.ion is not None:
        ion_name(options.ion)
    square = 0.0
    if options.u_iso is not None:
        square = parse_quantity(options.u_iso, "angstrom^2", "[sample_factors] u_iso")
    if options.b_iso is not None:
        b = parse_quantity(options.b_iso, "angstrom^2", "[sample_factors] b_iso")
        square = b / (8.0 * np.pi**2)
    moment = np.zeros(3)
    if options.moment is not None:
        if sample is None:
            raise UserError(
                "divide by the polarisation factor of a moment",
                "there is no crystal that says where it points",
                "Give [sample] cell, u and v.",
            )
        # the rows of the matrix that turns Q to hkl are the axes of the cell over 2π
        moment = np.asarray(options.moment) @ sample.to_hkl
        moment = moment / np.linalg.norm(moment)
    return SampleFactors(options, moment, square)


def _nearest(mean: FloatArray, met: NDArray[np.bool_], shape: tuple[int, ...]) -> FloatArray:
    if np.all(met) or not np.any(met):
        return mean
    # needed only where factors are asked for, and slow to import
    from scipy import ndimage

    grid = met.reshape(shape)
    where = ndimage.distance_transform_edt(~grid, return_distances=False, return_indices=True)
    return np.asarray(mean.reshape(shape)[tuple(where)].ravel())


def _scaled(array: sc.DataArray, by: FloatArray, lost: NDArray[np.bool_]) -> sc.DataArray:
    out = array.copy()
    if out.variances is not None:
        out.variances = out.variances * by**2
    out.values = out.values * by
    out.masks["no_factor"] = sc.array(dims=out.dims, values=lost)
    return out


def _in_unit(array: sc.DataArray, unit: str) -> sc.DataArray:
    if not unit.startswith("muB2"):
        array.unit = sc.Unit(unit)
        return array
    # scipp has no Bohr magneton: its square is counted as a number, and said in words
    array.unit = sc.Unit(unit.replace("muB2", "1"))
    array.coords[UNIT_COORD] = sc.scalar(unit.replace("muB2", "µB²"))
    return array
