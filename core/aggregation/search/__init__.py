"""Find calls: lists by filters and facets, one call as a whole, the slowest of a period."""
