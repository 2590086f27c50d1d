package infogeo

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/internal/philox"
)

// relClose fails unless got is want to a relative tolerance.
func relClose(t testing.TB, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Max(math.Abs(want), 1e-300)) && got != want {
		t.Errorf("%s = %.17g, want %.17g (relative error %.1e, tolerance %.0e)", what, got, want, math.Abs(got-want)/math.Abs(want), tol)
	}
}

// vecClose fails unless the vectors agree to a tolerance relative to the greatest element.
func vecClose(t testing.TB, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has length %d, want %d", what, len(got), len(want))
	}
	var top float64
	for _, w := range want {
		top = math.Max(top, math.Abs(w))
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= tol*top) {
			t.Errorf("%s[%d] = %.17g, want %.17g (tolerance %.0e of %g)", what, i, got[i], w, tol, top)
		}
	}
}

type familyCase struct {
	Family           string
	Theta1, Theta2   []float64
	Psi1, Psi2, Phi1 float64
	Eta1, Eta2       []float64
	KL12, KL21       float64
	Fisher           [][]float64 `json:"fisher_theta1"`
	T111             *float64
	T112             *float64
	FisherRao        *float64 `json:"fisher_rao"`
}

// named is the family that a case of families.json means.
func named(t testing.TB, name string) Family {
	t.Helper()
	binomial, err := NewBinomial(10)
	if err != nil {
		t.Fatal(err)
	}
	negative, err := NewNegBinomial(4)
	if err != nil {
		t.Fatal(err)
	}
	dirichlet, err := NewDirichlet(3)
	if err != nil {
		t.Fatal(err)
	}
	known, err := NewNormalMean(mat.NewSymDense(1, []float64{4}))
	if err != nil {
		t.Fatal(err)
	}
	families := map[string]Family{
		"bernoulli": NewBernoulli(), "binomial": binomial, "poisson": NewPoisson(), "geometric": NewGeometric(),
		"negative_binomial": negative, "exponential": NewExponential(), "gamma": Gamma{}, "beta": NewBeta(),
		"dirichlet": dirichlet, "normal": Normal{}, "normal_fixed_variance": known, "von_mises": VonMises{},
	}
	f, ok := families[strings.SplitN(name, "(", 2)[0]]
	if !ok {
		t.Fatalf("no family for %q", name)
	}
	return f
}

func familyCases(t testing.TB) []familyCase {
	var file struct{ Cases []familyCase }
	readReference(t, "families.json", &file)
	if len(file.Cases) != 12 {
		t.Fatalf("families.json has %d cases, want 12", len(file.Cases))
	}
	return file.Cases
}

func TestFamiliesReference(t *testing.T) {
	const tol = 1e-11
	for _, c := range familyCases(t) {
		t.Run(c.Family, func(t *testing.T) {
			f := named(t, c.Family)
			d := f.Dim()
			relClose(t, "psi", f.LogPartition(c.Theta1), c.Psi1, tol)
			relClose(t, "psi2", f.LogPartition(c.Theta2), c.Psi2, tol)
			got := make([]float64, d)
			f.Mean(got, c.Theta1)
			vecClose(t, "eta", got, c.Eta1, tol)
			if err := f.Natural(got, c.Eta2); err != nil {
				t.Fatal(err)
			}
			vecClose(t, "theta", got, c.Theta2, tol)
			relClose(t, "phi", NegEntropy(f, c.Eta1), c.Phi1, tol)
			b := NewBregman(f)
			relClose(t, "KL12", b.KL(c.Theta1, c.Theta2), c.KL12, tol)
			relClose(t, "KL21", b.KL(c.Theta2, c.Theta1), c.KL21, tol)
			relClose(t, "Jeffreys", b.Jeffreys(c.Theta1, c.Theta2), c.KL12+c.KL21, tol)
			var g mat.SymDense
			f.(DenseFisher).FisherDense(&g, c.Theta1)
			for i, row := range c.Fisher {
				vecClose(t, fmt.Sprint("fisher row ", i), mat.Row(nil, i, &g), row, tol)
			}
			e := make([]float64, d)
			e[0] = 1
			f.(Cubic).Cubic(got, c.Theta1, e)
			if c.T111 != nil && math.Abs(got[0]-*c.T111) > tol*(1+math.Abs(*c.T111)) {
				t.Errorf("T111 = %.17g, want %.17g", got[0], *c.T111)
			}
			if c.T112 != nil && math.Abs(got[1]-*c.T112) > tol*(1+math.Abs(*c.T112)) {
				t.Errorf("T112 = %.17g, want %.17g", got[1], *c.T112)
			}
			if r, ok := f.(FisherRaoer); ok {
				relClose(t, "Fisher-Rao", r.FisherRao(c.Theta1, c.Theta2), *c.FisherRao, tol)
				relClose(t, "Fisher-Rao back", r.FisherRao(c.Theta2, c.Theta1), *c.FisherRao, tol)
				if d := r.FisherRao(c.Theta1, c.Theta1); d != 0 {
					t.Errorf("distance to itself = %g", d)
				}
			}
		})
	}
}

