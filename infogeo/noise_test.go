package infogeo

import (
	"context"
	"errors"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

func TestNoiseReference(t *testing.T) {
	type three struct{ Theta, Eta, Natural float64 }
	var ref struct {
		Cases []struct {
			Q          []float64
			B, Rho     float64
			Alpha      three
			Floor      three       `json:"floor_at_equal_rho"`
			Theta1     float64     `json:"floor_theta_alpha1"`
			Natural    float64     `json:"floor_natural_alpha_0_05"`
			Eta        float64     `json:"floor_eta_alpha_half_opt"`
			Additive   three       `json:"additive_unit_noise_amplification"`
			CovNatural [][]float64 `json:"natural_alpha_0_05_eta_covariance"`
			CovTheta   [][]float64 `json:"theta_alpha1_theta_covariance"`
		}
	}
	readJSON(t, "noise.json", &ref)
	const tol = 1e-12
	for _, c := range ref.Cases {
		k := len(c.Q)
		eig := func(m Method) []float64 {
			return newDescent(t, c.Q, k-1, DescentOptions{Method: m, Alpha: 1}).Eigenvalues()
		}
		th, et, na := eig(GDTheta), eig(GDEta), eig(NGDEta)
		b := int(c.B)
		// The steps of the floors contract by the same factor.
		for _, s := range []struct {
			eigs  []float64
			alpha float64
		}{{th, c.Alpha.Theta}, {et, c.Alpha.Eta}, {na, c.Alpha.Natural}} {
			var rho float64
			for _, mu := range s.eigs {
				rho = max(rho, math.Abs(1-s.alpha*mu))
			}
			near(t, "contraction", rho, c.Rho, tol)
		}
		s, err := SimplexSpectrum(c.Q, k-1)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "best contraction", s.Rho, c.Rho, tol)
		near(t, "floor θ", NoiseFloor(th, c.Alpha.Theta, b), c.Floor.Theta, tol)
		near(t, "floor η", NoiseFloor(et, c.Alpha.Eta, b), c.Floor.Eta, tol)
		near(t, "floor natural", NoiseFloor(na, c.Alpha.Natural, b), c.Floor.Natural, tol)
		near(t, "floor θ at 1", NoiseFloor(th, 1, b), c.Theta1, tol)
		near(t, "floor natural at .05", NoiseFloor(na, .05, b), c.Natural, tol)
		near(t, "floor η at half", NoiseFloor(et, c.Alpha.Eta/2, b), c.Eta, tol)
		near(t, "additive θ", AdditiveNoise(th, c.Alpha.Theta), c.Additive.Theta, tol)
		near(t, "additive η", AdditiveNoise(et, c.Alpha.Eta), c.Additive.Eta, tol)
		near(t, "additive natural", AdditiveNoise(na, c.Alpha.Natural), c.Additive.Natural, tol)
		near(t, "iterate natural at 1", IterateNoise(na, 1), float64(k-1), tol)
		for m, want := range map[Method][][]float64{NGDEta: c.CovNatural, GDTheta: c.CovTheta} {
			a := map[Method]float64{NGDEta: .05, GDTheta: 1}[m]
			got, err := SamplingCovariance(c.Q, k-1, m, a, b)
			if err != nil {
				t.Fatal(err)
			}
			for i := range k - 1 {
				for j := range k - 1 {
					near(t, m.String()+": covariance", got.At(i, j), want[i][j], tol)
				}
			}
		}
		checkLyapunov(t, c.Q, b)
	}
}

