package game

import (
	"fmt"
	"slices"

	"github.com/gradflow/gradflow/flow/kernel"
)

// FiniteParts is the decomposition u = P + H + N of a finite game into components
// that are games again.
type FiniteParts struct {
	// Phi is the potential φ, with mean 0 over all profiles: along a change of a
	// player's action, P_m changes by what φ does (Monderer and Shapley).
	Phi []float64
	// Potential is P, P_m = (I - E_m)φ: an exact potential game.
	Potential *Finite
	// Harmonic is H, u - P - N: Σ_m c_m (I - E_m)H_m = 0 and E_m H_m = 0. Play by
	// the reference measures (uniform play) is an equilibrium of it.
	Harmonic *Finite
	// NonStrategic is N, N_m = E_m u_m, which does not depend on player m's action.
	NonStrategic *Finite
	FiniteMetrics
}

// Decompose splits the game into a potential, a harmonic and a non-strategic game
// (Candogan, Menache, Ozdaglar, Parrilo, arXiv 1005.2405; with other weights and
// reference measures Abdou et al., arXiv 1901.06048, and Legacci et al., arXiv
// 2405.07224). With E_m the mean over player m's action under μ_m,
//
//	φ = Δ⁺ Σ_m c_m (I - E_m) u_m,  Δ = Σ_m c_m (I - E_m).
//
// In the basis of the analysis of variance Δ is diagonal, so that no matrix is built:
// about 6 M operations for a profile of M players. o may be nil.
//
// Errors: ErrShape and ErrArgument for weights and measures that do not fit.
func (f *Finite) Decompose(o *FiniteOptions) (*FiniteParts, error) {
	d, err := NewFiniteDecomposer(f.shape, o)
	if err != nil {
		return nil, err
	}
	parts := &FiniteParts{
		Phi: make([]float64, f.profiles), Potential: newFinite(f.shape, f.profiles),
		Harmonic: newFinite(f.shape, f.profiles), NonStrategic: newFinite(f.shape, f.profiles),
	}
	return parts, d.Decompose(parts, f)
}

// FiniteDecomposer decomposes games of one shape, weights and measures, and keeps the
// memory for it. It is for one goroutine at a time.
type FiniteDecomposer struct {
	a *anova
	// mean is scratch; sweep holds b, then φ.
	mean []float64
	w    []float64 // probabilities of the profiles, nil if they are equal
}

// NewFiniteDecomposer returns a decomposer of games of the given shape; o may be nil.
// Errors as those of Finite.Decompose.
func NewFiniteDecomposer(shape []int, o *FiniteOptions) (*FiniteDecomposer, error) {
	a, err := newAnova(shape, 1, o)
	if err != nil {
		return nil, err
	}
	d := &FiniteDecomposer{a: a, mean: make([]float64, a.n/slices.Min(shape))}
	if !a.uniform {
		d.w = a.profileWeights()
	}
	return d, nil
}

// profileWeights are the probabilities of the profiles under the reference measures.
func (a *anova) profileWeights() []float64 {
	w := []float64{1}
	for _, mu := range a.mu {
		next := make([]float64, 0, len(w)*len(mu))
		for _, p := range w {
			for _, q := range mu {
				next = append(next, p*q)
			}
		}
		w = next
	}
	return w
}

// Potential stores φ of Finite.Decompose in dst, which has one element a profile,
// without forming the components. It panics if the sizes do not fit.
func (d *FiniteDecomposer) Potential(dst []float64, f *Finite) {
	d.check(f, dst)
	clear(dst)
	for m, u := range f.payoffs {
		mean := d.mean[:d.a.means(m)]
		d.a.mean(mean, u, m)
		d.a.addCentred(dst, d.a.c[m], u, mean, m)
	}
	d.a.forward(dst)
	d.a.divide(dst)
	d.a.backward(dst)
}

