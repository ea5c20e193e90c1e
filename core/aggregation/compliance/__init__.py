"""Check calls against the rules of calling: hours by purpose, attempts, opt-outs, required disclosures."""
