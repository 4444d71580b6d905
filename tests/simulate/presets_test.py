"""The presets against their sources, and whether a merge finds their truth again."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ewaldite.simulate.demo import truth_voxels
from ewaldite.simulate.presets import lysozyme_6m, small_demo
from ewaldite.simulate.simulation import Simulation

FloatArray = NDArray[np.float64]
NUMBER = r"[-+]?\d*\.?\d+"


def numbers_after(text: str, label: str, count: int) -> list[float]:
    """The first numbers behind the first occurrence of a label."""
    rest = text[text.index(label) + len(label) :]
    return [float(x) for x in re.findall(NUMBER, rest)[:count]]


@pytest.fixture(scope="module")
def integrate_lp(shared_data: Path) -> str:
    text = (shared_data / "lysozyme_xds" / "xds_7_1" / "INTEGRATE.LP").read_text("latin-1")
    return text[text.index("PROCESSING OF IMAGES") :]


@pytest.fixture(scope="module")
def xds_inp(shared_data: Path) -> str:
    return (shared_data / "lysozyme_xds" / "xds_7_1" / "XDS.INP").read_text("latin-1")


def test_lysozyme_is_the_first_block_of_its_integrate_lp(integrate_lp: str) -> None:
    experiment = lysozyme_6m().experiment
    detector = experiment.detector
    assert integrate_lp.index("UNIT CELL PARAMETERS") < 8000
    for label, value in {
        "UNIT CELL PARAMETERS": experiment.cell,
        "LAB COORDINATES OF ROTATION AXIS": experiment.axis,
        "DIRECT BEAM COORDINATES (REC. ANGSTROEM)": experiment.beam,
        "DETECTOR ORIGIN (PIXELS) AT": detector.origin,
        "CRYSTAL TO DETECTOR DISTANCE (mm)": (detector.distance,),
        "LAB COORDINATES OF DETECTOR X-AXIS": detector.x_axis,
        "LAB COORDINATES OF DETECTOR Y-AXIS": detector.y_axis,
    }.items():
        np.testing.assert_allclose(
            value, numbers_after(integrate_lp, label, len(value)), rtol=1e-12, err_msg=label
        )
    # the beam of the file is as long as 1/λ to its own digits, and so is that simulated
    np.testing.assert_allclose(experiment.s0, experiment.beam, rtol=2e-5)


def test_lysozyme_has_the_scan_and_detector_of_its_xds_inp(xds_inp: str) -> None:
    experiment = lysozyme_6m().experiment
    for label, value in {
        "\nNX=": experiment.detector.shape[0],
        "\nNY=": experiment.detector.shape[1],
        "\nQX=": experiment.detector.pixel,
        "\nX-RAY_WAVELENGTH=": experiment.wavelength,
        "\nOSCILLATION_RANGE=": experiment.width,
        "\nSTARTING_ANGLE=": experiment.start,
        "\nFRACTION_OF_POLARIZATION=": experiment.polarization,
        "\nSPACE_GROUP_NUMBER=": experiment.space_group,
    }.items():
        assert numbers_after(xds_inp, label, 1) == [value], label
    sensor = experiment.detector.sensor
    assert sensor is not None
    assert numbers_after(xds_inp, "SENSOR_THICKNESS=", 1) == [sensor.thickness]


def test_the_edge_of_lysozyme_has_the_resolution_that_xds_printed() -> None:
    # "RESOLUTION RANGE RECORDED BY DETECTOR (ANGSTROM)    44.608     1.212": the header of
    # INTEGRATE.LP of sweep 7_1, for the middle of the detector's trusted circle
    s = np.linalg.norm(lysozyme_6m(parallax=False).table.s, axis=0)
    assert 1.0 / s[[0, -1], :].min() > 1.212 > 1.0 / s.max()


def merged(sweeps: tuple[Simulation, ...], every: int) -> tuple[FloatArray, ...]:
    """Counts, exposure, background and truth of the voxels |3 h|, |3 k|, |3 l| of mmm."""
    shape = (60, 70, 80)
    sums = np.zeros((5, np.prod(shape)))
    for sweep in sweeps:
        for frame in range(0, sweep.experiment.frames, every):
            truth, image, on = sweep.truth_frame(frame), sweep.frame(frame), sweep.valid
            corner = [np.abs(np.rint(3 * x[on])).astype(int) for x in truth[-3:]]
            voxel = np.ravel_multi_index(tuple(corner), shape)
            parts = (image, truth.exposure, truth.background, truth.signal, truth.bragg)
            for total, part in zip(sums, parts, strict=True):
                total += np.bincount(voxel, part[on], total.size)
    return tuple(sums.reshape(5, *shape))


def test_merging_the_demo_finds_its_truth_again() -> None:
    sweeps = small_demo()
    counts, exposure, background, signal, bragg = merged(sweeps, every=8)
    hkl, intensity = truth_voxels(sweeps[0], subdivide=3, d_min=2.0)
    where = tuple(np.rint(3 * hkl).astype(int).T)
    seen = (exposure[where] > 0.0) & (bragg[where] < 1e-3 * signal[where])
    assert seen.mean() > 0.8
    true = intensity[seen]
    times = exposure[where][seen]
    observed = (counts - background)[where][seen] / times
    # noiseless mean over the pixels of a voxel against the mean over its volume
    mean = signal[where][seen] / times
    assert np.corrcoef(mean, true)[0, 1] > 0.99
    assert np.corrcoef(observed, true)[0, 1] > 0.9
    assert (observed * times).sum() == pytest.approx((mean * times).sum(), rel=0.01)
    variance = (signal + bragg + background)[where][seen] / times**2
    chi2 = ((observed - mean) ** 2 / variance).mean()
    assert chi2 == pytest.approx(1.0, abs=0.05)


def test_sweeps_of_the_demo_share_voxels_and_agree_on_their_intensity() -> None:
    first, second, _ = small_demo()
    one, other = merged((first,), every=6), merged((second,), every=6)
    both = (one[1] > 0.0) & (other[1] > 0.0) & (one[4] + other[4] == 0.0)
    assert both.sum() > 5000
    means = [sums[3][both] / sums[1][both] for sums in (one, other)]
    assert np.corrcoef(*means)[0, 1] > 0.99


def test_disturbed_demo_counts_what_its_factors_say() -> None:
    plain, disturbed = small_demo(frames=4), small_demo(frames=4, disturbed=True)
    for one, other in zip(plain, disturbed, strict=True):
        factors, experiment = other.factors, other.experiment
        frame, row, column = 3, 120, 400
        s = float(np.linalg.norm(other.table.s[:, row, column]))
        time = np.array([3.5 / 4])
        foot = other.table.s[:2] ** 2
        beam = np.unravel_index(np.argmin(foot.sum(axis=0)), one.valid.shape)
        x, y = (np.array([(at - b) / 250.0]) for at, b in ((column, beam[1]), (row, beam[0])))
        a = factors.a(x, y, np.array([3.5 * experiment.width]))[0]
        b = factors.b(time)[0] * factors.damping(np.array([s]), time)[0]
        c = factors.c(np.array([s]), time)[0]
        intensity = one.signal(frame)[row, column] / one.exposure[row, column]
        assert other.signal(frame)[row, column] / other.exposure[row, column] == pytest.approx(
            a * (b * intensity + c), rel=1e-3
        )
        spots = one.bragg(frame)
        at = np.unravel_index(np.argmax(spots), spots.shape)
        ratio = other.bragg(frame)[at] / spots[at]
        assert ratio == pytest.approx(b, rel=0.15)
        assert ratio != pytest.approx(1.0, rel=1e-3)
    assert len({sweep.factors for sweep in disturbed}) == 3
    assert all(f.dose == 0.0 for f in (sweep.factors for sweep in disturbed))
