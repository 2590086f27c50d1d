package descent

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// MirrorMap is the gradient of a strictly convex function φ, the potential of mirror
// descent, as the move it makes of a step u of the dual variables ∇φ(x).
type MirrorMap[T flow.Float] interface {
	// Check says what is wrong with a point x that is not in the domain of φ.
	Check(x []T) error
	// Move stores ∇φ*(∇φ(x) + u) in dst, which does not overlap x and u.
	Move(dst, x, u []T)
}

// MirrorDescent returns mirror descent (Nemirovski and Yudin 1983; Beck and
// Teboulle, Oper. Res. Lett. 31 (2003) 167),
//
//	∇φ(x) ← ∇φ(x) + η f(x),
//
// f = -∇E for minimisation: gradient descent in the geometry of φ, the Bregman
// divergence of which replaces the squared distance,
// x ← argmin -f·y + D_φ(y, x)/η. As η → 0 it follows the natural gradient flow
// x' = (∇²φ)⁻¹ f (flow.NaturalFlow). With Simplex it is the method of multiplicative
// weights. A start point outside the domain of φ is an error.
func MirrorDescent[T flow.Float](f flow.Field[T], m MirrorMap[T]) flow.Integrator[T] {
	return &mirror[T]{base: newBase(f, "MirrorDescent"), mirror: m}
}

// MultiplicativeWeights returns mirror descent on the simplex or, with blocks, on a
// product of simplices of these dimensions (the mixed strategies of players):
//
//	x_i ← x_i exp(η f_i(x)) / Σ_j x_j exp(η f_j(x)),
//
// the sum over the block of i (Freund and Schapire, J. Comput. Syst. Sci. 55 (1997)
// 119, as Hedge; Kivinen and Warmuth, Inf. Comput. 132 (1997) 1, as exponentiated
// gradient). A weight that is zero stays zero.
func MultiplicativeWeights[T flow.Float](f flow.Field[T], blocks ...int) flow.Integrator[T] {
	return &mirror[T]{base: newBase(f, "MultiplicativeWeights"), mirror: Simplex[T]{Blocks: blocks}}
}

// Simplex is the mirror map of the negative entropy φ = Σ x_i log x_i on the simplex
// x >= 0, Σ x_i = 1, or on a product of simplices.
type Simplex[T flow.Float] struct {
	// Blocks are the dimensions of the simplices; none means one simplex.
	Blocks []int
}

// each calls f with the range of every simplex.
func (s Simplex[T]) each(n int, f func(block, from, to int) error) error {
	if len(s.Blocks) == 0 {
		return f(0, 0, n)
	}
	at := 0
	for b, k := range s.Blocks {
		if k < 1 {
			return fmt.Errorf("descent: block %d of Simplex has dimension %d, want > 0: %w", b, k, flow.ErrArgument)
		}
		at += k
	}
	if at != n {
		return fmt.Errorf("descent: the blocks of Simplex have total dimension %d, want that of the state, %d: %w", at, n, flow.ErrArgument)
	}
	at = 0
	for b, k := range s.Blocks {
		if err := f(b, at, at+k); err != nil {
			return err
		}
		at += k
	}
	return nil
}

// Check implements MirrorMap: weights are not negative, and their sum is 1 up to
// 1e-6, or 1e-3 in float32.
func (s Simplex[T]) Check(x []T) error {
	slack := 1e-6
	if T(1)+T(1e-9) == 1 {
		slack = 1e-3
	}
	return s.each(len(x), func(b, from, to int) error {
		sum := 0.0
		for i, v := range x[from:to] {
			if !(v >= 0) {
				return fmt.Errorf("descent: x[%d] = %v, want a weight >= 0: %w", from+i, v, flow.ErrArgument)
			}
			sum += float64(v)
		}
		if !(math.Abs(sum-1) <= slack) {
			return fmt.Errorf("descent: the weights of block %d of the start point sum to %v, want 1: %w", b, sum, flow.ErrArgument)
		}
		return nil
	})
}

// Move implements MirrorMap.
func (s Simplex[T]) Move(dst, x, u []T) {
	if len(s.Blocks) == 0 {
		weigh(dst, x, u)
		return
	}
	at := 0
	for _, k := range s.Blocks {
		weigh(dst[at:at+k], x[at:at+k], u[at:at+k])
		at += k
	}
}

// weigh stores x_i exp(u_i)/Σ x_j exp(u_j) in dst.
func weigh[T flow.Float](dst, x, u []T) {
	kernel.ExpSum(dst, u, top(x, u))
	sum := 0.0
	for i, v := range x {
		if v == 0 { // its exponential may be infinite
			dst[i] = 0
			continue
		}
		dst[i] *= v
		sum += float64(dst[i])
	}
	kernel.Scal(T(1/sum), dst)
}

// top is the largest u_i with x_i > 0.
func top[T flow.Float](x, u []T) T {
	z := T(math.Inf(-1))
	for i, v := range u {
		if x[i] > 0 && v > z {
			z = v
		}
	}
	return z
}

// Orthant is the mirror map of φ = Σ x_i log x_i - x_i on x >= 0: unnormalised
// exponentiated gradient, x_i ← x_i exp(η f_i(x)). A coordinate that is zero stays
// zero.
type Orthant[T flow.Float] struct{}

// Check implements MirrorMap.
func (Orthant[T]) Check(x []T) error {
	for i, v := range x {
		if !(v >= 0) {
			return fmt.Errorf("descent: x[%d] = %v, want >= 0: %w", i, v, flow.ErrArgument)
		}
	}
	return nil
}

// Move implements MirrorMap.
func (Orthant[T]) Move(dst, x, u []T) {
	kernel.Exp(dst, u)
	kernel.MulTo(dst, dst, x)
}

// mirror is mirror descent.
type mirror[T flow.Float] struct {
	base[T]
	mirror MirrorMap[T]
	u      []T // the step of the dual variables, then that of x
}

var (
	_ flow.Integrator[float64] = (*mirror[float64])(nil)
	_ flow.Memory[float64]     = (*mirror[float64])(nil)
	_ flow.Deriver[float64]    = (*mirror[float64])(nil)
	_ flow.Drawer              = (*mirror[float64])(nil)
)

// Init implements flow.Integrator.
func (m *mirror[T]) Init(s flow.Start[T], tr *flow.Trial) error {
	if m.mirror == nil {
		return fmt.Errorf("descent: mirror map of %s is nil, want Simplex, Orthant or one of your own: %w", m.name, flow.ErrArgument)
	}
	if err := m.mirror.Check(s.X); err != nil {
		return err
	}
	if n := len(s.X); len(m.u) != n {
		m.u = make([]T, n)
	}
	return m.begin(&s, tr)
}

// Try implements flow.Integrator.
func (m *mirror[T]) Try(tr *flow.Trial, next, x []T, t, h float64) {
	m.open(tr, x, t)
	clear(m.u)
	kernel.Axpy(T(h), m.f0, m.u)
	m.mirror.Move(next, x, m.u)
	if m.want.Slope {
		kernel.SubTo(m.u, next, x)
		m.slope(m.u, h)
	}
	m.finish(tr, next, x, t, h)
}

// Accept implements flow.Integrator.
func (m *mirror[T]) Accept() { m.accepted() }

// Memory implements flow.Memory.
func (m *mirror[T]) Memory() (vec [][]T, num []float64) { return m.memory() }
