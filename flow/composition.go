package flow

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// composition is a splitting method for separable systems
//
//	q' = v(p),  p' = F(q)
//
// (of H = T(p) + U(q), v = ∇T and F = -∇U), which are x = (q, p) with Caps.Separable:
// drifts q += a_i h v(p) and kicks p += b_i h F(q) by turns. Adjacent kicks of two
// compositions, and of two steps, are one: F is evaluated once for each pair. All
// are symmetric: after p → -p the same number of steps leads back, to rounding.
type composition struct {
	name       string
	order      int
	driftFirst bool
	drifts     []float64
	kicks      []float64
}

func (m *composition) String() string       { return m.name }
func (m *composition) Order() int           { return m.order }
func (*composition) controller() Controller { return nil }

// Symplectic compositions for separable Hamiltonian systems; the field must say in
// its Caps that it is Separable, as HeavyBall without friction does. The Evals of
// a run count evaluations of the force F. With Options.Energy every step evaluates
// the energy as well. Dense output is the cubic Hermite polynomial.
var (
	// Verlet is the Störmer-Verlet method (leapfrog) kick-drift-kick of order 2,
	// one force a step.
	Verlet Method = ofVerlet("Verlet", 2, []float64{1})
	// Yoshida4 is the composition of order 4 with three forces of Yoshida, Phys.
	// Lett. A 150 (1990) 262.
	Yoshida4 Method = ofVerlet("Yoshida4", 4, yoshida4Weights)
	// Suzuki4 is the composition of order 4 with five forces of Suzuki, Phys.
	// Lett. A 146 (1990) 319, with smaller errors than Yoshida4.
	Suzuki4 Method = ofVerlet("Suzuki4", 4, suzuki4Weights)
	// Yoshida6 is the composition of order 6 with seven forces of Yoshida 1990.
	Yoshida6 Method = ofVerlet("Yoshida6", 6, yoshida6Weights)
	// KahanLi6 is the composition of order 6 with nine forces of Kahan and Li,
	// Math. Comp. 66 (1997) 1089.
	KahanLi6 Method = ofVerlet("KahanLi6", 6, mirrored(kahanLi6Half))
	// KahanLi8 is their composition of order 8 with 17 forces.
	KahanLi8 Method = ofVerlet("KahanLi8", 8, mirrored(kahanLi8Half))
	// BlanesMoan4 is the splitting method of order 4 with six forces of Blanes and
	// Moan, J. Comput. Appl. Math. 142 (2002) 313, a drift first: the smallest errors
	// of order 4.
	BlanesMoan4 Method = &composition{name: "BlanesMoan4", order: 4, driftFirst: true,
		drifts: mirrored(blanesMoanDrifts), kicks: mirroredEven(blanesMoanKicks)}
)

// ofVerlet composes Störmer-Verlet steps of w_i h, with their adjacent kicks
// merged.
func ofVerlet(name string, order int, w []float64) *composition {
	m := &composition{name: name, order: order, drifts: w, kicks: make([]float64, len(w)+1)}
	for i, v := range w {
		m.kicks[i] += v / 2
		m.kicks[i+1] += v / 2
	}
	return m
}

// mirrored is w_1..w_m, 1 - 2 Σ w, w_m..w_1.
func mirrored(half []float64) []float64 {
	middle := 1.0
	for _, v := range half {
		middle -= 2 * v
	}
	return reflected(append(append([]float64{}, half...), middle), len(half))
}

// mirroredEven is w_1..w_m, c, c, w_m..w_1 with c = 1/2 - Σ w.
func mirroredEven(half []float64) []float64 {
	middle := 0.5
	for _, v := range half {
		middle -= v
	}
	return reflected(append(append([]float64{}, half...), middle), len(half)+1)
}

// reflected appends the first n elements backward.
func reflected(w []float64, n int) []float64 {
	for i := n - 1; i >= 0; i-- {
		w = append(w, w[i])
	}
	return w
}

// composed advances a separable field by a composition.
type composed[T Float] struct {
	ends[T]
	m  *composition
	nq int // length of q
}

func newComposed[T Float](f Field[T], m *composition) Integrator[T] {
	r := &composed[T]{ends: newEnds(f, m.name, 0), m: m}
	c := &r.caps
	if !c.Separable || c.EvalBlock == nil || len(c.Blocks) != 2 {
		return unusable[T]{fmt.Errorf("flow: %s needs a field whose Caps say Separable, with EvalBlock and two Blocks, got %T: %w", m.name, f, ErrArgument)}
	}
	if n := c.Blocks[0] + c.Blocks[1]; n != f.Dim() {
		return unusable[T]{fmt.Errorf("flow: Blocks of %T are %v, want the sum %d, its dimension: %w", f, c.Blocks, f.Dim(), ErrArgument)}
	}
	r.nq, r.lazy = c.Blocks[0], m.driftFirst
	return r
}

// Init implements Integrator.
func (r *composed[T]) Init(s Start[T], tr *Trial) error {
	return r.ends.init(&s, tr, r.m.order+1, true, 0)
}

// Try implements Integrator. Drifts are at the time that the kicks have reached
// and the other way round.
func (r *composed[T]) Try(tr *Trial, next, x []T, t, h float64) {
	r.begin(tr, x, t, h)
	copy(next, x)
	q, p := next[:r.nq], next[r.nq:]
	v, force := r.f1[:r.nq], r.f1[r.nq:]
	tq, tp := t, t
	kicks := r.m.kicks
	if !r.m.driftFirst {
		kernel.Axpy(T(kicks[0]*h), r.f0[r.nq:], p)
		tp += kicks[0] * h
		kicks = kicks[1:]
	}
	for i, a := range r.m.drifts {
		r.caps.EvalBlock(v, next, tp, 0)
		kernel.Axpy(T(a*h), v, q)
		tq += a * h
		if i < len(kicks) {
			r.caps.EvalBlock(force, next, tq, 1)
			tr.Evals++
			kernel.Axpy(T(kicks[i]*h), force, p)
			tp += kicks[i] * h
		}
	}
	r.conclude(tr, next, t, h)
}

// conclude completes f at the proposal as far as it is there, and the energy if
// somebody asks for it.
func (r *composed[T]) conclude(tr *Trial, next []T, t, h float64) {
	copy(r.y, next)
	if !r.m.driftFirst {
		r.caps.EvalBlock(r.f1[:r.nq], next, t+h, 0)
		r.num[endHave1] = 1
	}
	energy := r.ef != nil && (r.want.Energy || r.want.Dissipate)
	if energy || r.want.Dense && r.num[endHave1] == 0 {
		r.finish(tr)
	}
	tr.E0, tr.Slope0 = r.num[endE0], r.num[endSlope0]
	tr.E1, tr.Slope1 = r.num[endE1], r.num[endSlope1]
	tr.Finite = math.IsNaN(tr.E1) || finite(tr.E1)
	r.dissipate(tr, r)
}
