package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// PlaneSection returns the event of crossing the plane normal·x = offset, for Poincaré
// sections: Solution.Events of a run with it holds the crossings, found on the dense
// output of the steps. Errors: ErrArgument, ErrNotFinite.
func PlaneSection(normal []float64, offset float64, d flow.Direction) (flow.Event[float64], error) {
	if err := checkPoint("normal", normal, len(normal)); err != nil {
		return flow.Event[float64]{}, err
	}
	if kernel.Nrm2(normal) == 0 || math.IsNaN(offset) || math.IsInf(offset, 0) {
		return flow.Event[float64]{}, fmt.Errorf("game: PlaneSection: normal = %v, offset = %v, want a vector that is not zero and a finite number: %w", normal, offset, ErrArgument)
	}
	normal = append([]float64(nil), normal...)
	return flow.Event[float64]{Name: "section", Direction: d, G: func(x []float64, _ float64) float64 {
		return kernel.Dot(normal, x) - offset
	}}, nil
}

// AngleSection returns the event that coordinate k passes angle modulo period, in either
// direction, on a torus. Errors: ErrArgument.
func AngleSection(k int, angle, period float64) (flow.Event[float64], error) {
	if k < 0 || !(period > 0) || math.IsInf(period, 1) || math.IsNaN(angle) || math.IsInf(angle, 0) {
		return flow.Event[float64]{}, fmt.Errorf("game: AngleSection: k = %d, angle = %v, period = %v, want k >= 0, a finite angle and a finite period > 0: %w", k, angle, period, ErrArgument)
	}
	return flow.Event[float64]{Name: "section", G: func(x []float64, _ float64) float64 {
		return math.Sin(math.Pi / period * (x[k] - angle))
	}}, nil
}

// WithVolume returns the field of state and logarithmic volume, (x, log det DΦ_t): the
// last coordinate grows as the divergence of f along the trajectory, so that started at
// 0 it is the logarithm of the factor by which the flow Φ_t has changed volumes around
// x_0 (Liouville). The divergence is the trace of the field's Jacobian; errors: ErrMissing
// if it has none, ErrArgument if f is nil.
func WithVolume(f flow.Field[float64]) (flow.Field[float64], error) {
	if f == nil {
		return nil, fmt.Errorf("game: WithVolume: field = nil, want a field: %w", ErrArgument)
	}
	c := flow.CapsOf[float64](f)
	if c.Jacobian == nil {
		return nil, fmt.Errorf("game: WithVolume: %T has no Jacobian: %w", f, ErrMissing)
	}
	n := f.Dim()
	return &volume{f: f, caps: c, n: n, jac: make([]float64, n*n)}, nil
}

type volume struct {
	f    flow.Field[float64]
	caps flow.Caps[float64]
	n    int
	jac  []float64
}

func (v *volume) Dim() int { return v.n + 1 }

func (v *volume) Eval(dst, x []float64, t float64) {
	v.f.Eval(dst[:v.n], x[:v.n], t)
	v.caps.Jacobian(v.jac, x[:v.n], t)
	div := 0.0
	for k := range v.n {
		div += v.jac[k*v.n+k]
	}
	dst[v.n] = div
}

func (v *volume) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{Autonomous: v.caps.Autonomous, Err: v.caps.Err}
}
