"""Scenarios: scripts of a bad day at the venue, in YAML, played against whoever is connected."""
