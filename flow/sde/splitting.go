package sde

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// BAOAB returns the splitting method of Leimkuhler and Matthews (Appl. Math. Res.
// eXpress 2013, 34) for the kinetic Langevin equation,
//
//	v -= (h/2) u∇E(x);  x += (h/2) v
//	v = c v + √(u(1-c²)) ξ,  c = exp(-γh)
//	x += (h/2) v;  v -= (h/2) u∇E(x)
//
// with one gradient a step. On quadratic energies the stationary law of x is
// exact for every stable step. ξ_j is component j of the normal draw of the step
// at level 255.
func BAOAB[T flow.Float](k *Kinetic[T], noise Increments) flow.Integrator[T] {
	return newSplitting("BAOAB", k, noise, false)
}

// UBU returns the splitting method of Sanz-Serna and Zygalakis (J. Mach. Learn.
// Res. 22 (2021) 242) for the kinetic Langevin equation: the exact solution
// without force for h/2, the kick v -= h u∇E(x), the exact solution for h/2. It
// is of strong order 2 and takes one gradient a step, in its middle: Step.Energy
// is NaN unless Options.Energy asks for it, at a further evaluation a step.
//
// The exact solution over τ is x += (1-e)/γ v + n_x, v = e v + n_v, e = exp(-γτ),
// with the noise of [OUCovariance]: n_v = l11 z0, n_x = l21 z0 + l22 z1, where
// (z0, z1) is block q = j of draw 2·step + half at level 254, for channel j.
func UBU[T flow.Float](k *Kinetic[T], noise Increments) flow.Integrator[T] {
	return newSplitting("UBU", k, noise, true)
}

// splitting advances a Kinetic by BAOAB or UBU.
type splitting[T flow.Float] struct {
	name   string
	k      *Kinetic[T]
	caps   flow.Caps[T]
	noise  Increments
	middle bool // the gradient is needed in the middle of the step: UBU
	want   flow.Want
	c      coefficients

	g0, g1 []T // ∇E at the current point and at the proposal
	xi, nx []T // noise of v and x
	num    [numbers]float64
	mem    [1][]T
	id     pathID
	err    error

	// half fills xi and nx with the noise of a half step of UBU; tests replace
	// it to compare step sizes on the same path.
	half func(nv, nx []T, index uint64)
}

// coefficients are what depends on the step size alone.
type coefficients struct {
	h        float64
	decay    float64  // c of BAOAB, e of a half step of UBU
	xi       float64  // √(u(1-c²))
	shift    float64  // (1-e)/γ
	cholesky cholesky // of the noise of a half step
}

var (
	_ flow.Integrator[float64] = (*splitting[float64])(nil)
	_ flow.Memory[float64]     = (*splitting[float64])(nil)
	_ flow.Drawer              = (*splitting[float64])(nil)
)

func newSplitting[T flow.Float](name string, k *Kinetic[T], noise Increments, middle bool) *splitting[T] {
	s := &splitting[T]{name: name, k: k, noise: noise, middle: middle}
	if k != nil {
		s.caps = k.Caps()
	}
	s.caps.Err = firstErr(&s.err, s.caps.Err)
	s.half = s.halfStep
	return s
}

// Name implements flow.Namer.
func (s *splitting[T]) Name() string { return s.name }

// Caps returns the capabilities of the energy.
func (s *splitting[T]) Caps() flow.Caps[T] { return s.caps }

// Init implements flow.Integrator.
func (s *splitting[T]) Init(st flow.Start[T], tr *flow.Trial) error {
	if s.k == nil {
		return fmt.Errorf("sde: system of %s is nil: %w", s.name, flow.ErrArgument)
	}
	if err := checkRun(s.name, s.k.Dim(), st); err != nil {
		return err
	}
	if s.g0 == nil || len(s.g0) != s.k.n {
		v := vectors[T](4, s.k.n)
		s.g0, s.g1, s.xi, s.nx = v[0], v[1], v[2], v[3]
	}
	s.want, s.c, s.err = st.Want, coefficients{}, nil
	s.num[have0], s.num[have1] = 0, 0
	if !st.Keep {
		s.num[count] = 0
		s.id = idOf(s.noise)
		copy(s.num[pathName:], s.id[:])
	}
	nan := math.NaN()
	*tr = flow.Trial{Err: nan, NoErr: true, Finite: true, Order: 1, Slope0: nan, E1: nan, Slope1: nan, SS: nan, SY: nan, YY: nan}
	s.start(tr, st.X)
	if i := firstNonFinite(s.g0); i >= 0 {
		return fmt.Errorf("sde: gradient[%d] is %v at the start point, want a finite number: %w", i, s.g0[i], flow.ErrNonFinite)
	}
	if e := s.num[e0]; e-e != 0 {
		return fmt.Errorf("sde: H(x0, v0) is %v, want a finite number: %w", e, flow.ErrNonFinite)
	}
	tr.E0, tr.Slope0 = s.num[e0], s.num[slope0]
	return nil
}

