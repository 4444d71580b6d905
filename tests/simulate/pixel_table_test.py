"""Pixels against mdx-lib, and against formulas in another form."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ewaldite.simulate.detector import Detector, Sensor
from ewaldite.simulate.experiment import RotationExperiment
from ewaldite.simulate.pixel_table import pixel_table
from ewaldite.simulate.presets import lysozyme_6m, small_demo

ORACLE = json.loads(
    (Path(__file__).parents[1] / "oracles" / "simulate_pixels.json").read_text()
)


def at_pixel(
    experiment: RotationExperiment, pixel: list[int], shift: list[float]
) -> RotationExperiment:
    """The experiment with a detector of this one pixel (1-based), displaced by a shift."""
    origin = tuple(
        org - (p - 1) - d
        for org, p, d in zip(experiment.detector.origin, pixel, shift, strict=True)
    )
    small = replace(
        experiment.detector, shape=(1, 1), origin=(origin[0], origin[1]), modules=None, dead=()
    )
    return replace(experiment, detector=small)


def lysozyme(**changes: Any) -> RotationExperiment:
    return replace(lysozyme_6m(parallax=False).experiment, **changes)


def test_scattering_vectors_hkl_and_corrections_are_those_of_mdx_lib() -> None:
    for i, pixel in enumerate(ORACLE["pixels_ix_iy"]):
        one = at_pixel(lysozyme(), pixel, ORACLE["shift_px"][i])
        table = pixel_table(one)
        s = table.s[:, 0, 0]
        np.testing.assert_allclose(s, ORACLE["s"][i], rtol=0, atol=1e-12)
        # mdx-lib leaves the polarization normal 0.3° off the right angle to the beam: 3e-5
        polarization = (
            pixel_table(one).share / pixel_table(replace(one, polarization=0.5)).share
        )
        cosine = 1.0 - 0.5 * (s @ s) / (one.s0 @ one.s0)
        polarization *= 0.5 * (1.0 + cosine**2)
        assert polarization[0, 0] == pytest.approx(ORACLE["polarization"][i], rel=3e-5)
        rest = [ORACLE[name][i] for name in ("solidAngle", "efficiency", "attenuation")]
        counted = table.share[0, 0] / polarization[0, 0]
        assert counted == pytest.approx(np.prod(rest), rel=1e-9)
        for frame, hkl in zip(ORACLE["frames"], ORACLE["hkl"], strict=True):
            axes = one.turned_axes(one.phi(frame - one.first_frame))
            np.testing.assert_allclose(s @ axes, hkl[i], rtol=0, atol=1e-9)


def test_parallax_is_that_of_mdx_lib() -> None:
    # mdx-lib took it from the geometry of XDS.INP
    given = replace(
        lysozyme_6m().experiment.detector,
        distance=229.87,
        origin=(1266.0, 1244.0),
        parallax=True,
    )
    experiment = lysozyme(detector=given)
    for pixel, shift in zip(ORACLE["pixels_ix_iy"], ORACLE["parallax_px"], strict=True):
        one = at_pixel(experiment, pixel, [0.0, 0.0])
        ray = pixel_table(one).s[:, 0, 0] + one.s0
        entered = ray[:2] / ray[2] * given.distance / given.pixel
        foot = np.array(pixel) - given.origin
        np.testing.assert_allclose(entered - foot, shift, rtol=0, atol=1e-9)


def test_every_scattered_ray_has_the_length_of_the_beam() -> None:
    for sweep in small_demo():
        s1 = sweep.table.s + sweep.experiment.s0[:, None, None]
        np.testing.assert_allclose(np.linalg.norm(s1, axis=0), 1.0, atol=1e-14)


def test_offset_by_a_pixel_is_the_next_pixel() -> None:
    experiment = small_demo()[2].experiment
    here = pixel_table(experiment)
    right, below = pixel_table(experiment, (1.0, 0.0)), pixel_table(experiment, (0.0, 1.0))
    np.testing.assert_allclose(right.s[:, :, :-1], here.s[:, :, 1:], atol=1e-13)
    np.testing.assert_allclose(below.s[:, :-1], here.s[:, 1:], atol=1e-13)
    np.testing.assert_allclose(right.share[:, :-1], here.share[:, 1:], rtol=1e-12)


def test_pixels_of_a_half_sphere_cover_its_solid_angle() -> None:
    # a square of half width F around the beam is a face of a cube: 4π/6 sr
    detector = Detector((400, 400), 0.5, 100.0, (200.5, 200.5))
    share = pixel_table(lysozyme(detector=detector, polarization=0.5)).share
    s0 = lysozyme().s0
    s = pixel_table(lysozyme(detector=detector)).s
    cosine = 1.0 - 0.5 * (s**2).sum(axis=0) / (s0 @ s0)
    solid = share / (0.5 * (1.0 + cosine**2))
    assert solid.sum() / 1e6 == pytest.approx(4.0 * np.pi / 6.0, rel=1e-5)


def test_polarization_of_a_plane_polarized_beam_follows_the_field() -> None:
    # electric field along x: nothing is scattered along x, all along y
    detector = Detector((2001, 1), 0.5, 1.0, (1001.0, 1.0))
    along_x = pixel_table(lysozyme(detector=detector, polarization=1.0, beam=(0.0, 0.0, 1.0)))
    plain = pixel_table(lysozyme(detector=detector, polarization=0.0, beam=(0.0, 0.0, 1.0)))
    cosine = 1.0 / np.sqrt(1.0 + (0.5 * (np.arange(2001) - 1000.0)) ** 2)
    np.testing.assert_allclose(along_x.share / plain.share, cosine[None, :] ** 2, rtol=1e-6)


def test_a_thick_sensor_stops_everything_and_a_thin_one_little() -> None:
    bare = Detector((3, 3), 0.1, 100.0, (2.0, 2.0))
    share = {
        mu: pixel_table(lysozyme(detector=replace(bare, sensor=Sensor(1.0, mu)))).share
        for mu in (1e-3, 1e3)
    }
    none = pixel_table(lysozyme(detector=bare)).share
    np.testing.assert_allclose(share[1e3], none, rtol=1e-12)
    np.testing.assert_allclose(share[1e-3] / none, 1e-3, rtol=1e-3)


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(*[st.floats(-0.4, 0.4)] * 3),
    st.tuples(*[st.floats(-20.0, 40.0)] * 2),
    st.tuples(*[st.floats(-0.2, 0.2)] * 2),
    st.floats(0.6, 2.0),
)
def test_the_ray_of_a_pixel_goes_back_to_it(
    tilt: tuple[float, float, float],
    origin: tuple[float, float],
    beam: tuple[float, float],
    wavelength: float,
) -> None:
    turn = Rotation.from_rotvec(tilt).as_matrix()
    detector = Detector(
        (17, 11),
        0.5,
        60.0,
        origin,
        x_axis=tuple(turn[:, 0].tolist()),
        y_axis=tuple(turn[:, 1].tolist()),
    )
    experiment = lysozyme(detector=detector, beam=(*beam, 1.0), wavelength=wavelength)
    s1 = pixel_table(experiment).s + experiment.s0[:, None, None]
    # the plane is {x : x·Z = F}
    local = np.einsum("xi,xsf->isf", turn, s1)
    hit = local[:2] / local[2] * detector.distance / detector.pixel
    slow, fast = np.indices((11, 17))
    np.testing.assert_allclose(hit[0] + origin[0], fast + 1, rtol=0, atol=1e-9)
    np.testing.assert_allclose(hit[1] + origin[1], slow + 1, rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.0, 1.0), st.tuples(*[st.floats(-1.0, 1.0)] * 2))
def test_polarization_is_the_mean_of_two_plane_polarized_beams(
    fraction: float, normal: tuple[float, float]
) -> None:
    if np.hypot(*normal) < 0.1:
        return
    detector = Detector((9, 7), 4.0, 30.0, (4.0, 3.0))
    shares = [
        pixel_table(
            lysozyme(detector=detector, polarization=p, polarization_normal=(*normal, 0.0))
        ).share
        for p in (fraction, 1.0, 0.0)
    ]
    np.testing.assert_allclose(
        shares[0], fraction * shares[1] + (1.0 - fraction) * shares[2], rtol=1e-12
    )
    # a quarter turn of the normal swaps the two
    swapped = lysozyme(
        detector=detector,
        polarization=1.0 - fraction,
        beam=(0.0, 0.0, 1.0),
        polarization_normal=(-normal[1], normal[0], 0.0),
    )
    straight = replace(
        swapped, polarization=fraction, polarization_normal=(normal[0], normal[1], 0.0)
    )
    np.testing.assert_allclose(
        pixel_table(swapped).share, pixel_table(straight).share, rtol=1e-12
    )


def test_air_attenuates_with_the_length_of_the_way() -> None:
    detector = Detector((5, 5), 20.0, 100.0, (1.0, 1.0))
    clear = pixel_table(lysozyme(detector=detector)).share
    hazy = pixel_table(lysozyme(detector=replace(detector, air=0.003))).share
    slow, fast = np.indices((5, 5))
    way = np.sqrt(100.0**2 + (20.0 * slow) ** 2 + (20.0 * fast) ** 2)
    np.testing.assert_allclose(hazy / clear, np.exp(-0.003 * way), rtol=1e-12)
