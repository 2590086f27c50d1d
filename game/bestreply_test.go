package game

import (
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// TestBestReply: of two firms Cournot's adjustment converges with the factor -1/2, of
// three it oscillates, of four it diverges (Theocharis, Review of Economic Studies 27
// (1960) 133); fictitious play converges.
func TestBestReply(t *testing.T) {
	for n, want := range map[int]float64{2: 0.5, 3: 1, 4: 1.5} {
		g := must(NewCournot(10, 0.5, make([]float64, n)))
		nash := make([]float64, n)
		g.Nash(nash)
		l := must(Linearise(g, nash))
		if v := must(LocalRate(BestReply{}, l, 1)); math.Abs(v-want) > 1e-12 {
			t.Errorf("%d firms: rate %v, want %v", n, v, want)
		}
		x0 := make([]float64, n)
		x := iterate(t, BestReply{}, g, x0, 8, 1)
		for k := 1; k <= 8; k++ {
			if r := (x[k][0] - nash[0]) / (x[k-1][0] - nash[0]); math.Abs(r+want) > 1e-9 {
				t.Errorf("%d firms, step %d: factor %v, want %v", n, k, r, -want)
			}
		}
		if y := iterate(t, FictitiousPlay{}, g, x0, 4000, 1)[4000]; farthest(y, nash) > 1e-3 {
			t.Errorf("%d firms: fictitious play ends at %v, want %v", n, y, nash)
		}
		s, err := flow.Solve(bg, must(CorrectedFlow(g, BestReply{})), x0, flow.Options[float64]{T1: 60})
		if err != nil || farthest(s.X, nash) > 1e-5 {
			t.Errorf("%d firms: best response dynamics ends at %v (%v), want %v", n, s.X, err, nash)
		}
	}
	// The game's own global responses and Newton steps agree on a convex quadratic game.
	g := randomConvex(t)
	x0 := []float64{0.3, -0.2, 0.5, 0.1, -0.4}
	global, local := iterate(t, BestReply{}, g, x0, 3, 0.7), iterate(t, BestReply{}, struct{ FullGame }{g}, x0, 3, 0.7)
	if d := farthest(global[3], local[3]); d > 1e-12 {
		t.Errorf("global and local responses differ by %v", d)
	}
	if _, err := (FictitiousPlay{}).LinearMap(nil); !errors.Is(err, ErrMissing) {
		t.Errorf("matrix of fictitious play: %v", err)
	}
	// No best response: bilinear.
	for _, h := range []Game{bilinear2(1), must(ParseGame([]int{1, 1}, []string{"x y", "-x y"}))} {
		r, err := flow.New(must(BestReply{}.Integrator(h)), []float64{1, 1}, flow.Options[float64]{Controller: flow.Fixed{H: 1}, MaxSteps: 2})
		if err == nil {
			_, err = r.Solve(bg)
		}
		if !errors.Is(err, ErrSingular) {
			t.Errorf("best response in a bilinear game: %v", err)
		}
	}
}

// randomConvex is randomQuadratic with convex own problems.
func randomConvex(t *testing.T) *Polynomial {
	t.Helper()
	for seed := uint64(0); seed < 50; seed++ {
		g := randomQuadratic(seed)
		if r, err := g.Regrets(make([]float64, 5)); err == nil && !math.IsInf(r[0]+r[1]+r[2], 1) {
			return g
		}
	}
	t.Fatal("no game with convex own problems")
	return nil
}
