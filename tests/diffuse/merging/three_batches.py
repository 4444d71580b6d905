"""Observations of several sweeps with scales, offsets and a systematic error of their own."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from diffuse.merging.simulated_observations import simulate
from ewaldite.diffuse.observations import Observations


def observe(
    rng: np.random.Generator,
    truth: np.ndarray | float,
    *,
    voxels: int,
    batches: int = 3,
    multiplicity: int = 4,
    error: tuple[float, ...] = (),
    background: float = 0.0,
    name: str = "P 21 21 21",
) -> Observations:
    """Observe every voxel ``multiplicity`` times in every batch, in random order.

    The signal of an observation of batch b varies by the part ``error[b]``. The order is that
    of the batches and, in each, of the rotation: ``iz`` runs from 0 to 90.
    """
    tables = []
    for b in range(batches):
        g = error[b] if error else 0.0
        off = 1 + g * rng.normal(size=voxels * multiplicity)
        table = simulate(
            rng,
            truth,
            voxels=voxels,
            multiplicity=multiplicity,
            name=name,
            scale=np.maximum(off, 0.05),
            background=background,
            spread=0.3,
        )
        order = rng.permutation(len(table))
        table = table.select(order)
        label = np.full(len(table), b, np.int32)
        iz = np.linspace(0, 90, len(table), endpoint=False)
        tables.append(replace(table, sweep=label, iz=iz, s=np.abs(table.s)))
    return Observations.concat(tables)


def pieces(table: Observations, cuts: list[int]) -> list[Observations]:
    """Cut a table before some rows."""
    edges = [0, *sorted(min(c, len(table)) for c in cuts), len(table)]
    return [table.select(slice(a, b)) for a, b in pairwise(edges)]
