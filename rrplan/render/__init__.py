"""Plans, runs and sessions as text: terminal, Markdown, JSON, dot, Mermaid. Decides nothing."""
