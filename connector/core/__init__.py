"""Pure deciding: what is true of each order and what to do next. No clock, no socket, no log, no await."""
