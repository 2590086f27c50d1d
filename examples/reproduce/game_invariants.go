package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/probe"
	"github.com/gradflow/gradflow/game"
	"github.com/gradflow/gradflow/internal/philox"
)

// conservation is a row of the table of conserved quantities: a flow from x0 and what it
// keeps.
type conservation struct {
	name string
	f    flow.Field[float64]
	x0   []float64
	time float64
	inv  []flow.Invariant[float64]
}

func (s *gameDynamics) invariants(ctx context.Context, told progress) (outcome, error) {
	const tol = 1e-9
	smooth, err := s.smoothRows()
	if err != nil {
		return outcome{}, err
	}
	finite, err := finiteRows(s.job)
	if err != nil {
		return outcome{}, err
	}
	rows := append(smooth, finite...)
	drift := make([]float64, len(rows))
	err = members(ctx, len(rows), told, func(ctx context.Context, i int) error {
		c := rows[i]
		d, err := probe.NewDrift(c.inv...)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		_, err = flow.Solve(ctx, c.f, c.x0, flow.Options[float64]{Method: flow.DOP853, T1: c.time, RelTol: 1e-12, AbsTol: 1e-13, Recorder: d})
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		for _, st := range d.Stats() {
			if !(st.Max <= drift[i]*max(1, math.Abs(st.Start))) {
				drift[i] = st.Max / max(1, math.Abs(st.Start))
			}
		}
		return nil
	})
	if err != nil {
		return outcome{}, err
	}
	worst, shown := 0.0, make([]string, len(rows))
	for i, d := range drift {
		worst = max(worst, d)
		shown[i] = rows[i].name + " " + number(d)
	}
	return outcome{
		want: fmt.Sprintf("drift of %d conserved quantities = 0", len(rows)), tol: fmt.Sprint(tol),
		got: "at most " + number(worst), pass: worst <= tol,
		note: "Relative to max(1, value at the start), T = 20 at a relative tolerance of 1e-12 (200 for harmonic and zero-sum games with finitely many actions, 1 for the stream function, whose flow explodes elsewhere): " + strings.Join(shown, "; ") + ".",
	}, nil
}

// smoothRows are the quantities of games on R^n.
func (s *gameDynamics) smoothRows() ([]conservation, error) {
	r := rand.New(philox.NewSource(s.seed+3, 0))
	var rows []conservation
	add := func(name string, g game.Game, x0 []float64, time float64, inv ...flow.Invariant[float64]) error {
		if g, ok := g.(game.Invarianter); ok && inv == nil {
			inv = g.Invariants()
		}
		f, err := game.Flow(g)
		rows = append(rows, conservation{name, f, x0, time, inv})
		return err
	}
	a := squareNormals(r, 3)
	bilinear, err := game.NewBilinear(a)
	if err != nil {
		return nil, err
	}
	j := squareNormals(r, 4)
	traceless(j, true)
	hamilton, err := game.Affine([]int{1, 1, 1, 1}, j, normals(r, 4, 1))
	if err != nil {
		return nil, err
	}
	xi := make([]float64, 4)
	half := flow.Invariant[float64]{Name: "|ξ|²/2", Value: func(x []float64) float64 {
		hamilton.Field(xi, x)
		v := 0.0
		for _, c := range xi {
			v += c * c / 2
		}
		return v
	}}
	quartic, err := quarticGame()
	if err != nil {
		return nil, err
	}
	part := func(d game.Decomposition, w game.Weight) *game.Parts {
		p, e := quartic.Decompose(d, w)
		if e != nil && err == nil {
			err = e
		}
		return p
	}
	near, jet, exact := part(game.ScalarFirst, game.Gaussian(nil, 1)), part(game.ScalarFirst, game.Jet(nil)), part(game.VectorFirst, game.Gaussian(nil, 1))
	if err != nil {
		return nil, err
	}
	for _, e := range []error{
		add("bilinear |x|²+|y|²", bilinear, normals(r, 6, 1), 20),
		add("Hamiltonian |ξ|²/2", hamilton, normals(r, 4, 1), 20, half),
		add("Dirac-GAN", game.NewDiracGAN(game.Logistic), []float64{1, 0.5}, 20),
		add("Wasserstein GAN", game.NewDiracGAN(game.Wasserstein), []float64{1, 0.5}, 20),
		add("softmax pennies", game.NewSoftmaxPennies(), []float64{0.5, -0.3}, 20),
		add("near vector e^(-r²/2)B", near.Vector, []float64{0.6, -0.4}, 20, near.VectorGame().Invariants()...),
		add("jet |x|²", jet.Vector, []float64{0.6, -0.4}, 20, jet.VectorGame().Invariants()...),
		add("stream function", exact.Vector, []float64{-0.1, 0.1}, 1, exact.VectorGame().Invariants()...),
	} {
		if e != nil {
			return nil, e
		}
	}
	return rows, nil
}
