"""What arrives over HTTP: calls, turns, requests and heartbeats, and webhooks."""
