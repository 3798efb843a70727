"""Streamlit pages for analysts."""
