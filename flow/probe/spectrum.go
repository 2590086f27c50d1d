package probe

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/lanczos"
	"github.com/gradflow/gradflow/internal/philox"
)

// SpectrumOptions says which Hessian eigenvalues are wanted and how they are
// computed. The zero value is the largest one to a relative residual of 1e-4.
type SpectrumOptions struct {
	// Top and Bottom are the numbers of largest and of smallest eigenvalues. If
	// both are zero, Top is 1. Numbers above the dimension mean the dimension.
	Top, Bottom int
	// Tol is the tolerance: an eigenpair is converged when |Hv - λv| <= Tol |λ|.
	// If it is zero, it is 1e-4. Below 16 rounding units of T it is raised to
	// that. For an eigenvalue at the rounding level of the largest it is the
	// residual that has to be at that level.
	Tol float64
	// MaxProducts limits the number of products H v of one call. If it is zero,
	// it is 200 + 10 (Top + Bottom), and 2000 (Top + Bottom) for power
	// iteration.
	MaxProducts int
	// Seed chooses the random start vectors.
	Seed uint64
	// Delta is the relative step of differenced products (see HessVec), used
	// even where exact ones exist. If it is zero, exact products are used where
	// the model has them, and else the default step.
	Delta float64
	// Cold starts every call from a random vector. Otherwise Spectrum starts
	// from the eigenvectors of the call before.
	Cold bool
	// Distinct gives up looking for further copies of multiple eigenvalues,
	// which takes additional products where more than one eigenvalue is wanted
	// at an end.
	Distinct bool
	// Power uses power iteration, on a block of vectors, instead of the Lanczos
	// process: many more products, but memory for 3 (max(Top, Bottom) + 2) +
	// Bottom vectors at most.
	Power bool
}

// EigenPair is a Hessian eigenvalue as computed. Its Vector has norm 1.
type EigenPair[T flow.Float] struct {
	Value    float64 // λ, the Rayleigh quotient of Vector
	Residual float64 // |Hv - λv|: an eigenvalue lies within it of λ
	Vector   []T
}

// Eigen is the result of a spectrum computation.
type Eigen[T flow.Float] struct {
	Top    []EigenPair[T] // largest first
	Bottom []EigenPair[T] // smallest first
	// Converged says that every pair is within the tolerance. If it is not set,
	// the values are only as good as their residuals say.
	Converged bool
	Products  int  // number of products H v; a differenced one takes two gradients
	Exact     bool // products are exact, not differences of gradients
}

// Sharpness returns the largest eigenvalue, NaN if none was asked for.
func (e *Eigen[T]) Sharpness() float64 {
	if len(e.Top) == 0 {
		return math.NaN()
	}
	return e.Top[0].Value
}

// Values returns the eigenvalues of a list of pairs.
func Values[T flow.Float](pairs []EigenPair[T]) []float64 {
	v := make([]float64, len(pairs))
	for i, p := range pairs {
		v[i] = p.Value
	}
	return v
}

// Spectrum computes extreme Hessian eigenvalues of an energy at one point after
// another, as along a trajectory. It keeps its memory and starts from the last
// eigenvectors, so that following the sharpness takes two or three products a
// step. It is for one goroutine at a time.
//
// A start from the last eigenvector sees another eigenvector that has become the
// largest one only through the products it makes: with a loose tolerance it may
// follow the old one for a few steps.
type Spectrum[T flow.Float] struct {
	e     flow.Energy[T]
	opt   SpectrumOptions
	hess  func(dst, x, v []T)
	ws    lanczos.Workspace[T]
	start []T
	warm  bool
	out   Eigen[T]
	power power[T]
	x     []T
	mul   func(dst, v []T)
}

