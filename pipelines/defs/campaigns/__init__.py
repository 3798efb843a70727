"""Audiences and deliveries of campaigns."""
