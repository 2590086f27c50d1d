package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/infogeo"
	"github.com/gradflow/gradflow/internal/philox"
)

// lossesOf runs a method and returns its losses.
func lossesOf(ctx context.Context, q, p0 []float64, o infogeo.DescentOptions, tol float64) ([]float64, error) {
	d, err := infogeo.NewDescent(q, len(q)-1, o)
	if err != nil {
		return nil, err
	}
	var l []float64
	_, err = d.Run(ctx, p0, infogeo.RunOptions{Tol: tol, Observe: func(_ int, _ []float64, e float64) { l = append(l, e) }})
	return l, err
}

// contraction measures the factor of two steps near the target, as the errors along
// the two extreme eigenvectors alternate and stay.
func (s *infogeoStudy) contraction(ctx context.Context, told progress) (outcome, error) {
	n := pick(s.job, 24, 100, 400)
	off, one := make([]float64, n), make([]float64, n)
	err := members(ctx, n, told, func(ctx context.Context, i int) error {
		r := rand.New(philox.NewSource(s.seed+2, i))
		k := 3 + i%6
		q := randomDistribution(r, k, 0.1)
		sp, err := infogeo.SimplexSpectrum(q, k-1)
		if err != nil {
			return err
		}
		far, p0 := randomDistribution(r, k, 0.1), besideTarget(q, sp)
		for _, m := range []struct {
			method infogeo.Method
			alpha  float64
		}{{infogeo.GDTheta, sp.AlphaTheta}, {infogeo.GDEta, sp.AlphaEta}} {
			l, err := lossesOf(ctx, q, p0, infogeo.DescentOptions{Method: m.method, Alpha: m.alpha}, 1e-22)
			if err != nil {
				return err
			}
			last := len(l) - 1
			off[i] = max(off[i], math.Abs(math.Pow(l[last]/l[last-2], 0.25)/sp.Rho-1))
		}
		l, err := lossesOf(ctx, q, far, infogeo.DescentOptions{Method: infogeo.NGDEta, Alpha: 1}, 1e-30)
		one[i] = float64(len(l) - 1)
		return err
	})
	if err != nil {
		return outcome{}, err
	}
	worst, steps := kernel.MaxAbs(off), kernel.MaxAbs(one)
	return outcome{
		want: "contraction / ((κ-1)/(κ+1)) = 1; natural: 1 step", tol: "1e-4",
		got:  fmt.Sprintf("off by %s; %v step", number(worst), steps),
		pass: worst <= 1e-4 && steps == 1,
		note: fmt.Sprintf("Fourth root of L_k+2/L_k at losses of 1e-22, for descent in θ and in η with their best steps 2/(λ_1+λ_n) and 2/(1/λ_1+1/λ_n) at %d targets with 3 to 8 states, from starts in the plane of the two extreme eigenvectors; the single step of the natural gradient from far.", n),
	}, nil
}

// besideTarget is a distribution near q, in the plane of the extreme eigenvectors
// p_i/(p_i-λ) of the Fisher matrix: errors in other directions fall faster, and would only
// have to be waited for.
func besideTarget(q []float64, sp infogeo.Spectrum) []float64 {
	n := len(q) - 1
	p := append([]float64(nil), q...)
	v := make([]float64, n)
	least := q[0]
	for _, x := range q {
		least = min(least, x)
	}
	for _, lambda := range []float64{sp.Min, sp.Max} {
		for i := range v {
			v[i] = q[i] / (q[i] - lambda)
		}
		kernel.Scal(1e-3*least/float64(n)/kernel.MaxAbs(v), v)
		kernel.Axpy(1, v, p[:n])
		p[n] -= kernel.Sum(v)
	}
	return p
}

// noisePoint is a simulation.
type noisePoint struct {
	method infogeo.Method
	alpha  float64
	rho    float64 // contraction of a step
	infogeo.NoiseResult
}

// The experiment on noise: Zipf on five states, batches of 4096.
const (
	noiseStates = 5
	noiseBatch  = 4096
)

// noiseAlphas are the step sizes, three decades up to a quarter of the best one, and
// for the natural gradient up to 1.5.
func noiseAlphas() (map[infogeo.Method][]float64, infogeo.Spectrum, error) {
	sp, err := infogeo.SimplexSpectrum(zipf(noiseStates), noiseStates-1)
	if err != nil {
		return nil, sp, err
	}
	a := map[infogeo.Method][]float64{}
	for m, top := range map[infogeo.Method]float64{infogeo.GDTheta: sp.AlphaTheta / 4, infogeo.GDEta: sp.AlphaEta / 4, infogeo.NGDEta: 1.5} {
		for _, f := range []float64{1, 0.1, 0.01, 0.001} {
			a[m] = append(a[m], f*top)
		}
	}
	return a, sp, nil
}

