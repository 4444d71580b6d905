from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.io.geometry import read_geometry
from ewaldite.io.geometry.nxmx import read_nxmx
from ewaldite.io.images import EigerHeader, write_eiger

# from DIALS' frame to the one of McStas: both have y up, x and z are opposite
MCSTAS = np.diag([-1.0, 1.0, -1.0])


def axis(group: h5py.Group, name: str, value: Any, vector: Any, **attrs: Any) -> None:
    dataset = group.create_dataset(name, data=value)
    dataset.attrs["vector"] = np.asarray(vector, dtype=float)
    dataset.attrs.update(attrs)


def nxmx(path: Path, world: Any, tools: Any, stokes: Any = None) -> Path:
    """The instrument of a DIALS world as NXmx, beam exactly along z and spindle behind chi."""
    world.to_source = np.array([0.0, 0.0, 1.0])
    world.setting = tools.turn(np.array([0.1, 0.7, 0.4]), 20.0)
    with h5py.File(path, "w") as f:
        entry = f.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        for name, kind in (
            ("instrument", "NXinstrument"),
            ("instrument/beam", "NXbeam"),
            ("instrument/detector", "NXdetector"),
            ("instrument/detector/module", "NXdetector_module"),
            ("instrument/detector/transformations", "NXtransformations"),
            ("sample", "NXsample"),
            ("sample/transformations", "NXtransformations"),
            ("data", "NXdata"),
        ):
            entry.create_group(name).attrs["NX_class"] = kind
        entry["data"].create_dataset("data", shape=(60, 2500, 2400), dtype="u2")
        beam = entry["instrument/beam"]
        beam["incident_wavelength"] = world.wavelength / 10.0
        beam["incident_wavelength"].attrs["units"] = "nm"
        if stokes is not None:
            beam["incident_polarisation_stokes"] = stokes
        detector = entry["instrument/detector"]
        detector["count_time"] = 0.09
        detector["frame_time"] = 0.1
        detector["saturation_value"] = 1000
        detector["sensor_thickness"] = 4.5e-4
        detector["sensor_thickness"].attrs["units"] = "m"
        detector["sensor_material"] = "Silicon"
        _module(entry, world)
        n = world.count
        start = world.start + world.width * np.arange(n)
        moves = entry["sample/transformations"]
        base = {"transformation_type": "rotation", "units": "deg"}
        outer, inner = np.array([0.1, 0.7, 0.4]), np.array([1.0, 0.2, -0.4])
        axis(moves, "arm", [20.0], MCSTAS @ outer, depends_on=".", **base)
        axis(moves, "omega", start, MCSTAS @ world.axis, depends_on="arm", **base)
        moves["omega_end"] = start + world.width
        axis(
            moves,
            "phi",
            [np.deg2rad(33.0)],
            MCSTAS @ inner,
            depends_on="/entry/sample/transformations/omega",
            transformation_type="rotation",
            units="rad",
        )
        entry["sample/depends_on"] = "/entry/sample/transformations/phi"
    return path


def _module(entry: h5py.Group, world: Any) -> None:
    """Module on a rotated and a moved stage, which together give the world's panel."""
    module = entry["instrument/detector/module"]
    stage = entry["instrument/detector/transformations"]
    swing = np.array([0.0, 1.0, 0.0])
    back = np.array([[np.cos(0.2), 0, -np.sin(0.2)], [0, 1, 0], [np.sin(0.2), 0, np.cos(0.2)]])
    far = np.array([0.0, 0.0, 150.0])
    axis(
        stage,
        "two_theta",
        [0.2],
        swing,
        depends_on=".",
        transformation_type="rotation",
        units="rad",
    )
    axis(
        stage,
        "z",
        [15.0],
        [0.0, 0.0, 1.0],
        depends_on="two_theta",
        transformation_type="translation",
        units="cm",
    )
    origin = back @ MCSTAS @ world.origin - far
    axis(
        module,
        "module_offset",
        0.0,
        [1.0, 0.0, 0.0],
        offset=origin / 1e3,
        offset_units="m",
        depends_on="../transformations/z",
        transformation_type="translation",
        units="m",
    )
    module["module_offset"].attrs["depends_on"] = "/entry/instrument/detector/transformations/z"
    for name, vector in (("fast", world.fast), ("slow", world.slow)):
        axis(
            module,
            f"{name}_pixel_direction",
            1.72e-4,
            back @ MCSTAS @ vector,
            depends_on="module_offset",
            transformation_type="translation",
            units="m",
        )
    module["data_origin"] = [0, 0]
    module["data_size"] = [2500, 2400]


