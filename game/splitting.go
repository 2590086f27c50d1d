package game

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// PairDerivs holds derivatives of an entry B_ij of a vector potential in x_i and x_j.
type PairDerivs struct{ I, J, II, IJ, JJ float64 }

// Pair is the entry B_ij, i < j, of the antisymmetric vector potential of a field ξ with
// ξ_i = Σ_j ∂_j B_ij. Pairs that are left out are zero.
type Pair struct {
	I, J int
	// Derivs returns the derivatives at x.
	Derivs func(x []float64) PairDerivs
}

// VolumePreserving returns the splitting of Feng and Shang (Numer. Math. 71 (1995) 451)
// for x' = -ξ(x), ξ_i = Σ_j ∂_j B_ij: every pair moves two coordinates by the Hamiltonian
// flow
//
//	x_i' = -∂_j B_ij,  x_j' = ∂_i B_ij,
//
// by the implicit midpoint rule, over h/2 in the given order and over h/2 in the reverse
// order (the last pair over h at once). The method is symmetric, of order 2, and every
// part has the determinant
//
//	det(I + hM/2)/det(I - hM/2) = 1,  tr M = 0,
//
// so that volumes are kept to rounding, which Determinant shows. Steps must be
// constant (flow.Fixed): the method has no error estimate. A midpoint equation without
// solution ends the run as flow.Failed with ErrNotConverged; a smaller step helps.
//
// Errors: ErrArgument for pairs that are not i < j < n or have no derivatives.
func VolumePreserving(n int, pairs []Pair) (*Splitting, error) {
	if n < 2 || len(pairs) == 0 {
		return nil, fmt.Errorf("game: VolumePreserving: n = %d with %d pairs, want n >= 2 and a pair: %w", n, len(pairs), ErrArgument)
	}
	for i, p := range pairs {
		if p.I < 0 || p.I >= p.J || p.J >= n || p.Derivs == nil {
			return nil, fmt.Errorf("game: VolumePreserving: pairs[%d] is (%d, %d), derivatives given: %t, want 0 <= I < J < %d and a function: %w", i, p.I, p.J, p.Derivs != nil, n, ErrArgument)
		}
	}
	return &Splitting{n: n, pairs: append([]Pair(nil), pairs...)}, nil
}

// Splitting is the integrator of VolumePreserving.
type Splitting struct {
	n     int
	pairs []Pair
	err   error
	y     []float64
	num   [1]float64 // determinant up to the current point
	det   float64    // up to the proposal
}

var (
	_ flow.Integrator[float64] = (*Splitting)(nil)
	_ flow.Memory[float64]     = (*Splitting)(nil)
	_ flow.Failer              = (*Splitting)(nil)
)

// Determinant returns the determinant of the derivative of the current point by the
// start point: the product of the determinants of the parts, each computed from the
// entries of its Jacobian (I - hM/2)⁻¹(I + hM/2), so that it shows their rounding.
func (s *Splitting) Determinant() float64 { return s.num[0] }

// Name implements flow.Namer.
func (s *Splitting) Name() string { return "VolumePreserving" }

// Failure implements flow.Failer.
func (s *Splitting) Failure() error { return s.err }

// Memory implements flow.Memory: the determinant.
func (s *Splitting) Memory() (vec [][]float64, num []float64) { return nil, s.num[:] }

// Init implements flow.Integrator.
func (s *Splitting) Init(st flow.Start[float64], tr *flow.Trial) error {
	if len(st.X) != s.n {
		return fmt.Errorf("game: start point of VolumePreserving has length %d, want %d: %w", len(st.X), s.n, ErrShape)
	}
	if !st.Keep {
		s.num[0] = 1
	}
	if len(s.y) != s.n {
		s.y = make([]float64, s.n)
	}
	s.err = nil
	nan := math.NaN()
	*tr = flow.Trial{Err: nan, NoErr: true, Finite: true, Order: 2, E0: nan, E1: nan, Slope0: nan, Slope1: nan, SS: nan, SY: nan, YY: nan}
	return nil
}