// member is a random parameter of a family.
type member struct {
	name string
	f    Family
	draw func(theta []float64, r *rand.Rand)
}

// signs makes the parameters of draw normal numbers, negative from index from on.
func spread(scale float64, positive, negative int) func([]float64, *rand.Rand) {
	return func(theta []float64, r *rand.Rand) {
		for i := range theta {
			switch theta[i] = scale * r.NormFloat64(); {
			case i == positive || positive == -2:
				theta[i] = math.Exp(theta[i])
			case i == negative:
				theta[i] = -math.Exp(theta[i])
			}
		}
	}
}

// members are all the families.
func members(t testing.TB) []member {
	t.Helper()
	categorical, err := NewCategorical(5, 2)
	if err != nil {
		t.Fatal(err)
	}
	known, err := NewNormalMean(mat.NewSymDense(3, []float64{2, .5, .1, .5, 1, -.3, .1, -.3, 4}))
	if err != nil {
		t.Fatal(err)
	}
	mvn, err := NewMultivariateNormal(3)
	if err != nil {
		t.Fatal(err)
	}
	normal := func(theta []float64, r *rand.Rand) {
		s := mat.NewSymDense(3, nil)
		for range 5 {
			s.SymRankOne(s, 0.5, mat.NewVecDense(3, []float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}))
		}
		if err := mvn.NaturalOf(theta, []float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}, s); err != nil {
			t.Fatal(err)
		}
	}
	product, err := NewProduct(NewPoisson(), Normal{}, NewBeta())
	if err != nil {
		t.Fatal(err)
	}
	batch, err := NewBatch(categorical, 3)
	if err != nil {
		t.Fatal(err)
	}
	design := randomDesign(t, rand.New(philox.NewSource(6, 0)), 9, 3)
	machine, err := NewBoltzmann(3, []uint32{1, 2, 4, 3, 6, 7})
	if err != nil {
		t.Fatal(err)
	}
	binomial, _ := NewBinomial(7)
	negative, _ := NewNegBinomial(2.5)
	dirichlet, _ := NewDirichlet(4)
	return []member{
		{"Bernoulli", NewBernoulli(), spread(2, -1, -1)},
		{"Binomial", binomial, spread(2, -1, -1)},
		{"Poisson", NewPoisson(), spread(2, -1, -1)},
		{"Geometric", NewGeometric(), spread(1, -1, 0)},
		{"NegBinomial", negative, spread(1, -1, 0)},
		{"Exponential", NewExponential(), spread(2, -1, 0)},
		{"Categorical", categorical, spread(2, -1, -1)},
		{"Gamma", Gamma{}, spread(1.5, 0, 1)},
		{"Beta", NewBeta(), spread(1.5, -2, -1)},
		{"Dirichlet", dirichlet, spread(1.5, -2, -1)},
		{"Normal", Normal{}, spread(1, -1, 1)},
		{"NormalMean", known, spread(1, -1, -1)},
		{"MultivariateNormal", mvn, normal},
		{"VonMises", VonMises{}, spread(2, -1, -1)},
		{"Product", product, func(theta []float64, r *rand.Rand) {
			spread(1, -1, -1)(theta[:1], r)
			spread(1, -1, 1)(theta[1:3], r)
			spread(1, -2, -1)(theta[3:], r)
		}},
		{"Batch", batch, spread(1, -1, -1)},
		{"LogLinear", design, spread(1, -1, -1)},
		{"Boltzmann", machine, spread(1, -1, -1)},
	}
}

