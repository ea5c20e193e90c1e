"""Back-filling calls from files: a declarative mapping says which column is which field."""

from core.importing.import_file import ImportReport, import_file

__all__ = ["ImportReport", "import_file"]
