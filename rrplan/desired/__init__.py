"""What shall be: the target state of a spec on a snapshot, with the reason for each choice. Pure."""

from rrplan.desired.compile import Desired, compile_desired

__all__ = ["Desired", "compile_desired"]
