"""The command ``ewaldite``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from ewaldite.cli.calibrate import register as register_calibrate
from ewaldite.cli.diffuse import diffuse
from ewaldite.cli.log import close_log, log_ending
from ewaldite.cli.maps import register as register_maps
from ewaldite.cli.spectroscopy import spectroscopy
from ewaldite.cli.spectroscopy_export import register as register_export
from ewaldite.errors import UserError
from ewaldite.model.provenance import installed_version
from ewaldite.run.loop_folder import give_loops_a_folder

MISTAKE, INTERRUPTED = 2, 130

app = App(
    name="ewaldite",
    help="From detector counts to intensity in reciprocal space, with error bars.",
    version=installed_version,
    suppress_keyboard_interrupt=False,
)
register_maps(diffuse)
register_export(spectroscopy)
register_calibrate(spectroscopy)
app.command(diffuse)
app.command(spectroscopy)


@app.command
def inspect(file: Annotated[Path, Parameter(help="file that this program wrote")]) -> None:
    """Tell what a result file holds."""
    from ewaldite.io.inspect import describe

    console = Console()
    for line in describe(file).lines():
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a user's mistake ends in one sentence and a non-zero exit.

    Parameters
    ----------
    arguments:
        Words after the program's name; those of the process if None.
    """
    console = Console(stderr=True)
    give_loops_a_folder()
    try:
        app(sys.argv[1:] if arguments is None else list(arguments))
    except UserError as error:
        _say(console, error)
        sys.exit(MISTAKE)
    except BrokenPipeError:
        # The reader of our output is gone; nothing more may be written to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _say(console, _of_the_system(error))
        sys.exit(MISTAKE)
    except KeyboardInterrupt:
        ending = "interrupted; what was finished is kept"
        console.print(f"ewaldite: {ending}", markup=False)
        log_ending(ending)
        sys.exit(INTERRUPTED)
    finally:
        close_log()


def _say(console: Console, error: UserError) -> None:
    console.print(f"ewaldite: {error}", style="red", markup=False, soft_wrap=True)
    log_ending(str(error))


def _of_the_system(error: OSError) -> UserError:
    """Say what the system refused; readers and writers of results say more."""
    where = error.filename or "a file"
    return UserError(
        f"use {where}",
        error.strerror or str(error),
        "See what is there and whether the disk is full or forbidden; finished steps are kept.",
    )
