package main

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
)

// defect is the largest deviation of a step from the map, and of a whole run
// from the map's own run.
type defect struct{ step, run float64 }

func (d *defect) worsen(o defect) { d.step, d.run = max(d.step, o.step), max(d.run, o.run) }

func (s *catapultStudy) warmupMap(ctx context.Context, told progress) (outcome, error) {
	type job struct {
		n     int
		c, y  float64
		width bool // linear network with data
	}
	var jobs []job
	for _, c := range []float64{0.5, 1.5, 2.5, 3, 3.5} {
		for _, n := range pick(s.job, []int{16, 1024}, []int{16, 1024, 65536}, []int{16, 1024, 65536, 1 << 20}) {
			jobs = append(jobs, job{n: n, c: c}, job{n: n, c: c, y: 1})
		}
		for _, n := range pick(s.job, []int{8, 64}, []int{8, 64, 512}, []int{8, 64, 512, 4096}) {
			jobs = append(jobs, job{n: n, c: c, width: true})
		}
	}
	found := make([]defect, len(jobs))
	err := members(ctx, len(jobs), told, func(ctx context.Context, i int) (err error) {
		if j := jobs[i]; j.width {
			found[i], err = s.widthFree(ctx, j.n, j.c)
		} else {
			found[i], err = s.scalarMap(ctx, j.n, j.c, j.y)
		}
		return err
	})
	if err != nil {
		return outcome{}, err
	}
	var scalar, free defect
	for i, j := range jobs {
		if j.width {
			free.worsen(found[i])
		} else {
			scalar.worsen(found[i])
		}
	}
	all := scalar
	all.worsen(free)
	return outcome{
		want: "0 a step, 0 after 60 steps", tol: "1e-12 a step, 1e-8 after 60",
		got:  fmt.Sprintf("%s a step, %s after 60", number(all.step), number(all.run)),
		pass: all.step <= 1e-12 && all.run <= 1e-8,
		note: fmt.Sprintf("Largest relative deviations over %d runs with c from 0.5 to 3.5. Warm-up network, labels 0 and 1: %s and %s; linear network on 32 digits against the width-free map: %s and %s.",
			len(jobs), number(scalar.step), number(scalar.run), number(free.step), number(free.run)),
	}, nil
}

// catapultSteps is the length of the runs of warmup-map: past the peak and into
// convergence.
const catapultSteps = 60

// descend yields the parameters of gradient descent, the start first.
func descend[T flow.Float](ctx context.Context, e flow.Energy[T], theta []T, eta float64, steps int, see func(k int, theta []T)) error {
	r, err := flow.New(descent.GD[T](flow.GradientFlow(e)), theta, flow.Options[T]{
		Controller: flow.Fixed{H: eta}, MaxSteps: steps, Bound: math.Inf(1),
	})
	if err != nil {
		return err
	}
	for step, err := range r.Steps(ctx) {
		if err != nil {
			return err
		}
		see(step.K, step.X)
	}
	return nil
}

// scalarMap compares the warm-up network with the map in (f, λ).
func (s *catapultStudy) scalarMap(ctx context.Context, n int, c, y float64) (defect, error) {
	cfg := catapult.WarmupConfig{N: float64(n), Y: y}
	net, err := catapult.NewWarmupNet[float64](cfg)
	if err != nil {
		return defect{}, err
	}
	theta := net.Init(s.seed, n)
	f, lambda := net.Reduced(theta)
	model, err := catapult.NewWarmup(cfg, c/lambda)
	if err != nil {
		return defect{}, err
	}
	own, ownLambda, lambda0, top := f, lambda, lambda, math.Abs(f)
	var d defect
	err = descend[float64](ctx, net, theta, c/lambda, catapultSteps, func(k int, theta []float64) {
		if k == 0 {
			return
		}
		wantF, wantLambda := model.Step(f, lambda)
		was := math.Abs(f)
		f, lambda = net.Reduced(theta)
		own, ownLambda = model.Step(own, ownLambda)
		// f is a sum of n terms of the size of √n λ: that is what rounding refers
		// to once it has converged.
		scale := max(was, math.Abs(f), lambda0)
		top = max(top, scale)
		d.worsen(defect{
			max(math.Abs(f-wantF)/scale, math.Abs(lambda-wantLambda)/lambda0),
			max(math.Abs(f-own)/top, math.Abs(lambda-ownLambda)/lambda0),
		})
	})
	return d, err
}

// widthFree compares the linear network on digits with the map in (a, q, M).
func (s *catapultStudy) widthFree(ctx context.Context, n int, c float64) (defect, error) {
	data := parity[float64](32)
	net, err := catapult.NewLinearNet(n, 0, data.X, data.Y.Data)
	if err != nil {
		return defect{}, err
	}
	theta := net.Init(s.seed, n)
	eta := c / net.NTKTop(theta).Value
	model, err := catapult.NewReducedLinear(catapult.ReducedConfig{N: float64(n), Eta: eta}, data.X, data.Y.Data)
	if err != nil {
		return defect{}, err
	}
	dim := model.Dim()
	state, want, own, next := make([]float64, dim), make([]float64, dim), make([]float64, dim), make([]float64, dim)
	net.Reduce(state, theta)
	copy(own, state)
	var d defect
	err = descend[float64](ctx, net, theta, eta, catapultSteps, func(k int, theta []float64) {
		if k == 0 {
			return
		}
		model.Next(want, state, k-1)
		net.Reduce(state, theta)
		model.Next(next, own, k-1)
		own, next = next, own
		d.worsen(defect{distance(model, state, want), distance(model, state, own)})
	})
	return d, err
}

// distance is the largest relative distance of the parts a, q and M of two
// states.
func distance(model *catapult.ReducedLinear[float64], x, y []float64) float64 {
	a, q, m := model.Parts(x)
	b, r, n := model.Parts(y)
	rel := func(x, y []float64) float64 {
		diff := make([]float64, len(x))
		kernel.SubTo(diff, x, y)
		return kernel.Nrm2(diff) / kernel.Nrm2(y)
	}
	return max(math.Abs(a-b)/b, rel(q, r), rel(m.Data, n.Data))
}
