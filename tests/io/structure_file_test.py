from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ewaldite.errors import UserError
from ewaldite.io.structure_file import read_structure_text


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.pdb", "pdb"), ("a.ENT", "pdb"), ("a.cif", "mmcif"), ("b.1.mmcif", "mmcif")],
)
def test_text_and_format(tmp_path: Path, name: str, form: str) -> None:
    (tmp_path / name).write_text("CRYST1 é")
    assert read_structure_text(tmp_path / name) == ("CRYST1 é", form)
    (tmp_path / (name + ".gz")).write_bytes(gzip.compress("CRYST1 é".encode()))
    assert read_structure_text(tmp_path / (name + ".gz")) == ("CRYST1 é", form)


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not tell its format"):
        read_structure_text(tmp_path / "a.xyz")
    with pytest.raises(UserError, match=r"No such file.*\[contents\] file"):
        read_structure_text(tmp_path / "a.pdb")
    (tmp_path / "b.pdb.gz").write_bytes(b"not packed")
    with pytest.raises(UserError, match=r"b\.pdb\.gz"):
        read_structure_text(tmp_path / "b.pdb.gz")
    (tmp_path / "c.pdb.gz").write_bytes(gzip.compress(b"ATOM" * 100)[:20])
    with pytest.raises(UserError, match=r"c\.pdb\.gz"):
        read_structure_text(tmp_path / "c.pdb.gz")
