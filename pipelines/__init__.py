"""Dagster definitions for data engineers."""
