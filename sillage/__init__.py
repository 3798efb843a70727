"""Sillage: email and WhatsApp marketing on your own machine, built as a data pipeline."""
