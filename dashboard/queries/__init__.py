"""All reads of the dashboard, cached; nothing else in dashboard/ queries the database."""
