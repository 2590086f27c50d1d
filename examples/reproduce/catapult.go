package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/digits"
	"github.com/gradflow/gradflow/internal/philox"
)

// catapultStudy is the memory of the paper: the experiments that several claims
// and figures look at are made once.
type catapultStudy struct {
	job
	runs     []catapultRun
	edges    []catapultEdge
	accuracy []catapultAccuracy
	peaks    []catapultPeaks
	diagram  *catapult.Diagram
}

func newCatapult(j job) *paper {
	s := &catapultStudy{job: j}
	return &paper{
		name:  "catapult",
		title: "The large learning rate phase of deep learning: the catapult mechanism",
		cite:  "Lewkowycz, Bahri, Dyer, Sohl-Dickstein, Gur-Ari, arXiv 2003.02218",
		url:   "https://arxiv.org/abs/2003.02218",
		about: "Gradient descent at a constant learning rate η has three regimes, which the curvature λ₀ of the network at its start tells apart: " +
			"lazy for η < 2/λ₀, where the curvature stays; catapult above, where the loss first grows, the curvature falls below 2/η, and training converges in a flatter region; and divergent above some η_max, 4/λ₀ in the solvable models. " +
			"Curvature means the largest eigenvalue of the tangent kernel, and c is ηλ₀. Networks are trained on the handwritten digits of the UCI repository.",
		claims: []claim{
			{"warmup-map", "Gradient descent on the network is the map in its output f and curvature λ, and on the linear network with data the width-free map in (a, q, M).", s.warmupMap},
			{"phase-boundaries", "In the warm-up model with label 0 the loss falls at every step for ηλ₀ < 2, training converges for 2 < ηλ₀ < 4 and diverges for ηλ₀ > 4, as the certificates of Theorems A and B say without running.", s.phaseBoundaries},
			{"flatter-minimum", "After a catapult the curvature has fallen below 2/η; in the lazy phase it stays at λ₀.", s.flatterMinimum},
			{"log-width-time", "The loss peaks after ½ ln n/ln(ηλ₀ - 1) steps at width n: slope 1/(2 ln 2) = 0.7213 in ln n for ηλ₀ = 3, widths 10² to 10¹².", s.logWidthTime},
			{"relu-edge", "The largest learning rate at which ReLU networks train is about 4/λ₀ with one hidden layer and far larger with two and three.", s.reluEdge},
			{"optimal-rate-digits", "At equal physical time ηt the best test accuracy is reached in the catapult phase, above that at c = 1.", s.optimalRate},
		},
		figures: []figure{
			{"catapult", "Left and middle: loss and curvature of a ReLU network with one hidden layer of 512 units on 256 digits (parity, ±1), for learning rates η = c/λ₀. In the catapult phase the loss first grows and the curvature falls below the border of stability, ηλ = 2 (dashed). Right: final curvature ηλ of the warm-up model for every start, s₀ = (ηf₀)²/n; grey diverges.", s.pictureOverview},
			{"catapult-runs", "Loss and curvature relative to its start, at every learning rate, same network. The colour is the learning rate; the dashed curves diverge.", s.pictureRuns},
			{"catapult-final-curvature", "Curvature at the end over the learning rate: network (each seed) and warm-up model (each start). All of the catapult phase ends below 2/η.", s.pictureFinal},
			{"catapult-map", "The universal map: final curvature ηλ with its stripes, and the step at which the loss peaks. Grey diverges; in the white corner no parameters exist.", s.pictureMap},
			{"catapult-width", "The step of the loss peak over the width at ηλ₀ = 3: warm-up model, linear network on the digits, and the theory's slope 1/(2 ln 2).", s.pictureWidth},
			{"catapult-edge", "What becomes of networks of several depths trained for 150 steps over the learning rate, each row a seed. Dashed: 2 and 4, the thresholds of the warm-up model.", s.pictureEdge},
			{"catapult-accuracy", "Test accuracy after equal physical time over the learning rate: seeds and median.", s.pictureAccuracy},
		},
	}
}

