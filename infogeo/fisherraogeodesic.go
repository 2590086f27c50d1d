package infogeo

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// FamilyGeodesicOptions says how NewFamilyGeodesic iterates. The zero value means the
// defaults.
type FamilyGeodesicOptions struct {
	// Segments is the number of pieces of the discretised path. Default 32.
	Segments int
	// Tol is the miss of the end point, relative to the distance, at which the geodesic
	// counts as converged. Default 1e-9.
	Tol float64
	// MaxIter limits the Newton steps, of the path and of the shooting. Default 50.
	MaxIter int
}

// FamilyGeodesic is a Fisher-Rao geodesic between two members of an exponential family of
// which only the Fisher matrix and the third cumulants are known. It is found in two
// stages: a path of few segments is relaxed to the least discrete energy, then its
// velocity at the start is corrected by Newton's method until the geodesic equation,
// integrated by a method of order 8, meets the end (shooting).
//
// It is a geodesic, the shortest one if there is but one; that holds where the curvature is
// not positive, as in the families of gamma, beta and Dirichlet distributions (Le Brigant,
// Preston and Puechmorel 2021). It is for one goroutine at a time.
type FamilyGeodesic struct {
	f        Cubic
	v        []float64
	path     *flow.Solution[float64]
	theta0   []float64
	distance float64
	miss     float64
	upper    float64
	tol      float64
}

// NewFamilyGeodesic returns the geodesic from theta0 (time 0) to theta1 (time 1). Missing
// the end is no error: see Converged. The error is that of the family for parameters
// outside its domain and for a singular Fisher matrix, or wraps ErrShape or ErrInvalid for
// bad lengths and options.
func NewFamilyGeodesic(f Cubic, theta0, theta1 []float64, o FamilyGeodesicOptions) (*FamilyGeodesic, error) {
	n := f.Dim()
	if len(theta0) != n || len(theta1) != n {
		return nil, fmt.Errorf("infogeo: parameters of lengths %d and %d, want %d: %w", len(theta0), len(theta1), n, ErrShape)
	}
	for _, theta := range [][]float64{theta0, theta1} {
		if err := f.CheckNatural(theta); err != nil {
			return nil, err
		}
	}
	if o.Segments == 0 {
		o.Segments = 32
	}
	if o.Tol == 0 {
		o.Tol = 1e-9
	}
	if o.MaxIter == 0 {
		o.MaxIter = 50
	}
	if o.Segments < 2 || !(o.Tol > 0) || o.MaxIter < 0 {
		return nil, fmt.Errorf("infogeo: geodesic with Segments = %d, Tol = %v, MaxIter = %d, want at least 2 and numbers > 0: %w", o.Segments, o.Tol, o.MaxIter, ErrInvalid)
	}
	g := &FamilyGeodesic{f: f, tol: o.Tol, theta0: append([]float64(nil), theta0...), v: make([]float64, n)}
	g.upper = g.jeffreys(theta1)
	if g.upper == 0 {
		return g, nil
	}
	p := newFisherRaoPath(f, theta0, theta1, o.Segments)
	if err := p.relax(o.MaxIter); err != nil {
		return nil, err
	}
	p.velocity(g.v)
	if err := g.shoot(theta1, o.MaxIter); err != nil {
		return nil, err
	}
	g.distance = fisherNorm(f, theta0, g.v, make([]float64, n))
	return g, nil
}

// jeffreys returns the root of Δθ·Δη, the Jeffreys divergence, which is the energy of the
// straight line in θ.
func (g *FamilyGeodesic) jeffreys(theta1 []float64) float64 {
	n := g.f.Dim()
	a, b := make([]float64, n), make([]float64, n)
	g.f.Mean(a, g.theta0)
	g.f.Mean(b, theta1)
	sum := 0.0
	for i := range a {
		sum += (theta1[i] - g.theta0[i]) * (b[i] - a[i])
	}
	return math.Sqrt(math.Max(0, sum))
}

// Distance returns the length of the geodesic.
func (g *FamilyGeodesic) Distance() float64 { return g.distance }

// UpperBound returns the root of the Jeffreys divergence, the sum of KL both ways, which is
// at least the distance.
func (g *FamilyGeodesic) UpperBound() float64 { return g.upper }

// Residual returns by how much the geodesic misses its end, in the Fisher metric there.
func (g *FamilyGeodesic) Residual() float64 { return g.miss }

// Converged reports whether the residual meets the tolerance.
func (g *FamilyGeodesic) Converged() bool { return g.miss <= g.tol*g.distance }

// Velocity stores dθ/dt at the start in dst. It panics if the length is not Dim.
func (g *FamilyGeodesic) Velocity(dst []float64) {
	checkLengths("FamilyGeodesic.Velocity", len(dst), len(g.v), len(g.v))
	copy(dst, g.v)
}

// At stores θ at time t in [0, 1] in dst. The error wraps ErrInvalid for other times. It
// panics if the length is not Dim.
func (g *FamilyGeodesic) At(dst []float64, t float64) error {
	checkLengths("FamilyGeodesic.At", len(dst), len(g.v), len(g.v))
	if !(t >= 0 && t <= 1) {
		return fmt.Errorf("infogeo: t = %v, want a time in [0, 1]: %w", t, ErrInvalid)
	}
	if g.path == nil {
		copy(dst, g.theta0)
		return nil
	}
	x := make([]float64, 2*len(dst))
	if err := g.path.At(x, t); err != nil {
		return err
	}
	copy(dst, x)
	return nil
}

