"""Bonds of a structure model, from the distances of its atoms."""

from __future__ import annotations

import gemmi
import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

# Beyond the sum of the covalent radii, Å
_SLACK = 0.3
_LONGEST = 3.0


def find_bonds(model: gemmi.Model) -> tuple[list[gemmi.Atom], IntArray, IntArray]:
    """Find the bonds within molecules.

    Two atoms are bonded if they are nearer than the sum of their covalent radii and 0.3 Å, not
    both hydrogens, of one conformer, and of one residue or of two of the polymer (peptide,
    phosphate and disulfide bonds). Ions and disordered molecules that lie on each other
    stay apart so. Water is left out.

    Parameters
    ----------
    model:
        The model.

    Returns
    -------
    :
        The atoms; indices of bonded ones, dims (bond, 2), int64; number of the conformer,
        0 for atoms that all have, dims (atom), int64.
    """
    atoms: list[gemmi.Atom] = []
    residue_of, in_polymer = [], []
    molecules = [r for chain in model for r in chain if not r.is_water()]
    for number, residue in enumerate(molecules):
        info = gemmi.find_tabulated_residue(residue.name)
        linked = bool(info.found() and (info.is_amino_acid() or info.is_nucleic_acid()))
        for atom in residue:
            atoms.append(atom)
            residue_of.append(number)
            in_polymer.append(linked)
    if not atoms:
        return [], np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=np.int64)
    conformer = np.array([0 if a.altloc == "\0" else ord(a.altloc) for a in atoms])
    radius = np.array([a.element.covalent_r for a in atoms])
    hydrogen = np.array([a.is_hydrogen() for a in atoms])
    place = np.array([a.pos.tolist() for a in atoms])
    # here, for the memory that it takes where no bonds are asked for
    from scipy.spatial import cKDTree

    i, j = cKDTree(place).query_pairs(_LONGEST, output_type="ndarray").T.astype(np.int64)
    near = np.linalg.norm(place[i] - place[j], axis=1) < radius[i] + radius[j] + _SLACK
    near &= ~(hydrogen[i] & hydrogen[j])
    near &= (conformer[i] == 0) | (conformer[j] == 0) | (conformer[i] == conformer[j])
    owner, linked_to = np.array(residue_of), np.array(in_polymer)
    heavy = ~(hydrogen[i] | hydrogen[j])
    near &= (owner[i] == owner[j]) | (linked_to[i] & linked_to[j] & heavy)
    return atoms, np.stack([i[near], j[near]], axis=1), conformer
