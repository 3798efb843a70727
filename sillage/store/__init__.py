"""ops, the operational store: what must be done and what is allowed. All SQL of ops is in this room."""