@pytest.fixture
def make(tmp_path: Path, dials_world: Any, tools: Any) -> Callable[..., Path]:
    return lambda **more: nxmx(tmp_path / "a.nxs", dials_world, tools, **more)


def shifted(world: Any) -> dict[str, Any]:
    """The world's crystal in a DIALS file, with frames that count from 1."""
    content = world.content()
    content["scan"][0]["image_range"] = [1, world.count]
    return content


def test_reflections_fall_on_the_same_pixels_as_in_dials(
    make: Any, dials_world: Any, tools: Any
) -> None:
    path = make()
    sweep = read_geometry([path, tools.write("a.expt", shifted(dials_world))])
    for hkl, phi, pixel in dials_world.reflections():
        np.testing.assert_allclose(tools.model_pixel(sweep, hkl, phi), [pixel], atol=1e-6)
    assert sweep.source == "nxmx"
    assert sweep.space_group == " P 1"
    np.testing.assert_allclose(sweep.scan.exposure, 0.09)
    assert sweep.trusted_range == (0, 1000)


def test_frame_of_mcstas_is_turned_about_the_beam(make: Any, dials_world: Any) -> None:
    instrument = read_nxmx(make())
    ours = np.diag([1.0, -1.0, -1.0])  # from DIALS' frame, in which the world is told
    np.testing.assert_allclose(instrument.beam.direction, [0, 0, 1])
    panel = instrument.panels[0]
    np.testing.assert_allclose(panel.origin, ours @ dials_world.origin, atol=1e-9)
    np.testing.assert_allclose(panel.fast, ours @ dials_world.fast, atol=1e-12)
    np.testing.assert_allclose(panel.slow, ours @ dials_world.slow, atol=1e-12)
    spindle = ours @ dials_world.setting @ dials_world.axis
    np.testing.assert_allclose(instrument.axis, spindle / np.linalg.norm(spindle), atol=1e-12)


def test_crystal_of_another_laboratory_and_zero_of_the_spindle(
    make: Any, dials_world: Any, tools: Any
) -> None:
    """XDS in a frame of its own, its spindle starting at 0 where the beamline's is at 10."""
    path = make()
    w = dials_world
    lab = tools.turn(np.array([0.3, -1.0, 2.0]), 77.0) @ np.diag([1.0, -1.0, -1.0])
    axes = lab @ w.rotate(w.start) @ w.real
    spindle = lab @ w.setting @ w.axis
    s0 = lab @ w.s0

    def row(values: Any) -> str:
        return " ".join(f"{x:.15g}" for x in values)

    cell = np.zeros(6)
    cell[:3] = np.linalg.norm(axes, axis=0)
    for i, (j, k) in enumerate(((1, 2), (0, 2), (0, 1))):
        cell[3 + i] = np.rad2deg(np.arccos(axes[:, j] @ axes[:, k] / cell[j] / cell[k]))
    xparm = (
        f" XPARM.XDS    VERSION x\n1 0.0 {w.width} {row(spindle)}\n{w.wavelength} {row(s0)}\n"
        f"1 {row(cell)}\n{row(axes[:, 0])}\n{row(axes[:, 1])}\n{row(axes[:, 2])}\n"
        "1 2400 2500 0.172 0.172\n1200 1250 180\n1 0 0\n0 1 0\n0 0 1\n"
        "1 1 2400 1 2500\n0 0 0 1 0 0 0 1 0\n"
    )
    sweep = read_geometry([tools.write("XPARM.XDS", xparm), path])
    for hkl, phi, pixel in w.reflections():
        np.testing.assert_allclose(tools.model_pixel(sweep, hkl, phi), [pixel], atol=1e-6)
    assert sweep.wedges[0].panels[0].parallax == "xds"
    # the same crystal told with the spindle the other way round
    other = xparm.replace(row(spindle), row(-spindle)).replace(
        f"1 0.0 {w.width}", f"1 0.0 {-w.width}"
    )
    again = read_geometry([path, tools.write("b/XPARM.XDS", other)])
    np.testing.assert_allclose(again.wedges[0].axes, sweep.wedges[0].axes, atol=1e-9)


