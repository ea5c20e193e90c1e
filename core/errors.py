"""The one error that people are meant to read."""


class UserError(Exception):
    """Something the person at the keyboard can put right.

    The text is one line that names what is wrong and the remedy. Command lines print it without a
    traceback and exit with 2.
    """
