"""The life of a campaign: made, checked, planned, and shown again as a web page."""
