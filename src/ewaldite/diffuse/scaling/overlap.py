"""Which batches share voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from ewaldite.diffuse.scaling.table import ScalingTable


def groups_of_batches(table: ScalingTable) -> list[tuple[int, ...]]:
    """Sort batches into groups that voxels in common connect, directly or through others.

    Parameters
    ----------
    table:
        Observations.

    Returns
    -------
    :
        Numbers of the batches of each group; the one with most observations first.
    """
    linked = csr_matrix(table.links() > 0)
    _, label = connected_components(linked, directed=False)
    number = np.bincount(table.batch, minlength=len(table.batches))
    groups = [np.flatnonzero(label == g) for g in np.unique(label)]
    groups.sort(key=lambda members: (-int(number[members].sum()), int(members[0])))
    return [tuple(table.batches[int(j)] for j in members) for members in groups]


def notes_on_overlap(table: ScalingTable) -> list[str]:
    """Say which batches share no voxel with the rest, and which have no say at all.

    Parameters
    ----------
    table:
        Observations.

    Returns
    -------
    :
        Sentences.
    """
    notes = []
    links = table.links()
    number: NDArray[np.int64] = np.bincount(table.batch, minlength=len(table.batches))
    for members in groups_of_batches(table)[1:]:
        names = ", ".join(str(b) for b in members)
        own = [table.batches.index(b) for b in members]
        if number[own].sum() == 0:
            notes.append(
                f"sweep {names} has no voxel that was seen twice; it keeps its scale from "
                "isotropic averages"
            )
            continue
        within = int(links[np.ix_(own, own)].sum())
        notes.append(
            f"sweep {names} shares no voxel with the other sweeps; its level is that from "
            f"isotropic averages, and {within} pairs within it refine the rest"
        )
    return notes
