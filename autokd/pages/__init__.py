"""What pages are made of: the document, its look, its tables, and the writing of files.

Knows nothing of runs. The rooms that tell people of results, `autokd.report` and
`autokd.diagnose`, share it.
"""

from autokd.pages.html import Panel, Section, Width, document, said, scrolled
from autokd.pages.table import Table
from autokd.pages.theme import new_figure
from autokd.pages.writing import write_whole

__all__ = [
    "Panel",
    "Section",
    "Table",
    "Width",
    "document",
    "new_figure",
    "said",
    "scrolled",
    "write_whole",
]
