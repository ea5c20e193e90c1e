"""Reports for people outside the dashboard: a day or a week as a mail, a page to print, a PDF."""
