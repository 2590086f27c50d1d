package infogeo

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// hessians is T1, by central differences of fourth order.
func (v *verifier) hessians() error {
	n := v.n
	eta := func(p []float64, x []float64) { // deviations from η_q
		copy(p, v.q)
		for i, d := range x {
			p[i] += d
			p[n] -= d
		}
	}
	thetaQ := make([]float64, n)
	thetaOf(thetaQ, v.q, n)
	theta := func(p []float64, x []float64) {
		y := make([]float64, n)
		kernel.AddTo(y, thetaQ, x)
		Softmax(p, y, n)
	}
	type divergence struct {
		name string
		f    func(p []float64) float64
	}
	loss := []divergence{
		{"KL(q||p)", func(p []float64) float64 { return KL(v.q, p) }},
		{"KL(p||q)", func(p []float64) float64 { return KL(p, v.q) }},
	}
	for _, a := range []float64{-3, -0.5, 0, 0.5, 3} {
		loss = append(loss, divergence{fmt.Sprintf("alpha-divergence, alpha = %v,", a), func(p []float64) float64 { return AlphaDivergence(p, v.q, a) }})
	}
	low := v.q[n]
	for _, p := range v.q {
		low = min(low, p)
	}
	for _, d := range loss {
		hTheta := differenceHessian(n, 1e-2, theta, d.f)
		hEta := differenceHessian(n, 5e-3*low, eta, d.f)
		var errTheta, errEta, top, topEta float64
		for i := range n {
			for j := range n {
				g, gi := -v.q[i]*v.q[j], 1/v.q[n]
				if i == j {
					g += v.q[i]
					gi += 1 / v.q[i]
				}
				errTheta, top = max(errTheta, math.Abs(hTheta[i*n+j]-g)), max(top, math.Abs(g))
				errEta, topEta = max(errEta, math.Abs(hEta[i*n+j]-gi)), max(topEta, math.Abs(gi))
			}
		}
		v.add("T1", d.name+" Hessian in theta - G_q, relative", errTheta/top, AtMost, 0, 1e-6)
		v.add("T1", d.name+" Hessian in eta - inverse of G_q, relative", errEta/topEta, AtMost, 0, 1e-6)
	}
	return nil
}

// differenceHessian returns the Hessian at x = 0 of f(place(x)), row-major, for an f with
// minimum 0 there, from second differences of fourth order along e_i and e_i + e_j.
func differenceHessian(n int, h float64, place func(p, x []float64), f func([]float64) float64) []float64 {
	x, p := make([]float64, n), make([]float64, n+1)
	along := func(i, j int) float64 {
		at := func(s float64) float64 {
			x[i] += s
			if j >= 0 {
				x[j] += s
			}
			place(p, x)
			x[i] = 0
			if j >= 0 {
				x[j] = 0
			}
			return f(p)
		}
		return (16*(at(h)+at(-h)) - at(2*h) - at(-2*h)) / (12 * h * h)
	}
	out := make([]float64, n*n)
	for i := range n {
		out[i*n+i] = along(i, -1)
	}
	for i := range n {
		for j := range i {
			d := (along(i, j) - out[i*n+i] - out[j*n+j]) / 2
			out[i*n+j], out[j*n+i] = d, d
		}
	}
	return out
}

// measureRates is T2.
func (v *verifier) measureRates() error {
	for _, loss := range []Loss{Forward, Reverse} {
		v.rates[loss] = map[Geometry]float64{}
		for _, g := range []struct {
			geometry Geometry
			rate     float64
		}{{EuclideanTheta, v.s.RateTheta}, {Natural, 2}, {EuclideanEta, v.s.RateEta}} {
			r, err := measureRate(v.q, v.p0, v.n, KLFlowOptions{Loss: loss, Geometry: g.geometry})
			if err != nil {
				return err
			}
			v.rates[loss][g.geometry] = r
			v.add("T2", fmt.Sprintf("rate of %v, %v", loss, g.geometry), r, Equal, g.rate, 1e-6)
		}
	}
	return v.eigenspaces()
}

