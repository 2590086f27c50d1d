"""Monte-Carlo potential energy and batched fields in NumPy."""

import numpy as np
from peer import report


def potential_energy(field, jvp, n, samples, rng, block=256):
    """Mean and standard error of the scalar energy under N(0, I), block by block."""
    all_a = np.empty(samples)
    for i in range(0, samples, block):
        m = min(block, samples - i)
        x, z = rng.standard_normal((n, m)), rng.standard_normal((n, m))
        th = np.pi / 2 * rng.random(m)
        s, c = np.sin(th), np.cos(th)
        y, slope = s * x + c * z, c * x - s * z
        u, f = field(x), field(y)
        ju = jvp(y, u)
        all_a[i : i + m] = np.pi / 2 * (s * (slope * ju).sum(0) + c * (u * f).sum(0))
    return all_a.mean(), all_a.std() / samples**0.5


rng = np.random.default_rng(1)
n = 100
j = rng.standard_normal((n, n)) / n**0.5
report("potential energy linear n=100, 40000 samples", lambda: potential_energy(lambda x: j @ x, lambda y, u: j @ u, n, 40000, rng))

# All monomials up to degree 4 in four coordinates.
exps = [e for e in np.ndindex(5, 5, 5, 5) if 1 <= sum(e) <= 4]
coef = rng.standard_normal((4, len(exps)))
terms = []
for k in range(4):
    terms.append([(c * e[k], e[:k] + (e[k] - 1,) + e[k + 1 :]) for c, e in zip(coef[k], exps) if e[k] > 0])
monomials = sorted({e for t in terms for _, e in t}, key=lambda e: (sum(e), e))
index = {e: i for i, e in enumerate(monomials)}
matrix = np.zeros((4, len(monomials)))
for k, t in enumerate(terms):
    for c, e in t:
        matrix[k, index[e]] += c


def quartic(x):
    rows = np.empty((len(monomials), x.shape[1]))
    for i, e in enumerate(monomials):
        if sum(e) == 0:
            rows[i] = 1
            continue
        last = max(k for k in range(4) if e[k] > 0)
        rows[i] = rows[index[e[:last] + (e[last] - 1,) + e[last + 1 :]]] * x[last]
    return matrix @ rows


x = rng.standard_normal((4, 1024))
report("quartic field, 4 players, 1024 states", lambda: quartic(x), 50)
