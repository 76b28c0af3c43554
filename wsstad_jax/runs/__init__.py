"""What each --mode does, in order."""
