"""Keep the rows that were not calls, for whoever corrects the file."""

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from core.errors import UserError
from core.files import create_private, private_folder
from core.importing.reading.rows import Row


class Rejects:
    """A JSONL file with line number, reason and row, readable by its owner only; removed if it stays empty.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._draft = path.with_name(f"{path.name}.new")
        try:
            private_folder(path.parent)
            if path.exists() and not path.is_file():
                raise UserError(f"{path} is not a regular file; name another for the rejected rows")
            # Rows may contain personal data: private from the first byte, whatever mode an older file had.
            self._draft.unlink(missing_ok=True)
            self._file = create_private(self._draft)
        except OSError as error:
            raise self._unwritable(error) from None

    def add(self, row: Row, reason: str, file: str | None = None) -> None:
        """Write one row; ``file`` says which file it is from, if there are several."""
        where = {} if file is None else {"file": file}
        record = where | {
            "line": row.line,
            "reason": reason,
            "row": row.raw if row.cells is None else row.cells,
        }
        try:
            self._file.write(f"{json.dumps(record)}\n".encode())
        except OSError as error:
            raise self._unwritable(error) from None
        self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            if self.count:
                self._draft.replace(self.path)
            else:
                self._draft.unlink(missing_ok=True)
                self.path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(f"the file of rejected rows, {self.path}, cannot be written: {error.strerror}")
