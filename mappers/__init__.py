"""Pure translation between FIX 4.4, our values and the venue's JSON. No clock, no socket, no log."""
