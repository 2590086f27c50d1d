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
	if !ws.start(true) {
		return 0, 0, nil
	}
	for m := 1; ; m++ {
		beta, err := ws.extend(m - 1)
		if err != nil {
			return 0, 0, err
		}
		exact := m == n || beta <= 64*unit[T]()*ws.scale
		if exact {
			beta = 0
		}
		if exact || m == k {
			if err := ws.ritz(m, beta); err != nil {
				return 0, 0, err
			}
			return ws.theta[0], ws.resid[0], nil
		}
		ws.off[m-1] = beta
		copy(ws.basis.Row(m), ws.w)
		scale(ws.basis.Row(m), beta)
	}
}
