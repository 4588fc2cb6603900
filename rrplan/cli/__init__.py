"""Words in, words out, exit codes; one file per verb."""