// eval stores ∇E in g and returns H and its slope along the drift.
func (s *splitting[T]) eval(tr *flow.Trial, g, x []T) (e, slope float64) {
	tr.Evals++
	n := s.k.n
	vv := kernel.SumSq(x[n:])
	return s.k.e.EnergyGrad(g, x[:n]) + vv/(2*s.k.u), -s.k.gamma * vv / s.k.u
}

// start makes g0 hold ∇E at the current point.
func (s *splitting[T]) start(tr *flow.Trial, x []T) {
	if s.num[have0] == 0 {
		s.num[e0], s.num[slope0] = s.eval(tr, s.g0, x)
		s.num[have0] = 1
	}
}

// setStep computes what depends on the step size.
func (s *splitting[T]) setStep(h float64) {
	if s.c.h == h {
		return
	}
	k, tau := s.k, h
	if s.middle {
		tau = h / 2
	}
	s.c = coefficients{h: h, decay: math.Exp(-k.gamma * tau), shift: tau}
	if k.gamma > 0 {
		s.c.shift = -math.Expm1(-k.gamma*tau) / k.gamma
	}
	s.c.xi = math.Sqrt(-k.u * math.Expm1(-2*k.gamma*tau))
	s.c.cholesky = ouFactor(tau, k.gamma, k.u)
}

// Try implements flow.Integrator.
func (s *splitting[T]) Try(tr *flow.Trial, next, x []T, t, h float64) {
	tr.Evals, tr.Finite = 0, true
	s.setStep(h)
	s.num[e1], s.num[slope1], s.num[have1] = math.NaN(), math.NaN(), 0
	copy(next, x)
	if s.err = s.id.check(s.num[pathName:]); s.err != nil {
		return
	}
	if s.middle {
		s.ubu(tr, next, h)
	} else {
		s.baoab(tr, next, x, h)
	}
	tr.E0, tr.Slope0, tr.E1, tr.Slope1 = s.num[e0], s.num[slope0], s.num[e1], s.num[slope1]
	tr.Finite = s.num[have1] == 0 || tr.E1-tr.E1 == 0
}

func (s *splitting[T]) baoab(tr *flow.Trial, next, x []T, h float64) {
	s.start(tr, x)
	n := s.k.n
	y, v := next[:n], next[n:]
	kick := T(-h / 2 * s.k.u)
	philox.FillNormals(s.xi, s.noise.stream(), philox.Steps, uint64(s.num[count]))
	kernel.Axpy(kick, s.g0, v)
	kernel.Axpy(T(h/2), v, y)
	kernel.Axpby(T(s.c.xi), s.xi, T(s.c.decay), v)
	kernel.Axpy(T(h/2), v, y)
	tr.Evals++
	e := s.k.e.EnergyGrad(s.g1, y)
	kernel.Axpy(kick, s.g1, v)
	vv := kernel.SumSq(v)
	s.num[e1], s.num[slope1], s.num[have1] = e+vv/(2*s.k.u), -s.k.gamma*vv/s.k.u, 1
}

func (s *splitting[T]) ubu(tr *flow.Trial, next []T, h float64) {
	n, step := s.k.n, uint64(s.num[count])
	s.free(next, 2*step)
	tr.Evals++
	s.k.e.EnergyGrad(s.g1, next[:n])
	kernel.Axpy(T(-h*s.k.u), s.g1, next[n:])
	s.free(next, 2*step+1)
	if s.want.Energy {
		s.num[e1], s.num[slope1] = s.eval(tr, nil, next)
		tr.Finite = s.num[e1]-s.num[e1] == 0
	}
}

// free is the exact solution without force over half a step.
func (s *splitting[T]) free(z []T, index uint64) {
	n := s.k.n
	s.half(s.xi, s.nx, index)
	decay, shift := T(s.c.decay), T(s.c.shift)
	x, v := z[:n], z[n:]
	for j, nv := range s.xi {
		x[j] += shift*v[j] + s.nx[j]
		v[j] = decay*v[j] + nv
	}
}

// halfStep draws the noise of a half step.
func (s *splitting[T]) halfStep(nv, nx []T, index uint64) {
	st, l := s.noise.stream(), s.c.cholesky
	for j := range nv {
		z0, z1 := st.Normals(philox.HalfSteps, index, uint32(j))
		nv[j] = T(l.vv * z0)
		nx[j] = T(l.xv*z0 + l.xx*z1)
	}
}

// Accept implements flow.Integrator.
func (s *splitting[T]) Accept() {
	s.num[count]++
	s.num[have0] = s.num[have1]
	s.num[e0], s.num[slope0] = s.num[e1], s.num[slope1]
	if s.num[have1] == 1 {
		s.g0, s.g1 = s.g1, s.g0
	}
}

// Touch implements flow.Integrator.
func (s *splitting[T]) Touch() {
	s.num[have0] = 0
	s.num[e0], s.num[slope0] = math.NaN(), math.NaN()
}

// Draw implements flow.Drawer: a new mini-batch makes the remembered gradient
// void.
func (s *splitting[T]) Draw(step uint64) {
	if s.caps.Draw != nil {
		s.caps.Draw(step)
		s.num[have0] = 0
	}
}

// Memory implements flow.Memory.
func (s *splitting[T]) Memory() (vec [][]T, num []float64) {
	s.mem[0] = s.g0
	return s.mem[:], s.num[:]
}
