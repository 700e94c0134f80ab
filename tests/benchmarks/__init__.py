"""`make bench`: what the connector costs, in multiples of parts measured beside it in the same run."""
