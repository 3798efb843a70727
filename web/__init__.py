"""Public HTTP: open pixels, click redirects, unsubscribe, web versions."""
