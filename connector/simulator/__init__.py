"""A margin exchange in one process: REST, WS-API, matching, wallets, faults.

Written from the venue's published facts and sharing no code with the connector, so that the two
cannot agree by sharing a mistake. Start it with `connector.simulator.server.start` or
`python -m connector.simulator`; `docs/simulator.md` is its manual.
"""
