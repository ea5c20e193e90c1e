"""Turn foreign data into our records: one module per source, each a pure function of a payload."""
