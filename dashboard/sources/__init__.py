"""The Sources page: who posts webhooks, and with what result."""
