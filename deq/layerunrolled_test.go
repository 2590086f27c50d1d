package deq

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// At a fixed point unrolling is the series; away from one it is the derivative of
// the steps.
func TestUnrolled(t *testing.T) {
	ctx := context.Background()
	for _, c := range layerCases(t) {
		l := layerOf[float64](t, c)
		x, dz := fromRows[float64](c.X), fromRows[float64](c.DLdZ)
		for _, rule := range []Backward{{Rule: Neumann, Terms: 1}, {Rule: Neumann, Terms: 4}, {Rule: Damped, Terms: 3, Damping: 0.3}} {
			terms, lambda := rule.terms()
			eq := &Equilibrium[float64]{}
			if _, err := l.Solve(ctx, eq, x, tight[float64](nil)); err != nil {
				t.Fatal(err)
			}
			g, h := &DenseGrad[float64]{WantX: true}, &DenseGrad[float64]{WantX: true}
			if _, err := l.Backward(ctx, g, eq, dz, rule, nil); err != nil {
				t.Fatal(err)
			}
			if err := l.Unroll(eq, terms, lambda); err != nil {
				t.Fatal(err)
			}
			if err := l.BackwardUnrolled(h, eq, dz); err != nil {
				t.Fatal(err)
			}
			for name, p := range map[string][2][]float64{"W": {g.W.Data, h.W.Data}, "U": {g.U.Data, h.U.Data}, "b": {g.B, h.B}, "X": {g.X.Data, h.X.Data}} {
				if !near(p[0], p[1], 1e-11) {
					t.Errorf("%s, %v: d%s = %v by the series, %v unrolled", c.Activation, rule, name, p[0], p[1])
				}
			}
			// From zero, which does not depend on the parameters.
			loss := func() float64 {
				eq := &Equilibrium[float64]{}
				if _, err := l.Solve(ctx, eq, x, &SolveOptions[float64]{MaxEval: 1}); err != nil {
					t.Fatal(err)
				}
				if err := l.Unroll(eq, terms, lambda); err != nil {
					t.Fatal(err)
				}
				if err := l.BackwardUnrolled(h, eq, dz); err != nil {
					t.Fatal(err)
				}
				return kernel.Dot(eq.Z.Data, dz.Data)
			}
			for name, p := range map[string]struct {
				x []float64
				g func() []float64
			}{"W": {l.W.Data, func() []float64 { return h.W.Data }}, "b": {l.B, func() []float64 { return h.B }}} {
				for i := range p.x {
					const step = 1e-6
					old := p.x[i]
					p.x[i] = old + step
					up := loss()
					p.x[i] = old - step
					down := loss()
					p.x[i] = old
					loss()
					if fd := (up - down) / (2 * step); math.Abs(fd-p.g()[i]) > 1e-8*(1+math.Abs(fd)) {
						t.Errorf("%s, %v: d%s[%d] = %v, difference quotient %v", c.Activation, rule, name, i, p.g()[i], fd)
					}
				}
			}
		}
	}
	l, x, g := peerLayer[float64](8, 2, "easy")
	eq := &Equilibrium[float64]{}
	if _, err := l.Solve(ctx, eq, x, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.BackwardUnrolled(&DenseGrad[float64]{}, eq, g); !errors.Is(err, ErrArgument) {
		t.Errorf("BackwardUnrolled without Unroll: %v", err)
	}
	for _, bad := range []struct {
		k int
		l float64
	}{{0, 1}, {1, 0}, {1, 1.5}, {1, math.NaN()}} {
		if err := l.Unroll(eq, bad.k, bad.l); !errors.Is(err, ErrArgument) {
			t.Errorf("Unroll(%d, %v): %v", bad.k, bad.l, err)
		}
	}
}

// The estimator is within four standard errors of the exact penalty.
func TestHutchinson(t *testing.T) {
	ctx := context.Background()
	for _, c := range layerCases(t) {
		l := layerOf[float64](t, c)
		eq := &Equilibrium[float64]{}
		if _, err := l.Solve(ctx, eq, fromRows[float64](c.X), tight[float64](nil)); err != nil {
			t.Fatal(err)
		}
		mean, se, err := HutchinsonPenalty[float64](&eq.forward, eq.Z, 400, 7)
		if err != nil || math.Abs(mean-c.Penalty) > 4*se || !(se > 0) || se > 0.1*c.Penalty {
			t.Errorf("%s: %v ± %v, %v, want %v", c.Activation, mean, se, err, c.Penalty)
		}
		if again, _, _ := HutchinsonPenalty[float64](&eq.forward, eq.Z, 400, 7); again != mean {
			t.Errorf("%s: %v and %v from one seed", c.Activation, mean, again)
		}
		if _, _, err := HutchinsonPenalty[float64](&eq.forward, eq.Z, 1, 7); !errors.Is(err, ErrArgument) {
			t.Errorf("one vector: %v", err)
		}
		if _, _, err := HutchinsonPenalty[float64](&eq.forward, kernel.NewMatrix[float64](0, 4), 5, 7); !errors.Is(err, ErrEmpty) {
			t.Errorf("no samples: %v", err)
		}
	}
}
