"""The editor of mails, bundled: Streamlit serves a component's files only out of an installed package."""
