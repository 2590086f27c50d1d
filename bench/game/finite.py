"""Times of finite games in NumPy and SciPy, the same algorithms written with arrays."""

import numpy as np
from peer import report
from scipy.integrate import solve_ivp


def helmert(h):
    """Orthogonal, the first column constant."""
    q = np.zeros((h, h))
    q[:, 0] = h**-0.5
    for k in range(1, h):
        q[:k, k], q[k, k] = 1, -k
        q[:, k] /= np.sqrt(k * (k + 1.0))
    return q


class Decomposer:
    """Diagonalises sum_m h_m (I - E_m) axis by axis; games beside one another in the
    last axis. Set-up is not timed."""

    def __init__(self, shape):
        self.shape = shape
        self.q = [helmert(h) for h in shape]
        lam = np.zeros(shape)
        for m, h in enumerate(shape):
            in_t = np.arange(h) > 0
            lam += h * in_t.reshape([-1 if k == m else 1 for k in range(len(shape))])
        lam.flat[0] = np.inf
        self.inv = (1 / lam)[..., None]

    def along(self, x, transpose):
        for m, q in enumerate(self.q):
            x = np.moveaxis(np.tensordot(q.T if transpose else q, x, (1, m)), 0, m)
        return x

    def __call__(self, us):
        b = 0
        n = []
        for m, u in enumerate(us):
            n.append(u.mean(axis=m, keepdims=True))
            b = b + self.shape[m] * (u - n[m])
        phi = self.along(self.inv * self.along(b, True), False)
        p = [phi - phi.mean(axis=m, keepdims=True) for m in range(len(us))]
        h = [u - x - y for u, x, y in zip(us, n, p)]
        full = [np.broadcast_to(x, phi.shape).copy() for x in n]
        axes = tuple(range(len(self.shape)))
        pp, hh = sum((x * x).sum(axes) for x in p), sum((x * x).sum(axes) for x in h)
        share = pp**0.5 / (pp**0.5 + hh**0.5)
        mpd = max((x.max(axis=m) - x.min(axis=m)).max() for m, x in enumerate(h))
        return phi, p, h, full, share, mpd


rng = np.random.default_rng(1)
for shape in [(16, 16), (6, 6, 6), (5, 5, 5, 5), (10, 10, 10, 10, 10)]:
    d = Decomposer(shape)
    us = [rng.random(shape + (1,)) for _ in shape]
    report("decompose " + "x".join(map(str, shape)), lambda: d(us))
d = Decomposer((3, 3))
us = [rng.random((3, 3, 10000)) for _ in range(2)]
report("decompose 10000 games 3x3", lambda: d(us))


def softmax(y):
    e = np.exp(y - y.max())
    return e / e.sum()


def field(shape, us):
    at = np.cumsum((0,) + shape)
    letters = "abcdefgh"[: len(shape)]

    def f(t, y):
        x = [softmax(y[at[m] : at[m + 1]]) for m in range(len(shape))]
        v = []
        for m, u in enumerate(us):
            for k in reversed(range(len(shape))):
                if k != m:
                    u = np.tensordot(u, x[k], (k, 0))
            v.append(u - u.mean())
        return np.concatenate(v)

    return f


for shape in [(3, 3), (50, 50), (5, 5, 5)]:
    f = field(shape, [rng.random(shape) for _ in shape])
    y = np.zeros(sum(shape))
    report("replicator field " + "x".join(map(str, shape)), lambda: f(0, y))

r = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0.0]])
f = field((3, 3), [r, -r])
y0 = np.log([0.5, 0.3, 0.2, 0.2, 0.5, 0.3])
# The loosest tolerance of both solvers that keeps KL to 1e-9.
report(
    "replicator rock-paper-scissors T=200",
    lambda: solve_ivp(f, (0, 200), y0, method="DOP853", rtol=1e-11, atol=1e-11),
)