// FamilyExp stores in dst the end (time 1) of the Fisher-Rao geodesic that starts at theta
// with the velocity v. The error is the family's, or wraps ErrOutsideNaturalDomain, where
// the geodesic leaves the domain before. dst may be theta or v. It panics if the lengths
// differ.
func FamilyExp(dst []float64, f Cubic, theta, v []float64) error {
	checkLengths("FamilyExp", len(dst), len(theta), f.Dim())
	checkLengths("FamilyExp", len(dst), len(v), f.Dim())
	if err := f.CheckNatural(theta); err != nil {
		return err
	}
	s, err := integrate(f, theta, v, false)
	if err != nil {
		return err
	}
	copy(dst, s.X)
	return nil
}

// integrate solves the geodesic equation over [0, 1].
func integrate(f Cubic, theta, v []float64, dense bool) (*flow.Solution[float64], error) {
	field, err := NewGeodesicField(f, 0)
	if err != nil {
		return nil, err
	}
	x := append(append([]float64(nil), theta...), v...)
	s, err := flow.Solve(context.Background(), field, x, flow.Options[float64]{Method: flow.DOP853, T1: 1, RelTol: 1e-12, AbsTol: 1e-14 * kernel.MaxAbs(x), MaxSteps: 20000, Dense: dense, Bound: math.Inf(1)})
	if err != nil {
		return nil, err
	}
	if s.T != 1 {
		return nil, fmt.Errorf("infogeo: geodesic stopped at t = %v (%v): %w", s.T, s.Status, ErrOutsideNaturalDomain)
	}
	return s, nil
}

// shoot corrects the velocity until the end is met as closely as rounding allows or steps
// are used up.
func (g *FamilyGeodesic) shoot(theta1 []float64, steps int) error {
	n := g.f.Dim()
	r, w := make([]float64, n), make([]float64, n)
	miss := func(v []float64, dense bool) (*flow.Solution[float64], float64) {
		s, err := integrate(g.f, g.theta0, v, dense)
		if err != nil {
			return nil, math.Inf(1)
		}
		kernel.SubTo(r, s.X[:n], theta1)
		return s, fisherNorm(g.f, theta1, r, w)
	}
	g.path, g.miss = miss(g.v, true)
	if g.path == nil {
		return fmt.Errorf("infogeo: the geodesic of the discretised path leaves the domain, want more than its segments: %w", ErrNoConvergence)
	}
	var lu mat.LU
	jac := mat.NewDense(n, n, nil)
	next, dv := make([]float64, n), mat.NewVecDense(n, nil)
	for derive := true; steps > 0 && g.miss > 1e-13*g.upper; steps-- {
		if derive {
			if err := g.endJacobian(jac); err != nil {
				return err
			}
			lu.Factorize(jac)
		}
		kernel.SubTo(r, g.path.X[:n], theta1)
		if err := lu.SolveVecTo(dv, false, mat.NewVecDense(n, r)); err != nil {
			return nil // see Converged
		}
		before := g.miss
		for alpha := 1.0; alpha > 1e-3 && g.miss == before; alpha /= 2 {
			kernel.AxpyTo(next, -alpha, dv.RawVector().Data, g.v)
			if s, m := miss(next, true); m < g.miss {
				copy(g.v, next)
				g.path, g.miss = s, m
			}
		}
		if derive && g.miss > before/2 {
			return nil // rounding: a new derivative does not help either
		}
		derive = g.miss > before/10 // else the old one is good enough
	}
	return nil
}

// endJacobian stores the derivative of the end of the geodesic in its velocity, by central
// differences.
func (g *FamilyGeodesic) endJacobian(jac *mat.Dense) error {
	n := g.f.Dim()
	v := append([]float64(nil), g.v...)
	h := 1e-5 * kernel.MaxAbs(v)
	for j := range n {
		v[j] = g.v[j] + h
		up, err := integrate(g.f, g.theta0, v, false)
		if err != nil {
			return err
		}
		v[j] = g.v[j] - h
		down, err := integrate(g.f, g.theta0, v, false)
		if err != nil {
			return err
		}
		v[j] = g.v[j]
		for i := range n {
			jac.Set(i, j, (up.X[i]-down.X[i])/(2*h))
		}
	}
	return nil
}

// FamilyFisherRao returns the Fisher-Rao distance of two members of a family: by its
// formula if it is a FisherRaoer (and that not NaN), else from the geodesic. The error is that of
// NewFamilyGeodesic, wraps ErrNoConvergence if that misses its end, and ErrInvalid if the
// family has neither a formula nor third cumulants.
func FamilyFisherRao(f Family, theta0, theta1 []float64) (float64, error) {
	if c, ok := f.(FisherRaoer); ok {
		for _, theta := range [][]float64{theta0, theta1} {
			if err := f.CheckNatural(theta); err != nil {
				return math.NaN(), err
			}
		}
		if d := c.FisherRao(theta0, theta1); !math.IsNaN(d) {
			return d, nil
		}
	}
	c, ok := f.(Cubic)
	if !ok {
		return math.NaN(), fmt.Errorf("infogeo: Fisher-Rao distance of a %T, want a FisherRaoer or a Cubic: %w", f, ErrInvalid)
	}
	g, err := NewFamilyGeodesic(c, theta0, theta1, FamilyGeodesicOptions{})
	if err != nil {
		return math.NaN(), err
	}
	if !g.Converged() {
		return g.distance, fmt.Errorf("infogeo: geodesic of length %v misses its end by %.3g: %w", g.distance, g.miss, ErrNoConvergence)
	}
	return g.distance, nil
}
