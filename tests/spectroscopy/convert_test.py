"""From a raw file and options to a file of converted events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipp as sc

import ewaldite
from ewaldite.errors import UserError
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.io.nexus import iterate, read_info
from ewaldite.spectroscopy import event_input
from ewaldite.spectroscopy.convert import Conversion, convert_file, run_of
from ewaldite.spectroscopy.options import RunFileOptions, SpectroscopyOptions
from ewaldite.spectroscopy.resolve_primary import pulse_of
from spectroscopy.raw_files import LENGTH, Raw, write

# Out of file order, several in a pulse, some pulses without
EVENTS = {
    (5, 1): [(3201, 30_000_000, 9), (3202, 31_000_000, 9), (4150, 32_000_000, 40)],
    (4, 1): [(3101, 20_000_000, 5)],
    (4, 0): [(401, 10_000_000, 5), (500, 50_000_000, 7)],
}
ORDER = [401, 500, 3101, 3201, 3202, 4150]
PARKED: dict[str, Any] = {
    "primary": {"emission_time": "1.72 ms", "earliest_at_sample": "143 ms"},
    "sample": {"cell": [5, 5, 5, 90, 90, 90], "u": [1, 0, 0], "v": [0, 0, 1]},
}
COLUMNS = {
    "detector_number": "one",
    "time_at_sample": "s",
    "final_wavelength": "angstrom",
    "final_speed": "m/s",
    "final_energy": "meV",
    "incident_energy": "meV",
    "energy_transfer": "meV",
    "k_i": "1/angstrom",
    "k_f": "1/angstrom",
    "A4": "deg",
    "secondary_path": "m",
    "Q_lab": "1/angstrom",
    "Q_table": "1/angstrom",
    "hkl": "one",
    "N_b": "one",
    "monitor_weight": "counts/angstrom",
}


def convert(
    tmp_path: Path, raw: Raw, options: dict[str, Any] | None = None, **run: Any
) -> tuple[sc.DataArray, Conversion]:
    path = write(tmp_path / "raw.nxs", raw)
    return convert_written(path, PARKED if options is None else options, **run)


def convert_written(
    path: Path, options: dict[str, Any], **run: Any
) -> tuple[sc.DataArray, Conversion]:
    target = path.with_name("converted.nxs")
    done = convert_file(
        SpectroscopyOptions.model_validate(options),
        RunFileOptions(file=path.name, **run),
        target,
        base=path.parent,
        command="ewaldite spectroscopy convert raw.nxs",
    )
    return ewaldite.load(target), done


def test_writes_all_columns_in_file_order_with_units(tmp_path: Path) -> None:
    table, done = convert(tmp_path, Raw(EVENTS))
    assert table.dims == ("event",)
    assert table.coords["detector_number"].values.tolist() == ORDER
    for name, unit in COLUMNS.items():
        assert table.coords[name].unit == sc.Unit(unit), name
    assert done.counts.total == 6
    assert table.unit == sc.Unit("counts")
    np.testing.assert_array_equal(table.values, 1.0)
    np.testing.assert_array_equal(table.variances, 1.0)


def test_columns_agree_with_one_another(tmp_path: Path) -> None:
    raw = Raw(EVENTS, a3=((0.0, 0.0), (1.0, 10.0), (2.0, 20.0), (3.0, 30.0)))
    table, _ = convert(tmp_path, raw)
    value = {name: column.values for name, column in table.coords.items()}
    k2e = 2.0721248
    np.testing.assert_allclose(value["final_energy"], k2e * value["k_f"] ** 2, rtol=1e-6)
    np.testing.assert_allclose(value["incident_energy"], k2e * value["k_i"] ** 2, rtol=1e-6)
    np.testing.assert_allclose(
        value["energy_transfer"], value["incident_energy"] - value["final_energy"], atol=1e-9
    )
    np.testing.assert_allclose(value["final_wavelength"] * value["k_f"], 2 * np.pi)
    np.testing.assert_allclose(value["final_speed"], 629.6223 * value["k_f"], rtol=1e-6)
    np.testing.assert_allclose(
        value["k_i"], LENGTH / (value["time_at_sample"] - 1.72e-3) / 629.6223, rtol=1e-6
    )
    A4 = np.deg2rad(value["A4"])
    expected = np.stack(
        [
            -np.sin(A4) * value["k_f"],
            0 * A4,
            value["k_i"] - np.cos(A4) * value["k_f"],
        ],
        axis=-1,
    )
    np.testing.assert_allclose(value["Q_lab"], expected, atol=1e-9)
    for q_lab, q_table, hkl, a3 in zip(
        value["Q_lab"], value["Q_table"], value["hkl"], value["a3"], strict=True
    ):
        np.testing.assert_allclose(q_table, rotation_matrix((0, 1, 0), -a3) @ q_lab, atol=1e-12)
        np.testing.assert_allclose(hkl, q_table[[2, 1, 0]] * 5 / (2 * np.pi), atol=1e-12)
    assert len(np.unique(value["a3"])) == 6
    np.testing.assert_array_equal(value["a4"], 50.0)
    np.testing.assert_array_equal(value["N_b"], 1.0)


def test_monitor_weight_is_the_flux_when_the_neutron_passed(tmp_path: Path) -> None:
    counts = np.zeros((2, 500))
    counts[:] = 100.0 + np.arange(500.0)
    counts[1, :] *= 2
    table, _ = convert(tmp_path, Raw(EVENTS, monitor=counts))
    k_i = table.coords["k_i"].values
    passed = table.coords["time_at_sample"].values - 0.563 / (629.6223 * k_i)
    bins = np.floor(np.mod(passed, 1 / 14) * 14 * 500).astype(int)
    expected = 3 * (100.0 + bins) * k_i
    np.testing.assert_allclose(table.coords["monitor_weight"].values, expected, rtol=1e-6)
    assert not table.masks["monitor_empty"].values.any()


def test_empty_bins_of_the_monitor_are_masked(tmp_path: Path) -> None:
    counts = np.full((1, 500), 1e-3)
    counts[0, :150] = 5.0
    table, done = convert(tmp_path, Raw(EVENTS, monitor=counts))
    masked = table.masks["monitor_empty"].values
    assert 0 < masked.sum() < 6
    assert done.counts.counts["monitor_empty"] == masked.sum()


def test_provenance_tells_how_to_do_it_again(tmp_path: Path) -> None:
    _, done = convert(tmp_path, Raw(EVENTS))
    info = read_info(done.path)
    assert info.provenance.inputs["raw.nxs"].startswith("sha256:")
    assert 'emission_time = "1.72 ms"' in info.provenance.options
    assert info.provenance.command == "ewaldite spectroscopy convert raw.nxs"
    assert info.sample.cell == (5, 5, 5, 90, 90, 90)
    assert set(info.provenance.notes) == set(done.notes)


@pytest.mark.parametrize("chunked", [True, False])
def test_blocks_of_any_size_make_the_same_file(
    tmp_path: Path, chunked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = convert(tmp_path, Raw(EVENTS, chunked=chunked))
    monkeypatch.setattr(event_input, "BLOCK", 1)
    single, _ = convert_written(tmp_path / "raw.nxs", PARKED)
    assert sc.identical(whole, single)
    assert sum(b.size for b in iterate(tmp_path / "converted.nxs", rows=4)) == 6


def test_structures_of_files_make_no_difference(tmp_path: Path) -> None:
    a3 = ((0.0, 0.0), (1.0, 10.0), (2.0, 20.0), (3.0, 30.0))
    mcstas, _ = convert(tmp_path, Raw(EVENTS, a3=a3))
    ess, _ = convert(tmp_path, Raw(EVENTS, a3=a3, layout="ess"))
    assert sc.allclose(mcstas.coords["hkl"], ess.coords["hkl"])
    assert sc.identical(mcstas.coords["energy_transfer"], ess.coords["energy_transfer"])


def test_angles_can_be_given(tmp_path: Path) -> None:
    given, _ = convert(tmp_path, Raw(EVENTS), a3="0.5 rad", a4="-20 deg")
    np.testing.assert_allclose(given.coords["a3"].values, np.rad2deg(0.5))
    np.testing.assert_allclose(given.coords["a4"].values, -20.0)
    logged, _ = convert(tmp_path, Raw(EVENTS, a3=((0.0, 7.0),)), a3="parameters/a3")
    np.testing.assert_allclose(logged.coords["a3"].values, 7.0)


def test_without_a_cell_there_is_no_hkl(tmp_path: Path) -> None:
    table, done = convert(tmp_path, Raw(EVENTS), {"primary": PARKED["primary"]})
    assert "hkl" not in table.coords
    assert "no [sample] cell is given: there is no hkl" in done.notes


def test_two_reflections_or_a_matrix_are_as_good_as_u_and_v(tmp_path: Path) -> None:
    by_vectors, _ = convert(tmp_path, Raw(EVENTS))
    matrix = {"cell": [5, 5, 5, 90, 90, 90], "orientation": [[0, 0, 1], [0, -1, 0], [1, 0, 0]]}
    # By Busing and Levy a* is along x of the crystal, here to be along z of the table
    matrix["orientation"] = [[0, 0, 1], [0, -1, 0], [1, 0, 0]]
    by_matrix, _ = convert_written(tmp_path / "raw.nxs", {**PARKED, "sample": matrix})
    assert sc.allclose(by_vectors.coords["hkl"], by_matrix.coords["hkl"])
    found = {
        "cell": [5, 5, 5, 90, 90, 90],
        # Q of elastic scattering by A4 stands at 90° + A4/2 - 180° from the beam
        "reflection": [
            {"hkl": [1, 0, 0], "a3": 25.0 - 90.0, "A4": 50.0},
            {"hkl": [0, 0, 1], "a3": 25.0 - 180.0, "A4": 50.0},
        ],
    }
    by_reflections, _ = convert_written(tmp_path / "raw.nxs", {**PARKED, "sample": found})
    assert sc.allclose(by_vectors.coords["hkl"], by_reflections.coords["hkl"])


def test_calibration_moves_the_pixels(tmp_path: Path) -> None:
    nominal, _ = convert(tmp_path, Raw(EVENTS))
    calibration = {"tube": [{"arc": 1, "channel": 5, "tube": 1, "offset": "5 mm"}]}
    moved, _ = convert_written(tmp_path / "raw.nxs", {**PARKED, "calibration": calibration})
    change = moved.coords["A4"].values - nominal.coords["A4"].values
    expected = np.rad2deg(5e-3 / 2.378)
    np.testing.assert_allclose(change[:2], expected, rtol=0.01)
    np.testing.assert_allclose(change[2:], 0.0, atol=1e-12)


def test_masks_are_columns_with_counts(tmp_path: Path) -> None:
    mask = {
        "tube_ends": 2,
        "dead": [4150],
        "pixels": [3101],
        "window": [{"name": "prompt", "start": "0 ms", "stop": "15 ms"}],
        "times": [[0.45, 0.55]],
        "bragg": {"radius": 0.5, "energy": 100.0},
        "higher_orders": 0.02,
        "currat_axe": 0.1,
        "polygon": [
            {
                "name": "spot",
                "axes": ["h", "energy_transfer"],
                "vertices": [[-99, -99], [-99, 99], [99, 99], [99, -99]],
            }
        ],
    }
    table, done = convert(tmp_path, Raw(EVENTS), {**PARKED, "mask": mask})
    masks = {name: mask.values.astype(int).tolist() for name, mask in table.masks.items()}
    assert masks["tube_end"] == [1, 1, 1, 1, 1, 0]
    assert masks["dead_pixel"] == [0, 0, 0, 0, 0, 1]
    assert masks["user_pixel"] == [0, 0, 1, 0, 0, 0]
    assert masks["prompt"] == [1, 0, 0, 0, 0, 0]
    # The pulses of frames 9 left the source two or three pulses before
    assert masks["time_left_out"] == [0, 0, 0, 1, 1, 0]
    assert masks["spot"] == [1] * 6
    assert {"bragg", "currat_axe", "half_wavelength", "third_wavelength"} <= set(masks)
    assert done.counts.counts["tube_end"] == 5
    assert done.counts.rejected == 6


def test_masks_of_the_charge(tmp_path: Path) -> None:
    charge = [(n / 14, 10.0) for n in range(60)]
    charge[7] = (7 / 14, 0.0)
    table, done = convert(tmp_path, Raw(EVENTS, charge=charge))
    at_sample = table.coords["time_at_sample"].values
    assert np.all(at_sample > 0.143)
    # Frame 9 holds neutrons of pulse 7
    assert table.masks["no_protons"].values.tolist() == [0, 0, 0, 1, 1, 0]
    assert not any("proton" in note for note in done.notes)
    source, _ = convert_written(tmp_path / "raw.nxs", PARKED, frames="source")
    assert source.masks["no_protons"].values.tolist() == [0, 1, 0, 0, 0, 0]


def test_pixels_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("401\n3202\n")
    table, _ = convert(tmp_path, Raw(EVENTS), {**PARKED, "mask": {"file": "bad.txt"}})
    assert table.masks["user_pixel"].values.tolist() == [1, 0, 0, 0, 1, 0]
    (tmp_path / "bad.txt").write_text("401 x")
    with pytest.raises(UserError, match=r"read the pixels of .*bad\.txt"):
        convert(tmp_path, Raw(EVENTS), {**PARKED, "mask": {"file": "bad.txt"}})


def test_events_of_no_pixel(tmp_path: Path) -> None:
    events = {**EVENTS, (4, 1): [(3101, 20_000_000, 5), (99_999, 20_000_000, 6)]}
    with pytest.raises(UserError, match="event 2 is of detector number 99999, which no pixel"):
        convert(tmp_path, Raw(events))
    assert not (tmp_path / "converted.nxs").exists()
    table, done = convert_written(
        tmp_path / "raw.nxs", {**PARKED, "mask": {"unknown_pixels": True}}
    )
    assert done.counts.counts["unknown_pixel"] == 1
    row = int(np.flatnonzero(table.masks["unknown_pixel"].values)[0])
    assert np.isnan(table.coords["energy_transfer"].values[row])
    assert table.coords["detector_number"].values[row] == 0


def test_an_empty_monitor_and_a_missing_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="normalization_monitor has counted nothing"):
        convert(tmp_path, Raw(EVENTS, monitor=np.zeros((1, 10))))
    table, done = convert(tmp_path, Raw(EVENTS, monitor=None))
    assert "monitor_weight" not in table.coords
    assert any("no monitor" in note for note in done.notes)


def test_options_of_a_run_are_found_by_its_file(tmp_path: Path) -> None:
    options = SpectroscopyOptions.model_validate(
        {"run": [{"file": "a.nxs", "a4": "1 deg"}, {"file": "b.nxs", "a4": "2 deg"}]}
    )
    assert run_of(options, tmp_path / "x" / ".." / "b.nxs", tmp_path).a4 == "2 deg"
    other = run_of(options, tmp_path / "c.nxs", tmp_path)
    assert other.a4 is None
    assert tmp_path / other.file == tmp_path.resolve() / "c.nxs"


def test_a_truncated_file_leaves_no_result(tmp_path: Path) -> None:
    path = write(tmp_path / "raw.nxs", Raw(EVENTS))
    path.write_bytes(path.read_bytes()[:-5000])
    (tmp_path / "converted.nxs").write_text("older")
    with pytest.raises(UserError, match="truncated or damaged"):
        convert_written(path, PARKED)
    assert (tmp_path / "converted.nxs").read_text() == "older"


def test_the_pulse_follows_from_its_parts_or_its_mean() -> None:
    parts = pulse_of(SpectroscopyOptions().primary)
    np.testing.assert_allclose(parts.mean, 0.29e-3 + 1.43e-3)
    options = SpectroscopyOptions.model_validate(
        {"primary": {"emission_time": "2 ms", "source_offset": "30 us"}}
    )
    np.testing.assert_allclose(pulse_of(options.primary).mean, 2.03e-3)
    assert pulse_of(options.primary).width == parts.width


def test_a_file_is_hdf5_that_others_read(tmp_path: Path) -> None:
    _, done = convert(tmp_path, Raw(EVENTS))
    with h5py.File(done.path) as file:
        node = file["entry/table"]
        assert node.attrs["NX_class"] == "NXdata"
        assert node["hkl"].shape == (6, 3)
        assert node["energy_transfer"].attrs["units"] == "meV"
