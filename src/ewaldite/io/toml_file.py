"""TOML files, read with a clear word about mistakes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ewaldite.errors import UserError
from ewaldite.model.toml_text import toml_text, toml_value

__all__ = ["read_toml", "toml_text", "toml_value"]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    UserError
        If it is missing, no text, or not TOML.
    """
    asked = f"read the configuration {path}"
    try:
        # Editors on Windows put a mark before the text, which TOML does not know
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise UserError(
            asked,
            "the file does not exist",
            "Make one with: ewaldite diffuse init FOLDER, or ewaldite spectroscopy init FOLDER",
        ) from error
    except IsADirectoryError as error:
        raise UserError(asked, "it is a folder", "Name the TOML file in it.") from error
    except OSError as error:
        found = error.strerror or str(error)
        raise UserError(asked, found, "See whether you may read it.") from error
    except UnicodeDecodeError as error:
        raise UserError(asked, str(error), "Give a text file in UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(asked, f"it is not valid TOML: {error}", "Correct the line.") from error
