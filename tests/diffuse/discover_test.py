from __future__ import annotations

import gzip
import json
import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from diffuse.tiny import copy_tiny, experiment, write_tiny
from ewaldite.diffuse import workflow
from ewaldite.diffuse.config import parse_config, read_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.discover import discover, write_template
from ewaldite.diffuse.folder_scan import files_below, image_series
from ewaldite.diffuse.options import DiffuseOptions, SweepOptions
from ewaldite.errors import UserError
from ewaldite.io.images import EigerHeader, write_eiger
from ewaldite.simulate.demo import make_demo
from ewaldite.simulate.dials_file import write_expt


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    make_demo(folder, frames=4, workers=2).configuration.unlink()
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    write_tiny(tmp_path / "t")
    (tmp_path / "t" / "tiny.toml").unlink()
    return tmp_path / "t"


def configured(folder: Path, output: Path | None = None) -> dict[str, Any]:
    path = write_template(folder, discover(folder), output)
    given = tomllib.loads(path.read_text())
    path.unlink()
    return given


def test_the_demo_runs_as_it_was_found(demo: Path) -> None:
    path = write_template(demo, discover(demo))
    assert path == demo / "ewaldite.toml"
    options = read_config(path)
    assert [s.name for s in options.sweep] == ["a", "b", "c"]
    assert [s.images for s in options.sweep] == [f"images/{n}_####.cbf" for n in "abc"]
    assert [s.geometry for s in options.sweep] == ["a/XPARM.XDS", "b", "c/refined.expt"]
    assert [s.background for s in options.sweep] == [
        f"images/{n}_background_####.cbf" for n in "abc"
    ]
    assert workflow.run(Context(options, demo), ["mask"]) == ["mask"]
    text = path.read_text()
    assert "MISSING" not in text
    assert "PROBLEM" not in text
    assert "the geometry says P 21 21 21 (sweep a, b, c)" in text
    assert "polarization: 0.99, the geometry file" in text
    path.unlink()


def test_lines_tell_what_was_found(demo: Path) -> None:
    lines = discover(demo).lines()
    assert "images: images/a_####.cbf, 4 frames (1 to 4), 500 × 480 pixels" in lines
    assert any(line.startswith("background: images/b_background_####.cbf") for line in lines)
    assert any(
        line.startswith("geometry: c/refined.expt, of DIALS, 4 frames") for line in lines
    )


def test_real_stills(shared_data: Path, tmp_path: Path) -> None:
    for source in (shared_data / "snase").iterdir():
        (tmp_path / source.name).symlink_to(source)
    path = write_template(tmp_path, discover(tmp_path))
    text = path.read_text()
    given = tomllib.loads(text)
    assert given["sweep"] == [
        {
            "name": "snc_newhead",
            "images": "snc_newhead_#####.img",
            "geometry": "refined.expt",
        }
    ]
    assert "the geometry says P 41" in text
    assert "0.999, a default of the program that wrote the geometry" in text
    assert "MISSING: no file names the sensor" in text
    given["corrections"] = {"efficiency": False}
    context = Context(parse_config(given, path), tmp_path)
    assert workflow.run(context, ["mask"]) == ["mask"]


def test_every_option_stands_in_the_file_once(tiny: Path) -> None:
    text = write_template(tiny, discover(tiny)).read_text()
    for name, field in DiffuseOptions.model_fields.items():
        model: Any = SweepOptions if name == "sweep" else field.annotation
        start = text.index("[[sweep]]" if name == "sweep" else f"\n[{name}]\n")
        part = text[start + 2 :].partition("\n[")[0]
        for option in model.model_fields:
            lines = [
                x for x in part.splitlines() if x.removeprefix("# ").startswith(f"{option} =")
            ]
            assert len(lines) == 1, option


def test_defaults_may_be_uncommented(tiny: Path) -> None:
    lines = write_template(tiny, discover(tiny)).read_text().splitlines()
    active = [
        line[2:] if line.startswith("# ") and " = " in line[:40] and "<" not in line else line
        for line in lines
    ]
    changed = sum(a != b for a, b in zip(active, lines, strict=True))
    assert changed > 40
    given = tomllib.loads("\n".join(active))
    assert parse_config(given, tiny) == parse_config(tomllib.loads("\n".join(lines)), tiny)


def test_an_existing_file_stays(tiny: Path) -> None:
    found = discover(tiny)
    path = write_template(tiny, found)
    path.write_text("mine")
    with pytest.raises(UserError, match=r"ewaldite\.toml: it exists already.* -o"):
        write_template(tiny, found)
    assert path.read_text() == "mine"
    other = write_template(tiny, found, tiny / "other.toml")
    assert read_config(other).sweep[0].name == "a"
    with pytest.raises(UserError, match="no folder"):
        write_template(tiny, found, tiny / "absent" / "x.toml")


