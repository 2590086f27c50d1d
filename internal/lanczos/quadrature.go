package lanczos

import "fmt"

// Quadrature makes at most k products with op from the start vector v, which is
// not changed, and returns nodes θ_i in descending order and weights w_i >= 0 of
// sum 1 with
//
//	vᵀ f(H) v / vᵀv = Σ w_i f(θ_i),
//
// exact for polynomials f of degree 2k - 1 (Gauss quadrature: Golub and Welsch,
// Math. Comp. 23 (1969) 221); θ_i are the Ritz values and w_i the squared first
// components of the eigenvectors of the tridiagonal matrix. There are fewer than k
// of them if the Krylov space of v is invariant, and then the sum is exact for
// every f. They are new slices. The error is as for Solve.
func (ws *Workspace[T]) Quadrature(k int, op func(dst, v []T), v []T) (nodes, weights []float64, err error) {
	n := len(v)
	o := Options[T]{MaxProducts: k, Start: v}
	if err := o.check(n, op == nil); err != nil {
		return nil, nil, err
	}
	if k < 1 {
		return nil, nil, fmt.Errorf("lanczos: k = %d, want a number of products > 0: %w", k, ErrArgument)
	}
	ws.reset(n, op, o)
	defer func() { ws.op, ws.opt.Start = nil, nil }()
	ws.room(k)
	m, _, err := ws.run(k)
	if err != nil || m == 0 {
		return nil, nil, err
	}
	ws.z = grow(ws.z, m)
	clear(ws.z)
	ws.z[0] = 1
	if err := ws.solve(m, 1); err != nil {
		return nil, nil, err
	}
	nodes, weights = make([]float64, m), make([]float64, m)
	var sum float64
	for i, j := range ws.order[:m] {
		nodes[i], weights[i] = ws.d[j], ws.z[j]*ws.z[j]
		sum += weights[i]
	}
	for i := range weights {
		weights[i] /= sum // 1 up to rounding
	}
	return nodes, weights, nil
}
