"""What comes in over HTTP: calls, turns, requests and signs of life, and webhooks."""