// Derivatives of every family agree: ∇ψ = η, ∂η = G, ∂G = T, and inverses invert.
func TestFamilyCalculus(t *testing.T) {
	for id, m := range members(t) {
		t.Run(m.name, func(t *testing.T) {
			f, d := m.f, m.f.Dim()
			r := rand.New(philox.NewSource(7, id))
			theta, v, a, b, c, eta := make([]float64, d), make([]float64, d), make([]float64, d), make([]float64, d), make([]float64, d), make([]float64, d)
			for range 20 {
				m.draw(theta, r)
				if err := f.CheckNatural(theta); err != nil {
					t.Fatal(err)
				}
				f.Mean(eta, theta)
				if err := f.CheckMean(eta); err != nil {
					t.Fatal(err)
				}
				for i := range v {
					v[i] = r.NormFloat64()
				}
				h := 1e-4 * (1 - 0.9*r.Float64())
				for i, x := range theta { // steps relative to the parameters
					v[i] *= math.Max(math.Abs(x), 1e-2)
				}
				at := func(s float64) []float64 {
					for i := range a {
						a[i] = theta[i] + s*v[i]
					}
					return a
				}
				up, down := f.LogPartition(at(h)), f.LogPartition(at(-h))
				slope := 0.0
				for i := range v {
					slope += eta[i] * v[i]
				}
				scale := math.Abs(up) + math.Abs(down) + math.Abs(slope)
				if num := (up - down) / (2 * h); math.Abs(num-slope) > 1e-6*math.Abs(slope)+1e-10*scale/1e-5 {
					t.Fatalf("theta = %v: dpsi = %v, want %v", theta, num, slope)
				}
				f.Mean(b, at(h))
				f.Mean(c, at(-h))
				for i := range b {
					b[i] = (b[i] - c[i]) / (2 * h)
				}
				f.FisherMulVec(c, theta, v)
				vecClose(t, "G v", b, c, 1e-5)
				var g mat.SymDense
				f.(DenseFisher).FisherDense(&g, theta)
				var gv mat.VecDense
				gv.MulVec(&g, mat.NewVecDense(d, v))
				vecClose(t, "dense G v", gv.RawVector().Data, c, 1e-12)
				f.FisherMulVec(b, at(h), v)
				cc := append([]float64(nil), b...)
				f.FisherMulVec(b, at(-h), v)
				for i := range b {
					b[i] = (cc[i] - b[i]) / (2 * h)
				}
				f.(Cubic).Cubic(cc, theta, v)
				var big float64
				for i := range cc {
					big = math.Max(big, math.Max(math.Abs(cc[i]), math.Abs(c[i])))
				}
				for i := range cc {
					if math.Abs(b[i]-cc[i]) > 2e-5*big {
						t.Fatalf("theta = %v: T[v,v] = %v, want %v", theta, cc, b)
					}
				}
				// Inverses.
				if err := f.Natural(b, eta); err != nil {
					t.Fatal(err)
				}
				f.Mean(c, b)
				vecClose(t, "mean of the inverse", c, eta, 1e-12)
				cond := mat.Cond(&g, 2)
				for _, damping := range []float64{0, 0.3} {
					copy(b, v)
					if err := f.FisherSolveVec(b, theta, b, damping); err != nil {
						t.Fatal(err)
					}
					f.FisherMulVec(c, theta, b)
					for i := range c {
						c[i] += damping * b[i]
					}
					vecClose(t, "G solve", c, v, 1e-14*cond+1e-12)
				}
			}
		})
	}
}

