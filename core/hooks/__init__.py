"""Webhooks: who may post them, what a body says, what is recorded and what is kept for a week."""
