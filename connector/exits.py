"""Exit codes of the `connector` command. systemd and people tell by them what has to be done."""

OK = 0  # stopped as asked
DIFFERENT = 1  # demo: the venue's books and what FIX reported do not agree
USAGE = 2  # configuration or command line wrong: nothing was started
JOURNAL = 3  # journal in use, damaged, of another version, or not writable
START = 4  # a port, the FIX store or the dictionary cannot be used
KEY = 5  # Binance refuses an API key: restarting will not help
FAILED = 70  # an internal failure stopped the process at once (fail-stop): restart it

MEANING = {
    OK: "stopped as asked",
    DIFFERENT: "demo: the venue and FIX disagree",
    USAGE: "the configuration or the command line is wrong",
    JOURNAL: "the journal is in use, damaged, of another version or not writable",
    START: "a port, the FIX store or the dictionary cannot be used",
    KEY: "Binance refuses an API key",
    FAILED: "an internal failure stopped the process at once: restart it",
}
