"""Loops are compiled before a run, in a process of their own, where none are kept."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import astuple
from typing import Any

from ewaldite.errors import UserError
from ewaldite.run.compile_loops import ENOUGH
from ewaldite.run.kept_loops import KeptLoops
from ewaldite.run.loop_list import Loop, loops_of
from ewaldite.run.memory import current_rss
from ewaldite.run.progress import Progress, SilentProgress
from ewaldite.run.sizes import format_bytes

_WORK = "ewaldite.run.compile_loops"
# A process that compiles holds at most so much: what ends it, and the largest loop
_PROCESS = ENOUGH + 80_000_000
# What the compiler leaves behind where it works in the process of the run itself
_COMPILER = 350_000_000
_SECONDS_A_LOOP = 1.2
# Of a traceback: what was raised
_ERROR = re.compile(r"^[\w.]+(?:Error|Exception|Interrupt)\b.*$", re.MULTILINE)

_compiles_here = False


def compiler_bytes() -> int:
    """Memory for the compiler in this process: none where loops were compiled beforehand."""
    return _COMPILER if _compiles_here else 0


def first_lines(chains: Sequence[str], counts: Iterable[str] = ()) -> list[str]:
    """What :func:`compile_first` would say, if anything; arguments as there."""
    loops = loops_of(chains, counts)
    kept = KeptLoops.of(loops[0]) if loops else None
    missing = kept.missing(loops) if kept else ()
    return [_sentence(missing)] if missing else []


def _sentence(missing: Sequence[Loop]) -> str:
    seconds = max(len(missing) * _SECONDS_A_LOOP, 1.0)
    return (
        f"first use on this machine: {len(missing)} loops are compiled in another process, "
        f"about {seconds:.0f} s, {format_bytes(current_rss() + _PROCESS)} of memory with this "
        "process; later runs load them"
    )


def compile_first(
    chains: Sequence[str],
    log: logging.Logger,
    *,
    counts: Iterable[str] = (),
    progress: Progress | None = None,
) -> None:
    """Compile what chains will need in another process, if it is not kept from an earlier run.

    A compiler keeps hundreds of megabytes; they go with the process. If it fails, loops are
    compiled where they are met, and :func:`compiler_bytes` tells what that takes.

    Parameters
    ----------
    chains, counts:
        As in :func:`~ewaldite.run.loop_list.loops_of`.
    log:
        Is told what is done.
    progress:
        Is told how far it is.
    """
    global _compiles_here
    loops = loops_of(chains, counts)
    kept = KeptLoops.of(loops[0])
    if kept is None or not kept.missing(loops):
        return
    with kept.held():
        missing = kept.missing(loops)
        if not missing:
            return  # another run has just done it
        log.info("%s", _sentence(missing))
        why = _compile(missing, kept, progress or SilentProgress())
    _compiles_here = why is not None
    if why is not None:
        log.warning(
            "loops could not be compiled in another process (%s): they are compiled where they "
            "are met, and this process may hold %s more",
            why,
            format_bytes(_COMPILER),
        )


def _compile(missing: Sequence[Loop], kept: KeptLoops, progress: Progress) -> str | None:
    """Let processes compile, one after the other; why one failed, or None."""
    progress.start("compile", len(missing), "loops")
    try:
        while missing:
            done, why = _one_process(missing, progress)
            if done:
                kept.add(missing[:done])
            if why is not None:
                return why
            missing = missing[done:]
    except (OSError, UserError) as error:
        return str(error)
    finally:
        progress.finish()
    return None


def _one_process(loops: Sequence[Loop], progress: Progress) -> tuple[int, str | None]:
    """Loops that a process compiled before it held enough, and why it failed, if it did."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", _WORK],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=_environment(),
        )
        done = 0
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            with process.stdin, process.stdout:
                with suppress(BrokenPipeError):  # it ended before; its last words are read
                    process.stdin.write(json.dumps([astuple(loop) for loop in loops]))
                    process.stdin.close()
                for line in process.stdout:
                    done = int(line)
                    progress.advance()
            code = process.wait()
        finally:
            # Ctrl-C, or what else came up here
            if process.poll() is None:
                process.kill()
                process.wait()
        if code == 0 and done:
            return done, None
        errors.seek(0)
        said = _ERROR.findall(errors.read())
        return done, said[-1] if said else f"it ended with code {code}"


def _environment() -> dict[str, str]:
    """Of the process: it imports, and keeps loops, as this one does."""
    import numba

    config: Any = numba.config
    places = os.pathsep.join(place or os.getcwd() for place in sys.path)
    environment = os.environ | {"PYTHONPATH": places}
    if config.CACHE_DIR:
        environment["NUMBA_CACHE_DIR"] = config.CACHE_DIR
    return environment
