"""The kernel alone, on a table whose cubics are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.kernels.corrections import band_corrections, plane_of

COLUMNS, FIRST, LAST = 7, 2, 6
FRAME = np.array([[3.0, -2.0, 50.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
START = np.array([-0.9, 0.4])
PITCH = np.array([0.2, 0.3])
S0 = np.array([0.1, 0.0, 0.9])
STEP = 0.25


def radial_table(ratio: list[float], factor: list[float], pieces: int = 40) -> np.ndarray:
    """Pieces of two cubics in ρ², each shifted to the beginning of its piece."""
    rows = []
    for piece in range(pieces):
        row: list[float] = []
        for cubic in (ratio, factor):
            shifted = np.poly1d(cubic)(np.poly1d([STEP, STEP * piece]))
            row += [0.0] * (4 - len(shifted.coeffs)) + list(shifted.coeffs)
        rows.append(row)
    return np.array(rows)


def run(
    ratio: list[float],
    factor: list[float],
    *,
    weighted: bool = True,
    polarization: tuple[float, float, float] = (1.0, 0.0, 0.0),
    projections: np.ndarray | None = None,
    table: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pixels = (LAST - FIRST) * COLUMNS
    s, total, d3s = np.empty((pixels, 3)), np.empty(pixels), np.empty(pixels)
    band_corrections(
        FIRST,
        LAST,
        COLUMNS,
        plane_of(
            frame=FRAME,
            start=START,
            pitch=PITCH,
            s0=S0,
            wavenumber=1.5,
            pupil=400.0,
            weighted=weighted,
            polarization=np.array(polarization),
            projections=np.zeros((3, 3)) if projections is None else projections,
            step=STEP,
            table=radial_table(ratio, factor) if table is None else table,
        ),
        s,
        total,
        d3s,
    )
    return s, total, d3s


def expected_points(ratio: list[float]) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.meshgrid(np.arange(FIRST, LAST), np.arange(COLUMNS), indexing="ij")
    a = (START[0] + columns * PITCH[0]).ravel()
    b = (START[1] + rows * PITCH[1]).ravel()
    squared = a**2 + b**2
    k = np.polyval(ratio, squared)
    offset = np.column_stack([a, b, np.zeros_like(a)])
    return FRAME[0] + k[:, None] * offset, squared


RATIO = [1e-5, -2e-4, -1e-3, 1.0]
FACTOR = [0.001, -0.01, 0.05, 0.7]


def test_positions_and_factors_follow_the_cubics() -> None:
    s, total, d3s = run(RATIO, FACTOR)
    xyz, squared = expected_points(RATIO)
    distance = np.linalg.norm(xyz, axis=1)
    np.testing.assert_allclose(s, 1.5 * xyz / distance[:, None] - S0, atol=1e-14)
    expected = np.polyval(FACTOR, squared) * 400.0 / distance**3
    np.testing.assert_allclose(total, expected, rtol=1e-12)
    np.testing.assert_array_equal(d3s, np.zeros_like(d3s))


def test_without_weight_the_solid_angle_is_left_out_of_the_total_only() -> None:
    projections = np.vstack([np.zeros((2, 3)), [5.0, 0.2, -0.3]])
    _, weighted, swept = run(RATIO, FACTOR, projections=projections)
    _, plain, same = run(RATIO, FACTOR, projections=projections, weighted=False)
    xyz, squared = expected_points(RATIO)
    distance = np.linalg.norm(xyz, axis=1)
    np.testing.assert_allclose(plain, np.polyval(FACTOR, squared), rtol=1e-12)
    np.testing.assert_allclose(weighted, plain * 400.0 / distance**3, rtol=1e-12)
    np.testing.assert_array_equal(swept, same)
    along = xyz @ projections[2]
    assert along.min() < 0.0 < along.max()
    rate = np.abs(along) / distance
    np.testing.assert_allclose(swept, rate * 400.0 / distance**3, rtol=1e-12)


@settings(deadline=None, max_examples=30)
@given(
    st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)),
    st.lists(st.floats(-1, 1), min_size=6, max_size=6),
)
def test_polarization_is_quadratic_in_the_projections(
    coefficients: tuple[float, float, float], vectors: list[float]
) -> None:
    projections = np.vstack([np.reshape(vectors, (2, 3)), np.zeros(3)])
    _, total, _ = run(
        [1.0], [1.0], weighted=False, polarization=coefficients, projections=projections
    )
    xyz, _ = expected_points([1.0])
    unit = xyz / np.linalg.norm(xyz, axis=1)[:, None]
    constant, along_p, along_q = coefficients
    p, q = unit @ projections[0], unit @ projections[1]
    expected = constant + along_p * p**2 + along_q * q**2
    np.testing.assert_allclose(total, expected, atol=1e-13)


@pytest.mark.parametrize("pieces", [40, 3])
def test_the_last_piece_serves_what_lies_beyond(pieces: int) -> None:
    s, total, _ = run(RATIO, FACTOR, table=radial_table(RATIO, FACTOR, pieces))
    far_s, far_total, _ = run(RATIO, FACTOR)
    np.testing.assert_allclose(s, far_s, atol=1e-13)
    np.testing.assert_allclose(total, far_total, rtol=1e-11)


def test_every_pixel_reads_its_own_piece() -> None:
    table = np.zeros((40, 8))
    table[:, 3] = 1.0
    table[:, 7] = np.arange(40)
    _, total, _ = run(RATIO, FACTOR, weighted=False, table=table)
    _, squared = expected_points(RATIO)
    np.testing.assert_array_equal(total, np.floor(squared / STEP))
    assert np.unique(total).size > 10