// seeds are the seeds of the networks.
func (s *catapultStudy) seeds(n int) []uint64 {
	v := make([]uint64, n)
	for i := range v {
		v[i] = s.seed + uint64(i)
	}
	return v
}

// parity are m digits with the labels ±1. Networks train in float32, which
// leaves the phases as they are; identities are measured in float64.
func parity[T flow.Float](m int) catapult.Data[T] {
	set := digits.Train[T](m)
	return catapult.Data[T]{X: set.X, Y: set.Parity()}
}

// members runs n independent computations on all cores, telling how many are
// done.
func members(ctx context.Context, n int, told progress, run func(ctx context.Context, i int) error) error {
	var done atomic.Int64
	return flow.Ensemble(ctx, n, 0, func(ctx context.Context, i int) error {
		err := run(ctx, i)
		told(float64(done.Add(1)) / float64(n))
		return err
	})
}

// --- warmup-map

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

// --- phase-boundaries

func (s *catapultStudy) phaseBoundaries(ctx context.Context, told progress) (outcome, error) {
	n := pick(s.job, 6000, 60000, 600000)
	const blocks = 64
	wrong := make([]string, blocks)
	count := make([]int, blocks)
	err := members(ctx, blocks, func(done float64) { told(done / 2) }, func(_ context.Context, b int) error {
		for i := b; i < n; i += blocks {
			why, err := s.checkStart(i)
			if err != nil {
				return err
			}
			if why != "" {
				wrong[b] = why
				count[b]++
			}
		}
		return nil
	})
	if err != nil {
		return outcome{}, err
	}
	violations := 0
	for _, c := range count {
		violations += c
	}
	lower, upper, err := thresholds(1e6)
	if err != nil {
		return outcome{}, err
	}
	edge, err := catapult.StableEdge(ctx, catapult.NetConfig{Sizes: []int{digits.Pixels, 128, 1}, Act: catapult.Identity}, parity[float32](128), catapult.EdgeOptions{
		C: grid(3, 6, pick(s.job, 0.2, 0.1, 0.05)), Seeds: s.seeds(3),
	})
	if err != nil {
		return outcome{}, err
	}
	first := make([]string, len(edge.FirstFailing))
	for i, c := range edge.FirstFailing {
		first[i] = number(c)
	}
	o := outcome{
		want: "no start in another phase; thresholds 2 and 4", tol: "1e-3",
		got: fmt.Sprintf("%d of %d starts; thresholds %.4f and %.4f; the linear network on digits fails first at c = %s",
			violations, n, lower, upper, strings.Join(first, ", ")),
		pass: violations == 0 && math.Abs(lower-2) <= 1e-3 && math.Abs(upper-4) <= 1e-3,
		note: "Starts: widths 10 to 10¹², random weights, ηλ₀ in (0, 6), not within 10⁻³ of a threshold. A start is wrong if the run's phase is not that of its certificate, the loss rises once for ηλ₀ < 2, or a number of the theorem fails beyond rounding. " +
			"Thresholds by bisection at width 10⁶. The linear network (n = 128, 128 digits, three seeds) is reported, not judged: its data have many directions, and Theorems A and B are about one.",
	}
	if violations > 0 {
		for _, why := range wrong {
			if why != "" {
				o.note = "First violation: " + why + ". " + o.note
				break
			}
		}
	}
	told(1)
	return o, nil
}

// grid returns from, from+step, ... up to to.
func grid(from, to, step float64) []float64 {
	var v []float64
	for i := 0; ; i++ {
		x := math.Round((from+float64(i)*step)*1e9) / 1e9
		if x > to+1e-9 {
			return v
		}
		v = append(v, x)
	}
}

