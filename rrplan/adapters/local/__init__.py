"""This machine: its clock, files, lock files, commands and hooks, and runs kept in a directory.

No other adapter asks for the date, writes a file or starts a process.
"""
