"""Mail out, mail in, and the post office that plays the mailbox providers."""
