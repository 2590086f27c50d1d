package deq

import (
	"context"
	"errors"
	"math"
	"testing"
)

// The comparison agrees with the gradients of layer.json, and longer series come
// closer to the exact gradient.
func TestCompareBackward(t *testing.T) {
	ctx := context.Background()
	rules := []Backward{{}, JFB(), {Rule: Neumann, Terms: 3}, {Rule: Damped, Terms: 2}, {Rule: Neumann, Terms: 60}}
	for _, c := range layerCases(t) {
		l := layerOf[float64](t, c)
		eq := &Equilibrium[float64]{}
		if _, err := l.Solve(ctx, eq, fromRows[float64](c.X), tight[float64](nil)); err != nil {
			t.Fatal(err)
		}
		got, err := CompareBackward(ctx, l, eq, fromRows[float64](c.DLdZ), nil, rules...)
		if err != nil || len(got) != len(rules) {
			t.Fatal(err)
		}
		if g := got[0]; math.Abs(g.Cosine-1) > 1e-9 || math.Abs(g.NormRatio-1) > 1e-9 || g.RelativeError > 1e-9 {
			t.Errorf("%s: exact against exact: %+v", c.Activation, g)
		}
		if last := got[len(got)-1]; c.Activation != "sigmoid" && last.RelativeError > 1e-3*got[1].RelativeError+1e-9 {
			t.Errorf("%s: 60 terms are off by %g, one by %g", c.Activation, last.RelativeError, got[1].RelativeError)
		}
		for i, g := range got {
			// |g - e|² = |g|² - 2<g, e> + |e|².
			want := g.NormRatio*g.NormRatio - 2*g.NormRatio*g.Cosine + 1
			if math.Abs(g.RelativeError*g.RelativeError-want) > 1e-12*(1+want) || g.Inner*g.Cosine < 0 {
				t.Errorf("%s: comparison %d does not add up: %+v", c.Activation, i, g)
			}
		}
	}
	l, x, g := peerLayer[float64](8, 2, "easy")
	eq := &Equilibrium[float64]{}
	if _, err := l.Solve(ctx, eq, x, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := CompareBackward(ctx, l, eq, g, nil, Backward{Terms: -1}); !errors.Is(err, ErrArgument) {
		t.Errorf("bad rule: %v", err)
	}
}