// checkStart runs random start i and says what contradicts its certificate.
func (s *catapultStudy) checkStart(i int) (why string, err error) {
	widths := []float64{10, 1e2, 1e4, 1e6, 1e9, 1e12}
	u, _ := philox.Stream{Seed: s.seed, ID: uint32(i)}.Uniforms(philox.Steps, 0, 0)
	kappa0 := 6 * u
	if math.Abs(kappa0-2) < 1e-3 || math.Abs(kappa0-4) < 1e-3 {
		return "", nil
	}
	model, err := catapult.NewWarmup(catapult.WarmupConfig{N: widths[i%len(widths)]}, 1)
	if err != nil {
		return "", err
	}
	x := model.Sample(s.seed, i)
	if model, err = catapult.NewWarmup(model.Config(), kappa0/x[1]); err != nil {
		return "", err
	}
	p := model.Point(x[0], x[1])
	cert, err := catapult.Classify(p.Kappa, p.S)
	if err != nil {
		return "", err
	}
	const steps = 400
	run, err := catapult.MapTrajectory(p.Kappa, p.S, 1<<22)
	if err != nil {
		return "", err
	}
	check, err := catapult.CheckTheorem(p.Kappa, p.S, steps)
	if err != nil {
		return "", err
	}
	fail := func(format string, a ...any) (string, error) {
		return fmt.Sprintf("κ₀ = %v, s₀ = %v: ", p.Kappa, p.S) + fmt.Sprintf(format, a...), nil
	}
	wantTheorem, round := "A", 1e-15*float64(check.Steps+1)
	if p.Kappa > 4 {
		wantTheorem = "B"
	}
	switch {
	case run.Phase != cert.Phase:
		return fail("run %v, certificate %v", run.Phase, cert.Phase)
	case cert.Theorem != wantTheorem:
		return fail("theorem %q, want %q", cert.Theorem, wantTheorem)
	case check.Monotone > 0 || check.Border < -round || check.Slack < -round:
		return fail("monotone %v, border %v, slack %v", check.Monotone, check.Border, check.Slack)
	case wantTheorem == "A" && (run.SumS > cert.SumBound*(1+round) || run.SMax > cert.SMaxBound*(1+round) || run.KappaInf > cert.KappaBound*(1+1e-12)):
		return fail("Σs = %v, s_max = %v, κ_∞ = %v beyond the bounds %v, %v, %v", run.SumS, run.SMax, run.KappaInf, cert.SumBound, cert.SMaxBound, cert.KappaBound)
	case p.Kappa < 2 && !falls(p, steps):
		return fail("the loss rises")
	}
	return "", nil
}

// falls says whether the loss falls at each of the steps from p.
func falls(p catapult.MapPoint, steps int) bool {
	for range steps {
		q := p.Next()
		if q.S > p.S {
			return false
		}
		p = q
	}
	return true
}

// thresholds finds by bisection, at width n and f0 = 1, λ0 = 2, the κ0 above
// which the loss does not fall at every step, and that above which training
// diverges.
func thresholds(n float64) (lower, upper float64, err error) {
	s0 := func(kappa0 float64) float64 { return kappa0 * kappa0 / 4 / n }
	lower = bisect(1.5, 2.5, func(k float64) bool { return !falls(catapult.MapPoint{Kappa: k, S: s0(k)}, 20000) })
	upper = bisect(3.5, 4.5, func(k float64) bool {
		r, e := catapult.MapTrajectory(k, s0(k), 1<<24)
		if e != nil {
			err = e
		}
		return r.Phase == catapult.Divergent
	})
	return lower, upper, err
}

// bisect returns where yes turns from false to true between a and b.
func bisect(a, b float64, yes func(float64) bool) float64 {
	for b-a > 1e-5 {
		if mid := (a + b) / 2; yes(mid) {
			b = mid
		} else {
			a = mid
		}
	}
	return (a + b) / 2
}

// --- flatter-minimum

// catapultRun is a run of the ReLU network with one hidden layer on the digits.
type catapultRun struct {
	seed                 uint64
	c                    float64
	phase                catapult.Phase
	eta, lambda0, lambda float64
	peak                 float64 // largest loss over the first
	peakStep             int
	rises                bool // the loss rises at some step
	trace                []catapult.Point
}

// Width, samples and steps of these runs.
const (
	runWidth   = 512
	runSamples = 256
	runSteps   = 150
)

