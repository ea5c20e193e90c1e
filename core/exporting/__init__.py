"""The figures for other systems: one set of counters, histograms and gauges, in each system's own form."""
