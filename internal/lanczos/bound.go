package lanczos

import (
	"fmt"

	"github.com/gradflow/gradflow/internal/philox"
)

// Bound makes at most k products with op from a random vector (draw 0 of the
// stream at level philox.Starts) and returns the largest Ritz value θ, a lower
// bound of the largest eigenvalue, and its residual |β_k s_k|. θ + residual is an
// upper bound as soon as θ belongs to the largest eigenvalue: what spectral radii
// need, for less than Solve takes to follow convergence. It allocates at the first
// call for n and k only. The error is as for Solve.
func (ws *Workspace[T]) Bound(n, k int, op func(dst, v []T), s philox.Stream) (theta, resid float64, err error) {
	o := Options[T]{MaxProducts: k, Stream: s}
	if err := o.check(n, op == nil); err != nil {
		return 0, 0, err
	}
	if k < 1 {
		return 0, 0, fmt.Errorf("lanczos: k = %d, want a number of products > 0: %w", k, ErrArgument)
	}
	ws.reset(n, op, o)
	defer func() { ws.op = nil }()
	ws.room(k)
	m, beta, err := ws.run(k)
	if err != nil || m == 0 {
		return 0, 0, err
	}
	if theta, last, ok := largest(ws.diag[:m], ws.off[:m], ws.d[:m], ws.e[:m]); ok {
		return theta, beta * last, nil
	}
	if err := ws.ritz(m, beta); err != nil {
		return 0, 0, err
	}
	return ws.theta[0], ws.resid[0], nil
}

// run makes a sequence of at most k products from the start vector and returns its
// length and the last β, 0 if the Krylov space is invariant.
func (ws *Workspace[T]) run(k int) (m int, beta float64, err error) {
	if !ws.start(true) {
		return 0, 0, nil
	}
	for m = 1; ; m++ {
		beta, err := ws.extend(m - 1)
		if err != nil {
			return 0, 0, err
		}
		if m == ws.n || beta <= 64*unit[T]()*ws.scale {
			return m, 0, nil
		}
		if m == k {
			return m, beta, nil
		}
		ws.off[m-1] = beta
		copy(ws.basis.Row(m), ws.w)
		scale(ws.basis.Row(m), beta)
	}
}