// checkLyapunov compares the closed forms with the solution of the discrete Lyapunov
// equation.
func checkLyapunov(t *testing.T, q []float64, b int) {
	t.Helper()
	n := len(q) - 1
	g := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			g.SetSym(i, j, -q[i]*q[j])
		}
		g.SetSym(i, i, q[i]*(1-q[i]))
	}
	var inv mat.Dense
	if err := inv.Inverse(g); err != nil {
		t.Fatal(err)
	}
	s, _ := SimplexSpectrum(q, n)
	for m, a := range map[Method]float64{GDTheta: s.AlphaTheta, GDEta: s.AlphaEta, NGDEta: .3} {
		// δ ← (I - αQ)δ + αw
		mm, noise := mat.NewDense(n, n, nil), mat.NewSymDense(n, nil)
		for i := range n {
			for j := range n {
				v := map[Method]float64{GDTheta: g.At(i, j), GDEta: inv.At(i, j)}[m]
				w := v
				if m == NGDEta {
					v, w = 0, g.At(i, j)
					if i == j {
						v = 1
					}
				}
				mm.Set(i, j, -a*v)
				noise.SetSym(i, j, a*a*w/float64(b))
			}
			mm.Set(i, i, 1+mm.At(i, i))
		}
		got, err := StationaryCovariance(mm, noise)
		if err != nil {
			t.Fatal(err)
		}
		want, err := SamplingCovariance(q, n, m, a, b)
		if err != nil {
			t.Fatal(err)
		}
		var d mat.Dense
		d.Sub(got, want)
		if mat.Norm(&d, 1) > 1e-11*mat.Norm(want, 1) {
			t.Errorf("%v: Lyapunov %v, closed form %v", m, mat.Formatted(got), mat.Formatted(want))
		}
	}
}

