"""The least CPU time of a call, as the programs in Go measure it."""

import time


def report(name, f, rounds=7):
    n, best = 1, None
    while rounds > 0:
        start = time.process_time()
        for _ in range(n):
            f()
        d = time.process_time() - start
        if d < 0.02:
            n *= 2
            continue
        best = d / n if best is None else min(best, d / n)
        rounds -= 1
    print(f"{name}\t{best:.9g}", flush=True)
