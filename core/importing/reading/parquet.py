"""Read the records of a Parquet file in small portions."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import UserError

ROWS_AT_ONCE = 500
MAX_GROUP = 1_000_000_000
"""Most bytes in a group of rows; Parquet files may have to be read a group at a time."""


class ParquetFile:
    """An open Parquet file.

    Raises:
        UserError: it is damaged, or has groups of rows that are too large.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)  # type: ignore[no-untyped-call]
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._damaged(error) from None
        self.columns: list[str] = list(self._file.schema_arrow.names)
        metadata = self._file.metadata
        groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
        if any(group.total_byte_size > MAX_GROUP for group in groups):
            raise UserError(f"{path} has a group of rows of more than 1 GB; write it with smaller row groups")

    def records(self, wanted: AbstractSet[str] | None) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield every record with its number, from 1; only the columns in ``wanted``.

        Raises:
            UserError: the file is damaged, or contains values that Python cannot represent.
        """
        columns = None if wanted is None else [name for name in self.columns if _is_wanted(name, wanted)]
        number = 0
        try:
            batches: Any = self._file.iter_batches(batch_size=ROWS_AT_ONCE, columns=columns)  # type: ignore[no-untyped-call]
            for batch in batches:
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise self._damaged(error) from None
        finally:
            self._file.close()

    def _damaged(self, error: Exception) -> UserError:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        return UserError(f"{self._path} cannot be read as Parquet: {reason}")


def _is_wanted(column: str, wanted: AbstractSet[str]) -> bool:
    return any(name == column or name.startswith((f"{column}.", f"{column}[")) for name in wanted)
