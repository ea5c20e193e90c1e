"""Every read of the dashboard, cached; nothing else here asks the database."""
