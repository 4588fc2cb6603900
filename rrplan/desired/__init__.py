"""What shall be: the target state of a spec on a snapshot, with the reason for each choice. Pure."""

from rrplan.desired.compile import compile_desired
from rrplan.desired.desired import Desired

__all__ = ["Desired", "compile_desired"]