def test_contradicting_files_are_refused(make: Any, dials_world: Any, tools: Any) -> None:
    path = make()
    content = shifted(dials_world)
    content["beam"][0]["wavelength"] = 1.0
    with pytest.raises(UserError, match=r"its wavelength is 0\.9 Å"):
        read_geometry([path, tools.write("a.expt", content)])
    content = shifted(dials_world)
    content["scan"][0]["oscillation"] = [10.0, 0.25]
    with pytest.raises(UserError, match=r"turns the crystal by 0\.5°"):
        read_geometry([path, tools.write("a.expt", content)])
    content = shifted(dials_world)
    content["goniometer"][0]["rotation_axis"] = [0.2, 1.0, 0.3]
    with pytest.raises(UserError, match="beam and spindle make"):
        read_geometry([path, tools.write("a.expt", content)])
    content = shifted(dials_world)
    content["scan"][0]["image_range"] = [101, 160]
    with pytest.raises(UserError, match="have no crystal"):
        read_geometry([path, tools.write("a.expt", content)])


def test_frames_without_crystal_are_left_out(make: Any, dials_world: Any, tools: Any) -> None:
    path = make()
    content = shifted(dials_world)
    content["scan"][0].update(image_range=[1, 50])
    sweep = read_geometry([path, tools.write("a.expt", content)])
    assert sweep.scan.frames.tolist() == list(range(1, 51))
    assert any("10 frames have no crystal" in note for note in sweep.notes)
    some = read_geometry([path, tools.write("a.expt", content)], frames=[4, 5, 6])
    np.testing.assert_array_equal(some.wedges[0].axes, sweep.wedges[0].axes[3:6])


def test_crystal_is_needed_and_one_only(make: Any, dials_world: Any, tools: Any) -> None:
    path = make()
    with pytest.raises(UserError, match="there is no crystal"):
        read_geometry(path)
    expt = tools.write("a.expt", shifted(dials_world))
    with pytest.raises(UserError, match="2 with a crystal are given"):
        read_geometry([path, expt, expt])


@pytest.mark.parametrize(
    ("stokes", "fraction", "normal"),
    [
        ([2.0, 1.96, 0.0, 0.0], 0.99, [0.0, 1.0, 0.0]),
        ([[1.0, -0.8, 0.0, 0.0]], 0.9, [1.0, 0.0, 0.0]),
        ([1.0, 0.0, 1.0, 0.0], 1.0, [1.0, -1.0, 0.0]),
        ([1.0, 0.0, 0.0, 0.0], 0.5, [0.0, 1.0, 0.0]),
    ],
)
def test_stokes_parameters(
    make: Any, stokes: Any, fraction: float, normal: list[float]
) -> None:
    beam = read_nxmx(make(stokes=stokes)).beam
    np.testing.assert_allclose(beam.polarization_fraction, fraction)
    unit = np.array(normal) / np.linalg.norm(normal)
    # a normal has no sign; x and y of McStas are both opposite to ours
    np.testing.assert_allclose(abs(beam.polarization_normal @ unit), 1.0)


