"""From a file, packed or not, to rows of cells with names: CSV, JSON, Parquet and workbooks."""
