package infogeo

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Spectrum is what the eigenvalues λ_1 <= ... <= λ_n of the Fisher matrix G_q of the
// simplex, in natural coordinates, say about the descent of KL to q: they are the
// eigenvalues of the Hessian at q in θ, their inverses those in η.
type Spectrum struct {
	Min, Max float64 // λ_1 and λ_n
	Kappa    float64 // condition number λ_n/λ_1
	// RateTheta = 2 λ_1 and RateEta = 2/λ_n are the exponential rates at which the
	// loss falls along the Euclidean gradient flows in θ and in η; that of the
	// natural gradient flow is 2.
	RateTheta, RateEta float64
	// AlphaTheta = 2/(λ_1+λ_n) and AlphaEta = 2/(1/λ_1+1/λ_n) are the best step
	// sizes of gradient descent; both contract the error by Rho = (κ-1)/(κ+1).
	AlphaTheta, AlphaEta, Rho float64
	// LimitTheta = 2/λ_n and LimitEta = 2 λ_1 are the step sizes at which gradient
	// descent becomes unstable; natural gradient descent does at 2.
	LimitTheta, LimitEta float64
	// Passes is how often the probabilities were read.
	Passes int
}

// newSpectrum fills in what follows from the extreme eigenvalues.
func newSpectrum(lo, hi float64, passes int) Spectrum {
	return Spectrum{
		Min: lo, Max: hi, Kappa: hi / lo,
		RateTheta: 2 * lo, RateEta: 2 / hi,
		AlphaTheta: 2 / (lo + hi), AlphaEta: 2 * lo * hi / (lo + hi), Rho: (hi - lo) / (hi + lo),
		LimitTheta: 2 / hi, LimitEta: 2 * lo,
		Passes: passes,
	}
}

// SimplexSpectrum returns the extreme eigenvalues of the Fisher matrix
// G = diag(η) - η ηᵀ at p, with the reference state ref, and what follows from
// them. They are roots of the secular equation λ Σ p_i/(p_i-λ) = p_ref over the
// other states, found to working relative accuracy in a few passes over p. The
// error wraps ErrInvalid or ErrBoundary.
func SimplexSpectrum(p []float64, ref int) (Spectrum, error) {
	if err := checkInterior("p", p); err != nil {
		return Spectrum{}, err
	}
	if err := checkState(ref, len(p)); err != nil {
		return Spectrum{}, err
	}
	rest := make([]float64, len(p)-1)
	skip(rest, p, ref)
	return extremes(rest, p[ref]), nil
}

// extremes is the spectrum for the probabilities rest and that of the reference.
func extremes(rest []float64, p0 float64) Spectrum {
	o := orderOf(rest)
	n := float64(len(rest))
	s := secular{rest, p0}
	lower := 1 / (1/o.min + n/p0)
	upper := min(o.min*p0/(o.min+p0), p0*kernel.Sum(rest)/n)
	// λ_1 lies between 0 and the smallest probability.
	lo, k := s.solve(0, o.min, math.Sqrt(lower*upper))
	lo = max(lower, min(lo, upper))
	if len(rest) == 1 {
		// G is the number p (1-p).
		lo = rest[0] * p0
		return newSpectrum(lo, lo, 1)
	}
	if o.equalTop {
		return newSpectrum(lo, o.max, k+1)
	}
	// λ_n lies between the two greatest.
	below, above := maxBounds(rest, p0)
	guess := (max(below, o.second) + min(above, o.max)) / 2
	hi, l := s.solve(o.second, o.max, guess)
	return newSpectrum(lo, hi, k+l+1)
}

// order is the extreme elements of a vector.
type order struct {
	min, max, second float64
	equalTop         bool // the maximum occurs twice
}

func orderOf(p []float64) order {
	o := order{min: math.Inf(1), max: math.Inf(-1), second: math.Inf(-1)}
	for _, v := range p {
		o.min = min(o.min, v)
		switch {
		case v > o.max:
			o.second, o.max, o.equalTop = o.max, v, false
		case v == o.max:
			o.equalTop = true
		case v > o.second:
			o.second = v
		}
	}
	return o
}

// SimplexEigenvalues stores all n eigenvalues of the Fisher matrix of SimplexSpectrum
// in dst, in increasing order, in O(n) per eigenvalue. It panics unless dst has one
// element less than p.
func SimplexEigenvalues(dst, p []float64, ref int) error {
	checkLens(len(dst)+1, len(p))
	if err := checkInterior("p", p); err != nil {
		return err
	}
	if err := checkState(ref, len(p)); err != nil {
		return err
	}
	rest := make([]float64, len(dst))
	skip(rest, p, ref)
	slices.Sort(rest)
	s := secular{rest, p[ref]}
	n := float64(len(rest))
	guess := p[ref] * (1 - p[ref]) / n
	dst[0], _ = s.solve(0, rest[0], min(guess, rest[0]*p[ref]/(rest[0]+p[ref])))
	if len(rest) == 1 {
		dst[0] = rest[0] * p[ref]
	}
	s.between(dst[1:], rest)
	return nil
}

