"""The Sources page: who posts webhooks, and what becomes of them."""
