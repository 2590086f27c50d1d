package catapult

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/lanczos"
)

// CurvatureKind says which matrix's eigenvalues are meant.
type CurvatureKind int

const (
	// KernelCurvature is the neural tangent kernel Θ = J Jᵀ/m (mK x mK), the λ of
	// arXiv 2003.02218. For MSE its nonzero eigenvalues are those of the
	// Gauss-Newton matrix.
	KernelCurvature CurvatureKind = iota
	// HessianCurvature is the Hessian ∇²L + γ (p x p), the sharpness of arXiv
	// 2103.00065.
	HessianCurvature
)

// String returns the name of the matrix.
func (k CurvatureKind) String() string {
	switch k {
	case KernelCurvature:
		return "tangent kernel"
	case HessianCurvature:
		return "Hessian"
	}
	return fmt.Sprintf("CurvatureKind(%d)", int(k))
}

// Curvature is an extreme eigenvalue as far as it is known.
type Curvature struct {
	// Value is the Ritz value λ.
	Value float64
	// Residual is |Av - λv| of its vector of norm 1: an eigenvalue of A lies
	// within it of Value.
	Residual float64
	// Products is the number of products with A that it took, each at about the
	// price of a gradient; 0 if A was formed instead.
	Products int
	// Converged says that the residual is within the tolerance. A value that is
	// not converged is a bound: no eigenvalue is larger than the largest one.
	Converged bool
}

// SharpnessOptions says how eigenvalues are computed. The zero value is for
// tracking.
type SharpnessOptions struct {
	// Tol is the residual to reach, relative to |λ|. The value is then better
	// than that, by O(Tol²) relative to the gap to the next eigenvalue. If it is
	// zero, it is 1e-3; below 16 rounding units of T it is raised to that.
	Tol float64
	// MaxProducts limits the products of one computation. If it is zero, it is
	// 200.
	MaxProducts int
	// Refresh makes every so many-th computation of Top start from a random
	// vector in place of the last eigenvector, which could hide that another
	// eigenvalue has become the largest. If it is zero, it is 16; 1 never
	// starts warm.
	Refresh int
}

// Sharpness computes the curvature of a model along a trajectory. It is for one
// goroutine at a time, the model's.
//
// Products are exact (R-operator; J Jᵀ). Top starts the Lanczos process from the
// eigenvector at the point before, which leaves 1 to 4 products a step. Where the
// tangent kernel is cheaper to form than to multiply with (few samples, wide
// layers, one output) it is formed, and its eigenvalue found afresh.
type Sharpness[T flow.Float] struct {
	model Model[T]
	kind  CurvatureKind
	opt   SharpnessOptions
	n     int
	dense *Net[T] // if the kernel is to be formed

	ws    lanczos.Workspace[T]
	theta []T
	k     kernel.Matrix[T]
	op    func(dst, v []T)
	warm  []T
	calls int // of Top since the last cold start
}

