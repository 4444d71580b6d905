"""One self-contained HTML page for a run."""

from __future__ import annotations

from ewaldite.report.model import Figure, Section, Table
from ewaldite.report.page import report_html, write_report

__all__ = ["Figure", "Section", "Table", "report_html", "write_report"]
