"""Shared settings of the tests."""

from hypothesis import settings

settings.register_profile("rrplan", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("rrplan")
