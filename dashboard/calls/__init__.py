"""The Calls page: the list, one call with its turns and log, calls in progress."""
