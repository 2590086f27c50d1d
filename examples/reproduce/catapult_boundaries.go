package main

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/internal/digits"
	"github.com/gradflow/gradflow/internal/philox"
)

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