// KL as the Bregman divergence of either potential, in either order; three points.
func TestBregmanIdentities(t *testing.T) {
	for id, m := range members(t) {
		f, d := m.f, m.f.Dim()
		r := rand.New(philox.NewSource(8, id))
		b := NewBregman(f)
		th, et := [3][]float64{}, [3][]float64{}
		for range 20 {
			for i := range th {
				th[i], et[i] = make([]float64, d), make([]float64, d)
				m.draw(th[i], r)
				f.Mean(et[i], th[i])
			}
			kl := b.KL(th[0], th[1])
			psi := f.LogPartition(th[1]) - f.LogPartition(th[0])
			phi := NegEntropy(f, et[0]) - NegEntropy(f, et[1])
			scale := math.Abs(f.LogPartition(th[1])) + math.Abs(f.LogPartition(th[0])) + math.Abs(NegEntropy(f, et[0])) + math.Abs(NegEntropy(f, et[1]))
			for i := range d {
				psi -= et[0][i] * (th[1][i] - th[0][i])
				phi -= th[1][i] * (et[0][i] - et[1][i])
				scale += math.Abs(et[0][i]*th[1][i]) + math.Abs(et[0][i]*th[0][i]) + math.Abs(th[1][i]*et[1][i])
			}
			if math.Abs(kl-psi) > 1e-11*scale || math.Abs(kl-phi) > 1e-10*scale {
				t.Errorf("%s: KL = %v, B_psi = %v, B_phi = %v", m.name, kl, psi, phi)
			}
			byMean, err := b.KLMean(et[0], et[1])
			if err != nil || math.Abs(byMean-kl) > 1e-10*scale {
				t.Errorf("%s: KL from means %v, %v, want %v", m.name, byMean, err, kl)
			}
			if got := b.KL(th[0], th[1]) + b.KL(th[1], th[2]) + b.ThreePoint(th[0], th[1], th[2]) - b.KL(th[0], th[2]); math.Abs(got) > 1e-9*(scale+b.KL(th[0], th[2])+math.Abs(b.ThreePoint(th[0], th[1], th[2]))) {
				t.Errorf("%s: three-point identity fails by %v", m.name, got)
			}
		}
	}
}

// KL of neighbours is ½ΔᵀGΔ, which the definition cannot see.
func TestKLOfNeighbours(t *testing.T) {
	for id, m := range members(t) {
		f, d := m.f, m.f.Dim()
		r := rand.New(philox.NewSource(9, id))
		th0, th1, diff, g := make([]float64, d), make([]float64, d), make([]float64, d), make([]float64, d)
		m.draw(th0, r)
		for i, x := range th0 {
			th1[i] = x * (1 + 1e-9*r.NormFloat64())
			diff[i] = th1[i] - x
		}
		f.FisherMulVec(g, th0, diff)
		var half float64
		for i := range g {
			half += diff[i] * g[i] / 2
		}
		relClose(t, m.name+" KL", NewBregman(f).KL(th0, th1), half, 1e-6)
		if s, ok := f.(FisherRaoer); ok && !math.IsNaN(s.FisherRao(th0, th1)) {
			tol := 1e-6
			if m.name == "Product" {
				continue
			}
			relClose(t, m.name+" Fisher-Rao", s.FisherRao(th0, th1), math.Sqrt(2*half), tol)
		}
	}
}

