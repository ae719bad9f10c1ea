"""What went wrong, for people: one line that says what, where, and what to do."""


class UserError(Exception):
    """Ends the program with its text on one line and exit code 2."""
