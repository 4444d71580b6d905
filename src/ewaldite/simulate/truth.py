"""The intensity that a simulated crystal scatters, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.simulate.intensity import add_bragg, add_smooth
from ewaldite.simulate.laue import laue_operations, orbit

FloatArray = NDArray[np.float64]
Wave = tuple[float, float, float, float]
CUT = 6.0


@dataclass(frozen=True)
class Truth:
    r"""Intensity as a function of reciprocal space, invariant under the Laue group.

    .. math::

        I_{diffuse} &= D\, e^{-s^2 / 2 w^2} \left[ 1 + \sum_j c_j
            \langle \cos 2π\, R\,\mathbf{h} \cdot \mathbf{u}_j \rangle_R
            + H \left( \tfrac12 + \tfrac12 \langle \cos 2π h_i \rangle_{R,i} \right)^8
            \right] \\
        I_{ring} &= A\, e^{-(s - s_r)^2 / 2 w_r^2} \\
        I_{Bragg} &= P\, E(\mathbf{H})\, e^{-B s_H^2 / 2}\,
            e^{-|\mathbf{s} - \mathbf{s}_H|^2 / 2 σ^2}

    with means over the operations R, the nearest node H, and E(H) an exponentially
    distributed number (Wilson's statistics) that a hash draws from seed and orbit of H.
    The broad halo sits on all nodes. Bragg spots end at 6 σ; the node 0 0 0 has none.

    Attributes
    ----------
    laue:
        Laue group; see `ewaldite.simulate.laue.laue_operations`.
    diffuse, ring, bragg:
        D, A and P, counts/(mrad² s); P is the mean height of spots at small angle.
    waves:
        (c, u, v, w) for every cosine; the sum of the \|c\| stays below 1, so that no intensity
        is negative.
    halo:
        H.
    envelope:
        w, 1/Å.
    ring_position, ring_width:
        Position and width of the ring, 1/Å.
    bragg_width:
        σ, 1/Å.
    bragg_decay:
        B, Å².
    seed:
        Of the strengths of the Bragg spots.
    """

    laue: str = "-1"
    diffuse: float = 1.0
    ring: float = 1.0
    bragg: float = 1000.0
    waves: tuple[Wave, ...] = ((0.4, 0.37, 0.21, -0.13), (0.3, -0.55, 0.4, 0.8))
    halo: float = 1.5
    envelope: float = 0.45
    ring_position: float = 0.3
    ring_width: float = 0.06
    bragg_width: float = 0.0008
    bragg_decay: float = 8.0
    seed: int = 0

    def __post_init__(self) -> None:
        laue_operations(self.laue)
        total = sum(abs(wave[0]) for wave in self.waves)
        if total >= 1.0:
            raise UserError(
                "simulate diffuse scattering",
                f"the waves' coefficients sum to {total:g}, so that intensity may be negative",
                "Make the sum of their magnitudes less than 1.",
            )

    def check_cell(self, axes: FloatArray) -> None:
        """Refuse a cell that lacks the symmetry, or so large that Bragg spots overlap.

        Parameters
        ----------
        axes:
            Cell axes as columns; dims (xyz, abc), Å, float64.

        Raises
        ------
        UserError
            If it is one of these.
        """
        reciprocal = np.linalg.inv(axes)
        metric = reciprocal @ reciprocal.T
        scale = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))
        for op in laue_operations(self.laue):
            if np.max(np.abs((op.T @ metric @ op - metric) / scale)) > 1e-6:
                raise UserError(
                    "simulate a crystal",
                    f"its cell has not the symmetry of the Laue group {self.laue}",
                    "Mend the cell or take a lower group.",
                )
        longest = float(np.linalg.norm(axes, axis=0).max())
        if CUT * self.bragg_width * longest > 0.5:
            raise UserError(
                "simulate Bragg spots",
                f"spots of width {self.bragg_width:g} 1/Å overlap for an axis of {longest:g} Å",
                f"Make bragg_width at most {0.5 / CUT / longest:.2g}.",
            )

    def smooth(self, s: ArrayLike, axes: FloatArray) -> FloatArray:
        """Diffuse intensity and ring.

        Parameters
        ----------
        s:
            Scattering vectors; dims (xyz, ...), 1/Å, float64.
        axes:
            Cell axes as columns, as the crystal lies; dims (xyz, abc), Å, float64.

        Returns
        -------
        :
            dims (...), counts/(mrad² s), float64.
        """
        flat, shape = _rows(s)
        result = np.zeros(flat.shape[1:])
        waves, nodes = self._directions()
        levels = np.array([self.diffuse, self.halo, self.envelope])
        ring = np.array([self.ring, self.ring_position, self.ring_width])
        add_smooth(flat, np.ascontiguousarray(axes), waves, nodes, levels, ring, result)
        return result.reshape(shape)

    def isotropic(self, s: ArrayLike) -> FloatArray:
        """Part of `smooth` that depends on the length of s alone: ring, and D without bracket.

        Parameters
        ----------
        s:
            Scattering vectors; dims (xyz, ...), 1/Å, float64.

        Returns
        -------
        :
            dims (...), counts/(mrad² s), float64.
        """
        squared = np.sum(np.asarray(s, dtype=np.float64) ** 2, axis=0)
        ring = (np.sqrt(squared) - self.ring_position) / self.ring_width
        diffuse = self.diffuse * np.exp(-0.5 * squared / self.envelope**2)
        return np.asarray(diffuse + self.ring * np.exp(-0.5 * ring**2))

    def spots(self, s: ArrayLike, axes: FloatArray) -> FloatArray:
        """Bragg intensity; parameters and result as of `smooth`."""
        flat, shape = _rows(s)
        result = np.zeros(flat.shape[1:])
        add_bragg(
            flat,
            np.ascontiguousarray(axes),
            np.asarray(np.linalg.inv(axes), dtype=np.float64),
            laue_operations(self.laue),
            self.seed,
            np.array([self.bragg, self.bragg_decay, self.bragg_width, CUT]),
            result,
        )
        return result.reshape(shape)

    def _directions(self) -> tuple[FloatArray, FloatArray]:
        """Rows (coefficient, u, v, w) of the waves and of the mean over nodes."""
        operations = laue_operations(self.laue)
        rows: list[tuple[float, ...]] = []
        for coefficient, *vector in self.waves:
            images = orbit(np.array(vector), operations)
            rows += [(coefficient / len(images), *image) for image in images]
        units = [orbit(unit, operations) for unit in np.eye(3)]
        nodes = [(1.0 / 3.0 / len(images), *image) for images in units for image in images]
        return np.array(rows).reshape(-1, 4), np.array(nodes)


def _rows(s: ArrayLike) -> tuple[FloatArray, tuple[int, ...]]:
    vectors = np.asarray(s, dtype=np.float64)
    shape = vectors.shape[1:]
    rows = shape[0] if len(shape) == 2 else 1
    return np.ascontiguousarray(vectors).reshape(3, rows, -1), shape
