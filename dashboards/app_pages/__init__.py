"""One file per page; each arranges."""
