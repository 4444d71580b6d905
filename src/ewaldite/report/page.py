"""One HTML page from finished results, with everything inside."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from ewaldite.io.atomic import PathLike, write_text
from ewaldite.model.provenance import Provenance
from ewaldite.report.model import Figure, Section, Table

_MEDIA = {"png": "image/png", "svg": "image/svg+xml"}

# More are set in smaller type, for what lies beyond the edge of the page is not seen
_MANY_COLUMNS = 8

_CSS = """
:root { --ink: #26323d; --faint: #6b7681; --line: #dfe3e7; --accent: #2f5f8f; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #f6f7f8;
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 62rem; margin: 2rem auto; padding: 2.5rem 3rem; background: #fff;
  border: 1px solid var(--line); border-radius: 6px; }
h1 { margin: 0 0 .2rem; font-size: 1.9rem; font-weight: 600; }
h2 { margin: 2.6rem 0 .8rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line);
  font-size: 1.25rem; font-weight: 600; }
p.subtitle { margin: 0; color: var(--faint); }
nav { margin-top: 1.2rem; font-size: .9rem; }
nav a { margin-right: 1.1rem; color: var(--accent); text-decoration: none; }
figure { margin: 1.2rem 0; text-align: center; }
figure img { max-width: 100%; height: auto; }
figcaption, caption { padding: .4rem 0; color: var(--faint); font-size: .88rem;
  text-align: left; caption-side: top; }
.scroll { overflow-x: auto; }
table { margin: 1rem 0; border-collapse: collapse; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .9rem .28rem 0; border-bottom: 1px solid var(--line);
  text-align: left; vertical-align: top; }
