"""From a record in memory to the database: group commits, the spool, and what waits in each process."""
