package game

import (
	"context"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/internal/philox"
)

// randomRatGame returns a game with random rational losses.
func randomRatGame(t *testing.T, blocks []int, degree, terms, seed int) *RatPolynomial {
	t.Helper()
	r := rand.New(philox.NewSource(uint64(100+degree), seed))
	n := sum(blocks)
	losses := make([]*RatPoly, len(blocks))
	for i := range losses {
		losses[i] = randomRatPoly(r, n, degree, terms)
	}
	g, err := NewRatPolynomial(blocks, losses)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func randomRatPoly(r *rand.Rand, n, degree, terms int) *RatPoly {
	p := NewRatPoly(n)
	for range terms {
		e := make([]int, n)
		for range 1 + r.IntN(degree) {
			e[r.IntN(n)]++
		}
		p.Add(big.NewRat(1+r.Int64N(9), 1+r.Int64N(5)), e...)
	}
	return p
}

// field returns the components of ξ.
func (g *RatPolynomial) field() []*RatPoly {
	var xi []*RatPoly
	for k, i := range owners(g.blocks) {
		xi = append(xi, g.losses[i].Diff(k))
	}
	return xi
}

// linearFactor returns (x_k - mean)/v.
func linearFactor(n, k int, mean, v *big.Rat) *RatPoly {
	e := make([]int, n)
	e[k] = 1
	c := new(big.Rat).Inv(v)
	return NewRatPoly(n).Add(c, e...).Add(new(big.Rat).Neg(new(big.Rat).Mul(c, mean)), make([]int, n)...)
}

// fieldProduct is E_w[f·g], through the energies of f+g and f-g as fields of Hermite terms.
func fieldProduct(t *testing.T, m *measure[ratio], f, g []*RatPoly) *big.Rat {
	t.Helper()
	total := new(big.Rat)
	for k := range f {
		a, b := m.toHermite(f[k].terms), m.toHermite(g[k].terms)
		for _, s := range a {
			total.Add(total, s.c.times(b.at(s.p)).times(m.norm(s.p)).rat())
		}
	}
	return total
}

// TestDecompositionLaws checks, exactly, on random games with one and several coordinates
// per player, Gaussian, anisotropic and jet weights: the parts add up; gradients are
// gradients; divergences vanish; parts are orthogonal; energies add up; the vector
// potentials give the fields back; decomposing a part again returns it (T3, T6).
func TestDecompositionLaws(t *testing.T) {
	third, two := big.NewRat(1, 3), big.NewRat(2, 1)
	mean := func(n int) []*big.Rat {
		m := make([]*big.Rat, n)
		for k := range m {
			m[k] = big.NewRat(int64(k%3)-1, 2)
		}
		return m
	}
	for seed, c := range []struct {
		blocks []int
		degree int
		w      RatWeight
	}{
		{[]int{1, 1}, 5, RatWeight{}},
		{[]int{1, 1}, 4, RatWeight{Mean: mean(2), Var: []*big.Rat{third, two}}},
		{[]int{1, 1, 1}, 4, RatWeight{Mean: mean(3), Jet: true}},
		{[]int{2, 1}, 4, RatWeight{Mean: mean(3), Var: []*big.Rat{two}}},
		{[]int{2, 2}, 5, RatWeight{Var: []*big.Rat{two, third, third, two}}},
		{[]int{1, 3}, 4, RatWeight{Jet: true}},
		{[]int{3}, 4, RatWeight{Mean: mean(3)}},
	} {
		g := randomRatGame(t, c.blocks, c.degree, 12, seed)
		m, err := c.w.measure(c.blocks)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []Decomposition{ScalarFirst, VectorFirst, ThreeWay} {
			if d == ThreeWay && !m.isotropic() {
				continue
			}
			p, err := g.Decompose(d, c.w)
			if err != nil {
				t.Fatal(err)
			}
			checkLaws(t, g, m, p)
		}
	}
}

func checkLaws(t *testing.T, g *RatPolynomial, m *measure[ratio], p *RatParts) {
	t.Helper()
	name := p.Decomposition
	n := m.n
	fail := func(law string, v any) {
		t.Helper()
		t.Errorf("%v of %v, jet %t: %s: %v", name, g.blocks, m.jet, law, v)
	}
	for i, l := range g.losses {
		s := p.Scalar.losses[i].Plus(p.Vector.losses[i]).Plus(p.NonStrategic.losses[i])
		if p.Harmonic != nil {
			s = s.Plus(p.Harmonic.losses[i])
		}
		if !s.Equal(l) {
			fail("parts do not add up", s.Minus(l))
		}
		for k, o := range m.owner {
			if o == i && p.NonStrategic.losses[i].Diff(k).Len() > 0 {
				fail("the non-strategic loss depends on its player", p.NonStrategic.losses[i])
			}
		}
	}
	scalar, vector := p.Scalar.field(), p.Vector.field()
	gradient := func(phi *RatPoly, xi []*RatPoly) {
		t.Helper()
		for k := range xi {
			if !xi[k].Equal(phi.Diff(k)) {
				fail("not the gradient of the potential", xi[k].Minus(phi.Diff(k)))
			}
		}
	}
	// div Y, and a⁺·Y = Σ (x_k-μ_k)/v_k Y_k - div Y, of the jet Σ (x_k-μ_k) Y_k.
	div, weighted := NewRatPoly(n), NewRatPoly(n)
	for k, y := range vector {
		div = div.Plus(y.Diff(k))
		weighted = weighted.Plus(linearFactor(n, k, m.mean[k].rat(), m.v[k].rat()).Times(y))
	}
	if !m.jet {
		weighted = weighted.Minus(div)
	}
	potential := func(exact bool) {
		t.Helper()
		got := make([]*RatPoly, n)
		for k := range got {
			got[k] = NewRatPoly(n)
		}
		// Σ_l ∂_l B_kl, or Σ_l (∂_l - (x_l-μ_l)/v_l) B_kl, of the jet without ∂_l.
		add := func(k, l int, b *RatPoly, sign *big.Rat) {
			term := NewRatPoly(n)
			if exact || !m.jet {
				term = b.Diff(l)
			}
			if !exact {
				term = term.Minus(linearFactor(n, l, m.mean[l].rat(), m.v[l].rat()).Times(b))
			}
			got[k] = got[k].Plus(term.Times(NewRatPoly(n).Add(sign, make([]int, n)...)))
		}
		for _, e := range p.VectorPotential() {
			add(e.I, e.J, e.B, big.NewRat(1, 1))
			add(e.J, e.I, e.B, big.NewRat(-1, 1))
		}
		for k := range got {
			if !got[k].Equal(vector[k]) {
				fail("the vector potential does not give the field back", got[k].Minus(vector[k]))
			}
		}
	}
	switch name {
	case ScalarFirst:
		gradient(p.Potential, scalar)
		if weighted.Len() > 0 {
			fail("weighted divergence of the near vector part", weighted)
		}
		potential(false)
	case VectorFirst:
		if div.Len() > 0 {
			fail("divergence of the vector part", div)
		}
		potential(true)
	case ThreeWay:
		gradient(p.Potential, scalar)
		gradient(p.HarmonicPotential, p.Harmonic.field())
		laplace := NewRatPoly(n)
		for k := range n {
			laplace = laplace.Plus(p.HarmonicPotential.Diff(k).Diff(k))
		}
		if laplace.Len() > 0 || div.Len() > 0 {
			fail("Laplacian of h, divergence of the vector part", []any{laplace, div})
		}
		if v := fieldProduct(t, m, scalar, p.Harmonic.field()); v.Sign() != 0 {
			fail("scalar and harmonic parts are not orthogonal", v)
		}
		if v := fieldProduct(t, m, vector, p.Harmonic.field()); v.Sign() != 0 {
			fail("vector and harmonic parts are not orthogonal", v)
		}
		potential(true)
	}
	cross := fieldProduct(t, m, scalar, vector)
	if cross.Add(cross, cross); name != ThreeWay && cross.Sign() != 0 || name == ThreeWay && cross.Cmp(p.Energy.Cross) != 0 {
		fail("product of scalar and vector parts", cross)
	}
	e := new(big.Rat).Add(p.Energy.Scalar, p.Energy.Vector)
	e.Add(e, p.Energy.Harmonic).Add(e, p.Energy.Cross)
	if xi := g.field(); e.Cmp(p.Energy.Total) != 0 || fieldProduct(t, m, xi, xi).Cmp(e) != 0 {
		fail("energies do not add up", e)
	}
	// Idempotence.
	for i, part := range []*RatPolynomial{p.Scalar, p.Vector} {
		again, err := part.Decompose(name, p.Weight)
		if err != nil {
			t.Fatal(err)
		}
		if kept := []*big.Rat{again.Energy.Scalar, again.Energy.Vector}[i]; kept.Cmp(again.Energy.Total) != 0 {
			fail("a part decomposes further", again.Energy)
		}
	}
}

// TestT1 checks that a game is a potential game if and only if J is symmetric, on random
// games and random perturbations of potential games, by all four criteria.
func TestT1(t *testing.T) {
	for seed := range 20 {
		r := rand.New(philox.NewSource(31, seed))
		blocks := [][]int{{1, 1}, {2, 1}, {1, 2, 1}}[seed%3]
		n := sum(blocks)
		phi := randomRatPoly(r, n, 4, 8)
		losses := make([]*RatPoly, len(blocks))
		for i := range losses {
			// What is free of x_i is not strategic.
			losses[i] = phi
			for e, c := range randomRatPoly(r, n, 4, 6).Terms() {
				free := true
				for k, o := range owners(blocks) {
					free = free && (o != i || e[k] == 0)
				}
				if free {
					losses[i] = losses[i].Plus(NewRatPoly(n).Add(c, e...))
				}
			}
		}
		potential := seed%2 == 0
		if !potential { // a small bilinear term between the first two players
			e := make([]int, n)
			e[0], e[n-1] = 1, 1
			losses[0] = losses[0].Plus(NewRatPoly(n).Add(big.NewRat(1, 1000), e...))
		}
		exact, err := NewRatPolynomial(blocks, losses)
		if err != nil {
			t.Fatal(err)
		}
		g, err := exact.Float()
		if err != nil {
			t.Fatal(err)
		}
		p, err := exact.Decompose(ScalarFirst, RatWeight{Jet: true})
		if err != nil {
			t.Fatal(err)
		}
		if (p.Energy.Vector.Sign() == 0) != potential {
			t.Errorf("game %d: potential %t, energy of the vector part %v", seed, potential, p.Energy.Vector)
		}
		j := mat.NewDense(n, n, nil)
		asym, worst := 0.0, 0.0
		for point := range 10 {
			a, x := randomPoint(n, 100*seed+point), randomPoint(n, 100*seed+50+point)
			g.Jacobian(j, x)
			for k := range n {
				for l := range n {
					asym = math.Max(asym, math.Abs(j.At(k, l)-j.At(l, k))/(1+math.Abs(j.At(k, l))))
				}
			}
			// (iii): unilateral changes of losses are those of the potential.
			for i := range blocks {
				y := append([]float64(nil), x...)
				copy(y[g.start[i]:g.start[i+1]], a[g.start[i]:g.start[i+1]])
				loss := g.Loss(i).Eval(y) - g.Loss(i).Eval(x)
				line := LinePotential(g, a, y, 16) - LinePotential(g, a, x, 16)
				worst = math.Max(worst, math.Abs(loss-line)/(1+math.Abs(g.Loss(i).Eval(y))+math.Abs(g.Loss(i).Eval(x))))
			}
		}
		if potential && (asym > 1e-13 || worst > 1e-10) || !potential && (asym < 1e-6 || worst < 1e-8) {
			t.Errorf("game %d: potential %t, asymmetry of J %g, defect of unilateral changes %g", seed, potential, asym, worst)
		}
	}
}

// TestT2 checks the descent inequality and the contraction in potential games, and that
// xy diverges.
func TestT2(t *testing.T) {
	r := rand.New(philox.NewSource(5, 0))
	const n = 6
	a := mat.NewDense(n, n, nil)
	for k := range n {
		for l := range n {
			a.Set(k, l, r.NormFloat64())
		}
	}
	var s mat.Dense
	s.Mul(a, a.T())
	for k := range n {
		s.Set(k, k, s.At(k, k)+0.5)
		for l := range k {
			s.Set(k, l, s.At(l, k))
		}
	}
	g, err := Affine([]int{1, 2, 3}, &s, []float64{1, -1, 2, 0, 0.5, 1})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Inspect(g, make([]float64, n), 0)
	if err != nil {
		t.Fatal(err)
	}
	m, lip := p.SymmetricEigs[0], p.SymmetricEigs[n-1]
	parts, err := g.Decompose(ScalarFirst, Weight{})
	if err != nil {
		t.Fatal(err)
	}
	if parts.Energy.Vector != 0 {
		t.Errorf("energy of the vector part %v", parts.Energy.Vector)
	}
	pot := parts.PotentialGame()
	nash := mat.NewVecDense(n, nil)
	if err := nash.SolveVec(&s, mat.NewVecDense(n, []float64{-1, 1, -2, 0, -0.5, -1})); err != nil {
		t.Fatal(err)
	}
	distance := func(x []float64) (d float64) {
		for k, v := range x {
			d += (v - nash.AtVec(k)) * (v - nash.AtVec(k))
		}
		return math.Sqrt(d)
	}
	for _, f := range []float64{0.3, 1, 1.9} {
		eta := f / lip
		rate := math.Max(math.Abs(1-eta*m), math.Abs(1-eta*lip))
		x, xi := randomPoint(n, 1), make([]float64, n)
		for range 200 {
			before, far := pot.Potential(x), distance(x)
			g.Field(xi, x)
			square := 0.0
			for k, v := range xi {
				square += v * v
				x[k] -= eta * v
			}
			if pot.Potential(x) > before-eta*(1-lip*eta/2)*square+1e-12*math.Abs(before) {
				t.Errorf("eta = %g/L: phi rises from %v to %v", f, before, pot.Potential(x))
			}
			if distance(x) > rate*far*(1+1e-12)+1e-13 {
				t.Errorf("eta = %g/L: distance %v after %v, rate %v", f, distance(x), far, rate)
			}
		}
	}
	xy, err := ParseGame([]int{1, 1}, []string{"x*y", "x*y"})
	if err != nil {
		t.Fatal(err)
	}
	x, xi := []float64{1, 0.5}, make([]float64, 2)
	for range 100 {
		xy.Field(xi, x)
		x[0], x[1] = x[0]-0.1*xi[0], x[1]-0.1*xi[1]
	}
	if math.Abs(x[0]-3445.153) > 5e-4 || math.Abs(x[1]+3445.153) > 5e-4 {
		t.Errorf("gradient descent on xy ends at %v", x)
	}
}

// TestT3 follows the flow map of exact vector parts with its derivative: det = 1, and
// gradient descent on antisymmetric linear games leaves by Pythagoras.
func TestT3(t *testing.T) {
	for seed, blocks := range [][]int{{1, 1}, {2, 1}, {1, 1, 1}} {
		g := randomGame(t, blocks, 3, 8, 40+seed)
		n := g.n
		p, err := g.Decompose(VectorFirst, Weight{})
		if err != nil {
			t.Fatal(err)
		}
		v := p.Vector
		j := mat.NewDense(n, n, nil)
		// x' = -Z(x), M' = -J(x) M
		f := flow.FieldFunc(n+n*n, func(dst, x []float64, _ float64) {
			v.Field(dst[:n], x[:n])
			v.Jacobian(j, x[:n])
			mat.NewDense(n, n, dst[n:]).Mul(j, mat.NewDense(n, n, x[n:]))
			for k := range dst {
				dst[k] = -dst[k]
			}
		})
		x := append(randomPoint(n, seed), make([]float64, n*n)...)
		for k := range n {
			x[k] /= 4
			x[n+k*n+k] = 1
		}
		s, err := flow.Solve(context.Background(), f, x, flow.Options[float64]{Method: flow.DOP853, RelTol: 1e-13, AbsTol: 1e-15, T1: 0.5})
		if err != nil {
			t.Fatal(err)
		}
		m := mat.NewDense(n, n, s.X[n:])
		if mat.Norm(m, 2) < 1.05*math.Sqrt(float64(n)) {
			t.Errorf("blocks %v: the flow hardly moves, |M| = %v", blocks, mat.Norm(m, 2))
		}
		if det := mat.Det(m); math.Abs(det-1) > 1e-10 {
			t.Errorf("blocks %v: det of the flow map %v", blocks, det)
		}
	}
	r := rand.New(philox.NewSource(6, 0))
	j := mat.NewDense(4, 4, nil)
	for k := range 4 {
		for l := range k {
			v := r.NormFloat64()
			j.Set(k, l, v)
			j.Set(l, k, -v)
		}
	}
	g, err := Affine([]int{1, 1, 1, 1}, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	x, xi := randomPoint(4, 1), make([]float64, 4)
	for range 50 {
		g.Field(xi, x)
		want := sumSquares(x) + 0.01*sumSquares(xi)
		for k := range x {
			x[k] -= 0.1 * xi[k]
		}
		if got := sumSquares(x); math.Abs(got-want) > 1e-14*want {
			t.Errorf("|x|² = %v after a step, want %v", got, want)
		}
	}
}

func sumSquares(x []float64) (s float64) {
	for _, v := range x {
		s += v * v
	}
	return s
}

// TestT4 checks that harmonic games belong to both classes and that multi-affine games are
// exact vector games.
func TestT4(t *testing.T) {
	// The real part of (x+iy)^4 with a bilinear saddle: Δh = 0.
	h := "x^4 - 6x^2y^2 + y^4 + x*y"
	g, err := ParseRatGame([]int{1, 1}, []string{h, h})
	if err != nil {
		t.Fatal(err)
	}
	w := RatWeight{Var: []*big.Rat{big.NewRat(3, 2)}}
	energies := func(g *RatPolynomial, d Decomposition) RatEnergies {
		t.Helper()
		p, err := g.Decompose(d, w)
		if err != nil {
			t.Fatal(err)
		}
		return p.Energy
	}
	if e := energies(g, ScalarFirst); e.Vector.Sign() != 0 || e.Total.Sign() == 0 {
		t.Errorf("harmonic game: vector energy %v", e.Vector)
	}
	if e := energies(g, VectorFirst); e.Scalar.Sign() != 0 {
		t.Errorf("harmonic game: near scalar energy %v", e.Scalar)
	}
	if e := energies(g, ThreeWay); e.Harmonic.Cmp(e.Total) != 0 {
		t.Errorf("harmonic game: harmonic energy %v of %v", e.Harmonic, e.Total)
	}
	r := rand.New(philox.NewSource(8, 0))
	for range 5 { // every exponent 0 or 1
		losses := make([]*RatPoly, 4)
		for i := range losses {
			losses[i] = NewRatPoly(4)
			for range 6 {
				losses[i].Add(big.NewRat(1+r.Int64N(5), 1), r.IntN(2), r.IntN(2), r.IntN(2), r.IntN(2))
			}
		}
		g, err := NewRatPolynomial([]int{1, 1, 1, 1}, losses)
		if err != nil {
			t.Fatal(err)
		}
		if e := energies(g, VectorFirst); e.Scalar.Sign() != 0 || e.Vector.Cmp(e.Total) != 0 {
			t.Errorf("multi-affine game: near scalar energy %v of %v", e.Scalar, e.Total)
		}
	}
}

// TestT5 checks Hamiltonian games, xi = A(x-mu) with antisymmetric A: both exact and near
// vector games under every isotropic weight at mu, and |xi|² is conserved.
func TestT5(t *testing.T) {
	a := mat.NewDense(3, 3, []float64{0, 1, -2, -1, 0, 0.5, 2, -0.5, 0})
	mu := []float64{0.5, -1, 2}
	b := make([]float64, 3)
	mulVec(b, a, mu)
	for k := range b {
		b[k] = -b[k]
	}
	g, err := Affine([]int{1, 1, 1}, a, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []Weight{Gaussian(mu, 0.3), Gaussian(mu, 7), Jet(mu)} {
		p, err := g.Decompose(ScalarFirst, w)
		if err != nil {
			t.Fatal(err)
		}
		if p.Energy.Scalar > 1e-30 || p.Gap > 1e-30 {
			t.Errorf("weight %v: scalar energy %v, gap %v", w, p.Energy.Scalar, p.Gap)
		}
		if p, err = g.Decompose(VectorFirst, w); err != nil || p.Energy.Scalar > 1e-30 {
			t.Errorf("weight %v: near scalar energy %v, %v", w, p.Energy.Scalar, err)
		}
	}
	f, err := Flow(g)
	if err != nil {
		t.Fatal(err)
	}
	s, err := flow.Solve(context.Background(), f, []float64{1, 2, 3}, flow.Options[float64]{Method: flow.DOP853, RelTol: 1e-12, AbsTol: 1e-14, T1: 20})
	if err != nil {
		t.Fatal(err)
	}
	x0, x1 := make([]float64, 3), make([]float64, 3)
	g.Field(x0, []float64{1, 2, 3})
	g.Field(x1, s.X)
	if e0, e1 := sumSquares(x0), sumSquares(x1); math.Abs(e1-e0) > 1e-9*e0 {
		t.Errorf("|xi|² = %v after 20, %v before", e1, e0)
	}
}

// TestQuadraticClosedForm compares the decompositions of affine fields with the closed form.
func TestQuadraticClosedForm(t *testing.T) {
	r := rand.New(philox.NewSource(9, 0))
	const n = 4
	j, b, mu := mat.NewDense(n, n, nil), randomPoint(n, 3), randomPoint(n, 4)
	for k := range n {
		for l := range n {
			j.Set(k, l, r.NormFloat64())
		}
	}
	g, err := Affine([]int{1, 1, 1, 1}, j, b)
	if err != nil {
		t.Fatal(err)
	}
	jmu := make([]float64, n)
	mulVec(jmu, j, mu)
	trace := mat.Trace(j) / n
	x, got := randomPoint(n, 5), make([]float64, n)
	for _, w := range []Weight{Gaussian(mu, 0.7), Gaussian(mu, 3), Jet(mu)} {
		sf, err := g.Decompose(ScalarFirst, w)
		if err != nil {
			t.Fatal(err)
		}
		vf, err := g.Decompose(VectorFirst, w)
		if err != nil {
			t.Fatal(err)
		}
		three, err := g.Decompose(ThreeWay, w)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, part *Polynomial, matrix func(k, l int) float64, constant bool) {
			t.Helper()
			part.Field(got, x)
			for k := range n {
				want := 0.0
				if constant {
					want = jmu[k] + b[k]
				}
				for l := range n {
					want += matrix(k, l) * (x[l] - mu[l])
				}
				if math.Abs(got[k]-want) > 1e-13 {
					t.Errorf("weight %v: %s[%d] = %v, want %v", w, what, k, got[k], want)
				}
			}
		}
		sym := func(k, l int) float64 { return (j.At(k, l) + j.At(l, k)) / 2 }
		anti := func(k, l int) float64 { return (j.At(k, l) - j.At(l, k)) / 2 }
		unit := func(k, l int) float64 {
			if k == l {
				return trace
			}
			return 0
		}
		check("scalar", sf.Scalar, sym, true)
		check("near vector", sf.Vector, anti, false)
		check("near scalar", vf.Scalar, unit, false)
		check("vector", vf.Vector, func(k, l int) float64 { return j.At(k, l) - unit(k, l) }, true)
		check("trace part", three.Scalar, unit, false)
		check("harmonic", three.Harmonic, func(k, l int) float64 { return sym(k, l) - unit(k, l) }, true)
		check("antisymmetric", three.Vector, anti, false)
		if sf.Gap > 1e-28 || vf.Gap > 1e-28 {
			t.Errorf("weight %v: gaps %v, %v", w, sf.Gap, vf.Gap)
		}
	}
}
