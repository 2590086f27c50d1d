#!/usr/bin/env python3
"""Peer benchmark: full-batch gradient descent for the single-index DEQ  y = tanh(w.x + v y)
with N = 8000 samples, d = 20, warm-started safeguarded Newton forward solve to 1e-12 (vectorised NumPy,
the way the paper's own experiment is computed).  Prints microseconds per GD update.

  OMP_NUM_THREADS=1 python3 single_index.py [--steps 2000]"""
import argparse, time, json
import numpy as np
def splitmix(seed, count):
    with np.errstate(over="ignore"):
        s = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (s ^ (s >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0 ** -53
def e(seed, *shape): return (np.sqrt(3.0) * (2 * splitmix(seed, int(np.prod(shape))) - 1)).reshape(shape)
def solve(u, v, y, tol=1e-12):
    lo = np.full_like(u, -1.0); hi = np.full_like(u, 1.0)
    for k in range(80):
        t = np.tanh(u + v * y); r = y - t
        if np.max(np.abs(r)) <= tol: return y, k + 1
        hi = np.where(r > 0, y, hi); lo = np.where(r > 0, lo, y)
        p = y - r / (1 - v * (1 - t * t))
        y = np.where((p < lo) | (p > hi), (lo + hi) / 2, p)
    raise RuntimeError
ap = argparse.ArgumentParser(); ap.add_argument("--steps", type=int, default=2000); ap.add_argument("--json")
a = ap.parse_args()
N, d, eta = 8000, 20, 0.2
X = e(1, N, d); xi = e(2, d); xi /= np.linalg.norm(xi); dl = e(3, d); dl *= 0.2 / np.linalg.norm(dl)
th = np.r_[xi + dl, 0.15]; t = np.tanh(X @ xi); y = np.zeros(N); its = 0
t0 = time.process_time(); w0 = time.perf_counter()
for k in range(a.steps):
    u = X @ th[:-1]; y, c = solve(u, th[-1], y); its += c
    D = 1 - np.tanh(u + th[-1] * y) ** 2
    w = 2 * (y - t) * D / (1 - th[-1] * D)
    th -= eta * np.r_[X.T @ w, y @ w] / N
cpu = time.process_time() - t0
y, _ = solve(X @ th[:-1], th[-1], y)
out = dict(steps=a.steps, cpu_us_per_step=cpu / a.steps * 1e6, wall_us_per_step=(time.perf_counter() - w0) / a.steps * 1e6,
           newton_per_step=its / a.steps, risk=float(np.mean((y - t) ** 2)), dist=float(np.linalg.norm(th - np.r_[xi, 0])), theta=th.tolist())
print(json.dumps(out))
if a.json: json.dump(out, open(a.json, "w"))
