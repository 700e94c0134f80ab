"""Seeded worlds around the production router: everything that may go wrong, in any order, without a clock.

    python -m tests.simulation --seeds 1000          # a progress line, a summary of what happened
    python -m tests.simulation --seed 4711           # the story of one world, readable

A world is one seed. It holds an OMS, a venue, the wire between, a stream, a disk and a process that may die
between any two actions. After every step what was promised (design, section 2) is checked; then the world is
healed, and everything must come to rest: every order has its one end or is open at the venue.
"""
