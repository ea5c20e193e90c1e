"""Ways to reach people: email, Slack, pagers, anything Apprise reaches; and the text they get."""
