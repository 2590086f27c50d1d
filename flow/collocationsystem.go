package flow

import (
	"github.com/gradflow/gradflow/flow/kernel"
)

// stageSystem solves (A⁻¹⊗I - h I⊗J) dz = r for the stages of a collocation method,
// J = ∂f/∂x at the point of linearisation. In the variables T⁻¹ dz it falls into
// γ - hJ and, for each pair of eigenvalues of A⁻¹, a real system of dimension 2n,
//
//	[ α - hJ    β     ]
//	[  -β     α - hJ  ].
type stageSystem[T Float] struct {
	differ[T]
	spec    *stageSpectrum
	jac     []T
	real    *dense
	pairs   []*dense
	rhs     []float64
	scratch []T
	w       [][]T
	// factored is the step of the factors, 0: none.
	factored float64
}

func newStageSystem[T Float](f Field[T], m *collocation) stageSystem[T] {
	return stageSystem[T]{differ: differ[T]{f: f, caps: CapsOf[T](f)}, spec: &m.spec}
}

// init gets the memory for dimension n.
func (l *stageSystem[T]) init(n int, tol *Tol) {
	l.tol, l.factored = tol, 0
	if l.jac != nil && len(l.xd) == n {
		return
	}
	s := len(l.spec.t)
	v := arena[T](3+s, n)
	l.xd, l.fd, l.scratch, l.w = v[0], v[1], v[2], v[3:]
	l.jac, l.rhs = make([]T, n*n), make([]float64, 2*n)
	l.real, l.pairs = nil, nil
	if l.spec.gamma != 0 {
		l.real = newDense(n, false)
	}
	for range l.spec.pairs {
		l.pairs = append(l.pairs, newDense(2*n, false))
	}
}

// linearise makes J the Jacobian at (t, x); fx is f(t, x).
func (l *stageSystem[T]) linearise(tr *Trial, x, fx []T, t float64) {
	l.jacobian(tr, l.jac, x, fx, l.scratch, t)
	l.factored = 0
}

// factor prepares the systems of step h.
func (l *stageSystem[T]) factor(tr *Trial, h float64) error {
	if h == l.factored {
		return nil
	}
	tr.Factorizations++
	l.factored = 0
	n := len(l.xd)
	if l.real != nil {
		for i := range n {
			row := l.real.row(i)
			for j, v := range l.jac[i*n : (i+1)*n] {
				row[j] = -h * float64(v)
			}
			row[i] += l.spec.gamma
		}
		if !l.real.factor() {
			return ErrSingular
		}
	}
	for k, m := range l.pairs {
		alpha, beta := real(l.spec.pairs[k]), imag(l.spec.pairs[k])
		for i := range n {
			up, down := m.row(i), m.row(n+i)
			clear(up[n:])
			clear(down[:n])
			for j, v := range l.jac[i*n : (i+1)*n] {
				up[j], down[n+j] = -h*float64(v), -h*float64(v)
			}
			up[i] += alpha
			down[n+i] += alpha
			up[n+i], down[i] = beta, -beta
		}
		if !m.factor() {
			return ErrSingular
		}
	}
	l.factored = h
	return nil
}

// solve stores the solution for the residuals res in dz.
func (l *stageSystem[T]) solve(tr *Trial, dz, res [][]T) {
	tr.Solves++
	mix(l.w, l.spec.inv, res)
	k := 0
	if l.real != nil {
		l.by(l.real, l.w[0], nil)
		k = 1
	}
	for _, m := range l.pairs {
		l.by(m, l.w[k], l.w[k+1])
		k += 2
	}
	mix(dz, l.spec.t, l.w)
}

// solveReal replaces b by (γ - hJ)⁻¹ b.
func (l *stageSystem[T]) solveReal(tr *Trial, b []T) {
	tr.Solves++
	l.by(l.real, b, nil)
}

// by replaces a, and b below it, by the solution of m.
func (l *stageSystem[T]) by(m *dense, a, b []T) {
	rhs := l.rhs[:len(a)+len(b)]
	for i, v := range a {
		rhs[i] = float64(v)
	}
	for i, v := range b {
		rhs[len(a)+i] = float64(v)
	}
	m.solve(rhs)
	for i := range a {
		a[i] = T(rhs[i])
	}
	for i := range b {
		b[i] = T(rhs[len(a)+i])
	}
}

// mix stores (M⊗I) v in dst.
func mix[T Float](dst [][]T, m [][]float64, v [][]T) {
	for i, d := range dst {
		clear(d)
		for j, w := range m[i] {
			kernel.Axpy(T(w), v[j], d)
		}
	}
}
