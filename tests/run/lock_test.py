from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ewaldite.errors import UserError
from ewaldite.run.lock import only_run

HOLD = """
import sys
from pathlib import Path
from ewaldite.run.lock import only_run
with only_run(Path(sys.argv[1])):
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


def test_a_second_run_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another run is at work"), only_run(tmp_path):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
    with only_run(tmp_path), pytest.raises(UserError), only_run(tmp_path):
        pass
    with only_run(tmp_path):
        pass


def test_what_is_raised_within_passes(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="torn"), only_run(tmp_path):
        raise OSError("torn")


def test_where_nothing_can_be_written_nothing_is_held(tmp_path: Path) -> None:
    with only_run(tmp_path / "absent"):
        pass
