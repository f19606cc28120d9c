"""The report: what a run has learned, as one HTML page, a CSV or a PNG."""

from autokd.report.tables import front_text
from autokd.report.write import write_csv, write_png, write_report

__all__ = ["front_text", "write_csv", "write_png", "write_report"]
