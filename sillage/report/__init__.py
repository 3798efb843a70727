"""A campaign's report away from its page: as a PDF, and by mail when it is due."""
