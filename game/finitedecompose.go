package game

import (
	"fmt"
	"math"
	"slices"
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
// Errors: ErrShape and ErrArgument for weights and measures that do not fit, ErrNotFinite
// for payoffs so large that their squares overflow.
func (f *Finite) Decompose(o *FiniteOptions) (*FiniteParts, error) {
	d, err := NewFiniteDecomposer(f.shape, o)
	if err != nil {
		return nil, err
	}
	parts := &FiniteParts{
		Phi: make([]float64, f.profiles), Potential: newFinite(f.shape, f.profiles),
		Harmonic: newFinite(f.shape, f.profiles), NonStrategic: newFinite(f.shape, f.profiles),
	}
	if err := d.Decompose(parts, f); err != nil {
		return nil, err
	}
	return parts, nil
}

// FiniteDecomposer decomposes games of one shape, weights and measures, and keeps the
// memory for it. It is for one goroutine at a time.
type FiniteDecomposer struct {
	a              *anova
	meanU, meanPhi []float64    // means of a piece of fibres
	span           [2][]float64 // ranges of H along them
	w              []float64    // probabilities of the profiles, nil if they are equal
}

// NewFiniteDecomposer returns a decomposer of games of the given shape; o may be nil.
// Errors as those of Finite.Decompose.
func NewFiniteDecomposer(shape []int, o *FiniteOptions) (*FiniteDecomposer, error) {
	a, err := newAnova(shape, 1, o)
	if err != nil {
		return nil, err
	}
	d := &FiniteDecomposer{a: a}
	for _, x := range []*[]float64{&d.meanU, &d.meanPhi, &d.span[0], &d.span[1]} {
		*x = make([]float64, min(a.n, longRow))
	}
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
	d.a.potential(dst, d.meanU, f.payoffs)
}

// Decompose is Finite.Decompose into parts whose tensors exist already. Tensors that
// are nil are made. Errors: ErrShape for components of another shape, ErrNotFinite as
// there.
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
	for m := range f.payoffs {
		d.components(&e, parts, f, m)
	}
	parts.FiniteMetrics = e.metrics()
	if t := parts.Energy.Total; math.IsNaN(t) || math.IsInf(t, 0) {
		return fmt.Errorf("game: the energy of the game is %v, want payoffs whose squares do not overflow: %w", t, ErrNotFinite)
	}
	return nil
}

// components stores player m's components and adds them to the sums.
func (d *FiniteDecomposer) components(e *flowSums, parts *FiniteParts, f *Finite, m int) {
	a, u := d.a, f.payoffs[m]
	p, h, n := parts.Potential.payoffs[m], parts.Harmonic.payoffs[m], parts.NonStrategic.payoffs[m]
	var s squares
	a.pieces(m, func(at, _, width int) {
		meanU, meanPhi, lo, hi := d.meanU[:width], d.meanPhi[:width], d.span[0][:width], d.span[1][:width]
		a.meanOf(meanU, u, m, at)
		a.meanOf(meanPhi, parts.Phi, m, at)
		var piece squares
		if width < shortRow {
			e.mpd = max(e.mpd, piece.fibres(a, m, at, p, h, n, u, parts.Phi, meanU, meanPhi))
			s.add(piece)
			return
		}
		for j := range lo {
			lo[j], hi[j] = math.Inf(1), math.Inf(-1)
		}
		for range a.shape[m] {
			to := at + width
			piece.row(p[at:to], h[at:to], n[at:to], u[at:to], parts.Phi[at:to], meanU, meanPhi, lo, hi)
			at += a.inner[m]
		}
		s.add(piece)
		for j, v := range lo {
			e.mpd = max(e.mpd, hi[j]-v)
		}
	})
	e.p += s.p
	e.h += s.h
	if d.w == nil {
		c := a.c[m] / float64(a.n)
		e.energy.Total += c * s.t
		e.energy.Potential += c * s.p
		e.energy.Harmonic += c * s.h
	} else {
		e.weigh(a.c[m], p, h, d.w)
		// Otherwise P and H have mean 0 along the axis of m already.
		s.p, s.h = a.variation(p, m), a.variation(h, m)
	}
	e.flowP += float64(a.shape[m]) * s.p
	e.flowH += float64(a.shape[m]) * s.h
}

// squares are the sums of squares of P + H, P and H.
type squares struct{ t, p, h float64 }

// row forms a row of the components and widens the ranges of H.
func (s *squares) row(p, h, n, u, phi, meanU, meanPhi, lo, hi []float64) {
	p, h, u, phi, meanPhi, lo, hi = p[:len(meanU)], h[:len(meanU)], u[:len(meanU)], phi[:len(meanU)], meanPhi[:len(meanU)], lo[:len(meanU)], hi[:len(meanU)]
	copy(n, meanU)
	for j, v := range meanU {
		x, y := u[j]-v, phi[j]-meanPhi[j]
		z := x - y
		p[j], h[j] = y, z
		s.t += x * x
		s.p += y * y
		s.h += z * z
		lo[j], hi[j] = min(lo[j], z), max(hi[j], z)
	}
}

// fibres is row for a few fibres beside one another from place at, fibre by fibre. It
// returns the widest range of H.
func (s *squares) fibres(a *anova, m, at int, p, h, n, u, phi, meanU, meanPhi []float64) (widest float64) {
	inner := a.inner[m]
	for j, v := range meanU {
		w, lo, hi := meanPhi[j], math.Inf(1), math.Inf(-1)
		i := at + j
		for range a.shape[m] {
			x, y := u[i]-v, phi[i]-w
			z := x - y
			p[i], h[i], n[i] = y, z, v
			s.t += x * x
			s.p += y * y
			s.h += z * z
			lo, hi = min(lo, z), max(hi, z)
			i += inner
		}
		widest = max(widest, hi-lo)
	}
	return widest
}

func (s *squares) add(o squares) { s.t, s.p, s.h = s.t+o.t, s.p+o.p, s.h+o.h }

// weigh adds a player's components to the energies, with the probabilities w.
func (e *flowSums) weigh(c float64, p, h, w []float64) {
	for j, q := range w {
		q *= c
		x := p[j] + h[j]
		e.energy.Total += q * x * x
		e.energy.Potential += q * p[j] * p[j]
		e.energy.Harmonic += q * h[j] * h[j]
	}
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

func (d *FiniteDecomposer) check(f *Finite, dst []float64) {
	if !slices.Equal(f.shape, d.a.shape) {
		panic(fmt.Sprintf("game: game of shape %v in a decomposer of shape %v", f.shape, d.a.shape))
	}
	if len(dst) != d.a.n {
		panic(fmt.Sprintf("game: len(dst) is %d, want the number of profiles, %d", len(dst), d.a.n))
	}
}
