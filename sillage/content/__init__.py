"""Content: from a marketer's source to the bytes of a message. Pure: text in, bytes out."""
