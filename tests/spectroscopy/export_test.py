"""Spectra of single pixels, and the files of other programs that hold them."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest

from ewaldite.cli.app import main
from ewaldite.errors import UserError
from ewaldite.spectroscopy import spectra
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.export_input import absolute_scale, open_export
from ewaldite.spectroscopy.export_nxspe import export_nxspe
from ewaldite.spectroscopy.export_options import ExportOptions
from ewaldite.spectroscopy.export_sqw import export_sqw
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.workflow import reduce_cuts
from spectroscopy.simulated_files import (
    FLAT,
    PARKED,
    VANADIUM,
    configuration,
    flat_run,
    part,
    vanadium_run,
    write,
)
from spectroscopy.sqw_reader import Sqw, read

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUN = '[[run]]\nfile = "sample.nxs"'
EXPORT = "[export]\nenergy = [-2, 2]\nenergy_step = 0.25"
HBAR2 = 2.0721248  # meV Å², ħ²/2m
AXES = "u = [1, 0, 0]\nv = [0, 0, 1]"
TILTED = (
    ("cell = [5, 5, 5, 90, 90, 90]", "cell = [5, 6, 7, 80, 95, 105]\noffset = 3.5"),
    (AXES, "u = [1, 1, 0]\nv = [0, 0.2, 1]"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("raw")
    few = part().select(part().channel == 4)
    write(path / "sample.nxs", flat_run(instrument=few, pulses=700), monitor="settings")
    vanadium = replace(vanadium_run(), instrument=few)
    write(path / "vanadium.nxs", vanadium, 3, monitor="total")
    return path


def configured(
    folder: Path, *more: str, changes: tuple[tuple[str, str], ...] = ()
) -> SpectroscopyOptions:
    path = folder / "c.toml"
    text = configuration(PARKED, RUN, *more)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return read_config(path)


def to_sqw(folder: Path, options: SpectroscopyOptions, path: Path) -> Sqw:
    with open_export(options, folder) as given:
        export_sqw(given, path, created=NOW, image_bins=12)
    return read(path)


def test_pixels_add_up_to_the_cut(folder: Path, tmp_path: Path) -> None:
    options = configured(folder, VANADIUM, EXPORT)
    cut = reduce_cuts(options, tmp_path, base=folder, log=logging.getLogger("t"))[0].data
    with open_export(options, folder) as given:
        (one,) = given.spectra
        assert one.ranges.number == 16
        counts, coverage = np.zeros(16), np.zeros(16)
        for block in one.blocks():
            counts += block.counts.sum(axis=(0, 1))
            coverage += block.coverage.sum(axis=(0, 1))
        reasons = one.reasons
        assert given.unit == "cm^2/meV/sr"
    np.testing.assert_array_equal(counts, cut["events"].values)
    np.testing.assert_allclose(coverage, cut["coverage"].values, rtol=1e-3)
    assert reasons["in_cut"] == counts.sum()
    assert sum(reasons.values()) == one.run.size


def test_blocks_of_any_size_are_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = configured(folder, EXPORT)

    def found() -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        with open_export(options, folder) as given:
            (one,) = given.spectra
            shape = (len(one.steps), 1500, one.ranges.number)
            total = [np.zeros(shape) for _ in range(3)]
            blocks = 0
            for b in one.blocks():
                blocks += 1
                steps = slice(b.first_step, b.first_step + b.counts.shape[0])
                pixels = slice(b.first_pixel, b.first_pixel + b.counts.shape[1])
                for t, part in zip(total, (b.counts, b.coverage, b.covered), strict=True):
                    t[steps, pixels] += part
            return total[0], total[1], total[2], blocks

    whole = found()
    monkeypatch.setattr(spectra, "COUNTED", 1)
    monkeypatch.setattr(spectra, "COVERED", 1)
    parts = found()
    assert parts[3] == 2 * whole[3]
    for one, other in zip(whole[:3], parts[:3], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_flat_scatterer_is_flat_for_horace(folder: Path, tmp_path: Path) -> None:
    got = to_sqw(folder, configured(folder, VANADIUM, EXPORT), tmp_path / "a.sqw")
    signal, variance = got.pixels[:, 7].astype(float), got.pixels[:, 8].astype(float)
    # an average without weights, as Horace takes it
    error = np.sqrt(variance.sum()) / len(signal)
    assert abs(signal.mean() - FLAT) < 4 * error + 0.02 * FLAT
    assert error < 0.02 * FLAT
    counts = np.divide(signal**2, variance, out=np.zeros_like(signal), where=variance > 0)
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-3)
    # most of them are empty, and must be there for the mean to be right
    assert np.mean(counts == 0) > 0.3


def horace_q(data: h5py.Group, info: h5py.Group, head: dict, cell: np.ndarray) -> np.ndarray:
    """Q in the frame of the crystal as Horace makes it of an NXspe file.

    Spectrometer: x along the beam, z up; ``calc_proj_matrix`` of Horace 4: a vector there,
    turned by -psi about z, is in the frame of u (x) and v (in the plane of x and y).
    Dims (detector, range, xyz).
    """
    phi, azimuth = np.deg2rad(data["polar"][()]), np.deg2rad(data["azimuthal"][()])
    edges = data["energy"][()]
    transfer = (edges[1:] + edges[:-1]) / 2
    fixed = info["fixed_energy"][()]
    k_f = np.sqrt(fixed / HBAR2)
    k_i = np.sqrt(np.maximum(transfer + fixed[:, None], 0) / HBAR2)
    detector = np.stack(
        [np.cos(phi), np.cos(azimuth) * np.sin(phi), np.sin(azimuth) * np.sin(phi)], axis=1
    )
    q = -(k_f[:, None] * detector)[:, None, :] * np.ones((1, transfer.size, 1))
    q[..., 0] += k_i
    psi = np.deg2rad(info["psi"][0])
    turn = np.array([[np.cos(psi), np.sin(psi), 0], [-np.sin(psi), np.cos(psi), 0], [0, 0, 1]])
    b = bmatrix(cell)
    u, v = b @ head["u"], b @ head["v"]
    e1 = u / np.linalg.norm(u)
    e3 = np.cross(u, v) / np.linalg.norm(np.cross(u, v))
    frame = np.stack([e1, np.cross(e3, e1), e3], axis=1)
    return np.asarray(q @ turn.T @ frame.T)


def bmatrix(cell: np.ndarray) -> np.ndarray:
    """Busing and Levy's B with 2π, from the reciprocal metric."""
    a, b, c = cell[:3]
    ca, cb, cg = np.cos(np.deg2rad(cell[3:]))
    metric = np.array(
        [[a * a, a * b * cg, a * c * cb], [a * b * cg, b * b, b * c * ca],
         [a * c * cb, b * c * ca, c * c]]
    )  # fmt: skip
    return np.asarray(2 * np.pi * np.linalg.cholesky(np.linalg.inv(metric)).T)


