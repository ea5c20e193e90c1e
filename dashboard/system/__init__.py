"""The System page: health, definitions, checking a day, processes, data protection."""
