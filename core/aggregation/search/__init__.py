"""Finding calls: lists by filters and facets, one call whole, the slowest of a period."""