@pytest.mark.parametrize("stokes", [[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0]])
def test_impossible_stokes_parameters_are_noted(make: Any, stokes: Any) -> None:
    instrument = read_nxmx(make(stokes=stokes))
    assert instrument.beam.polarization_fraction is None
    assert any("Stokes" in note for note in instrument.notes)


def change(path: Path, what: Callable[[h5py.Group], None]) -> Path:
    with h5py.File(path, "r+") as f:
        what(f["entry"])
    return path


def replace_data(group: h5py.Group, name: str, value: Any) -> None:
    del group[name]
    group[name] = value


def test_modules_are_panels_of_one_image(make: Any) -> None:
    def two(entry: h5py.Group) -> None:
        detector = entry["instrument/detector"]
        detector.copy("module", "module_2")
        replace_data(detector["module"], "data_size", [2500, 1200])
        replace_data(detector["module_2"], "data_size", [2500, 1200])
        replace_data(detector["module_2"], "data_origin", [0, 1200])

    instrument = read_nxmx(change(make(), two))
    assert [p.offset for p in instrument.panels] == [(0, 0), (0, 1200)]
    assert [p.name for p in instrument.panels] == ["module", "module_2"]


def test_size_in_the_order_fast_slow_is_recognised(make: Any) -> None:
    path = change(
        make(),
        lambda e: replace_data(e["instrument/detector/module"], "data_size", [2400, 2500]),
    )
    instrument = read_nxmx(path)
    assert instrument.panels[0].shape == (2500, 2400)
    assert any("(fast, slow)" in note for note in instrument.notes)


def test_widths_without_end_angles(make: Any) -> None:
    def bare(entry: h5py.Group) -> None:
        del entry["sample/transformations/omega_end"]

    path = change(make(), bare)
    np.testing.assert_allclose(read_nxmx(path).scan.width, 0.5)
    np.testing.assert_allclose(read_nxmx(path).scan.phi[:2], [10.25, 10.75])
    moves = "sample/transformations"
    change(path, lambda e: e[moves].create_dataset("omega_increment_set", data=[0.4] * 60))
    np.testing.assert_allclose(read_nxmx(path).scan.width, 0.4)


def test_energy_stands_for_the_wavelength(make: Any) -> None:
    def energy(entry: h5py.Group) -> None:
        beam = entry["instrument/beam"]
        del beam["incident_wavelength"]
        beam["incident_energy"] = 12.398419843320026
        beam["incident_energy"].attrs["units"] = "keV"

    np.testing.assert_allclose(read_nxmx(change(make(), energy)).beam.wavelength, 1.0)


def test_no_exposure_time_is_noted(make: Any) -> None:
    def bare(entry: h5py.Group) -> None:
        del entry["instrument/detector/count_time"]

    instrument = read_nxmx(change(make(), bare))
    assert instrument.scan.exposure is None
    assert any("count_time; its frame_time is the period" in n for n in instrument.notes)


def test_stills_at_one_angle_and_aborted_scans_follow_the_images(make: Any) -> None:
    def rest(entry: h5py.Group) -> None:
        moves = entry["sample/transformations"]
        attributes = dict(moves["omega"].attrs)
        del moves["omega_end"]
        replace_data(moves, "omega", [12.0])
        moves["omega"].attrs.update(attributes)

    instrument = read_nxmx(change(make(), rest))
    np.testing.assert_array_equal(instrument.scan.phi, np.full(60, 12.0))
    np.testing.assert_array_equal(instrument.scan.width, np.zeros(60))

    def abort(entry: h5py.Group) -> None:
        del entry["data/data"]
        entry["data"].create_dataset("data", shape=(20, 2500, 2400), dtype="u2")

    instrument = read_nxmx(change(make(), abort))
    np.testing.assert_allclose(instrument.scan.phi, 10.25 + 0.5 * np.arange(20))
    assert any("60 angles for 20 images" in note for note in instrument.notes)


