"""All steps of rotation of one or several runs, with their flux."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.kernels.cut_tables import GUIDES, FluxTable
from ewaldite.spectroscopy.flux import Flux
from ewaldite.tables.neutron import K2_TO_MEV

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Exposure:
    """Steps, each with its angles and its counts of the monitor by interval of energy.

    Attributes
    ----------
    a3, a4:
        Rotation of the sample with its offset, and tank angle; dims (step), degrees.
    edges:
        Edges of the intervals, run after run; dims (edge), 1/Å.
    edge_of, count_of, cells:
        First edge, first count, number of intervals of a step; dims (step), int64.
    counts:
        Monitor counts, negative where absent; dims (step · interval), float64.
    usable:
        Whether there are enough to divide by; dims (step · interval).
    blocked, block_of:
        Masked cells, a bit each, and where a step begins (negative: none are); see
        :func:`~ewaldite.kernels.cut_tables.is_blocked`; dims (byte), uint8, and (step), int64.
    members, bounds:
        Step and interval of the members of every independent reading of the monitor;
        dims (member, 2), (reading + 1), int64.
    relative:
        Relative variance of a reading; dims (reading), float64.
    live:
        How long a pixel could count what seems to have scattered in a step with an energy of an
        interval, all its pulses together; dims (step · interval), s. Empty if it is not known.
    """

    a3: FloatArray
    a4: FloatArray
    edges: FloatArray
    edge_of: IntArray
    count_of: IntArray
    cells: IntArray
    counts: FloatArray
    usable: NDArray[np.bool_]
    blocked: NDArray[np.uint8]
    block_of: IntArray
    members: IntArray
    bounds: IntArray
    relative: FloatArray
    live: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return int(self.a3.size)

    @cached_property
    def table(self) -> FluxTable:
        """What kernels take of it."""
        starts = np.flatnonzero(np.diff(self.edge_of, prepend=-1))
        guide = np.zeros(GUIDES * self.edges.size, np.int64)
        guides = np.zeros(len(self))
        for j in starts[self.cells[starts] > 0]:
            first, cells = self.edge_of[j], self.cells[j]
            edges = self.edges[first : first + cells + 1]
            parts = np.linspace(edges[0], edges[-1], GUIDES * cells + 1)[:-1]
            found = np.searchsorted(edges, parts, side="right") - 1
            guide[GUIDES * first : GUIDES * (first + cells)] = found
            guides[self.edge_of == first] = GUIDES * cells / (edges[-1] - edges[0])
        return FluxTable(
            self.edges, self.edge_of, self.count_of, self.cells, self.counts, self.usable,
            self._per_count(), self.blocked, self.block_of, guide, guides,
        )  # fmt: skip

    def _per_count(self) -> FloatArray:
        """ΔE_i over counts where these can be divided by; dims (step · interval), meV."""
        out = np.where(self.counts < 0, -1.0, 0.0)
        square = K2_TO_MEV * self.edges**2
        for j in range(len(self)):
            rows = slice(self.count_of[j], self.count_of[j] + self.cells[j])
            used = self.usable[rows] & (self.counts[rows] > 0)
            width = np.diff(square[self.edge_of[j] : self.edge_of[j] + self.cells[j] + 1])
            np.divide(width, self.counts[rows], out=out[rows], where=used)
        return out


def exposure(
    flux: Flux, a3: ArrayLike, a4: ArrayLike, live: ArrayLike | None = None
) -> Exposure:
    """Steps of a run.

    Parameters
    ----------
    flux:
        Of the run.
    a3, a4:
        Rotation of the sample with its offset, and tank angle, of every step; dims (step) or
        one number, degrees.
    live:
        See :attr:`Exposure.live`; dims (step, interval), s.

    Returns
    -------
    :
        The exposure.
    """
    steps, cells = flux.counts.shape
    used = np.flatnonzero(~flux.absent)
    step, cell = np.meshgrid(np.arange(steps), used, indexing="ij")
    pairs = np.stack([step, cell], axis=-1)
    if flux.shared:
        members = pairs.transpose(1, 0, 2).reshape(-1, 2)
        bounds = np.arange(used.size + 1) * steps
        relative = flux.relative_variance[used]
    else:
        members = pairs.reshape(-1, 2)
        bounds = np.arange(members.shape[0] + 1)
        relative = flux.relative_variance[:, used].ravel()
    return Exposure(
        a3=np.broadcast_to(np.asarray(a3, np.float64), (steps,)).copy(),
        a4=np.broadcast_to(np.asarray(a4, np.float64), (steps,)).copy(),
        edges=flux.intervals.edges,
        edge_of=np.zeros(steps, np.int64),
        count_of=np.arange(steps, dtype=np.int64) * cells,
        cells=np.full(steps, cells, np.int64),
        counts=np.where(flux.absent, -1.0, flux.counts).ravel(),
        usable=np.ascontiguousarray((flux.usable & ~flux.absent).ravel()),
        blocked=np.zeros(0, np.uint8),
        block_of=np.full(steps, -1, np.int64),
        members=np.ascontiguousarray(members, np.int64),
        bounds=bounds.astype(np.int64),
        relative=relative,
        live=np.zeros(0) if live is None else np.asarray(live, np.float64).ravel(),
    )


def block(
    exposed: Exposure, masks: Iterable[NDArray[np.bool_]], mask_of: ArrayLike
) -> Exposure:
    """Mask cells.

    Parameters
    ----------
    exposed:
        Steps of one run.
    masks:
        Each dims (pixel, interval); true is masked.
    mask_of:
        Which of them holds in a step, negative for none; dims (step), int.

    Returns
    -------
    :
        The same steps with those cells left out.
    """
    packed = [np.packbits(m, axis=1, bitorder="little").ravel() for m in masks]
    starts = np.cumsum([0, *(p.size for p in packed)])
    chosen = np.asarray(mask_of, dtype=np.int64)
    return replace(
        exposed,
        blocked=np.concatenate([*packed, np.zeros(0, np.uint8)]),
        block_of=np.where(chosen < 0, -1, starts[np.maximum(chosen, 0)]),
    )


def join(parts: Sequence[Exposure]) -> Exposure:
    """Steps of several runs, one run after the other; readings of the monitors stay apart."""
    steps = np.cumsum([0, *(len(p) for p in parts)])
    edges = np.cumsum([0, *(p.edges.size for p in parts)])
    counts = np.cumsum([0, *(p.counts.size for p in parts)])
    members = np.cumsum([0, *(p.members.shape[0] for p in parts)])
    bytes_ = np.cumsum([0, *(p.blocked.size for p in parts)])
    return Exposure(
        a3=np.concatenate([p.a3 for p in parts]),
        a4=np.concatenate([p.a4 for p in parts]),
        edges=np.concatenate([p.edges for p in parts]),
        edge_of=np.concatenate([p.edge_of + e for p, e in zip(parts, edges, strict=False)]),
        count_of=np.concatenate([p.count_of + c for p, c in zip(parts, counts, strict=False)]),
        cells=np.concatenate([p.cells for p in parts]),
        counts=np.concatenate([p.counts for p in parts]),
        usable=np.concatenate([p.usable for p in parts]),
        blocked=np.concatenate([p.blocked for p in parts]),
        block_of=np.concatenate(
            [
                np.where(p.block_of < 0, -1, p.block_of + b)
                for p, b in zip(parts, bytes_, strict=False)
            ]
        ),
        members=np.concatenate(
            [p.members + np.array([s, 0]) for p, s in zip(parts, steps, strict=False)]
        ),
        bounds=np.concatenate(
            [[0], *(p.bounds[1:] + m for p, m in zip(parts, members, strict=False))]
        ).astype(np.int64),
        relative=np.concatenate([p.relative for p in parts]),
        live=np.concatenate([p.live for p in parts]),
    )
