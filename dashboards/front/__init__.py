"""The way in to the pages: sign-in, set-up, invitations, and the guard that stands before everything else."""
