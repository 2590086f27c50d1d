"""Times of the simplex in NumPy. The loss is KL(q||p) summed as p h(r), r = (q-p)/p and
h(r) = (1+r) log(1+r) - r by its series near 0, of full relative accuracy as in package
infogeo. The cases "no series" leave the series away (no digit is right once KL < 1e-16 p),
those "naive loss" sum q log(q/p), both with all arrays reused."""

import numpy as np
from peer import report
from scipy.optimize import brentq


def zipf(k, dtype=np.float64):
    p = 1 / np.arange(1, k + 1, dtype=np.float64)
    return (p / p.sum()).astype(dtype)


SERIES = [(-1) ** k / (k * (k - 1)) for k in range(13, 1, -1)]


def h(r):
    s = np.full_like(r, SERIES[0])
    for c in SERIES[1:]:
        s *= r
        s += r.dtype.type(c)
    s *= r * r
    return np.where(np.abs(r) < 0.05, s, (1 + r) * np.log1p(r) - r)


def script(k, dtype):
    q = zipf(k, dtype)
    theta = np.zeros(k, dtype)  # the last one is the reference state's

    def step():
        nonlocal theta
        p = np.exp(theta - theta.max())
        p /= p.sum()
        loss = p @ h((q - p) / p)
        g = p - q
        g[-1] = 0
        theta = theta - g
        return loss

    return step


def lean(k, dtype, naive=False):
    q = zipf(k, dtype)
    theta = np.zeros(k, dtype)
    p, r, t, u = np.empty_like(q), np.empty_like(q), np.empty_like(q), np.empty_like(q)

    def step():
        np.subtract(theta, theta.max(), out=p)
        np.exp(p, out=p)
        np.divide(p, p.sum(), out=p)
        np.subtract(q, p, out=t)
        if naive:
            np.divide(q, p, out=r)
            np.log(r, out=r)
            loss = q @ r
        else:
            np.divide(t, p, out=r)
            np.log1p(r, out=u)
            np.multiply(u, q, out=u)
            loss = u.sum() - t.sum()
        t[-1] = 0
        np.add(theta, t, out=theta)
        return loss

    return step


def batch(dtype, accurate):
    rows, k = 10000, 16
    q = np.tile(zipf(k, dtype), (rows, 1))
    z = np.zeros((rows, k), dtype)

    def step():
        nonlocal z
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        if accurate:
            loss = (p * h((q - p) / p)).sum(axis=1)
        else:
            loss = (q * np.log(q / p)).sum(axis=1)
        z = z - (p - q)
        return loss

    return step


K = 1_000_000
report(f"simplex step and loss K={K}", script(K, np.float64))
report(f"simplex step, no series K={K}", lean(K, np.float64))
report(f"simplex step, naive loss K={K}", lean(K, np.float64, True))
report(f"simplex step and loss K={K}, float32", script(K, np.float32))
report("simplex step and loss K=1000", script(1000, np.float64))
report("simplex batch 10000x16", batch(np.float64, True))
report("simplex batch 10000x16, naive loss", batch(np.float64, False))
report("simplex batch 10000x16, float32", batch(np.float32, True))

p = zipf(K)
eta, pr = p[:-1], p[-1]
v = np.arange(K - 1) % 7 - 3.0
dst, tmp = np.empty_like(v), np.empty_like(v)
full, target = np.full(K, 1 / K), zipf(K)
scratch = np.empty(K)


def natural():
    np.multiply(target, 0.01, out=scratch)
    np.multiply(full, 0.99, out=full)
    np.add(full, scratch, out=full)


def mul():
    np.subtract(v, eta @ v, out=dst)
    np.multiply(dst, eta, out=dst)


def solve():
    np.divide(v, eta, out=dst)
    np.add(dst, v.sum() / pr, out=dst)


def damped(lam=1e-3):
    np.add(eta, lam, out=tmp)
    np.divide(v, tmp, out=dst)
    np.divide(eta, tmp, out=tmp)
    c = (tmp @ v) / (pr + lam * tmp.sum())
    np.multiply(tmp, c, out=tmp)
    np.add(dst, tmp, out=dst)


report(f"natural step K={K}", natural)
report(f"Fisher product K={K}", mul)
report(f"Fisher solve K={K}", solve)
report(f"Fisher damped solve K={K}", damped)


def secular(lam):
    np.subtract(eta, lam, out=tmp)
    np.divide(eta, tmp, out=tmp)
    return lam * tmp.sum() - pr


def extremes():
    lo, hi = eta.min(), eta.max()
    second = np.partition(eta, -2)[-2]
    a = brentq(secular, 1 / (1 / lo + (K - 1) / pr), lo * pr / (lo + pr), xtol=1e-30, rtol=1e-14)
    gap = 1e-9 * (hi - second)
    return a, brentq(secular, second + gap, hi - gap, xtol=1e-30, rtol=1e-14)


report(f"extreme eigenvalues K={K}", extremes)
small = zipf(1000)[:-1]
g = np.diag(small) - np.outer(small, small)
report("all eigenvalues K=1000", lambda: np.linalg.eigvalsh(g))
