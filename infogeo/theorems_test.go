package infogeo

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestTheorems(t *testing.T) {
	start := time.Now()
	r, err := VerifyTheorems(context.Background(), []float64{.45, .3, .15, .1}, []float64{.1, .2, .3, .4}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v, want less than 1 s", d)
	}
	if !r.Pass() || !r.EtaBelowNatural {
		t.Errorf("claims fail:\n%v", r)
	}
	seen := map[string]bool{}
	for _, c := range r.Claims {
		seen[c.Theorem] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d theorems checked, want 10", len(seen))
	}
	// Numbers of the reference.
	for _, c := range r.Claims {
		switch c.Statement {
		case "rate of KL(q||p), Euclidean in theta":
			near(t, c.Statement, c.Measured, .058485286667640225, 1e-6)
		case "rate of KL(q||p), Euclidean in eta":
			near(t, c.Statement, c.Measured, 5.4474475121953425, 1e-6)
		case "N(mu, mu^2), target outside the model: rate":
			near(t, c.Statement, c.Measured, 1.845061252829, 1e-6)
		}
	}
}

// TestTheoremsRandom checks them at random places.
func TestTheoremsRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	for range 6 {
		k := 2 + rng.IntN(4)
		q, p := randomSimplex(rng, k), randomSimplex(rng, k)
		_ = Smooth(q, q, .15)
		_ = Smooth(p, p, .15)
		r, err := VerifyTheorems(context.Background(), q, p, rng.IntN(k))
		if err != nil {
			t.Fatal(err)
		}
		if !r.Pass() {
			t.Errorf("q = %v, p0 = %v:\n%v", q, p, r)
		}
	}
}

// TestTheoremsFail: a wrong claim shows.
func TestTheoremsFail(t *testing.T) {
	var r Report
	r.add("T", "", 1, Equal, 1.1, 1e-3)
	r.add("T", "", 1.2, AtMost, 1.1, 1e-3)
	r.add("T", "", 1, AtLeast, 1.1, 1e-3)
	r.add("T", "", math.NaN(), AtLeast, 0, 1)
	for i, c := range r.Claims {
		if c.Pass {
			t.Errorf("claim %d passes", i)
		}
	}
	if r.Pass() {
		t.Error("report passes")
	}
}

func TestTheoremsErrors(t *testing.T) {
	good := []float64{.2, .3, .5}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		ctx   context.Context
		q, p0 []float64
		ref   int
		err   error
	}{
		{context.Background(), []float64{0, 1}, []float64{.5, .5}, 0, ErrBoundary},
		{context.Background(), good, []float64{.5, .6, 0}, 0, ErrInvalid},
		{context.Background(), good, []float64{.5, .5}, 0, ErrShape},
		{context.Background(), good, []float64{.1, .1, .8}, 3, ErrInvalid},
		{context.Background(), good, good, 0, ErrInvalid},
		{ctx, good, []float64{.1, .1, .8}, 0, context.Canceled},
	} {
		if _, err := VerifyTheorems(c.ctx, c.q, c.p0, c.ref); !errors.Is(err, c.err) {
			t.Errorf("%v, %v: %v, want %v", c.q, c.p0, err, c.err)
		}
	}
}
