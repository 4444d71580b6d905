from __future__ import annotations

import numpy as np

from ewaldite.simulate.detector import DEAD, GAP, Detector, Modules
from ewaldite.simulate.presets import lysozyme_6m

# UNTRUSTED_RECTANGLE of a Pilatus 6M in XDS.INP of sweep 7_1 (Meisburger, Case & Ando 2020):
# bounds, themselves trusted, 1-based
COLUMNS = [(487, 495), (981, 989), (1475, 1483), (1969, 1977)]
ROWS = [(195, 213), (407, 425), (619, 637), (831, 849), (1043, 1061), (1255, 1273)]
ROWS += [(1467, 1485), (1679, 1697), (1891, 1909), (2103, 2121), (2315, 2333)]


def test_gaps_of_a_6m_are_the_rectangles_of_xds() -> None:
    detector = lysozyme_6m().experiment.detector
    marks = detector.marks()
    assert marks.shape == (2527, 2463)
    ix, iy = np.arange(1, 2464), np.arange(1, 2528)
    in_columns = np.any([(ix > a) & (ix < b) for a, b in COLUMNS], axis=0)
    in_rows = np.any([(iy > a) & (iy < b) for a, b in ROWS], axis=0)
    gaps = in_rows[:, None] | in_columns[None, :]
    assert np.array_equal(marks == GAP, gaps & (marks != DEAD))
    assert {tuple(p) for p in np.argwhere(marks == DEAD)} == set(detector.dead)


def test_a_last_module_may_end_in_a_gap() -> None:
    detector = Detector((12, 10), 0.1, 50.0, (5.0, 5.0), modules=Modules(5, 4, 2, 3))
    columns, rows = detector.gaps()
    assert columns == [(5, 7)]
    assert rows == [(4, 7)]
    wide = Detector((13, 10), 0.1, 50.0, (5.0, 5.0), modules=Modules(5, 4, 2, 3))
    assert wide.gaps()[0] == [(5, 7), (12, 13)]


def test_without_modules_every_pixel_counts() -> None:
    assert not Detector((7, 5), 0.1, 50.0, (3.0, 3.0)).marks().any()


def test_frame_is_right_handed_whatever_the_length_of_the_axes() -> None:
    frame = Detector(
        (7, 5), 0.1, 50.0, (3.0, 3.0), x_axis=(2.0, 0.0, 1.0), y_axis=(0.0, -3.0, 0.0)
    ).frame
    np.testing.assert_allclose(frame.T @ frame, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(np.linalg.det(frame), 1.0, atol=1e-15)
    np.testing.assert_allclose(frame[:, 1], [0.0, -1.0, 0.0])
