package game

import (
	"fmt"
	"math"
	"math/big"
	"slices"
)

// RatFinite is a finite game with rational payoffs, as Finite.
type RatFinite struct {
	shape   []int
	payoffs [][]*big.Rat
}

// NewRatFinite returns the game with the given numbers of actions and payoff tensors,
// which it copies. Errors: ErrShape, ErrTooLarge as NewFinite, ErrArgument for a nil
// payoff.
func NewRatFinite(shape []int, payoffs [][]*big.Rat) (*RatFinite, error) {
	n, err := checkPayoffs(shape, payoffs)
	if err != nil {
		return nil, err
	}
	for m, u := range payoffs {
		if a := slices.Index(u, nil); a >= 0 {
			return nil, fmt.Errorf("game: payoffs[%d][%d] is nil, want a number: %w", m, a, ErrArgument)
		}
	}
	f := newRatFinite(shape, n)
	for m, u := range payoffs {
		setRats(f.payoffs[m], u)
	}
	return f, nil
}

func newRatFinite(shape []int, n int) *RatFinite {
	f := &RatFinite{shape: slices.Clone(shape), payoffs: make([][]*big.Rat, len(shape))}
	for m := range f.payoffs {
		f.payoffs[m] = newRats(n)
	}
	return f
}

// newRats returns n zeros.
func newRats(n int) []*big.Rat {
	all, x := make([]big.Rat, n), make([]*big.Rat, n)
	for i := range all {
		x[i] = &all[i]
	}
	return x
}

func setRats(dst, src []*big.Rat) {
	for i, v := range src {
		dst[i].Set(v)
	}
}

// Exact returns the game with its payoffs as rational numbers, which loses nothing.
func (f *Finite) Exact() *RatFinite {
	g := newRatFinite(f.shape, f.profiles)
	for m, u := range f.payoffs {
		for a, v := range u {
			g.payoffs[m][a].SetFloat64(v)
		}
	}
	return g
}

// Float returns the game with its payoffs rounded to float64. The error wraps
// ErrNotFinite if one is too large.
func (f *RatFinite) Float() (*Finite, error) {
	g := newFinite(f.shape, len(f.payoffs[0]))
	for m, u := range f.payoffs {
		for a, v := range u {
			x, _ := v.Float64()
			if math.IsInf(x, 0) {
				return nil, fmt.Errorf("game: payoffs[%d][%d] is too large for a float64: %w", m, a, ErrNotFinite)
			}
			g.payoffs[m][a] = x
		}
	}
	return g, nil
}

// Shape returns the numbers of actions of the players. The slice belongs to the game.
func (f *RatFinite) Shape() []int { return f.shape }

// Payoffs returns the payoff tensor of a player, which belongs to the game and is not
// to be changed.
func (f *RatFinite) Payoffs(player int) []*big.Rat { return f.payoffs[player] }

// RatFiniteOptions are weights and reference measures as in FiniteOptions; measures
// sum to 1 exactly.
type RatFiniteOptions struct {
	Weights  []*big.Rat
	Measures [][]*big.Rat
}

// RatFiniteParts is FiniteParts in rational numbers. The numbers with square roots
// are rounded to float64.
type RatFiniteParts struct {
	Phi                               []*big.Rat
	Potential, Harmonic, NonStrategic *RatFinite
	// Energy holds the flow energies of FiniteEnergies.
	Energy RatFiniteEnergies
	// MPD is the maximum pairwise difference of FiniteMetrics.
	MPD *big.Rat
	// Potentialness and FlowPotentialness are as in FiniteMetrics, NaN if Undefined.
	Potentialness, FlowPotentialness float64
	// Undefined says that the total energy is 0.
	Undefined bool
}

// RatFiniteEnergies is FiniteEnergies in rational numbers.
type RatFiniteEnergies struct{ Total, Potential, Harmonic *big.Rat }

// ratAnova is anova in rational numbers.
type ratAnova struct {
	shape, inner []int
	n            int
	c            []*big.Rat
	mu, r        [][]*big.Rat
}

