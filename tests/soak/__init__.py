"""Minutes of trading under faults against the real daemon, then three books compared.

    python -m tests.soak --minutes 5          # or: make soak MINUTES=5 SEED=7
    python -m tests.soak --seed 4711          # the same orders and the same faults again

Real processes throughout: the daemon, the simulated exchange, FIX clients over TCP. While two OMS sessions send
orders of every kind, the daemon is killed (-9) again and again, the venue answers 5xx with and without the order
accepted, loses replies, cuts and freezes the stream, drops, doubles and reorders events, limits rates, shifts
its clock, cancels and liquidates. Then all is healed, and three books must say the same: what each OMS was told
(every distinct ExecID(17)), the daemon's journal, the venue.

What chance decides comes from the seed. The processes are real, so two runs of one seed meet their faults at
slightly different moments.
"""