// NewSharpness returns a tracker of that curvature of the model. The error wraps
// ErrArgument.
func NewSharpness[T flow.Float](m Model[T], kind CurvatureKind, o SharpnessOptions) (*Sharpness[T], error) {
	if kind != KernelCurvature && kind != HessianCurvature {
		return nil, fmt.Errorf("catapult: kind = %v, want KernelCurvature or HessianCurvature: %w", kind, ErrArgument)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Tol == 0 {
		o.Tol = 1e-3
	}
	if o.Refresh == 0 {
		o.Refresh = 16
	}
	s := &Sharpness[T]{model: m, kind: kind, opt: o, n: m.Dim()}
	s.op = func(dst, v []T) { m.HessVec(dst, s.theta, v) }
	if kind == KernelCurvature {
		s.n = m.Samples() * m.Outputs()
		s.op = func(dst, u []T) { m.NTKVec(dst, s.theta, u) }
		if net, ok := m.(*Net[T]); ok && net.formsNTK() {
			s.dense = net
			s.op = func(dst, u []T) { kernel.Gemv(dst, 1, s.k, u, 0) }
		}
	}
	s.warm = make([]T, s.n)
	return s, nil
}

func (o *SharpnessOptions) check() error {
	if !(o.Tol >= 0) || math.IsInf(o.Tol, 1) {
		return fmt.Errorf("catapult: Tol = %v, want a finite number > 0, or 0 for the default: %w", o.Tol, ErrArgument)
	}
	if o.MaxProducts < 0 || o.Refresh < 0 {
		return fmt.Errorf("catapult: MaxProducts = %d, Refresh = %d, want numbers > 0, or 0 for the defaults: %w", o.MaxProducts, o.Refresh, ErrArgument)
	}
	return nil
}

// maxFormed bounds the memory of a formed kernel, 4 matrices of that size.
const maxFormed = 2048

// formsNTK says whether forming Θ takes less work than the about four products
// of a warm start: (m² n_{l-1} + m²K² n_l)/2 a layer against 2mp a product.
func (n *Net[T]) formsNTK() bool {
	m, k := float64(n.Samples()), float64(n.Outputs())
	if m*k > maxFormed {
		return false
	}
	form := 0.0
	for l, width := range n.cfg.Sizes[1:] {
		form += (m*m*float64(n.cfg.Sizes[l]) + m*m*k*k*float64(width)) / 2
	}
	return form <= 8*m*float64(n.Dim())
}

// Top returns the largest eigenvalue at theta. Not to converge is no error: see
// Curvature.Converged. The error wraps ErrNonFinite if a product is not finite,
// ErrShape if theta has the wrong length.
func (s *Sharpness[T]) Top(theta []T) (Curvature, error) {
	o := lanczos.Options[T]{Tol: s.opt.Tol, MaxProducts: s.opt.MaxProducts}
	if s.dense == nil && s.calls > 0 {
		o.Start = s.warm
	}
	r, err := s.solve(theta, o)
	if err != nil {
		s.calls = 0
		return Curvature{Value: math.NaN(), Residual: math.NaN()}, err
	}
	copy(s.warm, r.Top[0].Vector)
	if s.calls++; s.calls >= s.opt.Refresh {
		s.calls = 0
	}
	return s.curvature(r, r.Top[0]), nil
}

// Extremes returns the largest (descending) and smallest (ascending) eigenvalues
// at theta, as many as asked for, counted with multiplicity. Products is that of
// the whole computation. Errors are as in Top.
func (s *Sharpness[T]) Extremes(theta []T, top, bottom int) (largest, smallest []Curvature, err error) {
	if top < 0 || bottom < 0 {
		return nil, nil, fmt.Errorf("catapult: top = %d, bottom = %d, want numbers >= 0: %w", top, bottom, ErrArgument)
	}
	if top+bottom == 0 {
		return nil, nil, nil
	}
	r, err := s.solve(theta, lanczos.Options[T]{Top: top, Bottom: bottom, Tol: s.opt.Tol, MaxProducts: s.opt.MaxProducts})
	if err != nil {
		return nil, nil, err
	}
	for _, p := range r.Top {
		largest = append(largest, s.curvature(r, p))
	}
	for _, p := range r.Bottom {
		smallest = append(smallest, s.curvature(r, p))
	}
	return largest, smallest, nil
}

// Vector returns the eigenvector of the last Top, in parameters (Hessian) or
// outputs (tangent kernel), a view.
func (s *Sharpness[T]) Vector() []T { return s.warm }

func (s *Sharpness[T]) solve(theta []T, o lanczos.Options[T]) (*lanczos.Result[T], error) {
	if len(theta) != s.model.Dim() {
		return nil, fmt.Errorf("catapult: len(theta) = %d, want the model's %d parameters: %w", len(theta), s.model.Dim(), ErrShape)
	}
	s.theta = theta
	if s.dense != nil {
		s.k = s.dense.denseNTK(theta)
	}
	r, err := s.ws.Solve(s.n, s.op, o)
	s.theta = nil
	if errors.Is(err, lanczos.ErrNonFinite) {
		return nil, fmt.Errorf("catapult: %v: %w: %w", s.kind, err, ErrNonFinite)
	}
	if err != nil {
		return nil, fmt.Errorf("catapult: %v: %w", s.kind, err)
	}
	return r, nil
}

func (s *Sharpness[T]) curvature(r *lanczos.Result[T], p lanczos.Pair[T]) Curvature {
	c := Curvature{Value: p.Value, Residual: p.Residual, Products: r.Products, Converged: r.Converged}
	if s.dense != nil {
		c.Products = 0
	}
	return c
}

// Lambda0 returns the curvature λ0 at theta that sets the scale 1/λ0 of learning
// rates, to a relative residual of 1e-6: the largest eigenvalue of the tangent
// kernel for MSE (section 2 of arXiv 2003.02218), of the Hessian for the other
// losses, whose kernel is not their curvature. The error wraps ErrZeroCurvature
// if λ0 is zero (every ReLU inactive, data of zeros) or, for a Hessian, negative;
// else ErrShape or ErrNonFinite.
func Lambda0[T flow.Float](m Model[T], theta []T) (Curvature, error) {
	kind := HessianCurvature
	if m.traits().loss == MSE {
		kind = KernelCurvature
	}
	s, err := NewSharpness(m, kind, SharpnessOptions{Tol: 1e-6})
	if err != nil {
		return Curvature{}, err
	}
	c, err := s.Top(theta)
	if err != nil {
		return c, err
	}
	if !(c.Value > 0) {
		return c, fmt.Errorf("catapult: largest eigenvalue of the %v is %v, want > 0: %w", kind, c.Value, ErrZeroCurvature)
	}
	return c, nil
}

// Rate is a learning rate η = C/λ0.
type Rate struct {
	C, Eta float64
}

// SuggestRates returns learning rates that show the phases of a model whose
// curvature at the start is lambda0: C = ηλ0 in the lazy phase (below 2), in the
// catapult phase (2 to 4) and around its end, which is near 4 for most networks
// but near 12 for ReLU networks of more than one hidden layer (arXiv 2003.02218,
// section 3). The error wraps ErrZeroCurvature or ErrNonFinite.
func SuggestRates[T flow.Float](m Model[T], lambda0 float64) ([]Rate, error) {
	switch {
	case math.IsNaN(lambda0) || math.IsInf(lambda0, 0):
		return nil, fmt.Errorf("catapult: lambda0 = %v, want a finite number > 0: %w", lambda0, ErrNonFinite)
	case lambda0 <= 0:
		return nil, fmt.Errorf("catapult: lambda0 = %v, want a finite number > 0: %w", lambda0, ErrZeroCurvature)
	}
	grid := []float64{0.5, 1, 1.5, 1.9, 2.2, 2.5, 3, 3.5, 4, 4.5, 5}
	if tr := m.traits(); tr.relu && tr.depth > 2 {
		grid = append(grid, 6, 8, 10, 12, 14, 16, 20, 24)
	}
	rates := make([]Rate, len(grid))
	for i, c := range grid {
		rates[i] = Rate{C: c, Eta: c / lambda0}
	}
	return rates, nil
}
