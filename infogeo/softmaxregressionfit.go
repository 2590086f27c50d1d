package infogeo

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// ScoringOptions says how FisherScoring iterates. The zero value means the defaults.
type ScoringOptions struct {
	// Tol is the decrement √(gᵀF⁻¹g) of the natural gradient at which to stop. Default
	// 1e-8, after which Newton's method squares it.
	Tol float64
	// MaxIter limits the steps. Default 100.
	MaxIter int
	// Damping is added to the Fisher matrix. Default 0.
	Damping float64
}

// ScoringResult is a maximum-likelihood estimate.
type ScoringResult struct {
	Theta     []float64
	Loss      float64   // E, the mean negative log-likelihood
	Losses    []float64 // before every step, and at the end
	Decrement float64
}

// FisherScoring returns the maximum-likelihood estimate of a softmax regression from theta
// (nil: 0) by the natural gradient with α = 1, which is Newton's method and iteratively
// reweighted least squares, with steps halved until Armijo's condition holds.
//
// The error is a *NoFiniteMLEError, with a direction along which the likelihood only grows,
// as soon as an iterate separates the classes, or where the Fisher matrix has become
// singular because some of them can be separated; it wraps ErrSingularFisher, with the
// rank, where the features are redundant and there is no damping, ErrNoConvergence at the
// limit of steps, ErrInvalid or ErrShape for bad arguments.
func FisherScoring(s *SoftmaxRegression, theta []float64, o ScoringOptions) (*ScoringResult, error) {
	n := s.Dim()
	if o.Tol == 0 {
		o.Tol = 1e-8
	}
	if o.MaxIter == 0 {
		o.MaxIter = 100
	}
	if !(o.Tol > 0) || o.MaxIter < 0 {
		return nil, fmt.Errorf("infogeo: scoring with Tol = %v, MaxIter = %d, want numbers > 0: %w", o.Tol, o.MaxIter, ErrInvalid)
	}
	if theta != nil && len(theta) != n {
		return nil, fmt.Errorf("infogeo: start of length %d, want %d: %w", len(theta), n, ErrShape)
	}
	if err := checkFinite("start", theta, ErrInvalid); err != nil {
		return nil, err
	}
	if err := checkDamping(o.Damping); err != nil {
		return nil, err
	}
	f := &scoring{s: s, o: o, x: make([]float64, n), next: make([]float64, n), g: make([]float64, n), dir: make([]float64, n), c: newCholesky(n)}
	copy(f.x, theta)
	return f.run()
}

// scoring is the state of FisherScoring.
type scoring struct {
	s               *SoftmaxRegression
	o               ScoringOptions
	x, next, g, dir []float64
	c               *cholesky
}

// run iterates.
func (f *scoring) run() (*ScoringResult, error) {
	e := f.s.EnergyGrad(f.g, f.x)
	r := &ScoringResult{}
	for k := range f.o.MaxIter {
		r.Losses = append(r.Losses, e)
		if f.s.wrong == 0 {
			return nil, f.separated(f.x, "separates")
		}
		f.s.Fisher(f.c.g)
		if err := f.c.solve(f.dir, f.g, f.o.Damping); err != nil {
			return nil, f.explain(k, err)
		}
		slope := kernel.Dot(f.g, f.dir)
		r.Decrement = math.Sqrt(slope)
		e = f.step(e, slope)
		if r.Decrement <= f.o.Tol {
			r.Losses = append(r.Losses, e)
			r.Theta, r.Loss = f.x, e
			return r, nil
		}
	}
	return nil, f.explain(f.o.MaxIter, fmt.Errorf("infogeo: decrement %.3g after %d steps, want %v: %w", r.Decrement, f.o.MaxIter, f.o.Tol, ErrNoConvergence))
}

// explain returns err, of step k, unless the last step goes in a direction in which no
// sample loses: then the estimate is at infinity in that direction, to which the steps of
// Newton's method tend once the other directions have converged.
func (f *scoring) explain(k int, err error) error {
	if k == 0 {
		return err
	}
	kernel.SubTo(f.dir, f.x, f.next)
	if lo, hi := f.margins(f.dir); lo >= -1e-3*hi && hi > 0 {
		return f.separated(f.dir, "separates in part")
	}
	return err
}

// margins returns the least and the largest difference, over the samples and the other
// classes, of the logit of a sample's class and another one at u.
func (f *scoring) margins(u []float64) (lo, hi float64) {
	m, c := f.s, f.s.c
	kernel.GemmNT(m.r, 1, m.x, kernel.MatrixOf(c, m.x.Cols, u), 0)
	for i, y := range m.labels {
		own := 0.0
		if y < c {
			own = m.r.At(i, y)
			lo, hi = min(lo, own), max(hi, own)
		}
		for _, z := range m.r.Row(i) {
			lo, hi = min(lo, own-z), max(hi, own-z)
		}
	}
	return lo, hi
}

// step goes to the next iterate and returns its loss.
func (f *scoring) step(e, slope float64) float64 {
	for alpha := 1.0; ; alpha /= 2 {
		kernel.AxpyTo(f.next, -alpha, f.dir, f.x)
		next := f.s.EnergyGrad(f.g, f.next)
		if next <= e-armijo*alpha*slope || slope <= 1.0/16 && next <= e+1e-14*math.Abs(e) || alpha < 1e-10 {
			f.x, f.next = f.next, f.x
			return next
		}
	}
}

// separated is the error of data that the direction v separates.
func (f *scoring) separated(v []float64, how string) error {
	u := append([]float64(nil), v...)
	kernel.Scal(1/kernel.Nrm2(u), u)
	return &NoFiniteMLEError{Direction: u, Reason: fmt.Sprintf("the direction %s the %d classes of %d samples", how, f.s.c+1, len(f.s.labels))}
}
