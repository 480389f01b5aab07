"""The one exception that reaches a user as a sentence instead of a traceback."""


class PrunesimError(Exception):
    """Something the user can put right.

    The message is one sentence that names the file, key or value, and what would be right.
    """
