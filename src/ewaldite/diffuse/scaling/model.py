"""The scaling model: what a crystal, its dose and the instrument do to intensities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.observations import INTENSITY_UNIT, Observations
from ewaldite.diffuse.scaling.basis import Axis, ControlPoints
from ewaldite.diffuse.scaling.points_array import from_array, to_array
from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]

#: Terms of the model; ``B`` is the relative temperature factor.
Term = Literal["a", "b", "c", "d", "B"]
TERMS: tuple[Term, ...] = get_args(Term)
#: Value of a term that is off.
NEUTRAL: dict[str, float] = {"a": 1.0, "b": 1.0, "c": 0.0, "d": 1.0, "B": 0.0}
_UNITS = {"a": "one", "b": "one", "c": INTENSITY_UNIT, "d": "one", "B": "angstrom**2"}

# Steps in |s| of an offset that a model without c gets from incoherent scattering
_SHELLS = 61


@dataclass(frozen=True)
class ScalingModel:
    """Scale and offset of every observation, one set of control points for each batch.

    An observation has the intensity ``I = a d (b D I0 + c)`` with

    * ``a(ix, iy, iz)``, absorption in the crystal and its mount,
    * ``b(iz)``, volume in the beam, its flux, exposure,
    * ``c(|s|, iz)``, isotropic scattering of the surroundings, counts/mrad²/s,
    * ``d(panel)`` or ``d(ix, iy)``, gain of the detector,
    * ``D = exp(-B(iz) |s|² / 2)``, the loss of order by dose, as ``|s| = 2 sin θ / λ``,

    which is ``A (I0 + C)`` with the scale ``A = a b d D`` and the offset ``C = c / (b D)``.
    A term that is off is 1, and c and B are 0 (Meisburger, Case & Ando, Nat. Commun. 11
    (2020) 1271; B: Evans, Acta Cryst. D62 (2006) 72).

    Attributes
    ----------
    batches:
        Numbers of the sweeps.
    terms:
        Control points by the name of the term, one for each batch in their order; one for all
        where the term is shared.
    s_limit:
        Largest length of s that it was made for, 1/Å.
    degrees_per_frame:
        Rotation of each batch per unit of iz, for plots.
    """

    batches: tuple[int, ...]
    terms: Mapping[str, tuple[ControlPoints, ...]]
    s_limit: float
    degrees_per_frame: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.degrees_per_frame) != len(self.batches):
            raise ValueError("as many degrees per frame as batches are needed")
        for name, points in self.terms.items():
            if name not in TERMS or len(points) not in (1, len(self.batches)):
                raise ValueError(f"term {name!r} with {len(points)} sets of control points")

    def points(self, term: str, batch: int) -> ControlPoints | None:
        """Control points of a term in a batch, by its number; None where the term is off."""
        found = self.terms.get(term)
        if found is None:
            return None
        return found[0] if len(found) == 1 else found[self.batches.index(batch)]

    def values(self, observations: Observations) -> dict[str, FloatArray]:
        """Every term at observations.

        Parameters
        ----------
        observations:
            Of batches that the model knows, on any grid.

        Returns
        -------
        :
            ``a``, ``b``, ``c``, ``d``, ``B`` (Å²); dims (voxel), float64.

        Raises
        ------
        UserError
            A batch is not in the model.
        """
        o = observations
        out: dict[str, FloatArray] = {name: np.full(len(o), x) for name, x in NEUTRAL.items()}
        for batch in np.unique(o.sweep):
            self._check(int(batch))
            rows = np.flatnonzero(o.sweep == batch)
            columns = {
                "ix": o.ix[rows],
                "iy": o.iy[rows],
                "iz": o.iz[rows],
                "s": o.length_of_s[rows],
                "panel": o.panel[rows].astype(np.float64),
            }
            for name in self.terms:
                points = self.points(name, int(batch))
                if points is not None:
                    out[name][rows] = points.at(columns)
        return out

    def _check(self, batch: int) -> None:
        if batch not in self.batches:
            raise UserError(
                "scale observations",
                f"the scaling model knows no sweep {batch}, only {self.batches}",
                "Scale them together with the other sweeps.",
            )

    def evaluate(self, observations: Observations) -> tuple[FloatArray, FloatArray]:
        """Scale and offset of observations, ``I = A (I0 + C)``.

        Parameters
        ----------
        observations:
            As in :meth:`values`.

        Returns
        -------
        :
            ``A = a b d D``, dimensionless; ``C = c / (b D)``, counts/mrad²/s; dims (voxel),
            float64.

        Raises
        ------
        UserError
            A batch is not in the model.
        """
        v = self.values(observations)
        damped = v["b"]
        if "B" in self.terms:
            damped = damped * np.exp(-0.5 * v["B"] * observations.length_of_s**2)
        return v["a"] * v["d"] * damped, v["c"] / damped

    def damped_b(self, batch: int, s: FloatArray, iz: FloatArray) -> FloatArray:
        """``b D`` of a batch on a lattice of lengths of s (1/Å) and iz; dims (iz, s)."""
        b, dose = self.points("b", batch), self.points("B", batch)
        out = np.ones((iz.size, s.size)) if b is None else np.tile(b(iz)[:, None], s.size)
        return out if dose is None else out * np.exp(-0.5 * dose(iz)[:, None] * s**2)

    def with_terms(self, **changed: tuple[ControlPoints, ...]) -> ScalingModel:
        """The same model with some terms replaced."""
        terms = {**self.terms, **changed}
        return ScalingModel(self.batches, terms, self.s_limit, self.degrees_per_frame)

    def rescaled(
        self, k: float, incoherent: Callable[[FloatArray], FloatArray]
    ) -> ScalingModel:
        """The model that gives absolute intensities without incoherent scattering.

        ``b' = b / k`` and ``c' = c + I_incoh(|s|) b D / k``, so that an intensity I0 becomes
        ``k I0 - I_incoh``. It is exact on the nodes of c; between them it is interpolated.

        Parameters
        ----------
        k:
            Electrons² per unit cell per count/mrad²/s.
        incoherent:
            Incoherent scattering, electrons² per unit cell, at lengths of s; dims (node), 1/Å.

        Returns
        -------
        :
            The model; c' in the unit of c, and I0 in electrons² per unit cell.
        """
        if not (np.isfinite(k) and k > 0):
            raise ValueError(f"the absolute scale is {k}")
        scales, offsets = [], []
        for batch in self.batches:
            b = self.points("b", batch) or _flat(self.points("c", batch))
            c = self.points("c", batch) or _nothing(b, self.s_limit)
            s = c.axis("s").nodes
            damped = self.damped_b(batch, s, c.axis("iz").nodes)
            added = np.asarray(incoherent(s), np.float64) * damped / k
            scales.append(b.with_values(b.values / k))
            offsets.append(c.with_values(c.values + added))
        return self.with_terms(b=tuple(scales), c=tuple(offsets))

    def to_scipp(self) -> sc.DataGroup[Any]:
        """Return the model as a group that ``io.nexus.save`` writes.

        Returns
        -------
        :
            ``batches``, ``degrees_per_frame`` (dims (batch)), ``s_limit`` (1/Å) and ``terms``:
            by name, and by the number of the batch or ``"all"``, an array over ``panel``,
            ``iz``, ``(iz, s)``, ``(iy, ix)`` or ``(iz, iy, ix)`` with the nodes as coordinates.
        """
        terms: dict[str, sc.DataGroup[Any]] = {}
        for name, found in self.terms.items():
            keys = ["all"] if len(found) == 1 else [str(batch) for batch in self.batches]
            arrays = (to_array(points, name, _UNITS[name]) for points in found)
            terms[name] = sc.DataGroup(dict(zip(keys, arrays, strict=True)))
        angles = np.array(self.degrees_per_frame)
        return sc.DataGroup(
            {
                "batches": sc.array(dims=["batch"], values=np.array(self.batches), unit=None),
                "degrees_per_frame": sc.array(dims=["batch"], values=angles, unit="deg"),
                "s_limit": sc.scalar(self.s_limit, unit="1/angstrom"),
                "terms": sc.DataGroup(terms),
            }
        )

    @staticmethod
    def from_scipp(group: sc.DataGroup[Any]) -> ScalingModel:
        """Invert :meth:`to_scipp`.

        Raises
        ------
        UserError
            The group is no scaling model.
        """
        try:
            return ScalingModel(
                batches=tuple(int(b) for b in group["batches"].values),
                terms={
                    name: tuple(from_array(array) for array in found.values())
                    for name, found in group["terms"].items()
                },
                s_limit=float(group["s_limit"].value),
                degrees_per_frame=tuple(float(x) for x in group["degrees_per_frame"].values),
            )
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise UserError(
                "read a scaling model",
                f"something is missing or of another kind: {error}",
                "Give the model in scales.nxs, as the step scale wrote it.",
            ) from error


def _flat(c: ControlPoints | None) -> ControlPoints:
    """A scale of 1, for a model without b."""
    axis = c.axis("iz") if c is not None else Axis("iz", 0.0, 0.0, 1)
    return ControlPoints.constant([axis], 1.0)


def _nothing(b: ControlPoints, s_limit: float) -> ControlPoints:
    """An offset of 0 on the nodes of b, for a model without c."""
    return ControlPoints.constant([Axis("s", 0.0, s_limit, _SHELLS), *b.axes], 0.0)