// NewSpectrum returns a Spectrum of the energy e. The error wraps
// flow.ErrArgument.
func NewSpectrum[T flow.Float](e flow.Energy[T], o SpectrumOptions) (*Spectrum[T], error) {
	if e == nil {
		return nil, fmt.Errorf("probe: e is nil, want an energy: %w", flow.ErrArgument)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Top == 0 && o.Bottom == 0 {
		o.Top = 1
	}
	if o.Tol == 0 {
		o.Tol = 1e-4
	}
	s := &Spectrum[T]{e: e, opt: o, start: make([]T, e.Dim())}
	s.hess, s.out.Exact = HessVec(e, o.Delta)
	s.mul = func(dst, v []T) { s.hess(dst, s.x, v) }
	return s, nil
}

func (o *SpectrumOptions) check() error {
	bad := func(name string, got any, want string) error {
		return fmt.Errorf("probe: %s is %v, want %s: %w", name, got, want, flow.ErrArgument)
	}
	switch {
	case o.Top < 0:
		return bad("Top", o.Top, "a number >= 0")
	case o.Bottom < 0:
		return bad("Bottom", o.Bottom, "a number >= 0")
	case !(o.Tol >= 0) || math.IsInf(o.Tol, 1):
		return bad("Tol", o.Tol, "a finite number > 0, or 0 for the default")
	case !(o.Delta >= 0) || math.IsInf(o.Delta, 1):
		return bad("Delta", o.Delta, "a finite number > 0, or 0 for the default")
	case o.MaxProducts < 0:
		return bad("MaxProducts", o.MaxProducts, "a number > 0, or 0 for the default")
	}
	return nil
}

// HessianTop returns the k largest eigenvalues of ∇²E(x), with the tolerance,
// seed and method of o. Errors wrap flow.ErrArgument or flow.ErrNonFinite; not
// to converge is no error but shows in the result.
func HessianTop[T flow.Float](e flow.Energy[T], x []T, k int, o SpectrumOptions) (*Eigen[T], error) {
	if k < 1 {
		return nil, fmt.Errorf("probe: k is %d, want a number >= 1: %w", k, flow.ErrArgument)
	}
	o.Top, o.Bottom = k, 0
	return hessian(e, x, o)
}

// HessianBottom is HessianTop for the k smallest eigenvalues.
func HessianBottom[T flow.Float](e flow.Energy[T], x []T, k int, o SpectrumOptions) (*Eigen[T], error) {
	if k < 1 {
		return nil, fmt.Errorf("probe: k is %d, want a number >= 1: %w", k, flow.ErrArgument)
	}
	o.Top, o.Bottom = 0, k
	return hessian(e, x, o)
}

func hessian[T flow.Float](e flow.Energy[T], x []T, o SpectrumOptions) (*Eigen[T], error) {
	s, err := NewSpectrum(e, o)
	if err != nil {
		return nil, err
	}
	return s.At(x)
}

// At returns the eigenvalues of ∇²E(x). The result and its vectors are valid
// until the next call. Errors are those of HessianTop.
func (s *Spectrum[T]) At(x []T) (*Eigen[T], error) {
	if len(x) != s.e.Dim() {
		return nil, fmt.Errorf("probe: len(x) is %d, want the dimension of the energy, %d: %w", len(x), s.e.Dim(), flow.ErrArgument)
	}
	if !kernel.AllFinite(x) {
		return nil, fmt.Errorf("probe: x holds a NaN or an infinity: %w", flow.ErrNonFinite)
	}
	s.x = x
	defer func() { s.x = nil }()
	var err error
	if s.opt.Power {
		err = s.byPower()
	} else {
		err = s.byLanczos()
	}
	if err != nil {
		s.warm = false
		return nil, err
	}
	s.remember()
	return &s.out, nil
}

func (s *Spectrum[T]) byLanczos() error {
	o := lanczos.Options[T]{
		Top: s.opt.Top, Bottom: s.opt.Bottom, Tol: s.opt.Tol, MaxProducts: s.opt.MaxProducts,
		Stream: philox.Stream{Seed: s.opt.Seed}, Distinct: s.opt.Distinct,
	}
	if s.warm {
		o.Start = s.start
	}
	r, err := s.ws.Solve(s.e.Dim(), s.mul, o)
	if err != nil {
		if errors.Is(err, lanczos.ErrNonFinite) {
			return fmt.Errorf("probe: Hessian-vector product: %v: %w", err, flow.ErrNonFinite)
		}
		return fmt.Errorf("probe: %v: %w", err, flow.ErrArgument)
	}
	s.out.Top, s.out.Bottom = copyPairs(s.out.Top, r.Top), copyPairs(s.out.Bottom, r.Bottom)
	s.out.Converged, s.out.Products = r.Converged, r.Products
	return nil
}

func copyPairs[T flow.Float](dst []EigenPair[T], src []lanczos.Pair[T]) []EigenPair[T] {
	dst = dst[:0]
	for _, p := range src {
		dst = append(dst, EigenPair[T](p))
	}
	return dst
}

// remember makes the next start vector: the sum of the outermost eigenvectors,
// which spans both ends.
func (s *Spectrum[T]) remember() {
	if s.opt.Cold {
		return
	}
	clear(s.start)
	for _, p := range s.out.Top {
		kernel.Axpy(1, p.Vector, s.start)
	}
	for _, p := range s.out.Bottom {
		kernel.Axpy(1, p.Vector, s.start)
	}
	s.warm = true
}
