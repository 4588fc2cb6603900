"""`python -m rrplan` is `rrplan`."""

from rrplan.cli.main import main

main()
