from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ewaldite.kernels import runs
from ewaldite.run.kept_loops import KeptLoops
from ewaldite.run.loop_list import Loop

ONE, OTHER = (Loop("package.kernels.walk", name, '["int64"]') for name in ("rows", "columns"))
WIDE = Loop("package.kernels.walk", "rows", '["float64"]')
ELSEWHERE = Loop("package.kernels.merge", "add", '["int64"]')
ALL = (ONE, OTHER, WIDE, ELSEWHERE)


@pytest.fixture
def kept(tmp_path: Path) -> KeptLoops:
    """Nothing is kept of an installed package."""
    folder = tmp_path / "package" / "kernels"
    folder.mkdir(parents=True)
    for module in ("walk", "merge"):
        (folder / f"{module}.py").write_text("loops\n")
    return KeptLoops(folder / "__pycache__", tmp_path)


def test_what_was_added_is_not_missing_any_more(kept: KeptLoops) -> None:
    assert kept.missing(ALL) == ALL
    kept.add([ONE, ELSEWHERE])
    assert kept.missing(ALL) == (OTHER, WIDE)
    kept.add([WIDE])
    assert kept.missing(ALL) == (OTHER,)


@pytest.mark.parametrize("change", ["content", "time"])
def test_a_new_source_makes_its_loops_stale(kept: KeptLoops, change: str) -> None:
    kept.add(ALL)
    source = kept.source / "package" / "kernels" / "walk.py"
    before = source.stat()
    if change == "content":
        source.write_text("better loops\n")
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))
    assert kept.missing(ALL) == (ONE, OTHER, WIDE)
    kept.add([ONE, OTHER, WIDE])
    assert kept.missing(ALL) == ()


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("numba.__version__", "0.1"),
        ("llvmlite.binding.get_host_cpu_name", lambda: "another"),
        ("sys.implementation.cache_tag", "cpython-399"),
    ],
)
def test_another_machine_or_numba_has_its_own(
    kept: KeptLoops, monkeypatch: pytest.MonkeyPatch, where: str, value: object
) -> None:
    kept.add(ALL)
    with monkeypatch.context() as changed:
        changed.setattr(where, value)
        assert kept.missing(ALL) == ALL
        kept.add([ONE])
    assert kept.missing(ALL) == ()


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_a_damaged_record_counts_as_none(kept: KeptLoops, text: str) -> None:
    kept.add(ALL)
    kept.path.write_text(text)
    assert kept.missing(ALL) == ALL
    kept.add(ALL)
    assert kept.missing(ALL) == ()


def test_the_record_goes_with_the_folder_of_the_loops() -> None:
    found = KeptLoops.of(Loop("ewaldite.kernels.runs", first_loop(), "[]"))
    assert found is not None
    assert found.path.parent == Path(getattr(runs, first_loop()).stats.cache_path)
    assert (found.source / "ewaldite" / "kernels" / "runs.py").is_file()


def first_loop() -> str:
    return next(name for name, value in vars(runs).items() if hasattr(value, "py_func"))


def test_nothing_is_kept_where_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    name = first_loop()
    monkeypatch.setattr(runs, name, getattr(runs, name).py_func)
    assert KeptLoops.of(Loop("ewaldite.kernels.runs", name, "[]")) is None


def test_a_second_process_waits_for_the_first(kept: KeptLoops) -> None:
    kept.folder.mkdir()
    came = threading.Event()

    def second() -> None:
        with kept.held():
            came.set()

    with kept.held():
        thread = threading.Thread(target=second)
        thread.start()
        assert not came.wait(0.1)
    thread.join(10)
    assert came.is_set()
