"""Structure models as text."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Literal

from ewaldite.errors import UserError

_ENDS: dict[str, Literal["pdb", "mmcif"]] = {
    ".pdb": "pdb",
    ".ent": "pdb",
    ".cif": "mmcif",
    ".mmcif": "mmcif",
}


def read_structure_text(path: Path) -> tuple[str, Literal["pdb", "mmcif"]]:
    """Read a PDB or mmCIF file.

    Parameters
    ----------
    path:
        The file, told by its name: ``.pdb``, ``.ent``, ``.cif``, ``.mmcif``, also with ``.gz``.

    Returns
    -------
    :
        Its text and its format.

    Raises
    ------
    UserError
        The file is missing, cannot be read, or has another name.
    """
    asked = f"read the model {path}"
    packed = path.suffix.lower() == ".gz"
    form = _ENDS.get(Path(path.stem if packed else path.name).suffix.lower())
    if form is None:
        raise UserError(
            asked,
            "its name does not tell its format",
            f"Give a file that ends in {', '.join(_ENDS)}, or one of these and .gz.",
        )
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if packed else content).decode(errors="replace")
    except (OSError, EOFError) as error:
        raise UserError(
            asked,
            getattr(error, "strerror", None) or str(error),
            "Correct [contents] file, or copy the file again.",
        ) from error
    return text, form
