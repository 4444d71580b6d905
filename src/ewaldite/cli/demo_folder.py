"""The folder of a demonstration, which must not hold anything of value."""

from __future__ import annotations

from pathlib import Path

from ewaldite.errors import UserError

#: Tells the folder of a demonstration.
MARK = ".ewaldite-demo"
# Files that only a demonstration has
_OWN = (MARK, "truth.npz", "truth.toml")


def claim_folder(folder: Path) -> None:
    """Make the folder of a demonstration, unless something else is in it.

    Images and configurations of a real experiment have the names of simulated ones.

    Parameters
    ----------
    folder:
        Where to; absent, empty, or that of an earlier demonstration.

    Raises
    ------
    UserError
        If it holds something else, or cannot be made.
    """
    asked = f"make a demonstration in {folder}"
    remedy = "Name a folder that does not exist yet."
    try:
        folder.mkdir(parents=True, exist_ok=True)
        known = any((folder / name).exists() for name in _OWN)
        if not known and any(folder.iterdir()):
            raise UserError(asked, "it holds files that are not those of one", remedy)
        (folder / MARK).touch()
    except OSError as error:
        raise UserError(asked, error.strerror or str(error), remedy) from error
