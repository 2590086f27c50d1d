"""Times of visible Boltzmann machines in NumPy: the dense design, as is usual, for the
gradient and the product with the Fisher matrix, and the zeta transform with arrays."""

import itertools

import numpy as np
from peer import report


def design(n, dtype=np.float64):
    bits = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(dtype)
    pairs = [bits[:, i] * bits[:, j] for i, j in itertools.combinations(range(n), 2)]
    return np.ascontiguousarray(np.column_stack([bits] + pairs))


def softmax(z):
    p = np.exp(z - z.max())
    p /= p.sum()
    return p


def subset_sums(x, n):
    y = x.copy()
    for i in range(n):
        v = y.reshape(-1, 2, 2**i)
        v[:, 1] += v[:, 0]
    return y


rng = np.random.default_rng(1)
for n in (10, 14):
    a = design(n)
    theta = 0.1 * rng.standard_normal(a.shape[1])
    p = softmax(a @ theta)
    eta = p @ a

    def fisher():
        u = a @ theta
        return (p * (u - p @ u)) @ a

    def step():
        p = softmax(a @ theta)
        eta = p @ a
        g = (a.T * p) @ a - np.outer(eta, eta)
        return np.linalg.solve(g, eta)

    report(f"Ising N={n} gradient", lambda: softmax(a @ theta) @ a)
    report(f"Ising N={n} Fisher product", fisher)
    if n == 14:
        report("Ising N=14 gradient, dense design", lambda: softmax(a @ theta) @ a)
        report("Ising N=14 natural gradient step", step)
        b, t = a.astype(np.float32), theta.astype(np.float32)
        report("Ising N=14 gradient, dense design, float32", lambda: softmax(b @ t) @ b)

for n in (10, 14, 20):
    x = rng.standard_normal(2**n)
    report(f"zeta transform N={n}", lambda: subset_sums(x, n))
