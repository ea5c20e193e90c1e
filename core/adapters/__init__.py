"""Foreign data as our records: one module a source, each a pure function from a payload to a delivery."""