// eigenspaces starts in each eigenspace of G_q, so near to q that what the nonlinear
// terms feed into the slower modes stays below rounding.
func (v *verifier) eigenspaces() error {
	for _, k := range []int{0, v.n / 2, v.n - 1} {
		dir, ok := v.eigenvector(v.eigs[k])
		if !ok {
			continue // a multiple eigenvalue
		}
		for _, g := range []struct {
			geometry Geometry
			rate     float64
		}{{EuclideanTheta, 2 * v.eigs[k]}, {EuclideanEta, 2 / v.eigs[k]}} {
			r, err := v.linearRate(dir, g.geometry, g.rate)
			if err != nil {
				return err
			}
			v.add("T2", fmt.Sprintf("rate in eigenspace %d, %v", k+1, g.geometry), r, Equal, g.rate, 1e-6)
		}
	}
	return nil
}

// eigenvector returns p_i/(p_i-λ), the eigenvector of G_q for a simple eigenvalue λ.
func (v *verifier) eigenvector(lambda float64) ([]float64, bool) {
	x := make([]float64, v.n)
	for i, p := range v.q[:v.n] {
		x[i] = p / (p - lambda)
	}
	s := kernel.Nrm2(x)
	if math.IsNaN(s) || math.IsInf(s, 0) || s > 1e12 {
		return nil, false
	}
	kernel.Scal(1/s, x)
	return x, true
}

// sandwich is T3.
func (v *verifier) sandwich() error {
	n := float64(v.n)
	top, low := 1/(2*n), 4.0
	if v.n == 1 {
		top, low = 0.5, 8
	}
	for _, loss := range []Loss{Forward, Reverse} {
		r := v.rates[loss]
		v.add("T3", fmt.Sprintf("rate of %v in theta, upper bound", loss), r[EuclideanTheta], AtMost, top, 1e-6)
		v.add("T3", fmt.Sprintf("rate of %v in eta, lower bound", loss), r[EuclideanEta], AtLeast, low, 1e-6)
		v.add("T3", fmt.Sprintf("rate of %v, natural less theta", loss), r[Natural]-r[EuclideanTheta], AtLeast, 0, 0)
		v.add("T3", fmt.Sprintf("rate of %v, eta less natural", loss), r[EuclideanEta]-r[Natural], AtLeast, 0, 0)
	}
	v.add("T3", "lambda_1, lower bound 1/(1/p_min + n/p_r)", v.s.Min, AtLeast, v.bounds.MinLower, 1e-12)
	v.add("T3", "lambda_1, upper bound", v.s.Min, AtMost, v.bounds.MinUpper, 1e-12)
	v.add("T3", "lambda_n, lower bound max p_i(1-p_i)", v.s.Max, AtLeast, v.bounds.MaxLower, 1e-12)
	if v.n > 1 {
		v.add("T3", "lambda_n, upper bound", v.s.Max, AtMost, v.bounds.MaxUpper, 1e-12)
	}
	return nil
}

// affine is T7.
func (v *verifier) affine() error {
	for _, c := range []float64{0.25, 0.5, 1, 3} {
		a, err := Whitening(v.q, v.n, c)
		if err != nil {
			return err
		}
		for _, g := range []struct {
			geometry Geometry
			rate     float64
		}{{EuclideanEta, 2 * c}, {EuclideanTheta, 2 / c}} {
			r, err := measureRate(v.q, v.p0, v.n, KLFlowOptions{Geometry: g.geometry, Affine: a})
			if err != nil {
				return err
			}
			v.add("T7", fmt.Sprintf("rate in whitened coordinates, c = %v, %v", c, g.geometry), r, Equal, g.rate, 1e-6)
		}
	}
	return nil
}
