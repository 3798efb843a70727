"""The event log, as the collector writes it."""
