"""The JSON of DIALS' .expt: which models belong to an experiment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.geometry.checks import asked, read_text
from ewaldite.model.experiment import FloatArray

# JSON has no better type than "a dictionary of anything"
Model = dict[str, Any]

MODELS = ("beam", "detector", "goniometer", "scan", "crystal", "imageset")


@dataclass(frozen=True)
class Experiment:
    """The models of one experiment as the file has them; None where it has none."""

    path: Path
    models: dict[str, Model | None]

    def get(self, kind: str) -> Model | None:
        """Model of a kind, or None."""
        return self.models[kind]

    def need(self, kind: str) -> Model:
        """Model of a kind.

        Raises
        ------
        UserError
            If the experiment has none.
        """
        model = self.models[kind]
        if model is None:
            hint = "Index the data first (dials.index)." if kind == "crystal" else ""
            raise UserError(
                asked(self.path),
                f"the experiment has no {kind}",
                hint or f"Give a DIALS file that holds the {kind}.",
            )
        return model

    def numbers(self, model: Model, key: str, shape: tuple[int, ...]) -> FloatArray:
        """Array of numbers in a model, of a shape in which -1 stands for any length.

        Raises
        ------
        UserError
            If it is missing or of another size.
        """
        try:
            values = np.asarray(model[key], dtype=np.float64).reshape(shape)
            if np.all(np.isfinite(values)):
                return values
            found = f"'{key}' holds a number that is not finite"
        except KeyError:
            found = f"'{key}' is missing"
        except (TypeError, ValueError):
            found = f"'{key}' does not hold numbers of the shape {list(shape)}"
        raise UserError(asked(self.path), found, "Let DIALS write the file again.")


def is_dials(text: str) -> bool:
    """Tell whether a text looks like an experiment list."""
    return text.lstrip()[:1] == "{" and '"experiment"' in text


def read_experiment(path: Path, which: int | None) -> Experiment:
    """Read one experiment of a DIALS file.

    Parameters
    ----------
    path:
        The file.
    which:
        Its 0-based number, or None for the only one.

    Returns
    -------
    :
        The experiment.

    Raises
    ------
    UserError
        If the file is no experiment list, ``which`` does not exist, or the file holds several
        and ``which`` is None.
    """
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise UserError(
            asked(path),
            f"it is no valid JSON (line {error.lineno}: {error.msg})",
            "Copy the file again; it may be cut short.",
        ) from error
    experiments = content.get("experiment") if isinstance(content, dict) else None
    if not isinstance(experiments, list) or not experiments:
        raise UserError(
            asked(path), "it holds no experiment", "Give an .expt file written by DIALS."
        )
    count = len(experiments)
    if which is None and count > 1:
        raise UserError(
            asked(path),
            f"it holds {count} experiments",
            f"Choose one with experiment = 0 to {count - 1}.",
        )
    chosen = which or 0
    if not 0 <= chosen < count:
        raise UserError(
            asked(path),
            f"it holds {count} experiment(s), and number {chosen} is asked for",
            f"Choose one with experiment = 0 to {count - 1}.",
        )
    return Experiment(path, {k: _model(path, content, experiments[chosen], k) for k in MODELS})


def _model(path: Path, content: Model, experiment: Model, kind: str) -> Model | None:
    index = experiment.get(kind)
    if index is None:
        return None
    try:
        model = content[kind][index]
    except (KeyError, IndexError, TypeError) as error:
        raise UserError(
            asked(path),
            f"the experiment refers to {kind} {index}, which the file does not hold",
            "Let DIALS write the file again.",
        ) from error
    return model if isinstance(model, dict) else None
