"""Data shipped with the program, and the commands that make it."""
