"""Old records as Parquet files, and whole stores as backups."""