// LogitEigenvalues stores the K-1 nonzero eigenvalues of the Fisher matrix of the
// logits, diag(p) - p pᵀ (K x K), in dst, in increasing order: the roots of
// Σ p_i/(p_i-μ) = 0 over all states. The remaining eigenvalue is 0, of the vector of
// ones. It panics unless dst has one element less than p.
func LogitEigenvalues(dst, p []float64) error {
	checkLens(len(dst)+1, len(p))
	if err := checkInterior("p", p); err != nil {
		return err
	}
	all := slices.Clone(p)
	slices.Sort(all)
	s := secular{all, 0}
	s.between(dst, all)
	return nil
}

// between stores the root between each two neighbours of the sorted poles, or the
// pole itself where they are equal.
func (s *secular) between(dst, sorted []float64) {
	for i := range dst {
		a, b := sorted[i], sorted[i+1]
		if a == b {
			dst[i] = a
			continue
		}
		dst[i], _ = s.solve(a, b, a+(b-a)/2)
	}
}

// SpectrumBounds are bounds on the extreme eigenvalues of G in terms of a few
// probabilities (derived by us from interlacing and Rayleigh quotients): with
// p_m and p_M the smallest and greatest probability besides the reference p_r,
//
//	1/(1/p_m + n/p_r)  <= λ_1 <= min(p_m p_r/(p_m+p_r), p_r(1-p_r)/n) <= 1/(4n)
//	max p_i(1-p_i)     <= λ_n <= min(p_M, max p_i(2-2p_i-p_r)) < 1/2   (n >= 2)
type SpectrumBounds struct {
	MinLower, MinUpper     float64 // of λ_1
	MaxLower, MaxUpper     float64 // of λ_n
	KappaLower, KappaUpper float64 // of λ_n/λ_1
}

// SimplexBounds returns the bounds at p with the reference state ref, in O(K). The
// error wraps ErrInvalid or ErrBoundary.
func SimplexBounds(p []float64, ref int) (SpectrumBounds, error) {
	if err := checkInterior("p", p); err != nil {
		return SpectrumBounds{}, err
	}
	if err := checkState(ref, len(p)); err != nil {
		return SpectrumBounds{}, err
	}
	p0, n := p[ref], float64(len(p)-1)
	rest := make([]float64, len(p)-1)
	skip(rest, p, ref)
	o := orderOf(rest)
	lower, upper := maxBounds(rest, p0)
	return SpectrumBounds{
		MinLower: 1 / (1/o.min + n/p0), MinUpper: min(o.min*p0/(o.min+p0), p0*(1-p0)/n),
		MaxLower: lower, MaxUpper: min(o.max, upper),
		KappaLower: lower * (1/o.min + 1/p0), KappaUpper: o.max * (1/o.min + n/p0),
	}, nil
}

// maxBounds returns max p_i(1-p_i) and max p_i(2-2p_i-p0).
func maxBounds(rest []float64, p0 float64) (lower, upper float64) {
	for _, v := range rest {
		lower = max(lower, v*(1-v))
		upper = max(upper, v*(2-2*v-p0))
	}
	return lower, upper
}

// BestReference returns the reference state for which the condition number κ of G
// is smallest, the first of them in case of ties, with the spectrum it gives. κ
// governs Euclidean gradient descent in θ and η; natural gradients do not depend on
// the choice. States of equal probability count once, and states whose lower bound
// on κ is above the best κ found are not tried. The error wraps ErrInvalid or
// ErrBoundary.
func BestReference(p []float64) (ref int, s Spectrum, err error) {
	if err := checkInterior("p", p); err != nil {
		return 0, s, err
	}
	type candidate struct {
		ref   int
		bound float64
	}
	var cand []candidate
	seen := map[float64]bool{}
	lo, hi := twoSmallest(p), bernoulliTop(p)
	for i, v := range p {
		if seen[v] {
			continue
		}
		seen[v] = true
		pm, top := lo[0], hi[0]
		if v == pm {
			pm = lo[1]
		}
		if v*(1-v) == top {
			top = hi[1]
		}
		cand = append(cand, candidate{i, top * (1/pm + 1/v)})
	}
	slices.SortStableFunc(cand, func(a, b candidate) int {
		switch {
		case a.bound < b.bound:
			return -1
		case a.bound > b.bound:
			return 1
		}
		return a.ref - b.ref
	})
	rest := make([]float64, len(p)-1)
	best := -1
	for _, c := range cand {
		if best >= 0 && c.bound > s.Kappa*(1+1e-12) {
			break
		}
		skip(rest, p, c.ref)
		t := extremes(rest, p[c.ref])
		if best < 0 || t.Kappa < s.Kappa || (t.Kappa == s.Kappa && c.ref < best) {
			best, s = c.ref, t
		}
	}
	if best < 0 {
		return 0, s, fmt.Errorf("infogeo: no reference state: %w", ErrInvalid)
	}
	return best, s, nil
}

// twoSmallest returns the two smallest elements, which may be equal.
func twoSmallest(p []float64) [2]float64 {
	a, b := math.Inf(1), math.Inf(1)
	for _, v := range p {
		if v < a {
			a, b = v, a
		} else if v < b {
			b = v
		}
	}
	return [2]float64{a, b}
}

// bernoulliTop returns the two greatest p_i (1-p_i), which may be equal.
func bernoulliTop(p []float64) [2]float64 {
	a, b := math.Inf(-1), math.Inf(-1)
	for _, v := range p {
		if t := v * (1 - v); t > a {
			a, b = t, a
		} else if t > b {
			b = t
		}
	}
	return [2]float64{a, b}
}
