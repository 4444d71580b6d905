"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from diffuse.tiny import copy_tiny, write_tiny
from ewaldite.cli.app import main


class Answer(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def mistake(self) -> str:
        """The one sentence about the mistake."""
        assert "Traceback" not in self.err
        lines = [line for line in self.err.splitlines() if line.startswith("ewaldite: ")]
        assert len(lines) == 1, self.err
        assert self.err.splitlines()[-1] == lines[0]
        return lines[0]


@pytest.fixture(autouse=True)
def small_program(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory as of a program that has just started, whatever other tests left in this one."""
    status = tmp_path_factory.getbasetemp() / "status"
    status.write_text("VmHWM:\t  220000 kB\nVmRSS:\t  200000 kB\n")
    monkeypatch.setattr("ewaldite.run.memory._STATUS", status)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Call the command line in this process."""

    def call(*words: object) -> Answer:
        capsys.readouterr()
        code = 0
        try:
            main([str(word) for word in words])
        except SystemExit as end:
            code = int(end.code or 0)
        return Answer(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an experiment that nobody has reduced."""
    folder = tmp_path_factory.mktemp("written")
    write_tiny(folder)
    return folder


@pytest.fixture(scope="session")
def finished(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after a run."""
    folder = tmp_path_factory.mktemp("finished") / "tiny"
    with pytest.raises(SystemExit) as end:
        main(["diffuse", "run", str(copy_tiny(written, folder))])
    assert not end.value.code
    return folder


@pytest.fixture
def fresh(written: Path, tmp_path: Path) -> Path:
    """Folder of a copy of the experiment."""
    return copy_tiny(written, tmp_path / "e").parent


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """Folder of a copy of the reduced experiment."""
    return copy_tiny(finished, tmp_path / "d").parent


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an experiment on another detector, with another cell."""
    from ewaldite.simulate.detector import Detector

    folder = tmp_path_factory.mktemp("foreign")
    detector = Detector(shape=(62, 50), pixel=1.0, distance=40.0, origin=(30.2, 25.4))
    write_tiny(folder / "size", detector=detector, frames=3)
    axes = ((13.0, 0.0, 0.0), (0.0, 0.0, 15.0), (0.0, -18.0, 0.0))
    write_tiny(folder / "cell", "b", axes=axes, frames=3)
    return folder
