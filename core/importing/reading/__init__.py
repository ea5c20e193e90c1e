"""Read a file, compressed or not, into rows of named cells: CSV, JSON, Parquet and workbooks."""
