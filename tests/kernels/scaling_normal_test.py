"""Normal matrix of coarse functions, against dense products."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ewaldite.kernels import scaling as columns
from ewaldite.kernels.scaling_normal import add_normal, plane_lengths
from ewaldite.kernels.scaling_terms import PARTS
from kernels.scaling_model import NODES, model

MADE = model("abcD")
N = MADE.voxel.size
BATCH = np.zeros(N, np.int16)
PLANE = NODES["a"][0] * NODES["a"][1]
RNG = np.random.default_rng(7)
F = RNG.uniform(0.1, 2.0, (N, 6)).astype(np.float32)
F[5] = 0.0  # left out
FIRST = np.array([0])
FIRST_C = np.array([24 + 5])


def bilinear(i: int) -> np.ndarray:
    """Weights of the nodes of a plane of a at an observation."""
    x, y = MADE.places.a_part[i, :2] / PARTS
    low = MADE.places.a[i] % PLANE
    out = np.zeros(PLANE)
    for one, two in np.ndindex(2, 2):
        out[low + one + NODES["a"][0] * two] = (x if one else 1 - x) * (y if two else 1 - y)
    return out


@pytest.mark.parametrize("every", [1, 3])
def test_information_on_the_nodes_of_a_plane(every: int) -> None:
    length = MADE.rows.length
    out = np.zeros((1, PLANE, 2))
    plane_lengths(MADE.places, F, BATCH, length, every, FIRST, PLANE, out)
    expected = np.zeros((PLANE, 2))
    for i in range(0, N, every):
        w = bilinear(i) * float(F[i, columns.A]) ** 2
        expected += w[:, None] * np.array([1.0, length[i]])
    assert_allclose(out[0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("every", "rings", "shape"), [(1, 2, (1, 1)), (2, 0, (1, 0)), (3, 1, (0, 1))]
)
def test_the_matrix_of_functions_on_levels(
    every: int, rings: int, shape: tuple[int, int]
) -> None:
    lengths = NODES["c"][0]
    has_b, has_dose = shape
    each = has_b + has_dose + lengths + rings
    looked = range(0, N, every)
    level = RNG.integers(0, 4, len(looked))
    beyond = RNG.choice([0.0, 0.25, 0.7], len(looked))
    radial = RNG.normal(size=(1, PLANE, rings))
    size = 2 + 6 * each  # the first two columns are of another batch
    band = np.zeros((size, 2 * each))
    add_normal(
        MADE.places, F, BATCH, every, level, beyond, np.array([2]), FIRST, PLANE, radial,
        (bool(has_b), bool(has_dose), lengths), FIRST_C, band,
    )  # fmt: skip
    dense = np.zeros((size, size))
    for t, i in enumerate(looked):
        if F[i, columns.C] == 0.0:
            continue
        own = np.zeros(each)
        if has_b:
            own[0] = F[i, columns.B]
        if has_dose:
            own[has_b] = F[i, columns.DOSE]
        x = MADE.places.c_part[i, 0] / PARTS
        node = (MADE.places.c[i] - FIRST_C[0]) % lengths
        own[has_b + has_dose + node] = (1 - x) * F[i, columns.C]
        if x > 0:
            own[has_b + has_dose + node + 1] = x * F[i, columns.C]
        own[each - rings :] = F[i, columns.A] * (bilinear(i) @ radial[0])
        v = np.zeros(size)
        for up, share in ((0, 1 - beyond[t]), (1, beyond[t])):
            at = 2 + (level[t] + up) * each
            v[at : at + each] += share * own
        dense += every * np.outer(v, v)
    expected = np.zeros_like(band)
    for i in range(size):
        row = dense[i, i : i + band.shape[1]]
        expected[i, : row.size] = row
    assert_allclose(band, expected, rtol=1e-6, atol=1e-9)
    assert np.abs(expected).max() > 0
