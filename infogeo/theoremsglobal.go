package infogeo

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// trajectory follows the forward flow from p0 and shows every step. times, if not nil,
// are ends of steps.
func (v *verifier) trajectory(o KLFlowOptions, end float64, tol float64, times []float64, show func(t float64, p []float64, loss float64)) error {
	f, err := NewKLFlow(v.q, v.n, o)
	if err != nil {
		return err
	}
	x, p := make([]float64, f.Dim()), make([]float64, v.n+1)
	if err := f.FromP(x, v.p0); err != nil {
		return err
	}
	return v.run(f, x, end, tol, times, func(t float64, x []float64) {
		f.P(p, x)
		e, _ := f.EvalEnergy(nil, x, 0)
		show(t, p, e)
	})
}

// run integrates a field and shows every step.
func (v *verifier) run(f flow.Field[float64], x []float64, end, tol float64, times []float64, show func(t float64, x []float64)) error {
	o := flow.Options[float64]{T1: end, RelTol: tol, AbsTol: tol * 1e-6, TStops: times, MaxSteps: 200000}
	r, err := flow.New(flow.ODE(f, flow.DOP853), x, o)
	if err != nil {
		return err
	}
	for s, err := range r.Steps(v.ctx) {
		if err != nil {
			return err
		}
		show(s.T, s.X)
	}
	if r.Status() != flow.Done {
		return fmt.Errorf("infogeo: integration ended at t = %v of %v (%v): %w", r.Step().T, end, r.Status(), ErrNoConvergence)
	}
	return nil
}

// horizon is how long the global inequalities are followed.
const horizon = 8

// global is T4, and the observation about L_eta and L_nat.
func (v *verifier) global() error {
	const slack = 1e-9 // of the integration
	worstTheta, worstNat, worstEta := math.Inf(1), 0.0, 0.0
	speedEta, speedTheta := math.Inf(1), math.Inf(1)
	speeds := func(p []float64, l float64) {
		if l < 1e-16 {
			return // p - q has lost its digits
		}
		d := v.speeds(p)
		speedEta = min(speedEta, d[EuclideanEta]/d[Natural])
		speedTheta = min(speedTheta, d[Natural]/d[EuclideanTheta])
	}
	err := v.trajectory(KLFlowOptions{Geometry: EuclideanTheta, Coords: DeviationCoords}, horizon, slack*1e-2, nil, func(t float64, p []float64, l float64) {
		worstTheta = min(worstTheta, l/(math.Exp(-t)*v.l0))
		speeds(p, l)
	})
	if err != nil {
		return err
	}
	err = v.trajectory(KLFlowOptions{Coords: DeviationCoords}, horizon, slack*1e-2, nil, func(t float64, p []float64, l float64) {
		worstNat = max(worstNat, l/(math.Exp(-t)*v.l0))
		speeds(p, l)
	})
	if err != nil {
		return err
	}
	nat, err := NewKLFlow(v.q, v.n, KLFlowOptions{Coords: DeviationCoords})
	if err != nil {
		return err
	}
	x0, x := make([]float64, v.n), make([]float64, v.n)
	if err := nat.FromP(x0, v.p0); err != nil {
		return err
	}
	v.EtaBelowNatural = true
	err = v.trajectory(KLFlowOptions{Geometry: EuclideanEta, Coords: DeviationCoords}, horizon, slack*1e-2, nil, func(t float64, p []float64, l float64) {
		worstEta = max(worstEta, l/(math.Exp(-2*t)*v.l0))
		speeds(p, l)
		if nat.Exact(x, x0, t) == nil {
			e, _ := nat.EvalEnergy(nil, x, 0)
			v.EtaBelowNatural = v.EtaBelowNatural && l <= e*(1+slack)
		}
	})
	if err != nil {
		return err
	}
	v.add("T4", "min L_theta(t)/(e^-t L(0))", worstTheta, AtLeast, 1, slack)
	v.add("T4", "max L_nat(t)/(e^-t L(0))", worstNat, AtMost, 1, slack)
	v.add("T4", "max L_eta(t)/(e^-2t L(0))", worstEta, AtMost, 1, slack)
	v.add("T4", "min |L'| in eta over natural, one point", speedEta, AtLeast, 2, slack)
	v.add("T4", "min |L'| natural over theta, one point", speedTheta, AtLeast, 2, slack)
	return nil
}

// speeds returns |dL/dt| of the three forward flows at p: |G⁻¹δ|², χ²(q‖p) and |δ|².
func (v *verifier) speeds(p []float64) map[Geometry]float64 {
	var eta, theta float64
	d := make([]float64, v.n+1)
	kernel.SubTo(d, p, v.q)
	c := d[v.n] / p[v.n]
	for i, x := range d[:v.n] {
		eta += (x/p[i] - c) * (x/p[i] - c)
		theta += x * x
	}
	return map[Geometry]float64{EuclideanEta: eta, Natural: chiSquared(v.q, p), EuclideanTheta: theta}
}

