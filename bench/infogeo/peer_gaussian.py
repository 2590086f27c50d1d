"""Time of the Fisher-Rao distance of two normal distributions in NumPy: the horizontal lift
with the singular value decomposition of the whole matrix K of order 2d+1, minimised by
L-BFGS to the same residual as the Go program."""

import numpy as np
from peer import report


def gaussian(d, shift, length, phase):
    i = np.arange(d)
    s = 1 + 0.5 * np.sin(phase + i)
    return shift * np.sin(i), np.outer(s, s) * np.exp(-abs(i[:, None] - i) / length)


def distance(mu0, cov0, mu1, cov1, tol=1e-11):
    d = len(mu0)
    low = np.linalg.cholesky(cov0)
    m = np.linalg.solve(low, mu1 - mu0)
    x = np.linalg.solve(low, np.linalg.solve(low, cov1).T)
    e, q = np.linalg.eigh((x + x.T) / 2)
    root, inv = (q * np.sqrt(e)) @ q.T, (q / np.sqrt(e)) @ q.T
    w, v = np.linalg.eigh(x + np.outer(m, m))
    y = np.log(np.outer(w, w))
    h = np.where(abs(y) < 1e-8, 1 + y / 2, np.expm1(y) / np.where(y == 0, 1, y))

    def value(omega):
        k = np.zeros((2 * d + 1, 2 * d + 1))
        c = omega - np.outer(m, m) / 2
        k[:d, :d], k[d, :d], k[d, d] = inv, m @ inv, 1
        k[d + 1 :, :d], k[d + 1 :, d], k[d + 1 :, d + 1 :] = c @ inv, -m, root
        u, s, _ = np.linalg.svd(k)
        u, s = u[:, :d], s[:d]
        p = np.vstack([u[d + 1 :], u[d : d + 1], u[:d]])
        a = (u * (2 * np.log(s))) @ u.T - (p * (2 * np.log(s))) @ p.T
        r = a[d + 1 :, :d]
        return (a**2).sum() / 4, (r - r.T) / 2

    omega = np.zeros((d, d))
    f, g = value(omega)
    pairs = []
    while np.linalg.norm(g) > tol * np.sqrt(2 * f):
        z, steps = g.copy(), []
        for s, t, rho in reversed(pairs):
            a = rho * (s * z).sum()
            steps.append(a)
            z -= a * t
        z = v @ (h * (v.T @ z @ v)) @ v.T
        for (s, t, rho), a in zip(pairs, reversed(steps)):
            z += (a - rho * (t * z).sum()) * s
        step = 1.0
        while True:
            f1, g1 = value(omega - step * z)
            if f1 <= f * (1 + 1e-15) - 1e-4 * step * (g * z).sum() or step < 1e-6:
                break
            step /= 2
        s, t = -step * z, g1 - g
        omega = omega + s
        if (s * t).sum() > 0:
            pairs = (pairs + [(s, t, 1 / (s * t).sum())])[-12:]
        f, g = f1, g1
    return np.sqrt(f)


if __name__ == "__main__":
    for d in (3, 10, 50):
        a, b = gaussian(d, 0, 3, 0), gaussian(d, 1, 1, 2)
        report(f"Gaussian Fisher-Rao distance d={d}", lambda: distance(*a, *b))