// Try implements flow.Integrator.
func (s *Splitting) Try(tr *flow.Trial, next, x []float64, t, h float64) {
	tr.Evals, tr.Finite = 0, true
	copy(next, x)
	s.det = s.num[0]
	last := len(s.pairs) - 1
	s.err = nil
	for k := 0; k <= 2*last && s.err == nil; k++ {
		step := h / 2
		if k == last {
			step = h
		}
		s.err = s.part(tr, &s.pairs[min(k, 2*last-k)], next, step)
	}
}

// errMidpoint is the failure of a part.
var errMidpoint = errors.New("midpoint equation")

const (
	midpointSteps = 30
	midpointLoose = 1e-10 // accuracy that is accepted when rounding forbids more
)

// part moves x_i and x_j by the midpoint rule. Newton's method looks for the midpoint.
func (s *Splitting) part(tr *flow.Trial, p *Pair, x []float64, h float64) error {
	y := s.y
	copy(y, x)
	a, b := x[p.I], x[p.J]
	size := 1 + math.Abs(a) + math.Abs(b)
	a0, b0 := a, b // midpoint
	last := math.Inf(1)
	for it := 0; ; it++ {
		y[p.I], y[p.J] = a0, b0
		d := p.Derivs(y)
		tr.Evals++
		r, q := a-h/2*d.J-a0, b+h/2*d.I-b0 // residuals
		// Matrix I - (h/2)M of the residuals, M = [[-IJ, -JJ], [II, IJ]].
		g := h / 2
		m11, m12, m21, m22 := 1+g*d.IJ, g*d.JJ, -g*d.II, 1-g*d.IJ
		det := m11*m22 - m12*m21
		da, db := (m22*r-m12*q)/det, (m11*q-m21*r)/det
		move := math.Abs(da) + math.Abs(db)
		if !(move < math.Inf(1)) || it == midpointSteps && move > midpointLoose*size {
			return fmt.Errorf("game: step %g of VolumePreserving, pair (%d, %d): %w without solution, last correction %.3g: %w", h, p.I, p.J, errMidpoint, move, ErrNotConverged)
		}
		if move <= 0x1p-52*size || move >= last && move <= midpointLoose*size || it == midpointSteps {
			s.det *= partDeterminant(g, d)
			x[p.I], x[p.J] = a-h*d.J, b+h*d.I
			return nil
		}
		last = move
		a0 += da
		b0 += db
	}
}

// partDeterminant is that of the Jacobian (I - gM)⁻¹(I + gM) of a part, g = h/2.
func partDeterminant(g float64, d PairDerivs) float64 {
	m11, m12, m21, m22 := 1+g*d.IJ, g*d.JJ, -g*d.II, 1-g*d.IJ
	p11, p12, p21, p22 := 1-g*d.IJ, -g*d.JJ, g*d.II, 1+g*d.IJ
	det := m11*m22 - m12*m21
	r11, r12 := (m22*p11-m12*p21)/det, (m22*p12-m12*p22)/det
	r21, r22 := (m11*p21-m21*p11)/det, (m11*p22-m21*p12)/det
	return r11*r22 - r12*r21
}

// Accept implements flow.Integrator.
func (s *Splitting) Accept() { s.num[0] = s.det }

// Touch implements flow.Integrator.
func (s *Splitting) Touch() {}

// PolynomialPairs returns the entries of a vector potential for VolumePreserving, such as
// those of the Vector part of a VectorFirst or ThreeWay decomposition
// (Parts.VectorPotential). Of ScalarFirst they are not the potential of the field itself.
// The pairs keep no scratch memory of their own.
func PolynomialPairs(entries []AntisymEntry) []Pair {
	out := make([]Pair, len(entries))
	for k, e := range entries {
		di, dj := e.B.Diff(e.I), e.B.Diff(e.J)
		dii, dij, djj := di.Diff(e.I), di.Diff(e.J), dj.Diff(e.J)
		out[k] = Pair{I: e.I, J: e.J, Derivs: func(x []float64) PairDerivs {
			return PairDerivs{I: di.Eval(x), J: dj.Eval(x), II: dii.Eval(x), IJ: dij.Eval(x), JJ: djj.Eval(x)}
		}}
	}
	return out
}