th { color: var(--faint); font-weight: 600; }
td.number, th.number { text-align: right; padding-left: .9rem; }
table.wide { font-size: .8rem; }
table.wide th, table.wide td { padding-left: .3rem; padding-right: .3rem; }
td.digest { font-family: ui-monospace, monospace; font-size: .8rem; word-break: break-all; }
ul.notes { margin: 1rem 0; padding: .7rem 1rem .7rem 2rem; background: #fff8e6;
  border-left: 4px solid #e0b84c; }
pre { padding: 1rem; overflow-x: auto; background: #f3f5f7; border-radius: 4px;
  font-size: .82rem; line-height: 1.45; }
@media print { body { background: #fff; } main { border: 0; margin: 0; padding: 0; }
  nav { display: none; } figure, table { break-inside: avoid; } }
"""


def write_report(
    path: PathLike,
    sections: Sequence[Section],
    *,
    title: str,
    subtitle: str = "",
    provenance: Provenance | None = None,
) -> None:
    """Write a report; see :func:`report_html`.

    Raises
    ------
    UserError
        If the file cannot be written.
    """
    write_text(path, report_html(sections, title, subtitle, provenance))


def report_html(
    sections: Sequence[Section],
    title: str,
    subtitle: str = "",
    provenance: Provenance | None = None,
) -> str:
    """Make a page that needs no other file and no network.

    Parameters
    ----------
    sections:
        In the order in which they are to be shown.
    title, subtitle:
        Head of the page.
    provenance:
        Shown at the end in full: version, command, inputs, tables, seeds, notes, options.

    Returns
    -------
    :
        HTML 5; styles and pictures are inside.
    """
    parts = [*sections]
    if provenance is not None:
        parts += provenance_sections(provenance)
    links = "".join(
        f'<a href="#part-{number}">{escape(part.title)}</a>'
        for number, part in enumerate(parts, 1)
    )
    body = "\n".join(_section(number, part) for number, part in enumerate(parts, 1))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n<main>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n"
        f'<p class="subtitle">{escape(subtitle)}</p>\n<nav>{links}</nav>\n</header>\n'
        f"{body}\n</main>\n</body>\n</html>\n"
    )


def provenance_sections(provenance: Provenance) -> list[Section]:
    """Sections that say how a result came about, and how to make it again."""
    rows = [("version", provenance.version), ("command", provenance.command)]
    rows += [(f"seed: {name}", str(seed)) for name, seed in provenance.seeds.items()]
    rows += [(f"table: {name}", source) for name, source in provenance.tables.items()]
    tables = [Table(("what", "value"), tuple(row for row in rows if row[1]))]
    if provenance.inputs:
        inputs = tuple(provenance.inputs.items())
        tables.append(Table(("file", "digest"), inputs, "Digests of the inputs"))
    sections = [Section("Provenance", tables=tuple(tables), notes=provenance.notes)]
    if provenance.options:
        text = (
            "Saved as a file in the folder of the configuration, to which paths refer, these "
            "options make the same result again."
        )
        sections.append(Section("Options", text=text, verbatim=provenance.options))
    return sections


def format_number(value: float) -> str:
    """Set a number: whole ones with commas, others with four digits.

    From one to a million they keep their decimal form; nan is a dash.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}".replace("-", "−")
    if value != value:  # nan is the one number that differs from itself
        return "–"
    size = abs(value)
    digits = max(4 - len(str(int(size))), 0) if 1 <= size < 1e6 else None
    text = f"{value:.4g}" if digits is None else f"{value:,.{digits}f}"
    return text.replace("-", "−")


def format_column(values: Sequence[str | float | None]) -> list[str]:
    """Set a column: numbers that can be compared have the same decimals, text stays.

    Three digits of the largest, three decimals up to 2; number by number where that would
    leave nothing of a small one, or the largest is below 0.1 or above a million.
    """
    real = [abs(x) for x in values if isinstance(x, float) and math.isfinite(x)]
    numbers = [x for x in values if x is not None and not isinstance(x, str)]
    largest, smallest = max(real, default=0.0), min((x for x in real if x), default=0.0)
    decimals = 3 if largest < 2 else max(2 - math.floor(math.log10(largest)), 0)
    alike = len(real) > 1 and all(isinstance(x, float) for x in numbers)
    if alike and 0.1 <= largest < 1e6 and (largest < 2 or smallest >= 0.5 * 10**-decimals):
        return [_in_column(x, decimals) for x in values]
    return [_in_column(x, None) for x in values]


def _in_column(value: str | float | None, decimals: int | None) -> str:
    if isinstance(value, str):
        return value
    if value is None or value != value:  # nan differs from itself
        return "–"
    if decimals is None or not math.isfinite(value):
        return format_number(value)
    return f"{value:,.{decimals}f}".replace("-", "−")


def _section(number: int, part: Section) -> str:
    paragraphs = (p.strip() for p in re.split(r"\n\s*\n", part.text))
    pieces = [f'<section id="part-{number}">\n<h2>{escape(part.title)}</h2>']
    pieces += [f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs if paragraph]
    pieces += [_notes(part.notes)] if part.notes else []
    pieces += [_figure(figure) for figure in part.figures]
    pieces += [_table(table) for table in part.tables]
    pieces += [f"<pre>{escape(part.verbatim)}</pre>"] if part.verbatim else []
    return "\n".join([*pieces, "</section>"])


def _notes(notes: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>'


def _figure(figure: Figure) -> str:
    data = base64.b64encode(figure.content).decode()
    caption = escape(figure.caption)
    return (
        f'<figure><img src="data:{_MEDIA[figure.fmt]};base64,{data}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    numeric = [
        bool(table.rows) and all(not isinstance(row[n], str) for row in table.rows)
        for n in range(len(table.columns))
    ]
    head = "".join(
        f"<th{_number_class(is_number)}>{escape(name)}</th>"
        for name, is_number in zip(table.columns, numeric, strict=True)
    )
    columns = [format_column([row[n] for row in table.rows]) for n in range(len(numeric))]
    rows = "\n".join(
        "<tr>" + "".join(map(_table_cell, texts, row, numeric)) + "</tr>"
        for texts, row in zip(zip(*columns, strict=True), table.rows, strict=True)
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    wide = ' class="wide"' if len(table.columns) > _MANY_COLUMNS else ""
    return (
        f'<div class="scroll"><table{wide}>{caption}<thead><tr>{head}</tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _number_class(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _table_cell(text: str, value: str | float | None, is_number: bool) -> str:
    if isinstance(value, str):
        digest = re.fullmatch(r"\w+:[0-9a-f]{16,}", value) is not None
        kind = ' class="digest"' if digest else ""
        return f"<td{kind}>{escape(text)}</td>"
    return f"<td{_number_class(is_number)}>{text}</td>"
