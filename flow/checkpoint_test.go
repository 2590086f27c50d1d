package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// drawing is a gradient flow with a mini-batch of its own at every step.
type drawing struct{ c float64 }

func (*drawing) Dim() int { return 1 }
func (d *drawing) EnergyGrad(g, x []float64) float64 {
	if g != nil {
		g[0] = x[0] - d.c
	}
	return (x[0] - d.c) * (x[0] - d.c) / 2
}
func (d *drawing) Caps() Caps[float64] {
	return Caps[float64]{Draw: func(step uint64) { d.c = math.Sin(float64(step * step)) }}
}

// run makes a run twice, once in one go and once saved as JSON after k steps and
// resumed with everything new, and compares every later step bit for bit.
func sameResumed[T Float](t *testing.T, name string, k int, it func() Integrator[T], x0 []T, o func() Options[T]) {
	t.Helper()
	ctx := context.Background()
	trace := func(r *Run[T]) (out []string) {
		for s, err := range r.Steps(ctx) {
			out = append(out, fmt.Sprintf("%d %x %x %x %x %v %v %v", s.K, s.T, s.X, s.Energy, s.Err, s.Stats, s.Status, err))
		}
		return out
	}
	whole, err := New(it(), x0, o())
	if err != nil {
		t.Fatal(err)
	}
	want := trace(whole)
	part, err := New(it(), x0, o())
	if err != nil {
		t.Fatal(err)
	}
	for range k {
		part.Next(ctx)
	}
	c, err := part.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back Checkpoint
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	rest, err := Resume(it(), &back, o())
	if err != nil {
		t.Fatal(err)
	}
	got := trace(rest)
	if len(got) != len(want)-k {
		t.Fatalf("%s from step %d: %d steps, want %d", name, k, len(got), len(want)-k)
	}
	for i, g := range got {
		if w := want[k+i]; g != w {
			t.Fatalf("%s from step %d: step %d is\n%s, want\n%s", name, k, k+i, g, w)
		}
	}
}

func TestResume(t *testing.T) {
	lv := problems()["lotka_volterra"]
	for _, k := range []int{0, 1, 13} {
		for name, m := range methodNames {
			for cname, c := range map[string]Controller{"fixed": Fixed{0.03}, "PI": PI, "PID": H312PID} {
				if _, fixed := c.(Fixed); !fixed && m.(*tableau).embedded == 0 {
					continue
				}
				sameResumed(t, name+" "+cname, k, func() Integrator[float64] { return ODE(lv.field(), m) }, lv.y0, func() Options[float64] {
					return Options[float64]{Controller: c, T1: 9, TStops: []float64{0.4, 1.1}, SaveAt: []float64{0.5}}
				})
			}
		}
		for _, c := range implicitCases() {
			sameResumed(t, c.name, k, c.it, c.x0, func() Options[float64] {
				o := c.o
				o.MaxSteps, o.TStops, o.SaveAt = 30, []float64{0.01, 0.03}, []float64{0.011}
				return o
			})
		}
		sameResumed(t, "events", k, func() Integrator[float64] { f, _ := ball(-1); return ODE(f, DormandPrince) }, []float64{10, 0}, func() Options[float64] {
			_, o := ball(-1)
			o.T1 = 15
			return o
		})
		sameResumed(t, "jumps", k, func() Integrator[float64] { return ODE(lv.field(), DormandPrince) }, lv.y0, func() Options[float64] {
			return Options[float64]{T1: 2, Jump: kick{}}
		})
		sameResumed(t, "energy", k, func() Integrator[float64] {
			return ODE(GradientFlow(EnergyFunc(2, rosenbrock[float64])), BogackiShampine)
		}, []float64{-1.2, 1}, func() Options[float64] {
			return Options[float64]{T1: 0.1, Ledger: true, Stop: []Stop[float64]{StopStationary[float64](1e-3)}}
		})
		sameResumed(t, "mini-batches", k, func() Integrator[float64] { return ODE(GradientFlow[float64](&drawing{}), Euler) }, []float64{2}, func() Options[float64] {
			return Options[float64]{Controller: Fixed{0.1}, MaxSteps: 20}
		})
		sameResumed(t, "float32", k, func() Integrator[float32] {
			return ODE(GradientFlow(EnergyFunc(2, rosenbrock[float32])), DormandPrince)
		}, []float32{-1.2, 1}, func() Options[float32] { return Options[float32]{T1: 0.2} })
		sameResumed(t, "map", k, func() Integrator[float64] {
			return MapFunc(1, func(d, x []float64, k int) error { d[0] = x[0] + 1/float64(k+1); return nil })
		}, []float64{0}, func() Options[float64] { return Options[float64]{T1: 30} })
	}
}

// kick adds a little to x at every third step.
type kick struct{}