@pytest.mark.parametrize(
    ("place", "images"),
    [
        ("cfg/x.toml", "../images/a_####.cbf"),
        ("a/b/c/x.toml", "{tiny}/images/a_####.cbf"),
    ],
)
def test_paths_refer_to_the_file(place: str, images: str, tiny: Path) -> None:
    path = tiny / place
    path.parent.mkdir(parents=True)
    write_template(tiny, discover(tiny), path)
    options = read_config(path)
    assert options.sweep[0].images == images.format(tiny=tiny)
    assert Context(options, path.parent).entries[0].images.shape == (50, 60)


def test_relative_folder(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.parent)
    path = write_template(Path("t"), discover(Path("t")))
    assert read_config(path).sweep[0].geometry == "xds"
    assert read_config(path).sweep[0].images == "images/a_####.cbf"


def test_empty_and_absent_folders(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="0 files hold neither images nor a geometry"):
        discover(tmp_path)
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(UserError, match="1 files hold neither"):
        discover(tmp_path)
    with pytest.raises(UserError, match="there is no such folder"):
        discover(tmp_path / "absent")
    with pytest.raises(UserError, match="it is a file"):
        discover(tmp_path / "notes.txt")


def test_images_without_geometry(tiny: Path) -> None:
    shutil.rmtree(tiny / "xds")
    found = discover(tiny)
    assert "sweep a: no geometry fits its images" in found.lines()
    path = write_template(tiny, found)
    assert "MISSING: none fits these images" in path.read_text()
    with pytest.raises(UserError, match=r"'geometry' in \[\[sweep\]\] number 1 is missing"):
        read_config(path)


def test_geometry_without_images(tiny: Path) -> None:
    shutil.rmtree(tiny / "images")
    found = discover(tiny)
    assert "sweep xds: its images were not found" in found.lines()
    assert "MISSING: no images fit this geometry" in write_template(tiny, found).read_text()


def test_missing_exposure_is_said(tiny: Path) -> None:
    for path in (tiny / "images").iterdir():
        path.write_bytes(path.read_bytes().replace(b"# Exposure_time", b"# Exposure_xxxx"))
    text = write_template(tiny, discover(tiny)).read_text()
    problem = text[text.index("PROBLEM") :].replace("\n# ", " ")
    assert "how long a frame was exposed. Give exposure = SECONDS" in problem


def test_geometries_that_differ_in_symmetry(tiny: Path) -> None:
    write_tiny(tiny, "b", space_group=1)
    write_tiny(tiny / "b", "b", space_group=1)
    for path in tiny.rglob("tiny.toml"):
        path.unlink()
    text = write_template(tiny, discover(tiny)).read_text()
    assert "[[sweep]]" in text
    shutil.rmtree(tiny / "images")
    write_tiny(tiny, "a")
    text = write_template(tiny, discover(tiny), tiny / "x.toml").read_text()
    assert "MISSING: the geometries differ: " in text.replace("\n# ", " ")


def test_template_of_the_geometry_decides(tiny: Path) -> None:
    (tiny / "images").rename(tiny / "raw")
    write_tiny(tiny / "q", "zz", frames=3)
    (tiny / "q" / "xds").rename(tiny / "first")
    assert {s["name"]: s.get("geometry") for s in configured(tiny)["sweep"]} == {
        "zz": "first",
        "a": "xds",
    }


def test_best_of_the_dials_files(tiny: Path) -> None:
    shutil.rmtree(tiny / "xds")
    for name in ("indexed", "refined", "integrated"):
        write_expt(tiny / "d" / f"{name}.expt", experiment(), "../images/a_####.cbf")
    content = json.loads((tiny / "d" / "indexed.expt").read_text())
    content["experiment"][0].pop("crystal")
    (tiny / "d" / "imported.expt").write_text(json.dumps(content))
    found = discover(tiny)
    assert found.sweeps[0].geometry is not None
    assert found.sweeps[0].geometry.path.name == "integrated.expt"
    assert [g.path.name for g in found.sweeps[0].others] == ["refined.expt", "indexed.expt"]
    assert any("imported.expt" in problem for problem in found.problems)
    assert "Fits as well: geometry d/refined.expt" in write_template(tiny, found).read_text()


def test_experiments_of_one_file(tiny: Path) -> None:
    shutil.rmtree(tiny / "xds")
    write_tiny(tiny, "b")
    shutil.rmtree(tiny / "xds")
    write_expt(tiny / "all.expt", experiment(), "images/a_####.cbf")
    content = json.loads((tiny / "all.expt").read_text())
    content["experiment"].append({**content["experiment"][0], "imageset": 1})
    content["imageset"].append({**content["imageset"][0], "template": "images/b_####.cbf"})
    (tiny / "all.expt").write_text(json.dumps(content))
    sweeps = configured(tiny)["sweep"]
    assert [(s["name"], s["geometry"], s["experiment"]) for s in sweeps] == [
        ("a", "all.expt", 0),
        ("b", "all.expt", 1),
    ]


