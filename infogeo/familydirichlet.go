package infogeo

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Dirichlet is the Dirichlet family on the simplex of K states over the base measure
// Π dx_i/x_i: T_i = log x_i, θ = a > 0, ψ = Σ log Γ(a_i) - log Γ(A), A = Σ a_i,
// η_i = ψ0(a_i) - ψ0(A) with the digamma function ψ0. Its Fisher matrix
// diag(ψ1(a_i)) - ψ1(A) 11ᵀ is solved with in O(K).
type Dirichlet struct {
	k      int
	newton *newton
}

var (
	_ Cubic       = (*Dirichlet)(nil)
	_ DenseFisher = (*Dirichlet)(nil)
	_ Sampler     = (*Dirichlet)(nil)
)

// NewDirichlet returns the family on K states. The error wraps ErrInvalid if k < 2.
func NewDirichlet(k int) (*Dirichlet, error) {
	if k < 2 {
		return nil, fmt.Errorf("infogeo: Dirichlet on %d states, want at least 2: %w", k, ErrInvalid)
	}
	return &Dirichlet{k: k}, nil
}

// NewBeta returns the beta family with T = (log x, log(1-x)), θ = (a, b): the Dirichlet
// family on two states, whose observations are (x, 1-x).
func NewBeta() *Dirichlet {
	d, _ := NewDirichlet(2)
	return d
}

// Dim implements Family.
func (d *Dirichlet) Dim() int { return d.k }

// LogPartition implements Family.
func (d *Dirichlet) LogPartition(theta []float64) float64 {
	checkDims(d.k, theta)
	var s float64
	for _, a := range theta {
		s += lgamma(a)
	}
	return s - lgamma(floats.Sum(theta))
}

// Mean implements Family.
func (d *Dirichlet) Mean(dst, theta []float64) {
	checkDims(d.k, dst, theta)
	all := digamma(floats.Sum(theta))
	for i, a := range theta {
		dst[i] = digamma(a) - all
	}
}

// Natural implements Family, by Newton's method.
func (d *Dirichlet) Natural(dst, eta []float64) error {
	checkDims(d.k, dst)
	if err := d.CheckMean(eta); err != nil {
		return err
	}
	if d.newton == nil {
		d.newton = newNewton(d)
	}
	// With ψ0(x) = log x - 1/(2x) for large x, a_i = A m_i for the normalised geometric
	// means m, and -log Σ e^η = (K-1)/(2A). A small a_i has ψ0 = -1/a_i.
	start := d.newton.start
	top, total := floats.Max(eta), 0.0 // e^η may underflow
	for i, e := range eta {
		start[i] = math.Exp(e - top)
		total += start[i]
	}
	size := float64(d.k-1) / 2 / -(top + math.Log(total))
	for i := range start {
		start[i] = max(size*start[i]/total, 1/(1-eta[i]))
	}
	return d.newton.invert(dst, start, eta)
}

// iterative marks that Natural is Newton's method.
func (d *Dirichlet) iterative() {}

// FisherMulVec implements Family.
func (d *Dirichlet) FisherMulVec(dst, theta, v []float64) {
	checkDims(d.k, dst, theta, v)
	all := trigamma(floats.Sum(theta)) * floats.Sum(v)
	for i, a := range theta {
		dst[i] = trigamma(a)*v[i] - all
	}
}

// FisherSolveVec implements Family, by the formula of Sherman and Morrison. Its
// denominator 1/ψ1(A) - Σ 1/(ψ1(a_i)+λ) is written with r(x) = x - 1/ψ1(x), in which
// the large parts of the terms have cancelled, since A = Σ a_i.
func (d *Dirichlet) FisherSolveVec(dst, theta, v []float64, damping float64) error {
	checkDims(d.k, dst, theta, v)
	if err := checkDamping(damping); err != nil {
		return err
	}
	r := func(x float64) float64 { return x * trigammaExcess(x) / trigamma(x) }
	den, sum := -r(floats.Sum(theta)), 0.0
	for i, a := range theta {
		t := trigamma(a)
		den += r(a) + damping/t/(t+damping)
		sum += v[i] / (t + damping)
	}
	if !(den > 0) {
		return singular(d.k-1, d.k)
	}
	for i, a := range theta {
		dst[i] = (v[i] + sum/den) / (trigamma(a) + damping)
	}
	return nil
}

// FisherDense implements DenseFisher.
func (d *Dirichlet) FisherDense(dst *mat.SymDense, theta []float64) {
	checkDims(d.k, theta)
	sized(dst, d.k)
	all := trigamma(floats.Sum(theta))
	for i, a := range theta {
		for j := i + 1; j < d.k; j++ {
			dst.SetSym(i, j, -all)
		}
		dst.SetSym(i, i, trigamma(a)-all)
	}
}

// Cubic implements the capability of that name.
func (d *Dirichlet) Cubic(dst, theta, v []float64) {
	checkDims(d.k, dst, theta, v)
	s := floats.Sum(v)
	all := tetragamma(floats.Sum(theta)) * s * s
	for i, a := range theta {
		dst[i] = tetragamma(a)*v[i]*v[i] - all
	}
}

// SampleDim implements Statistic.
func (d *Dirichlet) SampleDim() int { return d.k }

// Statistic implements the capability of that name.
func (d *Dirichlet) Statistic(dst, x []float64) {
	checkDims(d.k, dst, x)
	for i, v := range x {
		dst[i] = math.Log(v)
	}
}

// Sample implements Sampler, by normalised gamma numbers. Where all of them would
// underflow, at parameters of about 1e-3 and less, the result is rounded to a corner.
func (d *Dirichlet) Sample(x, theta []float64, src rand.Source) {
	checkDims(d.k, x, theta)
	// A gamma number of shape a is one of shape a+1 times U^(1/a): in logarithms
	// it does not underflow.
	u := rand.New(src)
	top := math.Inf(-1)
	for i, a := range theta {
		g := distuv.Gamma{Alpha: a + 1, Beta: 1, Src: src}.Rand()
		x[i] = math.Log(g) - u.ExpFloat64()/a
		top = max(top, x[i])
	}
	var sum float64
	for i, v := range x {
		x[i] = math.Exp(v - top)
		sum += x[i]
	}
	floats.Scale(1/sum, x)
}

// CheckNatural implements Family.
func (d *Dirichlet) CheckNatural(theta []float64) error {
	checkDims(d.k, theta)
	for i, a := range theta {
		if !(a > 0) || math.IsInf(a, 1) {
			return fmt.Errorf("infogeo: Dirichlet: theta[%d] = %v, want a finite number > 0: %w", i, a, ErrOutsideNaturalDomain)
		}
	}
	return nil
}

// CheckMean implements Family: the geometric means e^η_i add up to less than 1.
func (d *Dirichlet) CheckMean(eta []float64) error {
	checkDims(d.k, eta)
	if err := checkFinite("eta", eta, ErrOutsideMeanDomain); err != nil {
		return err
	}
	var s float64
	for _, e := range eta {
		s += math.Exp(e)
	}
	switch {
	case s == 1:
		return fmt.Errorf("infogeo: Dirichlet: the geometric means exp(eta_i) have the sum 1, want less: %w", ErrBoundary)
	case !(s < 1):
		return fmt.Errorf("infogeo: Dirichlet: the geometric means exp(eta_i) have the sum %v, want less than 1: %w", s, ErrOutsideMeanDomain)
	}
	return nil
}

// startAt is the uniform distribution.
func (d *Dirichlet) startAt(theta, _ []float64) {
	for i := range theta {
		theta[i] = 1
	}
}