func (kick) Limit(_ []float64, _, h float64) float64 { return min(h, 0.05) }
func (kick) Apply(x []float64, _, _ float64, step uint64) (bool, error) {
	if step%3 != 0 {
		return false, nil
	}
	x[0] += 0.01 * math.Cos(float64(step))
	return true, nil
}

// TestResumeCancelled goes on after a cancellation as if nothing had been.
func TestResumeCancelled(t *testing.T) {
	lv := problems()["lotka_volterra"]
	o := Options[float64]{Method: DormandPrince, T1: 10}
	want, err := Solve(context.Background(), lv.field(), lv.y0, o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(ODE(lv.field(), DormandPrince), lv.y0, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for s := range r.Steps(ctx) {
		if s.K == 20 {
			cancel()
		}
	}
	if r.Status() != Cancelled {
		t.Fatalf("status %v, want Cancelled", r.Status())
	}
	c, err := r.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	r, err = Resume(ODE(lv.field(), DormandPrince), c, o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Solve(context.Background())
	if err != nil || got.X[0] != want.X[0] || got.X[1] != want.X[1] || got.Stats != want.Stats {
		t.Errorf("resumed: %v %+v, %v, want %v %+v", got.X, got.Stats, err, want.X, want.Stats)
	}
}

func TestResumeMisfits(t *testing.T) {
	lv := problems()["lotka_volterra"]
	save := func() *Checkpoint {
		r, err := New(ODE(lv.field(), DormandPrince), lv.y0, Options[float64]{T1: 10})
		if err != nil {
			t.Fatal(err)
		}
		r.Next(context.Background())
		c, err := r.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, c := range []struct {
		want []string
		edit func(*Checkpoint)
		o    Options[float64]
		it   Integrator[float64]
	}{
		{[]string{"version", "99", "1"}, func(c *Checkpoint) { c.Version = 99 }, Options[float64]{T1: 10}, nil},
		{[]string{"element size", "32", "64"}, func(c *Checkpoint) { c.Bits = 32 }, Options[float64]{T1: 10}, nil},
		{[]string{"state length", "3", "2"}, func(c *Checkpoint) { c.X = []float64{1, 2, 3} }, Options[float64]{T1: 10}, nil},
		{[]string{"length 1", "dimension of the field, 2"}, func(c *Checkpoint) { c.X, c.Dim = []float64{1}, 1 }, Options[float64]{T1: 10}, nil},
		{[]string{"integrator", "DormandPrince", "BogackiShampine"}, func(*Checkpoint) {}, Options[float64]{T1: 10}, ODE(lv.field(), BogackiShampine)},
		{[]string{"controller", "0.85", "Fixed"}, func(*Checkpoint) {}, Options[float64]{T1: 10, Controller: Fixed{0.1}}, nil},
		{[]string{"direction", "1", "-1"}, func(*Checkpoint) {}, Options[float64]{T1: -10}, nil},
		{[]string{"events", "0", "1"}, func(*Checkpoint) {}, Options[float64]{T1: 10, Events: []Event[float64]{{G: func([]float64, float64) float64 { return 1 }}}}, nil},
		{[]string{"memory", "1 vectors"}, func(c *Checkpoint) { c.Vec = c.Vec[:1] }, Options[float64]{T1: 10}, nil},
		{[]string{"memory vector 0", "1", "2"}, func(c *Checkpoint) { c.Vec[0] = c.Vec[0][:1] }, Options[float64]{T1: 10}, nil},
	} {
		cp := save()
		c.edit(cp)
		it := c.it
		if it == nil {
			it = ODE(lv.field(), DormandPrince)
		}
		_, err := Resume(it, cp, c.o)
		if err == nil || c.want[0] != "length 1" && !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%v: error %v, want ErrCheckpoint", c.want, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("error %q does not name %q", err, w)
			}
		}
	}
	if _, err := Resume(ODE(lv.field(), DormandPrince), nil, Options[float64]{}); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("nil checkpoint: %v", err)
	}
}

// FuzzCheckpoint: no file makes Resume or the run after it panic.
func FuzzCheckpoint(f *testing.F) {
	lv := problems()["lotka_volterra"]
	r, err := New(ODE(lv.field(), DormandPrince), lv.y0, Options[float64]{T1: 10})
	if err != nil {
		f.Fatal(err)
	}
	r.Next(context.Background())
	c, err := r.Checkpoint()
	if err != nil {
		f.Fatal(err)
	}
	data, err := json.Marshal(c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"Format":"gradflow checkpoint","Version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c Checkpoint
		if json.Unmarshal(data, &c) != nil {
			return
		}
		r, err := Resume(ODE(lv.field(), DormandPrince), &c, Options[float64]{T1: 10})
		if err != nil {
			return
		}
		for range 3 {
			r.Next(context.Background())
		}
	})
}