// digitRuns makes the runs, or returns those made before.
func (s *catapultStudy) digitRuns(ctx context.Context, told progress) ([]catapultRun, error) {
	if s.runs != nil {
		return s.runs, nil
	}
	rates := pick(s.job,
		[]float64{1, 1.9, 2.5, 3, 3.5, 5},
		[]float64{0.5, 1, 1.5, 1.9, 2.1, 2.2, 2.35, 2.5, 2.75, 3, 3.25, 3.5, 3.75, 5},
		append(grid(0.25, 3.9, 0.05), 5))
	seeds := s.seeds(pick(s.job, 3, 3, 10))
	runs := make([]catapultRun, len(seeds)*len(rates))
	err := members(ctx, len(runs), told, func(ctx context.Context, i int) error {
		r := catapultRun{seed: seeds[i%len(seeds)], c: rates[i/len(seeds)]}
		net, err := catapult.NewNet(catapult.OneHidden(digits.Pixels, runWidth, catapult.ReLU), parity[float32](runSamples))
		if err != nil {
			return err
		}
		every := pick(s.job, runSteps, 5, 5)
		if i%len(seeds) == 0 {
			every = pick(s.job, 2, 1, 1) // this one is drawn
		}
		res, err := catapult.Train[float32](ctx, net, net.Init(r.seed, 0), catapult.TrainOptions[float32]{C: r.c, Steps: runSteps, TrackNTK: every})
		if err != nil {
			return err
		}
		r.phase, r.eta, r.lambda0, r.lambda = res.Phase, res.Eta, res.Lambda0.Value, res.Curvature.Value
		r.peak, r.peakStep, r.trace = res.Mechanism.PeakLoss/res.Loss0, res.Mechanism.PeakStep, res.Trace
		for k := 1; k < len(r.trace); k++ {
			r.rises = r.rises || r.trace[k].Loss > r.trace[k-1].Loss
		}
		runs[i] = r
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.runs = runs
	return runs, nil
}

func (s *catapultStudy) flatterMinimum(ctx context.Context, told progress) (outcome, error) {
	runs, err := s.digitRuns(ctx, told)
	if err != nil {
		return outcome{}, err
	}
	var lazy, caught, astray int // astray: not in the phase that c says
	var drift, kappa float64     // largest |λ/λ0 - 1| of lazy runs, ηλ of catapults
	var at3, ratio3, peak3, step3 []float64
	for _, r := range runs {
		switch {
		case r.c <= 1.9:
			lazy++
			drift = max(drift, math.Abs(r.lambda/r.lambda0-1))
			if r.phase != catapult.Lazy || r.rises {
				astray++
			}
		case r.c > 2.05 && r.c <= 3.5:
			caught++
			kappa = max(kappa, r.eta*r.lambda)
			if r.phase != catapult.Catapult {
				astray++
			}
		case r.c >= 5:
			if r.phase != catapult.Divergent {
				astray++
			}
		}
		if r.c == 3 {
			at3, ratio3 = append(at3, r.eta*r.lambda), append(ratio3, r.lambda/r.lambda0)
			peak3, step3 = append(peak3, r.peak), append(step3, float64(r.peakStep))
		}
	}
	worst, starts, err := s.mapFlatness(pick(s.job, 3000, 30000, 300000))
	if err != nil {
		return outcome{}, err
	}
	return outcome{
		want: "ηλ < 2 after every catapult; λ = λ₀ (2 %) without rise of the loss for c ≤ 1.9; divergence at c = 5",
		got: fmt.Sprintf("ηλ ≤ %.3f in %d catapults, ≤ %.4f in %d of the map; λ within %.2f %% of λ₀ in %d lazy runs; %d runs astray",
			kappa, caught, worst, starts, 100*drift, lazy, astray),
		pass: kappa < 2 && caught > 0 && worst < 2 && lazy > 0 && drift <= 0.02 && astray == 0,
		note: fmt.Sprintf("One hidden layer of %d ReLUs, %d digits, %d steps, %d seeds. At c = 3: ηλ = %s to %s at the end, λ/λ₀ = %s to %s, peak loss %s to %s times the first at step %.0f to %.0f.",
			runWidth, runSamples, runSteps, len(at3), number(slices.Min(at3)), number(slices.Max(at3)), number(slices.Min(ratio3)), number(slices.Max(ratio3)),
			number(slices.Min(peak3)), number(slices.Max(peak3)), slices.Min(step3), slices.Max(step3)),
	}, nil
}

// mapFlatness returns the largest κ_∞ of n starts in the catapult phase.
func (s *catapultStudy) mapFlatness(n int) (worst float64, starts int, err error) {
	points, results := make([]catapult.MapPoint, n), make([]catapult.MapResult, n)
	for i := range points {
		u, v := philox.Stream{Seed: s.seed, ID: uint32(i)}.Uniforms(philox.Steps, 1, 0)
		points[i] = catapult.MapPoint{Kappa: 2.01 + 1.98*u, S: math.Pow(10, -12*v)}
	}
	catapult.MapTrajectories(results, points, 1<<22)
	for i, r := range results {
		if r.Phase != catapult.Catapult {
			return 0, 0, fmt.Errorf("map from κ₀ = %v, s₀ = %v is %v", points[i].Kappa, points[i].S, r.Phase)
		}
		worst = max(worst, r.KappaInf)
	}
	return worst, n, nil
}

// --- log-width-time

// catapultPeaks are the peak times of a model over the width.
type catapultPeaks struct {
	name string
	law  catapult.WidthLaw
}

const peakKappa = 3

// peakTimes measures the peaks, or returns those measured before.
func (s *catapultStudy) peakTimes(ctx context.Context, told progress) ([]catapultPeaks, error) {
	if s.peaks != nil {
		return s.peaks, nil
	}
	decades := func(from, to int) (w []float64) {
		for e := from; e <= to; e++ {
			w = append(w, math.Pow(10, float64(e)))
		}
		return w
	}
	models := []struct {
		name   string
		widths []float64
		seeds  int
		peak   func(ctx context.Context, n float64, member int) (int, error)
	}{
		{"warm-up map", decades(2, 12), pick(s.job, 200, 1000, 10000), s.mapPeak},
		{"linear network on digits, width-free", decades(2, 12), pick(s.job, 64, 100, 400), s.linearPeak},
	}
	var all []catapultPeaks
	for i, m := range models {
		widths, peaks := make([]float64, len(m.widths)*m.seeds), make([]int, len(m.widths)*m.seeds)
		err := members(ctx, len(peaks), func(done float64) { told((float64(i) + done) / float64(len(models))) }, func(ctx context.Context, k int) (err error) {
			widths[k] = m.widths[k%len(m.widths)]
			peaks[k], err = m.peak(ctx, widths[k], k)
			return err
		})
		if err != nil {
			return nil, err
		}
		law, err := catapult.FitWidthLaw(peakKappa, widths, peaks)
		if err != nil {
			return nil, err
		}
		all = append(all, catapultPeaks{name: m.name, law: law})
	}
	s.peaks = all
	return all, nil
}

// networkPeaks trains warm-up networks themselves and counts those whose loss
// peaks at the step at which the map does from the same start.
func (s *catapultStudy) networkPeaks(ctx context.Context) (same, all int, err error) {
	widths := pick(s.job, []int{1e2, 1e3, 1e4, 1e5}, []int{1e2, 1e3, 1e4, 1e5, 1e6}, []int{1e2, 1e3, 1e4, 1e5, 1e6, 1e7})
	const seeds = 5
	equal := make([]bool, len(widths)*seeds)
	err = members(ctx, len(equal), func(float64) {}, func(ctx context.Context, i int) error {
		n := float64(widths[i%len(widths)])
		net, err := catapult.NewWarmupNet[float64](catapult.WarmupConfig{N: n})
		if err != nil {
			return err
		}
		theta := net.Init(s.seed, i)
		f, lambda := net.Reduced(theta)
		want, err := catapult.MapTrajectory(peakKappa, peakKappa*peakKappa*f*f/(lambda*lambda*n), 1<<20)
		if err != nil {
			return err
		}
		peak, top := 0, 0.0
		err = descend[float64](ctx, net, theta, peakKappa/lambda, 40, func(k int, theta []float64) {
			if f, _ := net.Reduced(theta); math.Abs(f) > top {
				peak, top = k, math.Abs(f)
			}
		})
		equal[i] = peak == want.TPeak
		return err
	})
	for _, e := range equal {
		if e {
			same++
		}
	}
	return same, len(equal), err
}

// mapPeak draws the start of a network of any width and runs the map.
func (s *catapultStudy) mapPeak(_ context.Context, n float64, member int) (int, error) {
	model, err := catapult.NewWarmup(catapult.WarmupConfig{N: n}, 1)
	if err != nil {
		return 0, err
	}
	x := model.Sample(s.seed, member)
	if model, err = catapult.NewWarmup(model.Config(), peakKappa/x[1]); err != nil {
		return 0, err
	}
	p := model.Point(x[0], x[1])
	r, err := catapult.MapTrajectory(p.Kappa, p.S, 1<<20)
	return r.TPeak, err
}

// linearPeak runs the linear network on digits at any width.
func (s *catapultStudy) linearPeak(ctx context.Context, n float64, member int) (int, error) {
	data := parity[float64](128)
	model, err := catapult.NewReducedLinear(catapult.ReducedConfig{N: n, Eta: 1}, data.X, data.Y.Data)
	if err != nil {
		return 0, err
	}
	start := model.Sample(s.seed, member)
	if model, err = model.At(n, peakKappa/model.NTKTop(start).Value); err != nil {
		return 0, err
	}
	r, err := model.Run(ctx, start, catapult.ReducedOptions[float64]{Steps: 60})
	if err != nil {
		return 0, err
	}
	return r.PeakStep, nil
}

func (s *catapultStudy) logWidthTime(ctx context.Context, told progress) (outcome, error) {
	peaks, err := s.peakTimes(ctx, told)
	if err != nil {
		return outcome{}, err
	}
	const tol = 0.05
	same, all, err := s.networkPeaks(ctx)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{want: fmt.Sprintf("%.4f", peaks[0].law.Predicted), tol: "5 %", pass: same == all}
	var got, note []string
	for _, p := range peaks {
		o.pass = o.pass && math.Abs(p.law.Slope/p.law.Predicted-1) <= tol
		got = append(got, fmt.Sprintf("%.4f (%s)", p.law.Slope, p.name))
		note = append(note, fmt.Sprintf("%s: %d runs, widths %s to %s", p.name, len(p.law.Peaks), number(slices.Min(p.law.Widths)), number(slices.Max(p.law.Widths))))
	}
	got = append(got, fmt.Sprintf("%d of %d networks peak with their map", same, all))
	o.got = strings.Join(got, ", ")
	o.note = "Slope of the peak's step in ln n by least squares over random starts. The warm-up networks themselves were trained at widths up to 10⁵ and more. " + strings.Join(note, "; ") + "."
	return o, nil
}

// --- relu-edge

// catapultEdge is where the networks of a kind stop training.
type catapultEdge struct {
	name   string
	edge   *catapult.Edge
	lo, hi float64 // wanted median of the last stable c; hi = 0: not judged
}

// edgesOf finds the edges, or returns those found before.
func (s *catapultStudy) edgesOf(ctx context.Context, told progress) ([]catapultEdge, error) {
	if s.edges != nil {
		return s.edges, nil
	}
	const n, d = 256, digits.Pixels
	inf := math.Inf(1)
	kinds := []struct {
		name   string
		act    catapult.Activation
		sizes  []int
		c      []float64
		lo, hi float64
	}{
		{"ReLU, 1 hidden", catapult.ReLU, []int{d, n, 1}, pick(s.job, []float64{3, 3.4, 3.8, 4.2, 4.6}, grid(3, 4.6, 0.2), grid(2.6, 5, 0.1)), 3, 4.2},
		{"ReLU, 2 hidden", catapult.ReLU, []int{d, n, n, 1}, pick(s.job, []float64{12}, grid(4, 20, 2), grid(3, 28, 1)), 12, inf},
		{"ReLU, 3 hidden", catapult.ReLU, []int{d, n, n, n, 1}, pick(s.job, []float64{8}, grid(4, 16, 2), grid(3, 20, 1)), 8, inf},
		{"tanh, 1 hidden", catapult.Tanh, []int{d, n, 1}, pick(s.job, nil, grid(3, 6, 0.5), grid(2.6, 6, 0.1)), 0, 0},
		{"tanh, 2 hidden", catapult.Tanh, []int{d, n, n, 1}, pick(s.job, nil, grid(3, 6, 0.5), grid(2.6, 6, 0.1)), 0, 0},
	}
	var all []catapultEdge
	for i, k := range kinds {
		told(float64(i) / float64(len(kinds)))
		if k.c == nil {
			continue
		}
		e, err := catapult.StableEdge(ctx, catapult.NetConfig{Sizes: k.sizes, Act: k.act}, parity[float32](128), catapult.EdgeOptions{C: k.c, Seeds: s.seeds(3)})
		if err != nil {
			return nil, err
		}
		all = append(all, catapultEdge{k.name, e, k.lo, k.hi})
	}
	s.edges = all
	return all, nil
}

func (s *catapultStudy) reluEdge(ctx context.Context, told progress) (outcome, error) {
	edges, err := s.edgesOf(ctx, told)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{want: "last stable c (median of three seeds): one hidden layer 3 to 4.2, two ≥ 12, three ≥ 8", pass: true}
	var got, other, grids []string
	for _, e := range edges {
		m := e.edge.MedianStable()
		text := fmt.Sprintf("%s: %s (%s)", e.name, number(m), numbers(e.edge.LastStable))
		if e.hi == 0 {
			other = append(other, text)
			continue
		}
		got = append(got, text)
		o.pass = o.pass && m >= e.lo && m <= e.hi
	}
	o.got = strings.Join(got, "; ")
	for _, e := range edges {
		grids = append(grids, fmt.Sprintf("%s: %s", e.name, numbers(e.edge.C)))
	}
	o.note = "n = 256 units a layer, 128 digits, 150 steps, three seeds, whose values are in brackets. Stable: finite, loss at most 0.9 of that of f = 0, not rising over the last 20 steps; a network that died is not. Learning rates c tried: " + strings.Join(grids, "; ") + "."
	if len(other) > 0 {
		o.note += " For comparison: " + strings.Join(other, "; ") + "."
	}
	return o, nil
}

// numbers prints a list.
func numbers(v []float64) string {
	t := make([]string, len(v))
	for i, x := range v {
		t[i] = number(x)
	}
	return strings.Join(t, ", ")
}

// --- optimal-rate-digits

// catapultAccuracy is the test accuracy over the learning rate of a kind of
// network.
type catapultAccuracy struct {
	name   string
	c      []float64
	acc    [][]float64 // [c][seed], 0 where training diverged
	phases [][]catapult.Phase
	margin float64
}

// median over the seeds at learning rate j.
func (a *catapultAccuracy) median(j int) float64 {
	v := slices.Sorted(slices.Values(a.acc[j]))
	return v[len(v)/2]
}

// accuracies trains the classifiers, or returns those trained before.
func (s *catapultStudy) accuracies(ctx context.Context, told progress) ([]catapultAccuracy, error) {
	if s.accuracy != nil {
		return s.accuracy, nil
	}
	const d, k = digits.Pixels, digits.Classes
	type kind struct {
		name   string
		sizes  []int
		c      []float64
		time   float64 // physical time in units of 1/λ0
		margin float64
	}
	kinds := pick(s.job,
		[]kind{{"one hidden layer", []int{d, 256, k}, []float64{1, 2.5, 3, 3.5}, 500, 0.04}},
		[]kind{
			{"one hidden layer", []int{d, 512, k}, []float64{1, 1.9, 2.5, 3, 3.5}, 1500, 0.04},
			{"two hidden layers", []int{d, 256, 256, k}, []float64{1, 1.9, 3, 5, 8, 12}, 1500, 0.10},
		},
		[]kind{
			{"one hidden layer", []int{d, 512, k}, []float64{0.5, 1, 1.5, 1.9, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75}, 1500, 0.04},
			{"two hidden layers", []int{d, 512, 512, k}, []float64{1, 1.9, 3, 4, 5, 6.5, 8, 10, 12}, 1500, 0.10},
		})
	seeds := s.seeds(3)
	var all []catapultAccuracy
	for i, kd := range kinds {
		a := catapultAccuracy{name: kd.name, c: kd.c, margin: kd.margin}
		for range kd.c {
			a.acc, a.phases = append(a.acc, make([]float64, len(seeds))), append(a.phases, make([]catapult.Phase, len(seeds)))
		}
		err := members(ctx, len(kd.c)*len(seeds), func(done float64) { told((float64(i) + done) / float64(len(kinds))) }, func(ctx context.Context, m int) (err error) {
			j, seed := m/len(seeds), m%len(seeds)
			a.acc[j][seed], a.phases[j][seed], err = classify(ctx, kd.sizes, seeds[seed], kd.c[j], kd.time)
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	s.accuracy = all
	return all, nil
}

// classify trains a classifier of the digits by least squares for the physical
// time ηt = time/λ0 and returns its test accuracy, 0 if it diverged.
func classify(ctx context.Context, sizes []int, seed uint64, c, time float64) (float64, catapult.Phase, error) {
	set := digits.Train[float32](256)
	net, err := catapult.NewNet(catapult.NetConfig{Sizes: sizes, Act: catapult.ReLU}, catapult.Data[float32]{X: set.X, Y: set.OneHot()})
	if err != nil {
		return 0, 0, err
	}
	theta := net.Init(seed, 0)
	lambda0, err := catapult.Lambda0[float32](net, theta)
	if err != nil {
		return 0, 0, err
	}
	r, err := catapult.Train[float32](ctx, net, theta, catapult.TrainOptions[float32]{
		C: c, Lambda0: lambda0.Value, Time: time / lambda0.Value, NoTrace: true,
	})
	if err != nil || r.Phase == catapult.Divergent {
		return 0, catapult.Divergent, err
	}
	test := digits.Test[float32]()
	out := kernel.NewMatrix[float32](test.X.Rows, digits.Classes)
	net.PredictOn(out, r.Theta, test.X)
	return catapult.Accuracy(out, test.Labels), r.Phase, nil
}

func (s *catapultStudy) optimalRate(ctx context.Context, told progress) (outcome, error) {
	all, err := s.accuracies(ctx, told)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{pass: true}
	var want, got, note []string
	for i := range all {
		a := &all[i]
		best, at1 := 0, 0.0
		var row []string
		for j, c := range a.c {
			if a.median(j) > a.median(best) {
				best = j
			}
			if c == 1 {
				at1 = a.median(j)
			}
			row = append(row, fmt.Sprintf("c = %s: %.3f", number(c), a.median(j)))
		}
		gain := a.median(best) - at1
		o.pass = o.pass && a.c[best] > 2 && gain >= a.margin
		want = append(want, fmt.Sprintf("%s: best c > 2, ≥ %.2f above c = 1", a.name, a.margin))
		got = append(got, fmt.Sprintf("%s: best c = %s with %.3f, %+.3f above c = 1", a.name, number(a.c[best]), a.median(best), gain))
		note = append(note, a.name+": "+strings.Join(row, ", "))
	}
	o.want, o.got = strings.Join(want, "; "), strings.Join(got, "; ")
	o.note = "Ten classes by least squares on one-hot targets, 256 training digits, 1000 test digits, median of three seeds after the same ηt. " + strings.Join(note, "; ") + "."
	return o, nil
}