@pytest.mark.parametrize("virtual", [False, True])
def test_images_of_an_eiger_series_are_those_of_all_its_files(
    tmp_path: Path, virtual: bool
) -> None:
    frames = np.zeros((9, 5, 7), dtype=np.uint32)
    header = EigerHeader(omega=10.0 + 0.1 * np.arange(9), omega_increment=0.1)
    master = write_eiger(tmp_path, frames, header, images_per_file=4, virtual=virtual)
    scan = read_nxmx(master).scan
    np.testing.assert_allclose(scan.phi, 10.05 + 0.1 * np.arange(9))
    # the angles tell how many there were where a file is not there
    (tmp_path / "series_data_000003.h5").unlink()
    assert len(read_nxmx(master).scan) == 9


BROKEN: list[tuple[Callable[[h5py.Group], None], str]] = [
    (lambda e: e["instrument/beam"].pop("incident_wavelength"), "holds no wavelength"),
    (lambda e: replace_data(e["instrument/beam"], "incident_wavelength", -1.0), "of -1.0 Å"),
    (lambda e: e["instrument"].pop("beam"), "no NXbeam"),
    (lambda e: e.pop("instrument"), "holds no NXinstrument"),
    (lambda e: e["instrument/detector"].pop("module"), "no NXdetector_module"),
    (lambda e: e["instrument/detector/module"].pop("data_size"), "no data_size"),
    (
        lambda e: e["instrument/detector/module"].pop("slow_pixel_direction"),
        "slow_pixel_direction' is missing",
    ),
    (
        lambda e: e["instrument/detector/transformations"].pop("z"),
        "transformations/z' is missing",
    ),
    (
        lambda e: replace_data(e["instrument/detector/module"], "data_size", [9000, 10]),
        "do not fit into the image of 2500 × 2400",
    ),
    (
        lambda e: e["sample/transformations/arm"].attrs.modify("depends_on", "omega"),
        "goes round in a circle",
    ),
    (
        lambda e: e["sample/transformations/omega"].attrs.modify("units", "turns"),
        "has the unit 'turns'",
    ),
]


@pytest.mark.parametrize(("what", "message"), BROKEN)
def test_broken_files_are_refused(make: Any, what: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_nxmx(change(make(), what))


def test_truncated_file_is_refused(make: Any, tmp_path: Path) -> None:
    short = tmp_path / "short.nxs"
    short.write_bytes(make().read_bytes()[:3000])
    with pytest.raises(UserError, match="HDF5 cannot open it"):
        read_nxmx(short)


def test_real_eiger_of_diamond(shared_data: Path) -> None:
    instrument = read_nxmx(shared_data / "images" / "Therm_6_2.nxs")
    panel = instrument.panels[0]
    assert instrument.image_shape == panel.shape == (4362, 4148)
    # the beam of the file meets the panel at beam_center_x, y, counted from the outer corner
    direct = instrument.beam.direction
    hit = direct * (panel.origin @ panel.normal) / (direct @ panel.normal) - panel.origin
    np.testing.assert_allclose(hit @ panel.fast / 0.075, 2216.055470799965, atol=1e-6)
    np.testing.assert_allclose(hit @ panel.slow / 0.075, 2300.410466894286, atol=1e-6)
    np.testing.assert_allclose(panel.distance, 213.95896979)
    np.testing.assert_allclose(panel.fast, [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(panel.slow, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(instrument.axis, [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(instrument.scan.phi[:2], [174.125, 174.375])
    assert len(instrument.scan) == 488
    np.testing.assert_allclose(instrument.scan.exposure, 0.008)
    assert panel.sensor is not None
    assert (panel.sensor.material, panel.sensor.thickness) == ("Si", 0.45)
    assert instrument.trusted_range == (0, 65535)
