"""A full disk does not crash HDF5."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io.nexus import sink as module
from ewaldite.io.nexus.sink import Sink, create_hdf5

operations = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 40), st.binary(max_size=30)),
        st.tuples(st.just("read"), st.integers(0, 40), st.integers(0, 60)),
        st.tuples(st.just("truncate"), st.integers(0, 90), st.none()),
    ),
    max_size=20,
)


def fail_after(monkeypatch: pytest.MonkeyPatch, budget: int) -> None:
    """Let the disk be full after ``budget`` bytes; a last write may go in half."""
    left = [budget]
    pwrite = os.pwrite

    def limited(descriptor: int, block: memoryview, offset: int) -> int:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = min(len(block), left[0])
        left[0] -= count
        return pwrite(descriptor, block[:count], offset)

    monkeypatch.setattr(module.os, "pwrite", limited)


@settings(deadline=None, max_examples=200)
@given(steps=operations, budget=st.one_of(st.none(), st.integers(0, 40)))
def test_reads_back_what_was_written_full_disk_or_not(
    steps: list[tuple[str, int, object]],
    budget: int | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Oracle: io.BytesIO of the standard library; truncation as HDF5 does it, extending too."""
    sink = Sink(tmp_path_factory.mktemp("sink") / "x")
    model = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        if budget is not None:
            fail_after(patch, budget)
        for name, position, argument in steps:
            sink.seek(position)
            if name == "write":
                assert isinstance(argument, bytes)
                sink.write(argument)
                if argument:
                    model.write(bytes(max(0, position - model.seek(0, 2))))
                    model.seek(position)
                    model.write(argument)
            elif name == "read":
                assert isinstance(argument, int)
                model.seek(position)
                assert sink.read(argument) == model.read(argument)
            elif position >= model.seek(0, 2):
                sink.truncate(position)
                model.write(bytes(position - model.tell()))
            assert sink.seek(0, os.SEEK_END) == model.seek(0, os.SEEK_END)
    sink.close()


def test_what_the_disk_refused_is_read_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink(tmp_path / "x")
    fail_after(monkeypatch, 6)
    for position, content in ((0, b"abcdefgh"), (4, b"EFGHIJ"), (1, b"B")):
        sink.seek(position)
        sink.write(content)
    sink.seek(0)
    assert sink.read(100) == b"aBcdEFGHIJ"
    assert sink.tell() == 10
    assert sink.error is not None
    sink.close()


def write_much(path: Path) -> None:
    rng = np.random.default_rng(1)
    with create_hdf5(path) as output:
        for number in range(6):
            output.file.create_dataset(
                f"x{number}", data=rng.random(9000), chunks=(1024,), compression="gzip"
            )
            output.file[f"x{number}"].attrs["long"] = "text" * 500


def test_without_trouble_the_file_is_plain_hdf5(tmp_path: Path) -> None:
    write_much(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "r") as file:
        assert len(file) == 6
        expected = np.random.default_rng(1).random(9000)
        np.testing.assert_array_equal(file["x0"][()], expected)


@settings(deadline=None, max_examples=25)
@given(budget=st.integers(0, 300_000))
def test_wherever_the_disk_fills_up_the_old_file_stays(
    budget: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("full") / "map.nxs"
    path.write_text("old")
    with pytest.MonkeyPatch.context() as patch:
        fail_after(patch, budget)
        with pytest.raises(UserError, match="the disk is full") as caught:
            write_much(path)
    assert str(path) in str(caught.value)
    assert path.read_text() == "old"
    assert [item.name for item in path.parent.iterdir()] == ["map.nxs"]


def test_the_failure_can_be_asked_for_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_after(monkeypatch, 10_000)
    reached: list[int] = []

    def write() -> None:
        with create_hdf5(tmp_path / "x.h5") as output:
            for number in range(50):
                output.file[f"x{number}"] = np.arange(1000.0)
                output.check()
                reached.append(number)

    with pytest.raises(UserError, match="the disk is full"):
        write()
    assert 0 < len(reached) < 10


def test_a_limit_of_the_real_system(tmp_path: Path) -> None:
    """Without the sink this ends in a segmentation fault (HDF5 2.0.0)."""
    script = f"""
        import resource, signal
        import numpy as np
        from ewaldite.errors import UserError
        from ewaldite.io.nexus.sink import create_hdf5

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        try:
            with create_hdf5({str(tmp_path / "x.h5")!r}) as output:
                for number in range(5):
                    output.file.create_dataset(
                        str(number), data=np.random.default_rng(number).random(20_000),
                        chunks=(4096,), compression="gzip",
                    )
        except UserError as error:
            raise SystemExit(f"sentence: {{error}}")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("sentence: Cannot write")
    assert "disk is full" in done.stderr
    assert list(tmp_path.iterdir()) == []