// Decompose is Finite.Decompose in exact arithmetic; o may be nil. It is meant for
// small games: the cost grows with the size of the numbers.
func (f *RatFinite) Decompose(o *RatFiniteOptions) (*RatFiniteParts, error) {
	a, err := newRatAnova(f.shape, o)
	if err != nil {
		return nil, err
	}
	p := &RatFiniteParts{
		Phi: newRats(a.n), Potential: newRatFinite(f.shape, a.n), Harmonic: newRatFinite(f.shape, a.n), NonStrategic: newRatFinite(f.shape, a.n),
		Energy: RatFiniteEnergies{new(big.Rat), new(big.Rat), new(big.Rat)}, MPD: new(big.Rat),
	}
	var t big.Rat
	for m, u := range f.payoffs {
		a.meanTo(p.NonStrategic.payoffs[m], u, m)
		for i, v := range p.Phi {
			v.Add(v, t.Mul(a.c[m], t.Sub(u[i], p.NonStrategic.payoffs[m][i])))
		}
	}
	a.solve(p.Phi)
	var e ratSums
	for m, u := range f.payoffs {
		pm, hm, nm := p.Potential.payoffs[m], p.Harmonic.payoffs[m], p.NonStrategic.payoffs[m]
		a.meanTo(pm, p.Phi, m)
		for i, v := range p.Phi {
			pm[i].Sub(v, pm[i])
			hm[i].Sub(u[i], nm[i])
		}
		e.add(p.Energy.Total, a, hm, m)
		for i := range hm {
			hm[i].Sub(hm[i], pm[i])
		}
		e.flows(p, a, m)
	}
	p.Undefined = p.Energy.Total.Sign() == 0
	p.Potentialness, p.FlowPotentialness = ratRatio(&e.p, &e.h), ratRatio(&e.flowP, &e.flowH)
	return p, nil
}

func newRatAnova(shape []int, o *RatFiniteOptions) (*ratAnova, error) {
	n, err := profilesOf(shape)
	if err != nil {
		return nil, err
	}
	if o == nil {
		o = &RatFiniteOptions{}
	}
	if err := o.check(shape); err != nil {
		return nil, err
	}
	a := &ratAnova{shape: shape, inner: make([]int, len(shape)), n: n, c: o.Weights, mu: o.Measures}
	for m, step := len(shape)-1, 1; m >= 0; m-- {
		a.inner[m] = step
		step *= shape[m]
	}
	for m, h := range shape {
		if o.Weights == nil {
			a.c = append(a.c, big.NewRat(int64(h), 1))
		}
		if o.Measures == nil {
			mu := newRats(h)
			for _, p := range mu {
				p.SetFrac64(1, int64(h))
			}
			a.mu = append(a.mu, mu)
		}
		w, r := new(big.Rat), newRats(h)
		for k, p := range a.mu[m] {
			r[k].Quo(p, w.Add(w, p))
		}
		a.r = append(a.r, r)
	}
	return a, nil
}

func (o *RatFiniteOptions) check(shape []int) error {
	positive := func(v *big.Rat) bool { return v != nil && v.Sign() > 0 }
	return checkFiniteOptions(shape, o.Weights, o.Measures, positive, func(mu []*big.Rat) (any, bool) {
		s := new(big.Rat)
		for _, p := range mu {
			s.Add(s, p)
		}
		return s, s.Cmp(big.NewRat(1, 1)) == 0
	})
}

// fibres calls f for the first place of every fibre along the axis of m.
func (a *ratAnova) fibres(m int, f func(at int)) {
	for at := 0; at < a.n; at += a.shape[m] * a.inner[m] {
		for j := range a.inner[m] {
			f(at + j)
		}
	}
}

// meanTo stores E_m x in dst, with the axis of m.
func (a *ratAnova) meanTo(dst, x []*big.Rat, m int) {
	var t, mean big.Rat
	a.fibres(m, func(at int) {
		mean.SetInt64(0)
		for k, p := range a.mu[m] {
			mean.Add(&mean, t.Mul(p, x[at+k*a.inner[m]]))
		}
		for k := range a.mu[m] {
			dst[at+k*a.inner[m]].Set(&mean)
		}
	})
}

