"""The one kind of error that a user can cause and mend."""


class UserError(Exception):
  """A fault in input, configuration or environment, with its place and remedy.

  The message says what was found, where (path, row, key), what was expected and
  what to do about it. `main.py` prints it without a traceback and exits with 2;
  any other exception is a fault of the program.
  """
