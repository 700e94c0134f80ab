"""Dialogues between a client, the connector's pure part and the venue: documentation that is run."""
