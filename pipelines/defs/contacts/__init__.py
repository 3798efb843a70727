"""Contact files on their way from the inbox into ops."""
