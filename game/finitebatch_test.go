package game

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/internal/philox"
)

// A game in a lane has the metrics it has alone.
func TestFiniteBatch(t *testing.T) {
	r := rand.New(philox.NewSource(3, 0))
	for _, shape := range finiteShapes {
		for _, o := range []*FiniteOptions{nil, randomFiniteOptions(r, shape)} {
			const lanes = 5
			b, err := NewFiniteBatch(shape, lanes, o)
			if err != nil {
				t.Fatal(err)
			}
			for m := range shape {
				for i := range b.Payoffs(m) {
					b.Payoffs(m)[i] = r.NormFloat64()
				}
			}
			got := make([]FiniteMetrics, lanes)
			b.Measure(got)
			b.Measure(got) // again: nothing is left of the first
			for l := range lanes {
				f, err := b.Game(l)
				if err != nil {
					t.Fatal(err)
				}
				p, err := f.Decompose(o)
				if err != nil {
					t.Fatal(err)
				}
				same := func(what string, got, want float64) {
					t.Helper()
					if !(math.Abs(got-want) <= 1e-13*max(1, want)) && !(math.IsNaN(got) && math.IsNaN(want)) {
						t.Errorf("shape %v, lane %d: %s = %v, want %v", shape, l, what, got, want)
					}
				}
				w, g := p.FiniteMetrics, got[l]
				same("total", g.Energy.Total, w.Energy.Total)
				same("potential energy", g.Energy.Potential, w.Energy.Potential)
				same("harmonic energy", g.Energy.Harmonic, w.Energy.Harmonic)
				same("share", g.Share, w.Share)
				same("potentialness", g.Potentialness, w.Potentialness)
				same("flow potentialness", g.FlowPotentialness, w.FlowPotentialness)
				same("MPD", g.MPD, w.MPD)
				if g.Undefined != w.Undefined {
					t.Errorf("shape %v: undefined %v, want %v", shape, g.Undefined, w.Undefined)
				}
			}
		}
	}
}

func TestFiniteBatchErrors(t *testing.T) {
	if _, err := NewFiniteBatch([]int{2, 2}, 0, nil); !errors.Is(err, ErrArgument) {
		t.Errorf("no lanes: error %v", err)
	}
	if _, err := NewFiniteBatch([]int{2, 2}, 1<<30, nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("2^32 payoffs: error %v", err)
	}
	b, err := NewFiniteBatch([]int{2, 2}, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Payoffs(0)[3] = math.NaN() // profile 1, lane 1
	if _, err := b.Game(0); err != nil {
		t.Error(err)
	}
	if _, err := b.Game(1); !errors.Is(err, ErrNotFinite) {
		t.Errorf("NaN: error %v", err)
	}
}

// The mean energy share of games with normal payoffs is a ratio of dimensions, and the
// mean potentialness of uniform payoffs is as tabled.
func TestRandomFiniteShares(t *testing.T) {
	for _, c := range []struct {
		shape                []int
		share, potentialness float64
	}{
		{[]int{2, 2}, .75, .687}, {[]int{3, 3}, 2. / 3, .598}, {[]int{5, 5}, .6, .553},
		{[]int{3, 3, 3}, 13. / 27, .492}, {[]int{2, 2, 2, 2}, .46875, .484},
	} {
		const lanes, blocks = 64, 200
		b, err := NewFiniteBatch(c.shape, lanes, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(philox.NewSource(4, 0))
		metrics := make([]FiniteMetrics, lanes)
		var share, share2, potentialness float64
		for k := range blocks {
			b.Random(5, k)
			b.Measure(metrics)
			for _, g := range metrics {
				potentialness += g.Potentialness
			}
			for m := range c.shape {
				for i := range b.Payoffs(m) {
					b.Payoffs(m)[i] = r.NormFloat64()
				}
			}
			b.Measure(metrics)
			for _, g := range metrics {
				share += g.Share
				share2 += g.Share * g.Share
			}
		}
		const n = lanes * blocks
		share, share2, potentialness = share/n, share2/n, potentialness/n
		if se := math.Sqrt((share2 - share*share) / n); math.Abs(share-c.share) > 4*se {
			t.Errorf("%v: mean share %v ± %v, want %v", c.shape, share, se, c.share)
		}
		if math.Abs(potentialness-c.potentialness) > .005 {
			t.Errorf("%v: mean potentialness %v, want %v", c.shape, potentialness, c.potentialness)
		}
	}
}
