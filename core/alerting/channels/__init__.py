"""Ways to reach people: email, Slack, pagers, anything Apprise reaches; and the words they get."""