func TestNoiseErrors(t *testing.T) {
	q := zipf(4)
	if f := NoiseFloor([]float64{1, .5}, 2, 10); !math.IsInf(f, 1) {
		t.Errorf("floor at the limit: %v", f)
	}
	if f := AdditiveNoise([]float64{1}, 2.5) + IterateNoise([]float64{1}, 2); !math.IsInf(f, 1) {
		t.Errorf("noise beyond the limit: %v", f)
	}
	for _, c := range []struct {
		m     Method
		alpha float64
		batch int
		err   error
	}{{GDTheta, 100, 5, ErrInvalid}, {GDTheta, 1, 0, ErrInvalid}, {NGDTheta, 1, 5, ErrInvalid}, {NGDEta, -1, 5, ErrInvalid}} {
		if _, err := SamplingCovariance(q, 3, c.m, c.alpha, c.batch); !errors.Is(err, c.err) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	one := mat.NewSymDense(1, []float64{1})
	if _, err := StationaryCovariance(mat.NewDense(1, 1, []float64{1}), one); !errors.Is(err, ErrNoConvergence) {
		t.Errorf("spectral radius 1: %v", err)
	}
	if _, err := StationaryCovariance(mat.NewDense(1, 1, []float64{-1.5}), one); !errors.Is(err, ErrNoConvergence) {
		t.Errorf("spectral radius 1.5: %v", err)
	}
	if _, err := StationaryCovariance(mat.NewDense(1, 2, nil), one); !errors.Is(err, ErrShape) {
		t.Errorf("not square: %v", err)
	}
	if _, err := NewBatches(q, 0, 1, 1); !errors.Is(err, ErrInvalid) {
		t.Errorf("empty batches: %v", err)
	}
	if _, err := SimulateNoise(context.Background(), q, 0, NoiseOptions{Descent: DescentOptions{Alpha: 1}, Batch: 10, Steps: 3}); !errors.Is(err, ErrInvalid) {
		t.Errorf("too few steps: %v", err)
	}
}

// TestNoiseBatches: means and covariances of the histograms, for small and large
// expectations, and repeatability.
func TestNoiseBatches(t *testing.T) {
	q := []float64{.5, .3, .15, 0, .049, .001}
	const draws = 60000
	for _, size := range []int{1, 7, 400} {
		b, err := NewBatches(q, size, 3, 4)
		if err != nil {
			t.Fatal(err)
		}
		h := make([]float64, len(q))
		mean, sq := make([]float64, len(q)), make([]float64, len(q))
		for k := range uint64(draws) {
			b.Draw(h, k)
			if math.Abs(kernel.Sum(h)-1) > 1e-12 {
				t.Fatalf("histogram %v", h)
			}
			for i, v := range h {
				mean[i] += v / draws
				sq[i] += (v - q[i]) * (v - q[i]) / draws
			}
		}
		for i, p := range q {
			v := p * (1 - p) / float64(size)
			if math.Abs(mean[i]-p) > 5*math.Sqrt(v/draws) {
				t.Errorf("B = %d: mean of state %d is %v, want %v", size, i, mean[i], p)
			}
			if n := float64(size); math.Abs(sq[i]-v) > 5*v*math.Sqrt((2+1/(n*p*(1-p)+1e-300))/draws) {
				t.Errorf("B = %d: variance of state %d is %v, want %v", size, i, sq[i], v)
			}
		}
		a := make([]float64, len(q))
		b.Draw(a, 17)
		b.Draw(h, 18)
		b.Draw(h, 17)
		for i := range a {
			if a[i] != h[i] {
				t.Fatal("batch 17 is not repeatable")
			}
		}
	}
}

// TestNoiseFloor is a part of experiment E5.
func TestNoiseFloor(t *testing.T) {
	q := zipf(5)
	s, _ := SimplexSpectrum(q, 4)
	eig := newDescent(t, q, 4, DescentOptions{Method: GDTheta, Alpha: 1}).Eigenvalues()
	near(t, "floor of θ at the best step", NoiseFloor(eig, s.AlphaTheta, 4096), 2.2281e-3, 1e-4)
	near(t, "floor of natural", NoiseFloor([]float64{1, 1, 1, 1}, 1-s.Rho, 4096), 2.9487e-5, 1e-4)
	for m, a := range map[Method]float64{GDTheta: s.AlphaTheta / 4, GDEta: s.AlphaEta / 4, NGDEta: 1.5, NGDTheta: .1, GDLogits: .5} {
		r, err := SimulateNoise(context.Background(), q, 4, NoiseOptions{Descent: DescentOptions{Method: m, Alpha: a}, Batch: 4096, Steps: 100000, Burn: 2000, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(r.Floor-r.Predicted) > .03*r.Predicted+4*r.StdErr || r.StdErr > .03*r.Floor {
			t.Errorf("%v: floor %v ± %v, predicted %v", m, r.Floor, r.StdErr, r.Predicted)
		}
	}
}

// TestNoiseAverage: with α_k = 1/(k+1) natural gradient descent in η pools the batches.
func TestNoiseAverage(t *testing.T) {
	q := zipf(6)
	b, err := NewBatches(q, 50, 9, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := newDescent(t, q, 5, DescentOptions{Alpha: 1, Decay: 1})
	x, next, h, sum := make([]float64, 5), make([]float64, 5), make([]float64, 6), make([]float64, 6)
	if err := d.FromP(x, uniform(6)); err != nil {
		t.Fatal(err)
	}
	const steps = 200
	for k := range steps {
		b.Draw(h, uint64(k))
		kernel.Axpy(1./steps, h, sum)
		if err := d.SetTarget(h); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Step(next, x, k); err != nil && k > 0 { // the first batch may have zeros
			t.Fatal(err)
		}
		copy(x, next)
	}
	for i := range x {
		near(t, "pooled histogram", x[i], sum[i], 1e-13)
	}
}

// TestNoiseFiniteSample is experiment E6: data of 1000 samples, mini-batches of 32 from
// them. The excess loss over the target is what the data lack plus the floor.
func TestNoiseFiniteSample(t *testing.T) {
	const states, n, batch, seeds = 10, 1000, 32, 20
	q := zipf(states)
	s, _ := SimplexSpectrum(q, states-1)
	for _, c := range []struct {
		m           Method
		alpha, want float64
	}{{NGDEta, .05, .0078}, {GDTheta, 1, .0108}, {GDTheta, s.AlphaTheta, .17}} {
		mean, sq := 0.0, 0.0
		for seed := range uint64(seeds) {
			b, err := NewBatches(q, n, 100+seed, 7)
			if err != nil {
				t.Fatal(err)
			}
			data := make([]float64, states)
			b.Draw(data, 0)
			r, err := SimulateNoise(context.Background(), q, states-1, NoiseOptions{
				Descent: DescentOptions{Method: c.m, Alpha: c.alpha}, Batch: batch, Burn: 1200, Steps: 300, Seed: seed, Start: uniform(states), Data: data})
			if err != nil {
				t.Fatal(err)
			}
			mean += r.Floor / seeds
			sq += r.Floor * r.Floor / seeds
		}
		// Both this mean and the one of the reference are of 20 seeds.
		if tol := 4 * math.Sqrt(2*(sq-mean*mean)/seeds); math.Abs(mean-c.want) > tol || tol > c.want {
			t.Errorf("%v, α = %v: mean loss %v, want %v within %v", c.m, c.alpha, mean, c.want, tol)
		}
	}
}
