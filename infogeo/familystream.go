package infogeo

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// MeanStatistic stores the mean of T over the rows of x in dst: the target with which Fit
// finds the maximum-likelihood estimate. Errors wrap ErrShape, and ErrInvalid if there are
// no rows or one is outside of the sample space, and name it.
func MeanStatistic(dst []float64, f Statistic, x kernel.Matrix[float64]) error {
	checkDims(f.Dim(), dst)
	if x.Cols != f.SampleDim() {
		return fmt.Errorf("infogeo: observations of length %d, want %d: %w", x.Cols, f.SampleDim(), ErrShape)
	}
	s := Stream{f: f, eta: dst, stat: make([]float64, f.Dim())}
	clear(dst)
	for i := range x.Rows {
		if err := s.Add(x.Row(i)); err != nil {
			return err
		}
	}
	if s.n == 0 {
		return fmt.Errorf("infogeo: mean over no observations, want at least one: %w", ErrInvalid)
	}
	return nil
}

// Stream fits a family to observations that come one by one, by natural gradient descent of
// the forward loss in expectation parameters,
//
//	η ← η + α_k (T(x_k) - η),
//
// which does not need θ and stays in the convex hull of what was observed. With α_k =
// 1/(k+1) η is the mean of all observations, and θ(η) the maximum-likelihood estimate, at
// every moment; with a constant α it forgets old ones and follows a source that changes.
type Stream struct {
	f         Statistic
	alpha     float64
	eta, stat []float64
	n         int
}

// NewStream returns a fit before the first observation. alpha is the constant step size,
// 0 < α < 1, or 0 for 1/(k+1). The error wraps ErrInvalid.
func NewStream(f Statistic, alpha float64) (*Stream, error) {
	if f == nil || !(alpha >= 0 && alpha < 1) {
		return nil, fmt.Errorf("infogeo: stream with alpha = %v and nil family: %t, want it in [0, 1) and a family: %w", alpha, f == nil, ErrInvalid)
	}
	return &Stream{f: f, alpha: alpha, eta: make([]float64, f.Dim()), stat: make([]float64, f.Dim())}, nil
}

// Add takes an observation. The error wraps ErrInvalid if x is outside of the sample space;
// it is then left out.
func (s *Stream) Add(x []float64) error {
	s.f.Statistic(s.stat, x)
	if i := firstNonFinite(s.stat); i >= 0 {
		return fmt.Errorf("infogeo: observation %d = %v has the statistic T[%d] = %v, want a finite number: %w", s.n, x, i, s.stat[i], ErrInvalid)
	}
	a := 1 / float64(s.n+1)
	if s.alpha > 0 && s.n > 0 {
		a = s.alpha
	}
	s.n++
	for i, v := range s.stat {
		s.eta[i] += a * (v - s.eta[i])
	}
	return nil
}

// N returns the number of observations.
func (s *Stream) N() int { return s.n }

// Mean stores the present η in dst.
func (s *Stream) Mean(dst []float64) {
	checkDims(len(s.eta), dst)
	copy(dst, s.eta)
}

// Natural stores the natural parameters of the present fit in dst. The error is that of
// Family.Natural: few observations may have no finite estimate.
func (s *Stream) Natural(dst []float64) error { return s.f.Natural(dst, s.eta) }

// Floor returns the expected excess loss KL(p*‖p) to second order at which a constant step
// settles if the source is a member of the family: η has the covariance α/(2-α) G, whence
// d α/(2(2-α)). For α = 0 it is d/(2N), that of the maximum-likelihood estimate from the N
// observations so far.
func (s *Stream) Floor() float64 {
	d := float64(len(s.eta))
	if s.alpha > 0 {
		return d * s.alpha / (2 * (2 - s.alpha))
	}
	if s.n == 0 {
		return math.Inf(1)
	}
	return d / (2 * float64(s.n))
}
