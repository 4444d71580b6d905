"""Tables of observations with a known truth, drawn from the Poisson law."""

from __future__ import annotations

import numpy as np

from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.observations import Observations
from ewaldite.model.grid import Grid


def simulate(
    rng: np.random.Generator,
    truth: np.ndarray | float,
    *,
    voxels: int,
    multiplicity: int = 8,
    name: str = "P 21 21 21",
    background: float = 0.0,
    tau: float = 0.0,
    spread: float = 0.8,
    scale: np.ndarray | None = None,
    offset: np.ndarray | None = None,
) -> Observations:
    """Observe voxels of intensity ``truth`` under random operations of the Laue group.

    Exposures and background rates vary by ``spread`` about 1 and ``background``. The background
    is known for ``tau = 0``, else counted in an image 1/tau times as long.
    """
    side = int(np.ceil(voxels ** (1 / 3)))
    v = np.arange(voxels)
    asu = np.stack([v // side**2, v // side % side, v % side], axis=-1) + 1
    hkl = np.tile(asu, (multiplicity, 1))
    group = space_group(name)
    n = len(hkl)
    turn = group.laue_operations[rng.integers(0, len(group.laue_operations), n)]
    e = rng.uniform(1 - spread, 1 + spread, n)
    dark = background * rng.uniform(1 - spread, 1 + spread, n) * e
    a = np.ones(n) if scale is None else scale
    c = np.zeros(n) if offset is None else offset
    intensity = np.tile(np.broadcast_to(truth, voxels), multiplicity)
    counts = rng.poisson(e * a * (intensity + c) + dark).astype(float)
    measured = tau * rng.poisson(dark / tau) if tau else dark
    zero, label = np.zeros(n), np.zeros(n, np.int32)
    return Observations(
        grid=Grid((1, 1, 1)),
        index=np.einsum("ij,ijk->ik", hkl, turn),
        counts=counts,
        pixels=np.ones(n),
        exposure=e,
        background=measured,
        background_variance=tau * measured,
        fraction=np.full(n, 1 / multiplicity),
        s=0.01 * hkl,
        ix=zero,
        iy=zero,
        iz=zero,
        panel=label,
        wedge=label,
        sweep=label,
    )
