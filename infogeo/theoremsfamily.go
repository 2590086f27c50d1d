package infogeo

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// linearRate measures the rate of a flow that starts at θ_q + 1e-40 dir and falls by
// e^-20.
func (v *verifier) linearRate(dir []float64, g Geometry, rate float64) (float64, error) {
	f, err := NewKLFlow(v.q, v.n, KLFlowOptions{Geometry: g, Coords: DeviationCoords})
	if err != nil {
		return 0, err
	}
	x := make([]float64, v.n)
	kernel.AxpyTo(x, 1e-40, dir, x)
	return relativeRate(v, f, x, 20/rate, func(x []float64) float64 { e, _ := f.EvalEnergy(nil, x, 0); return e })
}

// relativeRate integrates until the given time with a relative tolerance alone, and
// returns the slope of -log of the energy over the last half of it.
func relativeRate(v *verifier, f flow.Field[float64], x []float64, end float64, energy func([]float64) float64) (float64, error) {
	r, err := flow.New(flow.ODE(f, flow.DOP853), x, flow.Options[float64]{T1: end, RelTol: 1e-12, AbsTol: 1e-280, MaxSteps: 100000})
	if err != nil {
		return 0, err
	}
	var t, l []float64
	for s, err := range r.Steps(v.ctx) {
		if err != nil {
			return 0, err
		}
		if s.T >= end/2 {
			t, l = append(t, s.T), append(l, math.Log(energy(s.X)))
		}
	}
	if r.Status() != flow.Done || len(t) < 2 {
		return 0, fmt.Errorf("infogeo: integration ended at t = %v of %v (%v): %w", r.Step().T, end, r.Status(), ErrNoConvergence)
	}
	return -slopeOf(t, l), nil
}

// families is T9. The target of the Boltzmann machine has an interaction of three units,
// which the machine has not: it is outside of the model.
func (v *verifier) families() error {
	ising, err := NewIsing(3)
	if err != nil {
		return err
	}
	moments := make([]float64, ising.Dim())
	ising.Moments(moments, []float64{.3, .05, .1, .05, .02, .13, .05, .3})
	for _, c := range []struct {
		name          string
		f             Family
		theta, target []float64
	}{
		{"gamma", Gamma{}, []float64{2, -1}, []float64{0.3, 2}},
		{"normal", Normal{}, []float64{0.5, -0.5}, []float64{-1, 3}},
		{"Poisson", NewPoisson(), []float64{0}, []float64{4}},
		{"Boltzmann machine", ising, make([]float64, ising.Dim()), moments},
	} {
		if err := v.straight(c.name, c.f, c.theta, c.target); err != nil {
			return err
		}
	}
	return v.poisson()
}