// Far from the origin of the parameters the definition cancels though the divergence is
// not small: N(10⁶, 1) and N(10⁶+1, 2²), for which the closed form has all digits.
func TestKLFarOut(t *testing.T) {
	b := NewBregman(Normal{})
	natural := func(mu, s float64) []float64 { return []float64{mu / (s * s), -0.5 / (s * s)} }
	for _, c := range []struct{ s0, s1 float64 }{{1, 1}, {1, 2}, {2, 1}, {1, 1.01}} {
		p, q := natural(1<<20, c.s0), natural(1<<20+1, c.s1)
		want := math.Log(c.s1/c.s0) + (c.s0*c.s0+1)/(2*c.s1*c.s1) - 0.5
		got := b.KL(p, q)
		// G Δ cancels in turn where the variances differ, by a factor of 2^20.
		tol := 1e-5
		if c.s0 == c.s1 {
			tol = 1e-13
		}
		relClose(t, fmt.Sprint("KL ", c), got, want, tol)
	}
	// Exact in the parameters: means 2^20 and 2^20 + 2^-20 with variance 1.
	relClose(t, "neighbours", b.KL(natural(1<<20, 1), natural(1<<20+0x1p-20, 1)), 0x1p-41, 1e-14)
}

// Natural parameters so far apart that their difference overflows.
func TestKLOverflow(t *testing.T) {
	categorical, err := NewCategorical(4, -1)
	if err != nil {
		t.Fatal(err)
	}
	coin, simplex := NewBregman(NewBernoulli()), NewBregman(categorical)
	relClose(t, "coin", coin.KL([]float64{1e308}, []float64{-1e308}), 1e308, 1e-15)
	relClose(t, "coin", coin.KL([]float64{-1e308}, []float64{1e308}), 1e308, 1e-15)
	relClose(t, "categorical", simplex.KL([]float64{-1e308, -1e308, 1}, []float64{1e308, -1e308, 0}), 1e308, 1e-15)
	far := [][]float64{{800, -800, 0}, {1e308, -1e308, 0}, {1e308, 1e308, 1e308}, {-1e308, -1e308, 1}, {-800, 810, 745}, {1.7e308, -1.7e308, -1e308}}
	for _, p := range far {
		for _, q := range far {
			if kl := simplex.KL(p, q); !(kl >= 0) {
				t.Errorf("KL(%v, %v) = %v, want it >= 0", p, q, kl)
			}
		}
		if kl := simplex.KL(p, p); kl != 0 {
			t.Errorf("KL(%v, itself) = %v", p, kl)
		}
	}
	if kl := simplex.KL([]float64{math.NaN(), 0, 0}, []float64{1, 0, 0}); !math.IsNaN(kl) {
		t.Errorf("KL from NaN = %v", kl)
	}
}

// The mean of the statistic over samples is η within five standard errors, and the
// samples do not depend on anything but the seed.
func TestFamilySampling(t *testing.T) {
	const n = 20000
	for id, m := range members(t) {
		t.Run(m.name, func(t *testing.T) {
			f := m.f.(Sampler)
			d := f.Dim()
			r := rand.New(philox.NewSource(10, id))
			theta, eta, sum, stat, x := make([]float64, d), make([]float64, d), make([]float64, d), make([]float64, d), make([]float64, f.SampleDim())
			m.draw(theta, r)
			src, again := philox.NewSource(11, id), philox.NewSource(11, id)
			for range n {
				f.Sample(x, theta, src)
				f.Statistic(stat, x)
				for i, v := range stat {
					sum[i] += v / n
				}
			}
			y := make([]float64, f.SampleDim())
			f.Sample(y, theta, again)
			f.Sample(x, theta, philox.NewSource(11, id))
			vecClose(t, "sample", y, x, 0)
			f.Mean(eta, theta)
			var g mat.SymDense
			f.(DenseFisher).FisherDense(&g, theta)
			for i := range eta {
				if se := math.Sqrt(g.At(i, i) / n); math.Abs(sum[i]-eta[i]) > 5*se {
					t.Errorf("mean of statistic %d = %v, want %v ± %v", i, sum[i], eta[i], se)
				}
			}
		})
	}
}

