"""The images of the corrections against plain geometry, and their file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipp as sc

from diffuse.imageless import job_of
from diffuse.tiny import experiment, write_tiny
from ewaldite.diffuse.config import read_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.correction_step import (
    assembled,
    bands_of,
    corrections_of,
    write_corrections,
)
from ewaldite.diffuse.sweep_input import SweepInput
from ewaldite.io.nexus import load, read_info
from ewaldite.simulate.pixel_table import pixel_table

UNITS = {
    "solid_angle": "mrad**2",
    "polarization": "one",
    "efficiency": "one",
    "attenuation": "one",
    "total": "mrad**2",
    "d3s": "1/angstrom**3",
    "s": "1/angstrom",
}


def correction_images(entry: SweepInput) -> sc.DataGroup[sc.Variable]:
    """All bands of a sweep, one after the other."""
    work = corrections_of(entry)
    return assembled(entry, ((band, work.rows(band)) for band in bands_of(entry)))


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    folder = tmp_path_factory.mktemp("corrections")
    context = Context(read_config(write_tiny(folder)), folder)
    context.work.mkdir(parents=True)
    return context


@pytest.fixture
def entry(tmp_path: Path) -> SweepInput:
    return job_of(tmp_path, experiment()).entry


def test_images_have_names_units_and_shape(context: Context) -> None:
    images = correction_images(context.entries[0])
    assert {name: image.unit for name, image in images.items()} == {
        name: sc.Unit(unit) for name, unit in UNITS.items()
    }
    for image in images.values():
        assert image.dims == ("slow", "fast")
        assert image.shape == (50, 60)
        assert image.dtype == sc.DType.float32
        assert np.isfinite(image.values).all()


def test_total_is_the_product(context: Context) -> None:
    images = correction_images(context.entries[0])
    factors = ("solid_angle", "polarization", "efficiency", "attenuation")
    product = np.prod([images[name].values for name in factors], axis=0, dtype=np.float64)
    np.testing.assert_allclose(images["total"].values, product, rtol=1e-6)
    for name in factors[1:]:
        assert 0 < images[name].values.min() < images[name].values.max() <= 1.0


def test_solid_angle_and_length_of_s_by_geometry(entry: SweepInput) -> None:
    """``A cos³ / D²`` and ``2 sin θ / λ`` of a flat detector across the beam."""
    made = experiment()
    x, y = (np.arange(n) + 1.0 - o for n, o in zip((60, 50), (30.2, 25.4), strict=True))
    r2 = x**2 + y[:, None] ** 2
    cosine = 40.0 / np.sqrt(40.0**2 + r2)
    images = correction_images(entry)
    solid = 1e6 * cosine**3 / 40.0**2
    np.testing.assert_allclose(images["solid_angle"].values, solid, rtol=2e-3)
    expected = 2 * np.sin(0.5 * np.arccos(cosine)) / made.wavelength
    np.testing.assert_allclose(images["s"].values, expected, rtol=1e-5, atol=1e-6)


def test_s_is_that_of_the_simulation(entry: SweepInput) -> None:
    s = np.linalg.norm(pixel_table(experiment()).s, axis=0)
    np.testing.assert_allclose(correction_images(entry)["s"].values, s, rtol=1e-5, atol=1e-6)


def test_swept_volume_grows_with_the_angle_of_a_frame(tmp_path: Path) -> None:
    """A frame of twice the angle sweeps twice the volume, and has the same solid angle."""
    narrow, wide = (
        correction_images(job_of(tmp_path / str(width), experiment(width=width)).entry)
        for width in (1.0, 2.0)
    )
    np.testing.assert_allclose(wide["d3s"].values, 2 * narrow["d3s"].values, rtol=1e-5)
    assert narrow["d3s"].values.min() >= 0
    np.testing.assert_array_equal(wide["solid_angle"].values, narrow["solid_angle"].values)


def test_what_no_panel_covers_has_no_correction(entry: SweepInput) -> None:
    (wedge, *_), sweep = entry.sweep.wedges, entry.sweep
    panel = replace(wedge.panels[0], shape=(20, 30), offset=(5, 10))
    cut = replace(entry, sweep=replace(sweep, wedges=(replace(wedge, panels=(panel,)),)))
    whole, part = correction_images(entry), correction_images(cut)
    for name, image in part.items():
        inside = np.zeros(image.shape, dtype=bool)
        inside[5:25, 10:40] = True
        np.testing.assert_array_equal(np.isfinite(image.values), inside)
        np.testing.assert_array_equal(image.values[inside], whole[name].values[:20, :30].flat)


def test_file_holds_the_images_of_each_sweep(context: Context) -> None:
    write_corrections(context)
    path = context.path("corrections.nxs")
    stored, expected = load(path), correction_images(context.entries[0])
    assert list(stored) == ["a"]
    assert sc.identical(stored["a"], expected, equal_nan=True)
    provenance = read_info(path).provenance
    assert "images of a" in provenance.inputs
    assert any("of a" in name for name in provenance.tables)
