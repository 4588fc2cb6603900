"""Unit tests of the first spec."""