// solve applies Δ⁺, as forward, divide and backward of anova.
func (a *ratAnova) solve(x []*big.Rat) {
	var t big.Rat
	for m, h := range a.shape {
		a.fibres(m, func(at int) {
			for k := 1; k < h; k++ {
				y := x[at+k*a.inner[m]]
				y.Sub(y, x[at])
				x[at].Add(x[at], t.Mul(a.r[m][k], y))
			}
		})
	}
	a.divide(x, 0, new(big.Rat))
	for m, h := range a.shape {
		a.fibres(m, func(at int) {
			for k := h - 1; k > 0; k-- {
				y := x[at+k*a.inner[m]]
				x[at].Sub(x[at], t.Mul(a.r[m][k], y))
				y.Add(y, x[at])
			}
		})
	}
}

// divide is divideFrom of anova.
func (a *ratAnova) divide(x []*big.Rat, m int, c *big.Rat) {
	if m == len(a.shape) {
		if c.Sign() > 0 {
			x[0].Quo(x[0], c)
		} else {
			x[0].SetInt64(0)
		}
		return
	}
	inner := a.inner[m]
	a.divide(x[:inner], m+1, c)
	with := new(big.Rat).Add(c, a.c[m])
	for k := 1; k < a.shape[m]; k++ {
		a.divide(x[k*inner:(k+1)*inner], m+1, with)
	}
}

// ratSums are the squared norms of flowSums.
type ratSums struct{ p, h, flowP, flowH big.Rat }

// add adds c_m times the mean square of player m's x under the measures to dst.
func (e *ratSums) add(dst *big.Rat, a *ratAnova, x []*big.Rat, m int) {
	var t, w, s big.Rat
	for i, v := range x {
		w.SetInt64(1)
		for j, mu := range a.mu {
			w.Mul(&w, mu[i/a.inner[j]%a.shape[j]])
		}
		s.Add(&s, t.Mul(&w, t.Mul(v, v)))
	}
	dst.Add(dst, s.Mul(&s, a.c[m]))
}

// flows adds player m's components to energies, norms and MPD.
func (e *ratSums) flows(p *RatFiniteParts, a *ratAnova, m int) {
	pm, hm := p.Potential.payoffs[m], p.Harmonic.payoffs[m]
	e.add(p.Energy.Potential, a, pm, m)
	e.add(p.Energy.Harmonic, a, hm, m)
	var t big.Rat
	for i := range pm {
		e.p.Add(&e.p, t.Mul(pm[i], pm[i]))
		e.h.Add(&e.h, t.Mul(hm[i], hm[i]))
	}
	a.addVariation(&e.flowP, pm, m)
	a.addVariation(&e.flowH, hm, m)
	a.fibres(m, func(at int) {
		lo, hi := hm[at], hm[at]
		for k := 1; k < a.shape[m]; k++ {
			v := hm[at+k*a.inner[m]]
			if v.Cmp(lo) < 0 {
				lo = v
			}
			if v.Cmp(hi) > 0 {
				hi = v
			}
		}
		if t.Sub(hi, lo).Cmp(p.MPD) > 0 {
			p.MPD.Set(&t)
		}
	})
}

// addVariation adds h_m times anova.variation, h Σ x² - (Σ x)² of every fibre.
func (a *ratAnova) addVariation(dst *big.Rat, x []*big.Rat, m int) {
	var t, s, sq big.Rat
	h := big.NewRat(int64(a.shape[m]), 1)
	a.fibres(m, func(at int) {
		s.SetInt64(0)
		sq.SetInt64(0)
		for k := range a.shape[m] {
			v := x[at+k*a.inner[m]]
			s.Add(&s, v)
			sq.Add(&sq, t.Mul(v, v))
		}
		dst.Add(dst, sq.Sub(sq.Mul(&sq, h), t.Mul(&s, &s)))
	})
}

func ratRatio(p, h *big.Rat) float64 {
	x, _ := p.Float64()
	y, _ := h.Float64()
	return ratioOfNorms(x, y)
}
