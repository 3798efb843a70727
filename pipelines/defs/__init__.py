"""One folder per room; each registers its own assets, checks, schedules and sensors."""
