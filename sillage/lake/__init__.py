"""The event log: its schema, the way into it and the ways to read it."""
