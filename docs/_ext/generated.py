"""Pages that are made from the program itself, so that they cannot drift from it.

``{options} NAME`` lists the options of a section of the configuration, from its pydantic model
(``spectroscopy.NAME`` for one of the neutron chain, ``mask.window`` for one inside another);
``{commands} WORDS`` prints the help of a command, from the command line itself.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Annotated, Any, Literal, get_args, get_origin

from docutils import nodes
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ewaldite.cli.app import app
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.spectroscopy.options import SpectroscopyOptions

WORDS = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true, false",
}


CHAINS: dict[str, type[BaseModel]] = {"spectroscopy": SpectroscopyOptions}


def section_model(place: str) -> type[BaseModel]:
    """Model of a section: sweep, mask, spectroscopy.mask, spectroscopy.mask.window."""
    names = place.split(".")
    model = CHAINS[names.pop(0)] if names[0] in CHAINS else DiffuseOptions
    for name in names:
        annotation = model.model_fields[name].annotation
        kinds = [annotation, *get_args(annotation)]
        model = next(k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel))
    return model


def type_text(annotation: Any) -> str:
    """What may be written, in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(inner[0])
    if origin is Literal:
        return ", ".join(f'"{a}"' if isinstance(a, str) else str(a).lower() for a in inner)
    if origin is list or (origin is tuple and inner[-1] is Ellipsis):
        return f"list of {type_text(inner[0])}"
    if origin is tuple:
        return "[" + ", ".join(type_text(a) for a in inner) + "]"
    if origin is None and issubclass(annotation, BaseModel):
        return "section"
    if origin is None:
        return "path" if issubclass(annotation, PurePath) else WORDS[annotation.__name__]
    return " or ".join(dict.fromkeys(type_text(a) for a in inner if a is not type(None)))


def limits(field: FieldInfo) -> str:
    """Bounds of a number."""
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    found = []
    for rule in field.metadata:
        found += [f"{s} {getattr(rule, n):g}" for n, s in signs.items() if hasattr(rule, n)]
    return f" ({', '.join(found)})" if found else ""


def default_text(field: FieldInfo) -> str:
    """Write the default as TOML does."""
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | PurePath):
        return f'"{value}"'
    return str(list(value)) if isinstance(value, tuple) else str(value)


class Options(SphinxDirective):
    """The options of one section."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make a definition list."""
        model = section_model(self.arguments[0])
        out = nodes.definition_list()
        for name, field in model.model_fields.items():
            term = nodes.term("", "", nodes.literal("", name))
            if not field.description:
                raise self.error(f"the option {self.arguments[0]}.{name} has no description")
            kind = (
                f"{type_text(field.annotation)}{limits(field)}; default: {default_text(field)}"
            )
            body = nodes.definition("", nodes.paragraph("", kind))
            body += nodes.paragraph("", field.description)
            out += nodes.definition_list_item("", term, body)
        return [out]


class Commands(SphinxDirective):
    """The help of the command line."""

    def run(self) -> list[nodes.Node]:
        """Turn the Markdown that the command line makes of itself into nodes."""
        text = app.generate_docs(output_format="markdown")
        text = "## ewaldite diffuse" + text.split("## ewaldite diffuse", 1)[1]
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def escape_bars(
    app_: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Keep the bars of |s| from being read as a substitution."""
    formula = False
    for i, line in enumerate(lines):
        if line.strip():
            formula = ".. math::" in line or (formula and line.startswith("    "))
        if not formula:
            parts = re.split(r"(``.*?``|:math:`.*?`)", line)
            parts[::2] = [re.sub(r"(?<!\\)\|", r"\\|", part) for part in parts[::2]]
            lines[i] = "".join(parts)


def setup(app_: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app_.add_directive("options", Options)
    app_.add_directive("commands", Commands)
    app_.connect("autodoc-process-docstring", escape_bars, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