func TestFamilyDomains(t *testing.T) {
	mvn, _ := NewMultivariateNormal(2)
	categorical, _ := NewCategorical(3, -1)
	for _, c := range []struct {
		f    Family
		eta  []float64
		want error
	}{
		{NewBernoulli(), []float64{0}, ErrBoundary},
		{NewBernoulli(), []float64{1}, ErrBoundary},
		{NewBernoulli(), []float64{1.5}, ErrOutsideMeanDomain},
		{NewBernoulli(), []float64{math.NaN()}, ErrOutsideMeanDomain},
		{NewPoisson(), []float64{0}, ErrBoundary},
		{NewPoisson(), []float64{math.Inf(1)}, ErrOutsideMeanDomain},
		{NewExponential(), []float64{-1}, ErrOutsideMeanDomain},
		{Gamma{}, []float64{0, 1}, ErrBoundary},
		{Gamma{}, []float64{0.1, 1}, ErrOutsideMeanDomain},
		{Gamma{}, []float64{0.1, -1}, ErrOutsideMeanDomain},
		{NewBeta(), []float64{-math.Ln2, -math.Ln2}, ErrBoundary},
		{NewBeta(), []float64{-0.1, -0.1}, ErrOutsideMeanDomain},
		{Normal{}, []float64{2, 4}, ErrBoundary},
		{Normal{}, []float64{2, 3}, ErrOutsideMeanDomain},
		{mvn, []float64{1, 1, 2, math.Sqrt2, 0.5}, ErrOutsideMeanDomain},
		{mvn, []float64{1, 1, 2, math.NaN(), 3}, ErrOutsideMeanDomain},
		{VonMises{}, []float64{1, 0}, ErrBoundary},
		{VonMises{}, []float64{1, 1}, ErrOutsideMeanDomain},
		{categorical, []float64{0.5, 0}, ErrBoundary},
		{categorical, []float64{0.5, 0.5}, ErrBoundary},
		{categorical, []float64{0.5, 0.6}, ErrOutsideMeanDomain},
		{categorical, []float64{0.5, -0.1}, ErrOutsideMeanDomain},
	} {
		dst := make([]float64, c.f.Dim())
		for _, err := range []error{c.f.CheckMean(c.eta), c.f.Natural(dst, c.eta)} {
			if !errors.Is(err, c.want) || !strings.HasPrefix(err.Error(), "infogeo: ") {
				t.Errorf("%v, eta = %v: error %v, want %v", c.f, c.eta, err, c.want)
			}
		}
	}
	for _, c := range []struct {
		f     Family
		theta []float64
	}{
		{NewBernoulli(), []float64{math.Inf(1)}}, {NewGeometric(), []float64{0}}, {NewExponential(), []float64{1}},
		{Gamma{}, []float64{-1, -1}}, {Gamma{}, []float64{1, 1}}, {NewBeta(), []float64{1, 0}}, {Normal{}, []float64{0, 0}},
		{mvn, []float64{0, 0, -1, 2, -1}}, {VonMises{}, []float64{math.NaN(), 0}}, {categorical, []float64{0, math.Inf(-1)}},
	} {
		if err := c.f.CheckNatural(c.theta); !errors.Is(err, ErrOutsideNaturalDomain) {
			t.Errorf("theta = %v: error %v, want ErrOutsideNaturalDomain", c.theta, err)
		}
	}
}

