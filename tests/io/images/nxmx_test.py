"""Metadata of NXmx and Eiger files."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from ewaldite.io.images import EigerHeader, open_images, write_eiger
from ewaldite.io.images.nxmx import read_metadata
from ewaldite.io.images.nxmx_angles import scan_angles
from ewaldite.io.images.pixel_mask import read_pixel_masks
from ewaldite.io.images.series import ImageMetadata, no_data_markers
from ewaldite.model.experiment import Sensor

FRAMES = np.arange(1, 6)


@pytest.fixture
def file(tmp_path: Path):
    with h5py.File(tmp_path / "a.nxs", "w") as made:
        made.create_group("entry/instrument/detector/detectorSpecific")
        made.create_group("entry/sample")
        yield made


def put(file: h5py.File, path: str, value: object, **attrs: object) -> None:
    file[f"entry/{path}"] = value
    file[f"entry/{path}"].attrs.update(attrs)


def metadata(file: h5py.File, dtype: str = "u4", frames: np.ndarray = FRAMES) -> ImageMetadata:
    return read_metadata(file["entry"], frames, np.dtype(dtype), 5)


def test_round_trip_of_the_written_header(tmp_path: Path) -> None:
    header = EigerHeader(
        omega=-20.0 + 0.5 * np.arange(3), omega_increment=0.5, wavelength=0.97625,
        count_time=0.0097, frame_time=0.01, distance=213.96, pixel_size=(0.075, 0.0751),
        beam_centre=(2216.25, 2300.5), sensor=Sensor("CdTe", 0.75), countrate_cutoff=133343,
        detector="Eiger 16M",
    )  # fmt: skip
    master = write_eiger(tmp_path, np.zeros((3, 4, 5), "u4"), header)
    series = open_images(master, tmp_path)
    meta = series.metadata
    series.close()
    np.testing.assert_allclose(meta.phi, [-19.75, -19.25, -18.75])
    np.testing.assert_allclose(meta.width, [0.5, 0.5, 0.5])
    # Photons are counted during count_time; frame_time is the clock's.
    np.testing.assert_array_equal(meta.exposure, np.full(3, 0.0097))
    np.testing.assert_array_equal(meta.period, np.full(3, 0.01))
    assert meta.wavelength == 0.97625
    assert meta.distance == pytest.approx(213.96, rel=1e-14)
    assert meta.pixel_size == pytest.approx((0.075, 0.0751), rel=1e-14)
    assert meta.beam_centre == (2216.25, 2300.5)
    assert meta.sensor is not None
    assert (meta.sensor.material, meta.sensor.thickness) == ("CdTe", pytest.approx(0.75))
    assert (meta.overload, meta.detector, meta.notes) == (133343, "Eiger 16M", ())


def test_a_real_file(shared_data: Path) -> None:
    # The numbers stored in Therm_6_2.nxs (Diamond I04), read one by one with h5py 3.16; the
    # distance is that of its transformation det_z.
    with h5py.File(shared_data / "images" / "Therm_6_2.nxs") as file:
        frames = np.arange(1, 489)
        meta = read_metadata(file["entry"], frames, np.dtype("i8"), 488)
        masks = read_pixel_masks(file["entry/instrument/detector"], (4362, 4148))
    np.testing.assert_allclose(meta.phi, 174.125 + 0.25 * np.arange(488), atol=1e-9)
    np.testing.assert_allclose(meta.width, np.full(488, 0.25), atol=1e-9)
    np.testing.assert_array_equal(meta.exposure, np.full(488, 0.008))
    assert meta.period is None
    assert meta.wavelength == pytest.approx(0.9802735610373182, rel=1e-15)
    assert meta.distance == pytest.approx(213.95896979, abs=1e-7)
    assert meta.pixel_size == pytest.approx((0.075, 0.075), rel=1e-12)
    assert meta.beam_centre == pytest.approx((2216.055470799965, 2300.410466894286))
    assert (meta.overload, meta.detector) == (65535, "Eiger 16M")
    assert meta.sensor is not None
    assert (meta.sensor.material, meta.sensor.thickness) == ("Si", pytest.approx(0.45))
    assert meta.transmission == pytest.approx(0.011186999999999947)
    assert masks == {}


def test_an_empty_file_says_nothing(file: h5py.File) -> None:
    said = {k for k, v in vars(metadata(file, "i4")).items() if v not in (None, ())}
    assert said == set()


@pytest.mark.parametrize("name", ["count_time", "detectorSpecific/count_time"])
def test_exposure_per_frame_and_in_other_units(file: h5py.File, name: str) -> None:
    put(file, f"instrument/detector/{name}", np.arange(1.0, 8.0), units="ms")
    np.testing.assert_allclose(metadata(file).exposure, 1e-3 * FRAMES)
    np.testing.assert_allclose(metadata(file, frames=np.array([2, 7])).exposure, [2e-3, 7e-3])


def test_frame_time_alone_is_no_exposure(file: h5py.File) -> None:
    put(file, "instrument/detector/frame_time", 0.1)
    assert metadata(file).exposure is None
    np.testing.assert_array_equal(metadata(file).period, np.full(5, 0.1))


def test_too_few_exposures_are_not_used(file: h5py.File) -> None:
    put(file, "instrument/detector/count_time", [0.1, 0.1])
    assert metadata(file).exposure is None
    assert "only 2 values" in metadata(file).notes[0]


@pytest.mark.parametrize(
    ("path", "value", "unit"),
    [
        ("instrument/beam/incident_wavelength", 0.12, "nm"),
        ("sample/beam/incident_wavelength", [1.2], "angstrom"),
        ("instrument/detector/photon_energy", 12398.419843320026 / 1.2, "eV"),
        ("instrument/beam/incident_energy", 12.398419843320026 / 1.2, "keV"),
    ],
)
def test_wavelength_from_several_places(
    file: h5py.File, path: str, value: object, unit: str
) -> None:
    put(file, path, value, units=unit)
    assert metadata(file).wavelength == pytest.approx(1.2, rel=1e-14)


def test_a_spectrum_is_said(file: h5py.File) -> None:
    put(file, "instrument/beam/incident_wavelength", [1.0, 1.1])
    assert "holds a spectrum" in metadata(file).notes[0]


@pytest.mark.parametrize(
    ("saturation", "cutoff", "depth", "dtype", "overload"),
    [
        (None, None, None, "u2", 65534),
        (None, None, 16, "u4", 65534),
        (None, None, None, "i4", None),
        (60000, None, None, "u2", 60000),
        (60000, 50000, None, "u4", 50000),
        (70000, None, None, "u2", 65534),
        (65535, None, None, "i8", 65535),
        (0, None, None, "i8", None),
    ],
)
def test_the_smallest_limit_counts(
    file: h5py.File, saturation: int | None, cutoff: int | None, depth: int | None,
    dtype: str, overload: int | None,
) -> None:  # fmt: skip
    items = {
        "saturation_value": saturation,
        "detectorSpecific/countrate_correction_count_cutoff": cutoff,
        "detectorSpecific/bit_depth_image": depth,
    }
    for name, value in items.items():
        if value is not None:
            put(file, f"instrument/detector/{name}", value)
    assert metadata(file, dtype).overload == overload


@pytest.mark.parametrize(
    ("dtype", "bits", "markers"),
    [
        ("u1", None, (254, 255)),
        ("u2", None, (65534, 65535)),
        ("u4", None, (2**32 - 2, 2**32 - 1)),
        ("u4", 16, (65534, 65535)),
        ("i4", None, ()),
        ("i4", 32, ()),
        ("i8", 32, (2**32 - 2, 2**32 - 1)),
    ],
)
def test_markers_by_bit_depth(dtype: str, bits: int | None, markers: tuple[int, ...]) -> None:
    assert no_data_markers(np.dtype(dtype), bits) == markers


@pytest.mark.parametrize(
    ("stokes", "fraction"),
    [([1, 1, 0, 0], 1.0), ([1, 0, 0, 0], 0.5), ([2, 1.96, 0, 0], 0.99), ([0, 0, 0, 0], None)],
)
@pytest.mark.parametrize("spelling", ["polarization", "polarisation"])
def test_polarization(
    file: h5py.File, stokes: list[float], fraction: float | None, spelling: str
) -> None:
    put(file, f"instrument/beam/incident_{spelling}_stokes", [stokes])
    expected = pytest.approx(fraction) if fraction is not None else None
    assert metadata(file).polarization_fraction == expected


def test_a_beam_centre_in_mm(file: h5py.File) -> None:
    for name, value in (("x", 7.5), ("y", 15.0)):
        put(file, f"instrument/detector/beam_center_{name}", value, units="mm")
        put(file, f"instrument/detector/{name}_pixel_size", 75.0, units="um")
    assert metadata(file).beam_centre == pytest.approx((100.0, 200.0))


class TestAngles:
    """Where the angles of the spindle come from."""

    def angles(self, file: h5py.File, frames: np.ndarray = FRAMES):
        return scan_angles(file["entry"], frames, 5)

    def chain(self, file: h5py.File) -> None:
        # phi (one value) depends on chi (one value), which depends on the scanned axis.
        place = "sample/transformations"
        rotation = {"transformation_type": "rotation", "units": "deg"}
        put(file, "sample/depends_on", f"/entry/{place}/phi")
        put(file, f"{place}/phi", [7.0], depends_on=f"/entry/{place}/shift", **rotation)
        put(file, f"{place}/shift", [1.0], depends_on="turn", transformation_type="translation")
        put(file, f"{place}/turn", 10.0 + 0.2 * np.arange(5), depends_on=".", **rotation)
        # A decoy that the sample does not hang on.
        put(file, f"{place}/omega", np.arange(5.0), units="deg")

    def test_the_scanned_axis_of_the_chain(self, file: h5py.File) -> None:
        self.chain(file)
        put(file, "sample/transformations/turn_increment_set", np.full(5, 0.15))
        phi, width, notes = self.angles(file)
        np.testing.assert_allclose(phi, 10.0 + 0.2 * np.arange(5) + 0.075)
        np.testing.assert_allclose(width, np.full(5, 0.15))
        assert notes == []

    def test_the_end_tells_the_width(self, file: h5py.File) -> None:
        self.chain(file)
        put(file, "sample/transformations/turn_end", 10.1 + 0.2 * np.arange(5))
        phi, width, _ = self.angles(file)
        np.testing.assert_allclose(width, np.full(5, 0.1))
        np.testing.assert_allclose(phi, 10.05 + 0.2 * np.arange(5))

    def test_a_width_that_must_be_guessed_is_said(self, file: h5py.File) -> None:
        self.chain(file)
        _, width, notes = self.angles(file)
        np.testing.assert_allclose(width, np.full(5, 0.2))
        assert "median step 0.2" in notes[0]

    def test_radians(self, file: h5py.File) -> None:
        put(file, "sample/goniometer/omega", np.arange(5) * 0.01, units="rad")
        put(file, "sample/goniometer/omega_range_average", 0.01, units="rad")
        phi, _, _ = self.angles(file)
        np.testing.assert_allclose(phi, np.degrees(0.01 * (np.arange(5) + 0.5)))

    def test_frames_in_the_middle(self, file: h5py.File) -> None:
        put(file, "sample/goniometer/omega", np.array([0, 1, 2, 50, 51.0]))
        put(file, "sample/goniometer/omega_increment", 1.0)
        phi, _, _ = self.angles(file, np.array([3, 4]))
        np.testing.assert_allclose(phi, [2.5, 50.5])

    def test_stills_at_one_angle(self, file: h5py.File) -> None:
        put(file, "sample/goniometer/omega", np.full(5, 30.0))
        phi, width, _ = self.angles(file)
        np.testing.assert_allclose(phi, np.full(5, 30.0))
        np.testing.assert_allclose(width, np.zeros(5))

    def test_start_and_increment(self, file: h5py.File) -> None:
        put(file, "sample/goniometer/omega_start", 5.0)
        put(file, "sample/goniometer/omega_increment", 0.5)
        phi, width, notes = self.angles(file)
        np.testing.assert_allclose(phi, 5.25 + 0.5 * np.arange(5))
        np.testing.assert_allclose(width, np.full(5, 0.5))
        assert "omega_start" in notes[0]

    def test_too_few_angles(self, file: h5py.File) -> None:
        put(file, "sample/goniometer/omega", np.arange(3.0))
        phi, width, notes = self.angles(file)
        assert phi is None
        assert width is None
        assert "3 angles for 5 frames" in notes[0]

    def test_a_chain_that_bites_its_tail(self, file: h5py.File) -> None:
        place = "sample/transformations"
        put(file, "sample/depends_on", f"/entry/{place}/phi")
        put(file, f"{place}/phi", [7.0], depends_on="phi", transformation_type="rotation")
        assert self.angles(file) == (None, None, [])
