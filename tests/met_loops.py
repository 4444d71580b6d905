"""Compiled loops that this process has called, to compare them with the list.

    python tests/met_loops.py diffuse run CONFIG.toml

runs a command and says which loops it called that ``src/ewaldite/run/loops.json`` does not
list, in lines for it. Loops must be kept on disk from an earlier run: beside one that is
compiled, those that it calls are met.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from numba.core.dispatcher import Dispatcher

from ewaldite.run.loop_list import Loop, all_loops
from ewaldite.run.loop_types import in_words


def ours() -> Iterator[tuple[str, str, Any]]:
    """Compiled functions of the package that are imported, each where it is written."""
    for module, content in list(sys.modules.items()):
        if module.startswith("ewaldite."):
            for name, value in list(vars(content).items()):
                if isinstance(value, Dispatcher) and value.__module__ == module:
                    yield module, name, value


def met() -> set[Loop]:
    """Loops that were called."""
    return {
        Loop(module, name, json.dumps([in_words(one) for one in signature]))
        for module, name, function in ours()
        for signature in function.signatures
    }


def unlisted(counts: Iterable[str] = ()) -> list[str]:
    """Lines that the list lacks; ``counts`` as for :func:`ewaldite.run.loop_list.loops_of`."""
    left = met() - set(all_loops(counts))
    return sorted(f'"{loop.module}:{loop.name}": [{loop.types}]' for loop in left)


def compiled() -> list[str]:
    """Loops that this process compiled, and did not find on disk."""
    return sorted(f"{m}:{name}" for m, name, function in ours() if function.stats.cache_misses)


if __name__ == "__main__":
    from ewaldite.cli.app import main

    try:
        main(sys.argv[1:])
    finally:
        sys.stdout.write("\n".join(unlisted(("int32", "uint16", "uint32"))) + "\n")
