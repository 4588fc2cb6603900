"""What a run says, as values: events, the reasons in them, lines of its journal; `render/` makes the sentences."""
