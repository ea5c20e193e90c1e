"""The System page: health, definitions, the check of a day, processes."""
