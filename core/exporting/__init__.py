"""Export figures to other systems: one set of counters, histograms and gauges, in each system's format."""
