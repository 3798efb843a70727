"""Types and rules, pure: no clock, no chance, no file and no database inside."""
