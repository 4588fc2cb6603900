"""The real world behind the ports: clock, lock file, commands, files. Client libraries stay in their module."""
