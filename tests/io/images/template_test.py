"""From templates, lists and patterns to numbered files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io.images.template import (
    files_of_glob,
    files_of_list,
    files_of_template,
    is_template,
)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


@pytest.mark.parametrize(
    "template", ["a_####.cbf", "a_????.cbf", "a_%04d.cbf", "sub/../a_####.cbf"]
)
def test_three_dialects(tmp_path: Path, template: str) -> None:
    (tmp_path / "sub").mkdir()
    touch(tmp_path, "a_0001.cbf", "a_0010.cbf", "b_0002.cbf", "a_0003.cbf.tmp", "a_00004.cbf")
    files = files_of_template(template, tmp_path)
    assert {n: p.name for n, p in files.paths.items()} == {1: "a_0001.cbf", 10: "a_0010.cbf"}
    assert is_template(template)


@pytest.mark.parametrize("name", ["a.cbf", "a_*.cbf", "a_0001.cbf", "a_?.cbf"])
def test_what_is_no_template(name: str) -> None:
    assert not is_template(name)


def test_numbers_wider_than_the_field(tmp_path: Path) -> None:
    touch(tmp_path, "a_98.cbf", "a_99.cbf", "a_100.cbf", "a_007.cbf")
    assert set(files_of_template("a_##.cbf", tmp_path).paths) == {98, 99, 100}


def test_compressed_files_are_found_and_plain_ones_preferred(tmp_path: Path) -> None:
    touch(tmp_path, "a_1.cbf", "a_1.cbf.gz", "a_2.cbf.gz", "a_3.cbf.bz2")
    files = files_of_template("a_#.cbf", tmp_path)
    assert [files.paths[n].name for n in (1, 2, 3)] == ["a_1.cbf", "a_2.cbf.gz", "a_3.cbf.bz2"]


def test_signs_of_regular_expressions_are_plain_letters(tmp_path: Path) -> None:
    touch(tmp_path, "a.(1)+_01.cbf", "aX(1)+_02.cbf")
    assert set(files_of_template("a.(1)+_##.cbf", tmp_path).paths) == {1}


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(width=st.integers(1, 6), number=st.integers(0, 10**7))
def test_a_name_is_found_by_the_template_that_made_it(
    tmp_path_factory: pytest.TempPathFactory, width: int, number: int
) -> None:
    folder = tmp_path_factory.mktemp("t")
    name = f"x1_2_{number:0{width}d}.img"
    touch(folder, name)
    files = files_of_template(f"x1_2_{'#' * width}.img", folder)
    assert dict(files.paths) == {number: folder / name}
    assert files.name(number) == str(folder / name)
    assert Path(files.name(number + 1)).name == f"x1_2_{number + 1:0{width}d}.img"


def test_nothing_matches(tmp_path: Path) -> None:
    touch(tmp_path, "a_00001.cbf")
    with pytest.raises(UserError, match=r"no file matches; the folder holds .* a_00001\.cbf"):
        files_of_template("a_####.cbf", tmp_path)


@pytest.mark.parametrize("template", ["a_##_##.cbf", "d_##/a_##.cbf"])
def test_two_fields_are_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(UserError, match="several fields"):
        files_of_template(template, tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere cannot be read"):
        files_of_template("nowhere/a_##.cbf", tmp_path)


def test_a_list_takes_the_number_that_differs() -> None:
    paths = [Path(f"d/run2_{n:03d}_10.cbf.gz") for n in (5, 7, 12)]
    files = files_of_list(paths)
    assert dict(files.paths) == dict(zip((5, 7, 12), paths, strict=True))
    assert files.name(6) == "d/run2_006_10.cbf.gz"


def test_a_single_file_takes_its_last_number() -> None:
    assert set(files_of_list([Path("d/run2_010.cbf")]).paths) == {10}


@pytest.mark.parametrize(
    "names",
    [
        ["a.cbf", "b.cbf"],
        ["a_1.cbf", "b_1.cbf"],
        ["a_1_1.cbf", "a_2_2.cbf"],
        ["d/a_1.cbf", "e/a_2.cbf"],
        ["a_1.cbf", "a_01.cbf"],
    ],
)
def test_other_lists_are_numbered_from_one(names: list[str]) -> None:
    files = files_of_list([Path(name) for name in names])
    assert [str(files.paths[n]) for n in (1, 2)] == names
    assert files.template is None
    assert files.name(9) == "frame 9"


@pytest.mark.parametrize("absolute", [False, True])
def test_a_pattern(tmp_path: Path, absolute: bool) -> None:
    touch(tmp_path, "i/a_3.cbf", "i/a_1.cbf", "i/b_9.cbf")
    spec = "i/a_*.cbf"
    files = files_of_glob(str(tmp_path / spec) if absolute else spec, tmp_path)
    assert {n: p.name for n, p in files.paths.items()} == {1: "a_1.cbf", 3: "a_3.cbf"}


def test_a_pattern_without_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file matches"):
        files_of_glob("*.cbf", tmp_path)


@pytest.mark.parametrize("folder", ["crystal#2", "run_##", "what??", "100%d"])
def test_a_folder_may_have_the_signs_of_a_field(tmp_path: Path, folder: str) -> None:
    touch(tmp_path, f"{folder}/a_01.cbf")
    found = files_of_template(f"{folder}/a_##.cbf", tmp_path)
    assert found.paths == {1: tmp_path / folder / "a_01.cbf"}