// simulateNoise runs the simulations, once. Small steps take longer to forget.
func (s *infogeoStudy) simulateNoise(ctx context.Context, told progress) ([]noisePoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noisePts != nil {
		return s.noisePts, nil
	}
	q := zipf(noiseStates)
	alphas, _, err := noiseAlphas()
	if err != nil {
		return nil, err
	}
	var pts []noisePoint
	var steps []int
	for _, m := range []infogeo.Method{infogeo.GDTheta, infogeo.GDEta, infogeo.NGDEta} {
		for i, a := range alphas[m] {
			pts = append(pts, noisePoint{method: m, alpha: a})
			steps = append(steps, pick(s.job, 120_000, 1_000_000, 5_000_000)*[]int{1, 1, 3, 10}[i])
		}
	}
	err = members(ctx, len(pts), told, func(ctx context.Context, i int) error {
		p := &pts[i]
		o := infogeo.DescentOptions{Method: p.method, Alpha: p.alpha}
		d, err := infogeo.NewDescent(q, noiseStates-1, o)
		if err != nil {
			return err
		}
		eig := d.Eigenvalues()
		slow := math.Inf(1)
		for _, mu := range eig {
			p.rho = max(p.rho, math.Abs(1-p.alpha*mu))
			slow = min(slow, p.alpha*mu)
		}
		// The spread in the slowest direction is there after a few of its times 1/(αμ).
		r, err := infogeo.SimulateNoise(ctx, q, noiseStates-1, infogeo.NoiseOptions{
			Descent: o, Batch: noiseBatch, Steps: steps[i], Burn: int(min(8/slow, float64(steps[i])/4)), Seed: s.seed, Stream: uint32(i)})
		if err != nil {
			return err
		}
		p.NoiseResult = *r
		return nil
	})
	if err == nil {
		s.noisePts = pts
	}
	return pts, err
}

func (s *infogeoStudy) noise(ctx context.Context, told progress) (outcome, error) {
	pts, err := s.simulateNoise(ctx, told)
	if err != nil {
		return outcome{}, err
	}
	worst, vague, ok := 0.0, 0.0, true
	for _, p := range pts {
		off := math.Abs(p.Floor/p.Predicted - 1)
		worst, vague = max(worst, off), max(vague, p.StdErr/p.Predicted)
		ok = ok && math.Abs(p.Floor-p.Predicted) <= 0.03*p.Predicted+4*p.StdErr
	}
	_, sp, err := noiseAlphas()
	if err != nil {
		return outcome{}, err
	}
	// Equal contraction: the best step of descent, and 1-ρ of the natural gradient.
	const n = noiseStates - 1
	d, err := infogeo.NewDescent(zipf(noiseStates), n, infogeo.DescentOptions{Method: infogeo.GDTheta, Alpha: sp.AlphaTheta})
	if err != nil {
		return outcome{}, err
	}
	ratio := infogeo.NoiseFloor(d.Eigenvalues(), sp.AlphaTheta, noiseBatch) / infogeo.NoiseFloor([]float64{1, 1, 1, 1}, 1-sp.Rho, noiseBatch)
	least := (sp.Kappa*sp.Kappa + 1) / n
	return outcome{
		want: "simulated floor = predicted; θ over natural at equal contraction >= " + number(least), tol: "3 % + 4 standard errors",
		got:  fmt.Sprintf("off by at most %.1f %% (standard errors up to %.1f %%); %s", 100*worst, 100*vague, number(ratio)),
		pass: ok && ratio >= least,
		note: fmt.Sprintf("Zipf on %d states, batches of %d; descent in θ and η with steps of 1, 1/10, 1/100, 1/1000 of a quarter of the best one, the natural gradient with 1.5 to 0.0015.", noiseStates, noiseBatch),
	}, nil
}

// mirror compares steps of natural gradient descent with those of mirror descent, whose
// gradients are taken in the dual coordinates.
func (s *infogeoStudy) mirror(ctx context.Context, told progress) (outcome, error) {
	n := pick(s.job, 500, 5000, 50000)
	worst := 0.0
	for i := range n {
		r := rand.New(philox.NewSource(s.seed+3, i))
		// 1 - Ση_i has an error of 1e-16, which 1/p_r multiplies: no small p.
		k := 2 + i%5
		q, p, alpha := randomDistribution(r, k, 1), randomDistribution(r, k, 1), r.Float64()
		for _, loss := range []infogeo.Loss{infogeo.Forward, infogeo.Reverse} {
			for _, m := range []struct {
				natural infogeo.Method
				dual    infogeo.Geometry
			}{{infogeo.NGDTheta, infogeo.EuclideanEta}, {infogeo.NGDEta, infogeo.EuclideanTheta}} {
				d, err := mirrorDefect(q, p, alpha, loss, m.natural, m.dual)
				if err != nil {
					return outcome{}, err
				}
				worst = max(worst, d)
			}
		}
		told(float64(i+1) / float64(n))
	}
	return outcome{
		want: "equal steps", tol: "1e-14 of 1+|x|",
		got:  "differ by " + number(worst),
		pass: worst <= 1e-14,
		note: fmt.Sprintf("θ ← θ - α∇_ηL and η ← η - α∇_θL against natural gradient descent in θ and η: %d random targets, starts and steps, both divergences.", n),
	}, nil
}

// mirrorDefect is the distance of the two steps.
func mirrorDefect(q, p []float64, alpha float64, loss infogeo.Loss, natural infogeo.Method, dual infogeo.Geometry) (float64, error) {
	ref := len(q) - 1
	d, err := infogeo.NewDescent(q, ref, infogeo.DescentOptions{Method: natural, Loss: loss, Alpha: alpha, Backtrack: false})
	if err != nil {
		return 0, err
	}
	f, err := infogeo.NewKLFlow(q, ref, infogeo.KLFlowOptions{Loss: loss, Geometry: dual})
	if err != nil {
		return 0, err
	}
	x, y, g, next := make([]float64, ref), make([]float64, ref), make([]float64, ref), make([]float64, ref)
	if err := d.FromP(x, p); err != nil {
		return 0, err
	}
	if err := f.FromP(y, p); err != nil {
		return 0, err
	}
	f.EnergyGrad(g, y)
	kernel.AxpyTo(g, -alpha, g, x)
	_, _ = d.Step(next, x, 0) // a step outside the simplex is compared as well
	kernel.SubTo(next, next, g)
	return kernel.MaxAbs(next) / (1 + kernel.MaxAbs(g)), nil
}