@pytest.mark.parametrize("name", ["x_bkg", "x_background", "bg", "air_scatter", "x_empty"])
def test_names_of_backgrounds(name: str, tiny: Path) -> None:
    source = tiny / "images" / "a_background_0001.cbf"
    source.rename(tiny / "images" / f"{name}_0001.cbf")
    assert configured(tiny)["sweep"][0]["background"] == f"images/{name}_####.cbf"


@pytest.mark.parametrize("name", ["airbus", "bgal", "abkgx"])
def test_names_that_are_no_backgrounds(name: str, tiny: Path) -> None:
    for path in (tiny / "images").glob("a_0*.cbf"):
        path.rename(path.with_name(path.name.replace("a_", f"{name}_")))
    series = {s.path.name: s.background for s in discover(tiny).series}
    assert series == {f"{name}_####.cbf": False, "a_background_####.cbf": True}


def test_unpadded_numbers_and_packed_files(tiny: Path) -> None:

    folder = tiny / "images"
    for n in (8, 9, 10, 11):
        packed = gzip.compress((folder / "a_0001.cbf").read_bytes())
        (folder / f"p{n}.cbf.gz").write_bytes(packed)
    series, problems = image_series(files_below(tiny))
    found = {s.path.name: (s.first, s.last, s.count) for s in series}
    assert found["p#.cbf"] == (8, 11, 4)
    assert not problems


def test_masters_but_not_their_data_files(tmp_path: Path) -> None:
    frames = np.zeros((4, 6, 8), dtype=np.uint32)
    write_eiger(tmp_path, frames, EigerHeader(), prefix="x", images_per_file=2)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["numbers"] = [1, 2]
    (tmp_path / "broken.nxs").write_bytes(b"\x89HDF\r\n\x1a\n")
    found = discover(tmp_path)
    assert [(s.path.name, s.count, s.shape) for s in found.series] == [
        ("x_master.h5", 4, (6, 8))
    ]


def test_results_and_hidden_folders_are_left_out(tiny: Path) -> None:
    before = files_below(tiny)
    config = write_template(tiny, discover(tiny))
    options = tiny / "out" / "options.toml"
    (tiny / "out" / "work").mkdir(parents=True)
    options.touch()
    shutil.copytree(tiny / "images", tiny / "out" / "images")
    shutil.copytree(tiny / "images", tiny / ".trash")
    config.unlink()
    assert files_below(tiny) == before


def test_search_is_bounded(tmp_path: Path) -> None:
    deep = tmp_path / "1/2/3/4/5"
    deep.mkdir(parents=True)
    for folder in (tmp_path, *deep.parents[:5], deep):
        if folder.is_relative_to(tmp_path):
            (folder / "x.txt").touch()
    depths = [len(p.relative_to(tmp_path).parts) for p in files_below(tmp_path)]
    assert max(depths) == 4
    assert len(files_below(tmp_path, most=2)) == 2


def test_damaged_files_are_told(tiny: Path) -> None:
    (tiny / "xds" / "INTEGRATE.LP").write_text("nothing")
    (tiny / "images" / "z_0001.cbf").write_bytes(b"")
    found = discover(tiny)
    assert len(found.problems) == 2
    assert all(line in found.lines() for line in map("not used: {}".format, found.problems))
    text = write_template(tiny, found).read_text().replace("\n# ", " ")
    assert "Not used: Cannot read the geometry from" in text
    assert os.fspath(tiny / "images" / "z_0001.cbf") in text


def test_copied_results_give_the_same(tiny: Path, tmp_path: Path) -> None:
    first = configured(tiny)
    copy_tiny(tiny, tmp_path / "again")
    assert configured(tmp_path / "again") == first


def test_crystals_with_the_same_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    # as beamlines write them: all crystals in folders of their own, files named alike
    for name in ("crystal#1", "Ü 2"):
        write_tiny(tmp_path / name / "data").unlink()
    given = configured(tmp_path)["sweep"]
    assert [sweep["name"] for sweep in given] == ["crystal_1", "Ü_2"]
    for sweep, name in zip(given, ("crystal#1", "Ü 2"), strict=True):
        assert sweep["images"] == f"{name}/data/images/a_####.cbf"
        assert sweep["background"] == f"{name}/data/images/a_background_####.cbf"
        assert sweep["geometry"] == f"{name}/data/xds"


def test_an_xparm_alone_says_no_frames_and_groups_have_symbols(tiny: Path) -> None:
    for name in ("XDS.INP", "INTEGRATE.LP"):
        (tiny / "xds" / name).unlink()
    lines = discover(tiny).lines()
    said = "geometry: xds/XPARM.XDS, of XDS, 60 × 50 pixels, λ 1 Å, space group P 21 21 21"
    assert said in lines
    assert any("a_background_####.cbf, 1 frame (1 to 1)" in line for line in lines)
