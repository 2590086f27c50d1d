package flow

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
)

// TestEnsembleWorkers: results do not depend on the number of workers.
func TestEnsembleWorkers(t *testing.T) {
	const n = 50
	run := func(workers int) []float64 {
		out := make([]float64, n)
		err := Ensemble(context.Background(), n, workers, func(ctx context.Context, i int) error {
			p := problems()["lotka_volterra"]
			p.y0[0] += float64(i) / n
			sol, err := Solve(ctx, p.field(), p.y0, Options[float64]{T1: 2})
			out[i] = sol.X[0]
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := run(1)
	for _, w := range []int{0, 2, 7, 100} {
		for i, x := range run(w) {
			if x != want[i] {
				t.Fatalf("%d workers: member %d is %v, want %v", w, i, x, want[i])
			}
		}
	}
}

func TestEnsembleErrors(t *testing.T) {
	boom := errors.New("boom")
	var ran atomic.Int64
	err := Ensemble(context.Background(), 1000, 3, func(ctx context.Context, i int) error {
		ran.Add(1)
		if i == 5 {
			return boom
		}
		if i > 5 {
			<-ctx.Done() // the others are told to stop
			return ctx.Err()
		}
		return nil
	})
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "member 5") || ran.Load() > 10 {
		t.Errorf("error %v after %d members, want that of member 5", err, ran.Load())
	}
	err = Ensemble(context.Background(), 3, 1, func(_ context.Context, i int) error {
		if i == 1 {
			panic("bug")
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "member 1") || !strings.Contains(err.Error(), "panic: bug") || !strings.Contains(err.Error(), "ensemble_test.go") {
		t.Errorf("error %v, want the panic of member 1 with its stack", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err = Ensemble(ctx, 10, 1, func(_ context.Context, i int) error {
		if i == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "4 of 10") {
		t.Errorf("error %v, want cancelled after 4 of 10", err)
	}
	if err := Ensemble(context.Background(), -1, 0, nil); !errors.Is(err, ErrArgument) {
		t.Errorf("error %v, want ErrArgument", err)
	}
	if err := Ensemble(context.Background(), 0, 0, func(context.Context, int) error { return boom }); err != nil {
		t.Errorf("no members: %v", err)
	}
}
