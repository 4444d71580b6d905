"""Planes, lines and other formats of finished maps, by command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gemmi
import numpy as np
import pytest
import scipp as sc

from cli.conftest import Answer
from diffuse.maps.worlds import CELL, D_MIN, metric_of, sphere
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.maps.expand import expand
from ewaldite.io.nexus import Sample, save
from ewaldite.model.grid import Grid

Command = Callable[..., Answer]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A merged table and its map, as a run leaves them."""
    out = tmp_path_factory.mktemp("maps")
    grid = Grid((2, 2, 2))
    table = sphere("P 1", grid, lambda hkl, s: 1 + np.cos(hkl @ [1.0, 0.5, -0.7]))
    dense = expand(table, space_group("P 1"), metric_of(CELL["P 1"]), D_MIN)
    sample = Sample(cell=tuple(CELL["P 1"].tolist()), space_group="P 1", grid=grid)
    save(out / "merged.nxs", table, sample=sample)
    save(out / "map.nxs", dense, sample=sample)
    save(out / "group.nxs", sc.DataGroup({"a": dense}), sample=sample)
    return out


def test_a_plane_beside_its_map(command: Command, folder: Path) -> None:
    answer = command("diffuse", "slice", folder / "map.nxs", "--plane", "h k 1/2")
    assert answer.code == 0, answer.err
    assert answer.out.strip() == f"Wrote {folder / 'map_h_k_1-2.png'}"
    assert (folder / "map_h_k_1-2.png").read_bytes()[:4] == b"\x89PNG"
    assert command("diffuse", "slice", folder / "map.nxs").code == 0
    assert (folder / "map_hk0.png").is_file()


def test_a_plane_of_vectors_as_numbers(command: Command, folder: Path, tmp_path: Path) -> None:
    words = ["--u", 1, 1, 0, "--v", 0, -1, 2, "--origin", 0, 0, 0.5, "--thickness", 0.02]
    target = tmp_path / "a.csv"
    answer = command("diffuse", "slice", folder / "map.nxs", *words, "-o", target)
    assert answer.code == 0, answer.err
    lines = target.read_text("utf-8").splitlines()
    rows = np.array([line.split(",") for line in lines if line[0] not in "#h"], dtype=float)
    normal = np.cross([1, 1, 0], [0, -1, 2])
    np.testing.assert_allclose(rows[:, :3] @ normal, 0.5 * normal[2], atol=1e-6)


def test_a_line_in_every_format(command: Command, folder: Path, tmp_path: Path) -> None:
    for suffix in ("png", "svg", "pdf", "csv"):
        target = tmp_path / f"a.{suffix}"
        words = ["--direction", 1, 0, 0, "--radius", 0.05, "-o", target]
        assert command("diffuse", "line", folder / "map.nxs", *words).code == 0
        assert target.stat().st_size > 300
    answer = command(
        "diffuse", "line", folder / "map.nxs", "--start", -1, 0, 0, "--end", 1, 0, 0
    )
    assert answer.out.strip() == f"Wrote {folder / 'map_line.png'}"


def test_other_formats(command: Command, folder: Path, tmp_path: Path) -> None:
    assert command("diffuse", "convert", folder / "map.nxs", "--to", "ccp4").code == 0
    assert gemmi.read_ccp4_map(str(folder / "map.ccp4")).header_i32(4) == 2
    target = tmp_path / "b.mtz"
    answer = command("diffuse", "convert", folder / "merged.nxs", "--to", "mtz", "-o", target)
    assert answer.out.strip() == f"Wrote {target}"
    assert gemmi.read_mtz_file(str(target)).nreflections > 100
    words = ["--to", "ccp4", "--missing", "0", "-o", tmp_path / "c.ccp4"]
    assert command("diffuse", "convert", folder / "map.nxs", *words).code == 0
    data = np.frombuffer((tmp_path / "c.ccp4").read_bytes()[1024:], "<f4")
    assert np.isfinite(data).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["slice", "map.nxs", "--plane", "hkl"], "cut the plane 'hkl': 3 indices vary"),
        (["slice", "map.nxs", "--u", "1", "1", "0"], "give either plane, or u and v"),
        (["slice", "map.nxs", "--plane", "hk99"], "it misses the map"),
        (["slice", "map.nxs", "-o", "a.gif"], "the suffix '.gif' names no format"),
        (["slice", "map.nxs", "--thickness", "-1"], "greater than or equal to 0"),
        (["slice", "map.nxs", "--limits", "3", "3"], "limits: 3 is not below 3"),
        (["slice", "map.nxs", "--colours", "virids"], "Did you mean 'viridis'"),
        (["slice", "merged.nxs"], "it is no map with a unit cell"),
        (["slice", "nothing.nxs"], "there is no such file"),
        (["line", "map.nxs"], "give either start and end, or a direction"),
        (["convert", "merged.nxs", "--to", "ccp4"], "it holds a table"),
        (["slice", "map.nxs", "--rings", "0"], "greater than 0"),
        (["convert", "map.nxs", "--to", "ccp4", "-o", "./map.nxs"], "it would be replaced"),
        *((["convert", "group.nxs", "--to", x], "neither a map nor") for x in ("csv", "mtz")),
        (["convert", "group.nxs", "--to", "ccp4"], "neither a map nor a table"),
    ],
)
def test_mistakes_are_one_sentence(
    command: Command,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(folder)
    answer = command("diffuse", *words)
    assert answer.code == 2
    assert said in answer.mistake