// constant is T5, from the closed form.
func (v *verifier) constant() error {
	f, err := NewKLFlow(v.q, v.n, KLFlowOptions{Coords: DeviationCoords})
	if err != nil {
		return err
	}
	x := make([]float64, v.n)
	if err := f.FromP(x, v.p0); err != nil {
		return err
	}
	if err := f.Exact(x, x, 20); err != nil {
		return err
	}
	e, _ := f.EvalEnergy(nil, x, 0)
	v.add("T5", "e^40 L_nat(20)", math.Exp(40)*e, Equal, chiSquared(v.p0, v.q)/2, 1e-6)
	return nil
}

// invariance is T6: the natural flow in five coordinate systems, one of them nonlinear
// in θ.
func (v *verifier) invariance() error {
	const tol = 1e-10
	times := []float64{0.5, 1, 2, 4}
	for _, loss := range []Loss{Forward, Reverse} {
		var want [][]float64
		keep := func(t float64, p []float64, _ float64) {
			for _, s := range times {
				if t == s {
					want = append(want, append([]float64(nil), p...))
				}
			}
		}
		if err := v.trajectory(KLFlowOptions{Loss: loss, Coords: ThetaCoords}, 4, tol, times[:3], keep); err != nil {
			return err
		}
		worst := 0.0
		i := 0
		compare := func(t float64, p []float64, _ float64) {
			for _, s := range times {
				if t == s {
					for j, x := range want[i] {
						worst = max(worst, math.Abs(x-p[j]))
					}
					i++
				}
			}
		}
		for _, c := range []Coords{EtaCoords, LogitCoords, DeviationCoords} {
			i = 0
			if err := v.trajectory(KLFlowOptions{Loss: loss, Coords: c}, 4, tol, times[:3], compare); err != nil {
				return err
			}
		}
		i = 0
		if err := v.cubic(loss, tol, times[:3], compare); err != nil {
			return err
		}
		v.add("T6", fmt.Sprintf("difference of the natural flow in five coordinates, %v", loss), worst, AtMost, 0, 10*tol)
	}
	return nil
}

// cubic follows the natural flow in the coordinates ξ = θ + 0.1 θ³.
func (v *verifier) cubic(loss Loss, tol float64, times []float64, show func(t float64, p []float64, loss float64)) error {
	f, err := NewKLFlow(v.q, v.n, KLFlowOptions{Loss: loss, Coords: ThetaCoords})
	if err != nil {
		return err
	}
	x, theta, p := make([]float64, v.n), make([]float64, v.n), make([]float64, v.n+1)
	if err := f.FromP(x, v.p0); err != nil {
		return err
	}
	for i, t := range x {
		x[i] = t + 0.1*t*t*t
	}
	invert := func(xi []float64) {
		for i, s := range xi {
			t := math.Cbrt(10 * s)
			if math.Abs(s) < 1 {
				t = s
			}
			for range 60 {
				d := (t + 0.1*t*t*t - s) / (1 + 0.3*t*t)
				t -= d
				if math.Abs(d) <= 1e-16*math.Abs(t) {
					break
				}
			}
			theta[i] = t
		}
	}
	field := flow.FieldFunc(v.n, func(dst, xi []float64, t float64) {
		invert(xi)
		f.Eval(dst, theta, t)
		for i, s := range theta {
			dst[i] *= 1 + 0.3*s*s
		}
	})
	return v.run(field, x, 4, tol, times, func(t float64, xi []float64) {
		invert(xi)
		f.P(p, theta)
		show(t, p, 0)
	})
}

// certified is T8: on {KL(q‖p) <= L(0)} every p_i is at least
// b_i = q_i exp(-(L(0) - (1-q_i) log(1-q_i))/q_i), so that λ_1(G) >= m there.
func (v *verifier) certified() error {
	b := make([]float64, v.n+1)
	low := math.Inf(1)
	for i, q := range v.q {
		b[i] = q * math.Exp(-(v.l0-(1-q)*math.Log1p(-q))/q)
		if i < v.n {
			low = min(low, b[i])
		}
	}
	m := 1 / (1/low + float64(v.n)/b[v.n])
	worst, margin, lambda := 0.0, math.Inf(1), math.Inf(1)
	err := v.trajectory(KLFlowOptions{Geometry: EuclideanTheta, Coords: ThetaCoords}, horizon, 1e-10, nil, func(t float64, p []float64, l float64) {
		worst = max(worst, l/(math.Exp(-2*m*t)*v.l0))
		lambda = min(lambda, extremes(p[:v.n], p[v.n]).Min)
		for i, x := range p {
			margin = min(margin, x/b[i])
		}
	})
	if err != nil {
		return err
	}
	v.add("T8", "min p_i(t)/b_i", margin, AtLeast, 1, 1e-9)
	v.add("T8", "min lambda_1(G) along the flow, certified m", lambda, AtLeast, m, 1e-9)
	v.add("T8", "max L_theta(t)/(e^-2mt L(0))", worst, AtMost, 1, 1e-9)
	return nil
}