// straight follows the natural flow θ' = -G⁻¹(η - η_q) of a family.
func (v *verifier) straight(name string, f Family, theta, target []float64) error {
	d := f.Dim()
	eta, start, best := make([]float64, d), make([]float64, d), make([]float64, d)
	f.Mean(start, theta)
	if err := f.Natural(best, target); err != nil {
		return err
	}
	// An iterative inverse has its own tolerance: a step of Newton's method on it.
	f.Mean(eta, best)
	kernel.SubTo(eta, target, eta)
	if err := f.FisherSolveVec(eta, best, eta, 0); err != nil {
		return err
	}
	kernel.AddTo(best, best, eta)
	var failed error
	field := flow.FieldFunc(d, func(dst, x []float64, t float64) {
		f.Mean(dst, x)
		kernel.SubTo(dst, target, dst)
		if err := f.FisherSolveVec(dst, x, dst, 0); err != nil {
			failed = err
		}
	})
	// Slopes of log L over unit times: 2 + c e^-t + d e^-2t + ..., of which c and d are
	// eliminated.
	at := []float64{7, 8, 9, 10}
	var l []float64
	worst, scale := 0.0, 0.0
	excess := func(x []float64) float64 { return divergence(f, best, x, target) }
	err := v.run(field, theta, at[3], 1e-12, at[:3], func(t float64, x []float64) {
		f.Mean(eta, x)
		for i, e := range eta {
			want := target[i] + math.Exp(-t)*(start[i]-target[i])
			worst = max(worst, math.Abs(e-want))
			scale = max(scale, math.Abs(start[i]-target[i]))
		}
		for _, s := range at {
			if t == s {
				l = append(l, math.Log(excess(x)))
			}
		}
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	s1, s2, s3 := l[0]-l[1], l[1]-l[2], l[2]-l[3]
	r1, r2 := s2+(s2-s1)/(math.E-1), s3+(s3-s2)/(math.E-1)
	rate := r2 + (r2-r1)/(math.E*math.E-1)
	v.add("T9", name+": eta(t) off the straight line, relative", worst/scale, AtMost, 0, 1e-9)
	v.add("T9", name+": rate of the excess loss, natural", rate, Equal, 2, 1e-6)
	return nil
}

// divergence is KL(p*‖p_θ) = ∫_0^1 (η_q - η(θ* + s(θ-θ*)))·(θ* - θ) ds, by Gauss's rule of
// order 10 on a line so short that it is exact to rounding: no difference of
// log-partition functions, which would lose the digits.
func divergence(f Family, best, theta, target []float64) float64 {
	nodes := [5]float64{0.046910077030668004, 0.23076534494715845, 0.5, 0.7692346550528415, 0.953089922969332}
	weights := [5]float64{0.11846344252809454, 0.23931433524968324, 0.28444444444444444, 0.23931433524968324, 0.11846344252809454}
	d := len(best)
	dir, x, eta := make([]float64, d), make([]float64, d), make([]float64, d)
	kernel.SubTo(dir, theta, best)
	var s float64
	for i, u := range nodes {
		kernel.AxpyTo(x, u, dir, best)
		f.Mean(eta, x)
		kernel.SubTo(eta, eta, target)
		s += weights[i] * kernel.Dot(eta, dir)
	}
	return s
}

// poisson is the second half of T9: with mean 4 the order of the rates is reversed.
// x = log(λ/4); L = KL to the mean 4.
func (v *verifier) poisson() error {
	const mean = 4.0
	energy := func(x []float64) float64 {
		r := math.Expm1(x[0])
		return mean * (1 + r) * entropyRatio(-r/(1+r))
	}
	for _, c := range []struct {
		name  string
		field func(r float64) float64 // x' for λ = 4(1+r)
		rate  float64
	}{
		{"theta", func(r float64) float64 { return -mean * r }, 2 * mean},
		{"eta", func(r float64) float64 { return -r / (1 + r) / (mean * (1 + r)) }, 2 / mean},
	} {
		f := flow.FieldFunc(1, func(dst, x []float64, t float64) { dst[0] = c.field(math.Expm1(x[0])) })
		rate, err := relativeRate(v, f, []float64{0.5}, 60/c.rate, energy)
		if err != nil {
			return err
		}
		v.add("T9", "Poisson with mean 4: rate in "+c.name, rate, Equal, c.rate, 1e-6)
	}
	return nil
}

// curved is T10 for N(μ, μ²), whose Fisher information is 3/μ², and a target with the
// moments E x = 1 and E x² = m. With x = μ - μ* the natural flow is
// x' = -x (μ+μ*+1)/(3μ), of full relative accuracy.
func (v *verifier) curved() error {
	for _, c := range []struct {
		name string
		m    float64
	}{{"target outside the model", 3}, {"target in the model", 2}} {
		best := (math.Sqrt(1+4*c.m) - 1) / 2 // μ*² + μ* = m
		// ∇²L(μ*) = (2μ*+1)/μ*³
		stated := 2 * (best * best / 3) * (2*best + 1) / (best * best * best)
		f := flow.FieldFunc(1, func(dst, x []float64, t float64) {
			mu := best + x[0]
			dst[0] = -x[0] * (mu + best + 1) / (3 * mu)
		})
		rate, err := relativeRate(v, f, []float64{0.5}, 60, func(x []float64) float64 { return x[0] * x[0] })
		if err != nil {
			return err
		}
		v.add("T10", "N(mu, mu^2), "+c.name+": rate", rate, Equal, stated, 1e-6)
		if c.m == 2 {
			v.add("T10", "N(mu, mu^2), "+c.name+": rate is 2", rate, Equal, 2, 1e-6)
		}
	}
	return nil
}