// Extreme parameters keep finite and accurate what can be.
func TestFamilyExtremes(t *testing.T) {
	coin, c3 := NewBernoulli(), [3]float64{}
	categorical, _ := NewCategorical(3, -1)
	for _, z := range []float64{800, -800, 1e308, -1e308} {
		if psi := coin.LogPartition([]float64{z}); psi != math.Max(z, 0) {
			t.Errorf("Bernoulli: psi(%g) = %g", z, psi)
		}
		coin.Mean(c3[:1], []float64{z})
		if want := map[bool]float64{true: 1}[z > 0]; c3[0] != want {
			t.Errorf("Bernoulli: mean at %g = %g, want %g", z, c3[0], want)
		}
		theta := []float64{z, z / 2}
		categorical.Mean(c3[:2], theta)
		categorical.FisherMulVec(c3[1:], theta, []float64{1, 2})
		for i, v := range c3 {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("Categorical: result %d at %g = %g, want it finite", i, z, v)
			}
		}
		if err := categorical.FisherSolveVec(c3[:2], theta, []float64{1, 2}, 0); !errors.Is(err, ErrSingularFisher) {
			t.Errorf("Categorical: solve at %g: %v, want ErrSingularFisher", z, err)
		}
		if err := categorical.FisherSolveVec(c3[:2], theta, []float64{1, 2}, 0.1); err != nil {
			t.Error(err)
		}
	}
	// Gamma and Dirichlet at shapes where the determinant cancels: A = trigamma(a)-1/a
	// = 1/(2a²) + 1/(6a³).
	for _, a := range []float64{1e-8, 1e-3, 0.1, 19.9, 20.1, 1e4, 1e8} {
		if got := inverseLogMinusDigamma(logMinusDigamma(a)); math.Abs(got-a) > 1e-12*a {
			t.Errorf("inverse of log a - digamma a at %g: %.17g", a, got)
		}
		x := [2]float64{}
		if err := (Gamma{}).FisherSolveVec(x[:], []float64{a, -2}, []float64{1, 1}, 0); err != nil {
			t.Fatal(err)
		}
		if a > 100 {
			det := a / 4 * (1/(2*a*a) + 1/(6*a*a*a))
			relClose(t, "Gamma solve", x[0], (a/4-0.5)/det, 1e-9)
			beta := [2]float64{}
			if err := NewBeta().FisherSolveVec(beta[:], []float64{a, a}, []float64{1, -1}, 0); err != nil {
				t.Fatal(err)
			}
			relClose(t, "Beta solve", beta[0], 1/trigamma(a), 1e-12)
		}
	}
	// Inverses over nine decades: the mean of the inverse is the mean.
	for id := range 500 {
		r := rand.New(philox.NewSource(12, id))
		d, err := NewDirichlet(2 + r.IntN(6))
		if err != nil {
			t.Fatal(err)
		}
		theta, eta, got := make([]float64, d.Dim()), make([]float64, d.Dim()), make([]float64, d.Dim())
		scale := math.Pow(10, -4+8*r.Float64())
		for i := range theta {
			theta[i] = scale * math.Pow(10, 2*r.Float64()-1)
		}
		d.Mean(eta, theta)
		if err := d.Natural(got, eta); err != nil {
			t.Fatalf("theta = %v: %v", theta, err)
		}
		d.Mean(got, got)
		vecClose(t, "mean of the inverse", got, eta, 1e-12)
	}
	for e := -8.0; e <= 8; e += 0.5 {
		theta, eta, got := []float64{math.Pow(10, e), -3}, make([]float64, 2), make([]float64, 2)
		(Gamma{}).Mean(eta, theta)
		if err := (Gamma{}).Natural(got, eta); err != nil {
			t.Fatalf("Gamma at %v: %v", theta, err)
		}
		(Gamma{}).Mean(got, got)
		vecClose(t, "Gamma: mean of the inverse", got, eta, 1e-14)
		theta = []float64{math.Pow(10, e) * math.Cos(1), math.Pow(10, e) * math.Sin(1)}
		(VonMises{}).Mean(eta, theta)
		if eta[0]*eta[0]+eta[1]*eta[1] >= 1 {
			continue // κ beyond 10^7 rounds to the boundary
		}
		if err := (VonMises{}).Natural(got, eta); err != nil {
			t.Fatalf("VonMises at %v: %v", theta, err)
		}
		(VonMises{}).Mean(got, got)
		vecClose(t, "VonMises: mean of the inverse", got, eta, 1e-14)
	}
	relClose(t, "continuity of log a - digamma a", logMinusDigamma(20-1e-12), logMinusDigamma(20), 1e-11)
	relClose(t, "continuity of trigamma(a) - 1/a", trigammaExcess(20-1e-12), trigammaExcess(20), 1e-11)
	a30, c30, _ := besselRatio(30)
	a31, c31, _ := besselRatio(math.Nextafter(30, 31))
	relClose(t, "continuity of A", a31, a30, 1e-14)
	relClose(t, "continuity of 1-A", c31, c30, 1e-12)
}
