"""What runs in the process that compiles loops for another: ``python -m`` this module."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterable
from typing import TextIO

from ewaldite.run.loop_list import Loop
from ewaldite.run.memory import current_rss

#: Once it holds so much, the process ends, and another one goes on: a compiler keeps what it
#: made, about 6 MB a loop. The largest loop takes 60 MB.
ENOUGH = 280_000_000


def compile_loops(loops: Iterable[Loop], said: TextIO, enough: int = ENOUGH) -> None:
    """Compile loops one after the other; numba keeps them on disk.

    Parameters
    ----------
    loops:
        Which.
    said:
        Is told after each one how many are done, in a line.
    enough:
        Resident memory with which no further one is begun, bytes.
    """
    for done, loop in enumerate(loops, 1):
        loop.compile()
        said.write(f"{done}\n")
        said.flush()
        if current_rss() > enough:
            return


def main() -> None:
    """Compile the loops that the standard input lists as JSON."""
    # Ctrl-C goes to all processes of a terminal; the one that waits for this one ends it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        compile_loops([Loop(*one) for one in json.load(sys.stdin)], sys.stdout)
    except BrokenPipeError:
        # who waited is gone; nothing more may be written to it
        sys.stdout = None


if __name__ == "__main__":
    main()