def test_both_formats_agree_by_the_rules_of_horace(folder: Path, tmp_path: Path) -> None:
    options = configured(folder, EXPORT, changes=TILTED)
    got = to_sqw(folder, options, tmp_path / "a.sqw")
    with open_export(options, folder) as given:
        files = export_nxspe(given, tmp_path / "nxspe")
    assert [f.name for f in files] == ["sample_0001.nxspe", "sample_0002.nxspe"]
    cell = np.array([5, 6, 7, 80, 95, 105])
    pixels = 0
    for number, file in enumerate(files, 1):
        run = got.blocks["experiment_info", "expdata"]["array_dat"][number - 1]
        with h5py.File(file) as opened:
            (entry,) = opened.values()
            data, info = entry["data"], entry["NXSPE_info"]
            assert entry["definition"][()] == b"NXSPE"
            assert info["ki_over_kf_scaling"][0] == 1
            assert info["psi"][0] == pytest.approx([3.5, 14.5][number - 1])
            assert run["psi"] == pytest.approx(np.deg2rad(info["psi"][0]))
            np.testing.assert_array_equal(run["efix"], info["fixed_energy"])
            signal, error = data["data"][()], data["error"][()]
            q = horace_q(data, info, run, cell)
            assert data["polar_width"][()].min() > 0
            assert data["distance"][0] == pytest.approx(2.6, abs=1.0)
        mine = got.pixels[got.pixels[:, 4] == number]
        detector, energy = mine[:, 5].astype(int) - 1, mine[:, 6].astype(int) - 1
        np.testing.assert_allclose(mine[:, :3], q[detector, energy], atol=2e-6)
        np.testing.assert_allclose(mine[:, 3], -2 + 0.25 * (energy + 0.5), atol=1e-6)
        np.testing.assert_allclose(mine[:, 7], signal[detector, energy], rtol=1e-6)
        np.testing.assert_allclose(mine[:, 8], error[detector, energy] ** 2, rtol=1e-5)
        absent = np.ones(signal.shape, bool)
        absent[detector, energy] = False
        assert np.all(np.isnan(signal[absent]))
        assert np.all(error[absent] == 0)
        pixels += len(mine)
    assert pixels == len(got.pixels)


