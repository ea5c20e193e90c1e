"""The records that are stored, served and alerted on."""
