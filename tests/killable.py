"""Both chains in a process that is warm, which forks a child for every run.

A child notes in ``notes-RUN`` every shard that it begins to reduce and every step that it does.
First it says that it is warm, and writes to a file which compiled loops it met.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import ewaldite.run.steps as steps_module
import met_loops
from ewaldite.diffuse import workflow as diffuse
from ewaldite.diffuse.config import read_config as read_diffuse
from ewaldite.diffuse.context import Context as DiffuseContext
from ewaldite.run.checkpoint import ShardStore
from ewaldite.run.options import RunOptions
from ewaldite.spectroscopy import workflow as spectroscopy
from ewaldite.spectroscopy.config import read_config as read_spectroscopy
from ewaldite.spectroscopy.context import Context as SpectroscopyContext


def reduce(chain: str, config: Path, changes: dict[str, Any]) -> list[str]:
    """Run a chain with other options of how the work is done."""

    def changed(options: RunOptions) -> RunOptions:
        return options.model_copy(update=changes)

    if chain == "diffuse":
        wanted = read_diffuse(config)
        wanted = wanted.model_copy(update={"run": changed(wanted.run)})
        return diffuse.run(DiffuseContext(wanted, config.parent))
    options = read_spectroscopy(config)
    options = options.model_copy(update={"computing": changed(options.computing)})
    return spectroscopy.run(SpectroscopyContext(options, config.parent))


def note_what_is_done(file: Path) -> None:
    """Write down every shard that is not loaded, and every step that does not hold."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    get, reason = ShardStore.get, steps_module._reason

    def noted_get(self: ShardStore[Any, Any], shard: Any) -> Any:
        kept = get(self, shard)
        if kept is None:
            folder = self.store._folder(self.key(shard).name)
            os.write(descriptor, f"shard {folder.resolve()}\n".encode())
        return kept

    def noted_reason(step: Any, *others: Any) -> str | None:
        why = reason(step, *others)
        if why is not None:
            os.write(descriptor, f"step {step.name}\n".encode())
        return why

    ShardStore.get = noted_get  # type: ignore[method-assign]
    steps_module._reason = noted_reason


def serve() -> None:
    """Fork a child for every line of JSON; say its process, and how it ended."""
    for line in sys.stdin:
        wanted = json.loads(line)
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            note_what_is_done(Path(wanted["notes"]))
            reduce(wanted["chain"], Path(wanted["config"]), wanted["changes"])
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    for chain, config in json.loads(sys.argv[1]).items():
        reduce(chain, Path(config), {"workers": 1})
    loops = {"compiled": met_loops.compiled(), "unlisted": met_loops.unlisted(("int32",))}
    Path(sys.argv[2]).write_text(json.dumps(loops))
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    serve()
