"""Pages in a real browser: what people see, click and hear."""