// Decompose is Finite.Decompose into parts whose tensors exist already. Tensors that
// are nil are made. Components of another shape are an ErrShape.
func (d *FiniteDecomposer) Decompose(parts *FiniteParts, f *Finite) error {
	for _, g := range []**Finite{&parts.Potential, &parts.Harmonic, &parts.NonStrategic} {
		if *g == nil {
			*g = newFinite(d.a.shape, d.a.n)
		}
		if !slices.Equal((*g).shape, d.a.shape) {
			return fmt.Errorf("game: component of shape %v, want %v: %w", (*g).shape, d.a.shape, ErrShape)
		}
	}
	if parts.Phi == nil {
		parts.Phi = make([]float64, d.a.n)
	}
	d.Potential(parts.Phi, f)
	var e flowSums
	for m, u := range f.payoffs {
		p, h, n := parts.Potential.payoffs[m], parts.Harmonic.payoffs[m], parts.NonStrategic.payoffs[m]
		mean := d.mean[:d.a.means(m)]
		d.a.mean(mean, u, m)
		d.a.spread(n, mean, m)
		d.a.centreTo(h, u, mean, m)
		e.energy.Total += d.a.c[m] * d.norm(h)
		d.a.mean(mean, parts.Phi, m)
		d.a.centreTo(p, parts.Phi, mean, m)
		kernel.SubTo(h, h, p)
		d.add(&e, m, p, h)
	}
	parts.FiniteMetrics = e.metrics()
	return nil
}

// norm is the mean square of x under the reference measures.
func (d *FiniteDecomposer) norm(x []float64) float64 {
	if d.w == nil {
		return kernel.SumSq(x) / float64(d.a.n)
	}
	s := 0.0
	for p, v := range x {
		s += d.w[p] * v * v
	}
	return s
}

// add adds player m's components to the sums.
func (d *FiniteDecomposer) add(e *flowSums, m int, p, h []float64) {
	pp, hh := kernel.SumSq(p), kernel.SumSq(h)
	if d.w == nil {
		e.energy.Potential += d.a.c[m] * pp / float64(d.a.n)
		e.energy.Harmonic += d.a.c[m] * hh / float64(d.a.n)
	} else {
		e.energy.Potential += d.a.c[m] * d.norm(p)
		e.energy.Harmonic += d.a.c[m] * d.norm(h)
	}
	e.p += pp
	e.h += hh
	if !d.a.uniform { // else P and H have mean 0 along the axis of m already
		pp, hh = d.a.variation(p, m), d.a.variation(h, m)
	}
	e.flowP += float64(d.a.shape[m]) * pp
	e.flowH += float64(d.a.shape[m]) * hh
	e.mpd = max(e.mpd, d.a.spanOf(h, m))
}

// variation is the sum of squared differences of x from its unweighted means over the
// action of m; h_m times that is the sum of squared differences over all pairs of
// actions.
func (a *anova) variation(x []float64, m int) float64 {
	h, inner, total := a.shape[m], a.inner[m], 0.0
	for ; len(x) > 0; x = x[h*inner:] {
		for j := range inner {
			mean, sq := x[j], 0.0
			for k := 1; k < h; k++ {
				y := x[k*inner+j] - mean
				mean += y / float64(k+1)
				sq += y * y * float64(k) / float64(k+1)
			}
			total += sq
		}
	}
	return total
}

// spanOf is max over the others' actions of the range of x in player m's action.
func (a *anova) spanOf(x []float64, m int) float64 {
	h, inner, widest := a.shape[m], a.inner[m], 0.0
	for ; len(x) > 0; x = x[h*inner:] {
		for j := range inner {
			lo, hi := x[j], x[j]
			for k := 1; k < h; k++ {
				v := x[k*inner+j]
				lo, hi = min(lo, v), max(hi, v)
			}
			widest = max(widest, hi-lo)
		}
	}
	return widest
}

func (d *FiniteDecomposer) check(f *Finite, dst []float64) {
	if !slices.Equal(f.shape, d.a.shape) {
		panic(fmt.Sprintf("game: game of shape %v in a decomposer of shape %v", f.shape, d.a.shape))
	}
	if len(dst) != d.a.n {
		panic(fmt.Sprintf("game: len(dst) is %d, want the number of profiles, %d", len(dst), d.a.n))
	}
}
