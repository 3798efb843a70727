"""The demo: a made account whose campaign goes out for real, to the post office's people."""
