package infogeo

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Categorical is the family of all distributions on K states, with the coordinates of
// the simplex: θ_i = log(p_i/p_r) and η_i = p_i for the states other than the reference
// state r, ψ = log(1 + Σ e^θ_i). Fisher products and solves take O(K). An observation is
// the number of a state.
type Categorical struct {
	k, ref int
	p      []float64 // the K probabilities
	eta    []float64
}

var (
	_ Cubic       = (*Categorical)(nil)
	_ DenseFisher = (*Categorical)(nil)
	_ Conjugate   = (*Categorical)(nil)
	_ FisherRaoer = (*Categorical)(nil)
	_ Sampler     = (*Categorical)(nil)
)

// NewCategorical returns the family on k states with the reference state ref, the last
// state if ref is -1. The error wraps ErrInvalid.
func NewCategorical(k, ref int) (*Categorical, error) {
	if k < 2 {
		return nil, fmt.Errorf("infogeo: Categorical on %d states, want at least 2: %w", k, ErrInvalid)
	}
	if ref == -1 {
		ref = k - 1
	}
	if ref < 0 || ref >= k {
		return nil, fmt.Errorf("infogeo: Categorical with reference state %d, want one of the %d states: %w", ref, k, ErrInvalid)
	}
	return &Categorical{k: k, ref: ref, p: make([]float64, k), eta: make([]float64, k-1)}, nil
}

// Dim implements Family.
func (c *Categorical) Dim() int { return c.k - 1 }

// Reference returns the reference state.
func (c *Categorical) Reference() int { return c.ref }

// States returns K.
func (c *Categorical) States() int { return c.k }

// Moments stores the probabilities of the states other than the reference state in eta.
func (c *Categorical) Moments(eta, q []float64) {
	checkDims(c.k-1, eta)
	checkDims(c.k, q)
	skip(eta, q, c.ref)
}

// Probabilities stores the K probabilities of θ in p.
func (c *Categorical) Probabilities(p, theta []float64) {
	checkDims(c.k, p)
	checkDims(c.k-1, theta)
	Softmax(p, theta, c.ref)
}

// at makes c.p the distribution and c.eta the mean of theta; it returns p_r.
func (c *Categorical) at(theta []float64) float64 {
	Softmax(c.p, theta, c.ref)
	skip(c.eta, c.p, c.ref)
	return c.p[c.ref]
}

// LogPartition implements Family.
func (c *Categorical) LogPartition(theta []float64) float64 {
	checkDims(c.k-1, theta)
	return LogPartition(theta)
}

// Mean implements Family.
func (c *Categorical) Mean(dst, theta []float64) {
	checkDims(c.k-1, dst, theta)
	Softmax(c.p, theta, c.ref)
	skip(dst, c.p, c.ref)
}

// Natural implements Family.
func (c *Categorical) Natural(dst, eta []float64) error {
	checkDims(c.k-1, dst)
	if err := c.CheckMean(eta); err != nil {
		return err
	}
	r := 1 - kernel.Sum(eta)
	for i, e := range eta {
		dst[i] = math.Log(e / r)
	}
	return nil
}

// NegEntropy implements Conjugate: Σ p_i log p_i.
func (c *Categorical) NegEntropy(eta []float64) float64 {
	checkDims(c.k-1, eta)
	s := xlogx(1 - kernel.Sum(eta))
	for _, e := range eta {
		s += xlogx(e)
	}
	return s
}

// FisherMulVec implements Family.
func (c *Categorical) FisherMulVec(dst, theta, v []float64) {
	checkDims(c.k-1, dst, theta, v)
	c.at(theta)
	FisherMul(dst, c.eta, v)
}

// FisherSolveVec implements Family.
func (c *Categorical) FisherSolveVec(dst, theta, v []float64, damping float64) error {
	checkDims(c.k-1, dst, theta, v)
	if err := checkDamping(damping); err != nil {
		return err
	}
	r := c.at(theta)
	if damping == 0 {
		var zeros int
		for _, p := range c.p {
			if !(p > 0) {
				zeros++
			}
		}
		if zeros > 0 {
			return singular(c.k-1-zeros, c.k-1)
		}
	}
	FisherSolveDamped(dst, c.eta, r, v, damping)
	return nil
}