def test_pixels_lie_where_events_do(folder: Path, tmp_path: Path) -> None:
    options = configured(folder, EXPORT, changes=TILTED)
    got = to_sqw(folder, options, tmp_path / "a.sqw")
    b = bmatrix(np.array([5, 6, 7, 80, 95, 105]))
    place = {tuple(p[4:7].astype(int)): p for p in got.pixels}
    with open_export(options, folder) as given:
        (one,) = given.spectra
        source = one.run.raw.sources[4]
        slab = next(source.slabs(300))
        flags = one.run.converter.pulse_flags(source.pulse_time)
        events = one.run.converter.convert(slab, source.pulse_time, flags)
        step = one.steps.at(events.time)
    found = 0
    for e in range(len(events)):
        energy = int(np.floor((events.energy_transfer[e] + 2) / 0.25))
        pixel = place.get((step[e] + 1, events.row[e] + 1, energy + 1))
        if pixel is not None:
            found += 1
            # the middle of a range of 0.25 meV is no further than 0.05 1/Å
            np.testing.assert_allclose(pixel[:3], b @ events.hkl[:, e], atol=0.05)
    assert found > 200


def test_masks_and_dead_triplets_leave_no_pixel(folder: Path, tmp_path: Path) -> None:
    masks = "[mask]\ntube_ends = 10\n[[mask.polygon]]\nname = 'low'\n"
    masks += "axes = ['energy_transfer', 'Q']\nvertices = [[-9, -9], [0, -9], [0, 9], [-9, 9]]"
    options = configured(folder, EXPORT, masks)
    got = to_sqw(folder, options, tmp_path / "a.sqw")
    assert got.pixels[:, 3].min() > 0
    tube = (got.pixels[:, 5].astype(int) - 1) % 100
    assert set(np.unique(tube)) == set(range(10, 90))


def command(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["spectroscopy", *words])
    return int(left.value.code or 0)


def test_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configured(folder, EXPORT)
    config = str(folder / "c.toml")
    assert command("export", config, "--format", "csv") == 2
    assert "ewaldite spectroscopy run CONFIG.toml" in capsys.readouterr().err
    configured(folder, EXPORT, '[output]\nformats = ["csv", "csv"]')
    assert command("run", config) == 0
    assert capsys.readouterr().out.count("out/cuts/e.csv") == 1
    rows = np.genfromtxt(folder / "out/cuts/e.csv", delimiter=",", comments="#", skip_header=1)
    assert rows.shape[1] == 7
    one = tmp_path / "one.csv"
    assert command("export", str(folder / "out/cuts/e.nxs"), "-f", "csv", "-o", str(one)) == 0
    assert one.read_text() == (folder / "out/cuts/e.csv").read_text()
    assert command("export", config, "-f", "sqw", "-o", str(tmp_path / "x/a.sqw")) == 0
    assert read(tmp_path / "x/a.sqw").program == "horace"
    assert command("export", config, "-f", "nxspe") == 0
    said = capsys.readouterr()
    assert "out/nxspe/sample_0002.nxspe" in said.out
    assert "no vanadium" in said.err
    assert command("export", str(one), "-f", "sqw") == 2
    assert "Give the configuration (.toml)" in capsys.readouterr().err


def test_mistakes(folder: Path, tmp_path: Path) -> None:
    options = configured(folder, EXPORT)
    crystal = options.model_copy(update={"sample": type(options.sample)()})
    with (
        open_export(crystal, folder) as given,
        pytest.raises(UserError, match="there is no crystal"),
    ):
        export_sqw(given, tmp_path / "a.sqw", created=NOW)
    with (
        pytest.raises(UserError, match=r"no \[\[run\]\]"),
        open_export(options.model_copy(update={"run": []}), folder),
    ):
        pass
    fine = options.model_copy(update={"export": ExportOptions(energy_step=1e-4)})
    with (
        pytest.raises(UserError, match=r"larger \[export\] energy_step"),
        open_export(fine, folder),
    ):
        pass
    with pytest.raises(ValueError, match="holds no step"):
        ExportOptions(energy=(0.0, 0.01))
    assert absolute_scale(options, None) == (1.0, "dimensionless")
