"""What whoever is on call does: alerts acknowledged and closed, silences begun and ended, rules read."""