// FisherDense implements DenseFisher.
func (c *Categorical) FisherDense(dst *mat.SymDense, theta []float64) {
	checkDims(c.k-1, theta)
	sized(dst, c.k-1)
	c.at(theta)
	for i, e := range c.eta {
		for j := i + 1; j < c.k-1; j++ {
			dst.SetSym(i, j, -e*c.eta[j])
		}
		dst.SetSym(i, i, e*(1-e))
	}
}

// Cubic implements the capability of that name: T[v,v]_k is the covariance of state k
// with the square of v's deviation from its mean.
func (c *Categorical) Cubic(dst, theta, v []float64) {
	checkDims(c.k-1, dst, theta, v)
	c.at(theta)
	m := kernel.Dot(c.eta, v)
	variance := c.p[c.ref] * m * m
	for i, e := range c.eta {
		variance += e * (v[i] - m) * (v[i] - m)
	}
	for i, e := range c.eta {
		dst[i] = e * ((v[i]-m)*(v[i]-m) - variance)
	}
}

// FisherRao implements FisherRaoer. It allocates; see FisherRaoDistance.
func (c *Categorical) FisherRao(theta0, theta1 []float64) float64 {
	checkDims(c.k-1, theta0, theta1)
	q := make([]float64, c.k)
	c.at(theta0)
	Softmax(q, theta1, c.ref)
	return FisherRaoDistance(c.p, q)
}

// SampleDim implements Statistic.
func (c *Categorical) SampleDim() int { return 1 }

// Statistic implements the capability of that name: the indicator of the state x.
func (c *Categorical) Statistic(dst, x []float64) {
	checkDims(c.k-1, dst)
	checkDims(1, x)
	if !isCount(x[0], float64(c.k-1)) {
		for i := range dst {
			dst[i] = math.NaN()
		}
		return
	}
	clear(dst)
	switch s := int(x[0]); {
	case s < c.ref:
		dst[s] = 1
	case s > c.ref:
		dst[s-1] = 1
	}
}

// Sample implements Sampler, in O(K).
func (c *Categorical) Sample(x, theta []float64, src rand.Source) {
	checkDims(1, x)
	checkDims(c.k-1, theta)
	c.at(theta)
	x[0] = float64(drawState(c.p, rand.New(src).Float64()))
}

// drawState returns the state in whose part of the unit interval u lies.
func drawState(p []float64, u float64) int {
	last := 0
	for i, v := range p {
		if v > 0 {
			if last = i; u < v {
				return i
			}
		}
		u -= v
	}
	return last
}

// supportRange implements supported.
func (c *Categorical) supportRange(u []float64) (lo, hi float64) {
	for _, v := range u {
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

// ties implements supported.
func (c *Categorical) ties(u []float64, tol float64, show func([]float64)) {
	lo, hi := c.supportRange(u)
	diff, first := make([]float64, c.k-1), -2
	for i := -1; i < c.k-1; i++ { // -1 is the reference state
		v := 0.0
		if i >= 0 {
			v = u[i]
		}
		switch {
		case v < hi-tol*(hi-lo):
		case first == -2:
			first = i
		default:
			clear(diff)
			diff[i] = 1
			if first >= 0 {
				diff[first] = -1
			}
			show(diff)
		}
	}
}

// CheckNatural implements Family.
func (c *Categorical) CheckNatural(theta []float64) error {
	checkDims(c.k-1, theta)
	return checkFinite("theta", theta, ErrOutsideNaturalDomain)
}

// CheckMean implements Family.
func (c *Categorical) CheckMean(eta []float64) error {
	checkDims(c.k-1, eta)
	for i, e := range eta {
		switch {
		case e == 0:
			return fmt.Errorf("infogeo: Categorical: eta[%d] = 0, want > 0: %w", i, ErrBoundary)
		case !(e > 0):
			return fmt.Errorf("infogeo: Categorical: eta[%d] = %v, want > 0: %w", i, e, ErrOutsideMeanDomain)
		}
	}
	switch r := 1 - kernel.Sum(eta); {
	case r == 0:
		return fmt.Errorf("infogeo: Categorical: the elements of eta have the sum 1, which leaves nothing for the reference state: %w", ErrBoundary)
	case !(r > 0):
		return fmt.Errorf("infogeo: Categorical: the elements of eta have the sum %v, want less than 1: %w", 1-r, ErrOutsideMeanDomain)
	}
	return nil
}
