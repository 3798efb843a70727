"""How sending goes at each mailbox provider."""
