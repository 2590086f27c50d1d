package flow

import (
	"math"
	"testing"
)

// capable is a field with capabilities.
type capable[T Float] struct {
	Field[T]
	caps Caps[T]
}

func (c capable[T]) Caps() Caps[T] { return c.caps }

// stiffProblem is a problem with its Jacobian, row-major.
type stiffProblem struct {
	problem
	jac func(dst, y []float64)
}

// exact is the field with its own Jacobian.
func (p stiffProblem) exact() Field[float64] {
	return capable[float64]{p.field(), Caps[float64]{Autonomous: true, Jacobian: func(dst, y []float64, _ float64) { p.jac(dst, y) }}}
}

func robertson(d, y []float64, _ float64) {
	d[0] = -0.04*y[0] + 1e4*y[1]*y[2]
	d[2] = 3e7 * y[1] * y[1]
	d[1] = -d[0] - d[2]
}

func hires(d, y []float64, _ float64) {
	d[0] = -1.71*y[0] + 0.43*y[1] + 8.32*y[2] + 0.0007
	d[1] = 1.71*y[0] - 8.75*y[1]
	d[2] = -10.03*y[2] + 0.43*y[3] + 0.035*y[4]
	d[3] = 8.32*y[1] + 1.71*y[2] - 1.12*y[3]
	d[4] = -1.745*y[4] + 0.43*y[5] + 0.43*y[6]
	d[5] = -280*y[5]*y[7] + 0.69*y[3] + 1.71*y[4] - 0.43*y[5] + 0.69*y[6]
	d[6] = 280*y[5]*y[7] - 1.81*y[6]
	d[7] = -d[6]
}

func hiresJacobian(j, y []float64) {
	a, b := 280*y[7], 280*y[5]
	copy(j, []float64{
		-1.71, 0.43, 8.32, 0, 0, 0, 0, 0,
		1.71, -8.75, 0, 0, 0, 0, 0, 0,
		0, 0, -10.03, 0.43, 0.035, 0, 0, 0,
		0, 8.32, 1.71, -1.12, 0, 0, 0, 0,
		0, 0, 0, 0, -1.745, 0.43, 0.43, 0,
		0, 0, 0, 0.69, 1.71, -a - 0.43, 0.69, -b,
		0, 0, 0, 0, 0, a, -1.81, b,
		0, 0, 0, 0, 0, -a, 1.81, -b,
	})
}

// linearMatrix is A = Q diag(10^{6i/49}) Q with Q = I - 2vvᵀ, v = 1/√n, n = 50.
func linearMatrix() []float64 {
	const n = 50
	a := make([]float64, n*n)
	q := func(i, j int) float64 {
		if i == j {
			return 1 - 2.0/n
		}
		return -2.0 / n
	}
	for k := range n {
		l := math.Pow(10, 6*float64(k)/(n-1))
		for i := range n {
			for j := range n {
				a[i*n+j] += q(i, k) * l * q(k, j)
			}
		}
	}
	return a
}

// linearEnergy is xᵀAx/2 of linearMatrix.
func linearEnergy() func(g, x []float64) float64 {
	a := linearMatrix()
	return func(g, x []float64) float64 {
		n, e := len(x), 0.0
		for i := range n {
			s := 0.0
			for j, v := range x {
				s += a[i*n+j] * v
			}
			if g != nil {
				g[i] = s
			}
			e += s * x[i] / 2
		}
		return e
	}
}

func linearStart() []float64 {
	x := make([]float64, 50)
	for i := range x {
		x[i] = float64(i+1) / 50
	}
	return x
}

func stiffProblems() map[string]stiffProblem {
	vdp := func(d, y []float64, _ float64) { d[0], d[1] = y[1], 1e6*((1-y[0]*y[0])*y[1]-y[0]) }
	a := linearMatrix()
	return map[string]stiffProblem{
		"vanderpol_stiff": {problem{[]float64{2, -0.66}, 2, vdp}, func(j, y []float64) {
			copy(j, []float64{0, 1, 1e6 * (-2*y[0]*y[1] - 1), 1e6 * (1 - y[0]*y[0])})
		}},
		"robertson_40": {problem{[]float64{1, 0, 0}, 40, robertson}, func(j, y []float64) {
			copy(j, []float64{-0.04, 1e4 * y[2], 1e4 * y[1], 0.04, -1e4*y[2] - 6e7*y[1], -1e4 * y[1], 0, 6e7 * y[1], 0})
		}},
		"hires": {problem{[]float64{1, 0, 0, 0, 0, 0, 0, 0.0057}, 321.8122, hires}, hiresJacobian},
		"linear_flow": {problem{linearStart(), 1, flowOf(50, linearEnergy())}, func(j, _ []float64) {
			for i, v := range a {
				j[i] = -v
			}
		}},
	}
}

// TestStiffJacobians compares the Jacobians of the test problems, and those that
// the methods difference, with central differences.
func TestStiffJacobians(t *testing.T) {
	for name, p := range stiffProblems() {
		n := len(p.y0)
		y, lo, hi := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range y {
			y[i] = p.y0[i] + 0.01*math.Sin(float64(i+1))
		}
		f, want := make([]float64, n), make([]float64, n*n)
		p.f(f, y, 0)
		p.jac(want, y)
		got := make([]float64, n*n)
		tol := Tol{Rel: 1e-6, Abs: 1e-9}
		lin := newShifted(p.field(), false)
		if err := lin.init(n, &tol); err != nil {
			t.Fatal(err)
		}
		var tr Trial
		lin.jacobian(&tr, got, y, f, make([]float64, n), 0)
		if tr.Evals != n || tr.Jacobians != 1 {
			t.Errorf("%s: %d evaluations, %d Jacobians, want %d, 1", name, tr.Evals, tr.Jacobians, n)
		}
		top := 0.0
		for _, v := range want {
			top = max(top, math.Abs(v))
		}
		for j := range n {
			d := 1e-5 * max(1, math.Abs(y[j]))
			yj := y[j]
			y[j] = yj + d
			p.f(hi, y, 0)
			y[j] = yj - d
			p.f(lo, y, 0)
			y[j] = yj
			for i := range n {
				c := (hi[i] - lo[i]) / (2 * d)
				if !(math.Abs(want[i*n+j]-c) <= 1e-6*top) {
					t.Errorf("%s: J[%d][%d] = %g, central difference %g", name, i, j, want[i*n+j], c)
				}
				if !(math.Abs(want[i*n+j]-got[i*n+j]) <= 1e-5*top) {
					t.Errorf("%s: J[%d][%d] = %g, forward difference %g", name, i, j, want[i*n+j], got[i*n+j])
				}
			}
		}
	}
}
