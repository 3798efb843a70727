"""Alerts: what stands, what of it acts, and how it is told."""
