"""Step 7: the scale of merged intensities by the forward-scattering (Krogh-Moe) sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.cell import volume
from ewaldite.crystal.contents import CellContents
from ewaldite.crystal.fluorescence import fluorescence_notes
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.absolute.cutoff import choose_cutoff, choose_shells
from ewaldite.diffuse.absolute.krogh_moe import KroghMoe
from ewaldite.diffuse.absolute.options import AbsoluteOptions
from ewaldite.diffuse.absolute.scattering import AtomScattering, CellScattering, atom_tables
from ewaldite.diffuse.absolute.totals import Rows, bragg_rows, diffuse_rows
from ewaldite.diffuse.observations import INTENSITY_UNIT, grid_of
from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]

#: Unit of the scale.
SCALE_UNIT = sc.Unit("one") / sc.Unit(INTENSITY_UNIT)

# Cut-offs over which the scale is compared with itself, in units of the cut-off
_WINDOW = (0.8, 1.2)


@dataclass(frozen=True)
class AbsoluteScale:
    """The scale and what tells whether to believe it.

    Attributes
    ----------
    k:
        Electrons² per unit cell over merged intensity; scalar, 1/(counts/mrad²/s), its variance
        ``σ_k² = σ_stat² + σ_cut²``.
    sigma_counting:
        The part of σ_k that the errors of the merged intensities make; same unit.
    sigma_cutoff:
        The other part: the rms deviation of the scales read at cut-offs from 0.8 to 1.2 of the
        chosen one, as far as the data go; same unit.
    cutoff:
        Where the scale was read, 1/Å.
    curves:
        Scale against the cut-off; dims (s_cutoff), the ends of shells as coordinate (1/Å):
        ``scale`` (with variances from counting), ``scale_free`` and ``scale_bonded`` (without
        and with bonded interference), and the cumulative sums ``observed``
        (counts/mrad²/s), ``theory_free`` and ``theory_bonded`` (electrons²).
    shells:
        Means; dims (s) with edges as coordinate ``s``: ``diffuse`` and ``bragg`` (with
        variances, counts/mrad²/s, NaN in empty shells), ``coherent``, ``bonded``,
        ``incoherent`` (electrons²), ``voxels``, ``interpolated``.
    scattering:
        The scattering of the contents.
    notes:
        What a reader should know.
    """

    k: sc.Variable
    sigma_counting: sc.Variable
    sigma_cutoff: sc.Variable
    cutoff: float
    curves: sc.Dataset
    shells: sc.Dataset
    scattering: CellScattering = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def sigma_k(self) -> sc.Variable:
        """Standard uncertainty of k, common to all voxels; same unit."""
        return sc.stddevs(self.k)

    def to_scipp(self) -> sc.DataGroup[Any]:
        """Everything but the scattering, for a file."""
        return sc.DataGroup(
            {
                "scale": self.k,
                "sigma_counting": self.sigma_counting,
                "sigma_cutoff": self.sigma_cutoff,
                "cutoff": sc.scalar(self.cutoff, unit="1/angstrom"),
                "curves": sc.DataGroup(dict(self.curves.items())),
                "shells": sc.DataGroup(dict(self.shells.items())),
                "n_electrons": sc.scalar(self.scattering.contents.n_electrons, unit="one"),
                "contents": self.scattering.contents.summary(),
                "notes": "\n".join(self.notes),
            }
        )


def absolute_scale(
    merged_coarse: sc.DataArray,
    bragg_merged: sc.DataArray,
    contents: CellContents,
    cell: ArrayLike,
    group: SpaceGroup,
    wavelength: float,
    options: AbsoluteOptions | None = None,
    *,
    tables: Mapping[str, AtomScattering] | None = None,
    s_limit: float | None = None,
) -> AbsoluteScale:
    r"""Scale merged intensities to electrons² per unit cell.

    The scattering of a crystal, summed over reciprocal space, is that of its atoms one by one,
    for no two of them are in one place (Krogh-Moe, Acta Cryst. 9 (1956) 951; Norman, Acta
    Cryst. 10 (1957) 370). The origin, which cannot be measured, holds :math:`|F(000)|^2`:

    .. math::

        k = \frac{-|F(000)|^2 + V \sum_j (I_{coh} + I_{bond} + I_{incoh})_j\, v_j}
        {V \sum_j (\bar I_{diffuse} + \bar I_{Bragg})_j\, v_j}

    over shells of volume v up to the cut-off, V being the volume of the cell. The sums are cut
    where they still ring: with :math:`I_{bond} = 0` k is 7 to 10 % low at 0.7 1/Å
    (``docs/theory/absolute.md``).

    Parameters
    ----------
    merged_coarse:
        Merged diffuse table, on any grid that the Laue group leaves invariant; dims (voxel),
        counts/mrad²/s with variances.
    bragg_merged:
        Merged Bragg table (:func:`~ewaldite.diffuse.absolute.totals.bragg_rows`); dims (voxel),
        same unit.
    contents:
        Contents of the unit cell.
    cell:
        a, b, c, α, β, γ; dims (constant), Å and degrees.
    group:
        Space group.
    wavelength:
        Å.
    options:
        See :class:`~ewaldite.diffuse.absolute.options.AbsoluteOptions`.
    tables:
        Scattering of the elements; None takes those of
        :func:`~ewaldite.diffuse.absolute.scattering.atom_tables`.
    s_limit:
        Edge of the data, 1/Å, where voxels are cut by it
        (:func:`~ewaldite.diffuse.absolute.cutoff.seen_to`); None: the outermost centre.

    Returns
    -------
    :
        The scale.

    Raises
    ------
    UserError
        A table is empty, an element has no table, the cut-off lies in the first shell, or
        the sums give no positive scale.
    MissingExtraError
        xraylib is needed and not installed.
    """
    options = options or AbsoluteOptions()
    if tables is None:
        tables = atom_tables(
            contents,
            wavelength,
            use_anomalous=options.anomalous,
            use_recoil=options.recoil,
        )
    scattering = CellScattering(contents, tables, options.bonds)
    diffuse = diffuse_rows(merged_coarse, cell, group)
    grid = grid_of(merged_coarse)
    bragg = bragg_rows(bragg_merged, diffuse, grid, cell, group)
    v = volume(cell)
    shells = choose_shells(options, diffuse, v * grid.voxels_per_cell, s_limit)
    sums = KroghMoe.of(shells, diffuse, bragg, scattering, v)
    number, notes = choose_cutoff(options, shells)
    notes += _unknown_note(bragg, float(shells.edges[number]))
    return _read_off(sums, number, (*contents.notes, *notes), wavelength)


def _unknown_note(bragg: Rows, cutoff: float) -> tuple[str, ...]:
    """Say how many reflections are not known: the strongest are those that overload."""
    inside = bragg.s < cutoff
    number = int(np.count_nonzero(inside & np.isnan(bragg.value)))
    if number == 0:
        return ()
    return (
        f"{number} of {np.count_nonzero(inside)} reflections below the cut-off are not known "
        "(overloaded or cut); the mean of the others stands in for them, which is too low if "
        "they are strong: [absolute] reference takes them from another file.",
    )


def _read_off(
    sums: KroghMoe, number: int, notes: tuple[str, ...], wavelength: float
) -> AbsoluteScale:
    at = number - 1
    k, cutoff = float(sums.scale[at]), float(sums.shells.edges[number])
    if not (np.isfinite(k) and k > 0):
        raise UserError(
            f"find the absolute scale at the cut-off {cutoff:.3g} 1/Å",
            f"the sums are {sums.observed[at]:.4g} observed and {sums.bonded[at]:.4g} expected",
            "Raise [absolute] s_cutoff to where the expected sum is positive, and check "
            "[contents] and the cell.",
        )
    counting = float(sums.counting[at])
    ends = sums.shells.edges[1:]
    near = (ends >= _WINDOW[0] * cutoff) & (ends <= _WINDOW[1] * cutoff)
    spread = float(np.sqrt(np.mean(np.square(sums.scale[near] - k))))
    notes = (
        *notes,
        *_sum_notes(sums, number),
        *fluorescence_notes(sums.scattering.contents.elements, wavelength),
    )
    return AbsoluteScale(
        k=sc.scalar(k, variance=counting**2 + spread**2, unit=SCALE_UNIT),
        sigma_counting=sc.scalar(counting, unit=SCALE_UNIT),
        sigma_cutoff=sc.scalar(spread, unit=SCALE_UNIT),
        cutoff=cutoff,
        curves=sums.curves(),
        shells=sums.table(),
        scattering=sums.scattering,
        notes=tuple(dict.fromkeys(notes)),
    )


def _sum_notes(sums: KroghMoe, number: int) -> tuple[str, ...]:
    notes = []
    part = sums.interpolated_part(number)
    if part > 0:
        empty = int(np.count_nonzero(sums.interpolated[:number]))
        notes.append(
            f"{empty} of {number} shells below the cut-off hold no voxel or no reflection; "
            f"their means are interpolated, {100 * part:.2g} % of the observed sum."
        )
    depth, pairs = sums.scattering.depth, sums.scattering.contents.pairs
    if depth == 0 or len(pairs.within(depth)) == 0:
        notes.append(
            "Bonded interference is left out"
            + (", for the contents name no bonds" if depth else "")
            + ": at 0.7 1/Å the scale of a protein is some 7 to 10 % low by truncation."
        )
    return tuple(notes)
