"""Import calls from files: a declarative mapping says which column is which field."""

from core.importing.import_file import import_file
from core.importing.tally import ImportReport

__all__ = ["ImportReport", "import_file"]
