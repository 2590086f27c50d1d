package main

import (
	"context"
	"fmt"
	"image/color"
	"math"
	"math/rand/v2"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// Sizes of the layers whose fixed points are found.
const layerUnits, layerInputs, layerBatch = 24, 5, 8

// solvedLayer is a layer that a solver can be set on, and its certificate.
type solvedLayer struct {
	solve func(ctx context.Context, eq *deq.Equilibrium[float64], o *deq.SolveOptions[float64]) (*deq.SolveStats, error)
	cert  *deq.LayerCertificate
}

// drawLayer returns random weights, inputs and biases.
func (s *deqStudy) drawLayer(member int) (w, skew, u, x kernel.Matrix[float64], b []float64) {
	r := rand.New(philox.NewSource(s.seed, 1<<21+member))
	mat := func(rows, cols int, scale float64) kernel.Matrix[float64] {
		return kernel.MatrixOf(rows, cols, normals(r, rows*cols, scale))
	}
	scale := 1 / math.Sqrt(layerUnits)
	return mat(layerUnits, layerUnits, scale), mat(layerUnits, layerUnits, scale/2), mat(layerUnits, layerInputs, 1), mat(layerBatch, layerInputs, 1), normals(r, layerUnits, 0.3)
}

// contraction returns a tanh layer with |W|₂ = norm. W is symmetric with its largest
// eigenvalues at norm, and the inputs are small: tanh does not make it easier.
func (s *deqStudy) contraction(member int, norm float64) (*solvedLayer, error) {
	w, _, u, x, b := s.drawLayer(member)
	sym := kernel.NewMatrix[float64](layerUnits, layerUnits)
	kernel.Syrk(sym, 1, w, 0)
	l := &deq.Dense[float64]{W: sym, U: u, B: b, Act: deq.Tanh()}
	kernel.Scal(0.05, u.Data)
	kernel.Scal(0.05, b)
	cert, err := l.Certify()
	if err != nil {
		return nil, err
	}
	kernel.Scal(norm/cert.Norm2, sym.Data)
	if cert, err = l.Certify(); err != nil {
		return nil, err
	}
	return &solvedLayer{func(ctx context.Context, eq *deq.Equilibrium[float64], o *deq.SolveOptions[float64]) (*deq.SolveStats, error) {
		return l.Solve(ctx, eq, x, o)
	}, cert}, nil
}

// monotoneLayer returns a monotone layer of rectifiers with λ_min(sym(I-W)) near μ.
func (s *deqStudy) monotoneLayer(member int, mu float64) (*solvedLayer, error) {
	a, skew, u, x, b := s.drawLayer(member)
	a.Rows, a.Data = layerUnits-4, a.Data[:(layerUnits-4)*layerUnits] // so that μ is sharp
	m := &deq.Monotone[float64]{Mu: mu, A: a, Skew: skew, U: u, B: b, Act: deq.ReLU()}
	if err := m.Update(); err != nil {
		return nil, err
	}
	cert, err := m.Dense().Certify()
	if err != nil {
		return nil, err
	}
	return &solvedLayer{func(ctx context.Context, eq *deq.Equilibrium[float64], o *deq.SolveOptions[float64]) (*deq.SolveStats, error) {
		return m.Solve(ctx, eq, x, o)
	}, cert}, nil
}

// certified compares the certified errors of solves of all lengths with the true ones
// and shows both to see.
func (l *solvedLayer) certified(ctx context.Context, solver deq.Solver, see func(bound, truth float64)) error {
	eq := deq.Equilibrium[float64]{Certificate: l.cert}
	if _, err := l.solve(ctx, &eq, &deq.SolveOptions[float64]{RelTol: 1e-14, MaxEval: 20000}); err != nil {
		return err
	}
	exact := append([]float64(nil), eq.Z.Data...)
	diff := make([]float64, layerUnits)
	for budget := 1; budget <= 128; budget += 1 + budget/3 {
		st, err := l.solve(ctx, &eq, &deq.SolveOptions[float64]{Solver: solver, RelTol: 1e-12, MaxEval: budget})
		if err != nil {
			return err
		}
		truth := 0.0
		for i := range layerBatch {
			kernel.SubTo(diff, eq.Z.Row(i), exact[i*layerUnits:][:layerUnits])
			truth = max(truth, kernel.Nrm2(diff))
		}
		see(st.CertifiedError, truth)
	}
	return nil
}

// solvedLayers are contractions and monotone layers with the solvers for them.
func (s *deqStudy) solvedLayers(member int) (map[string]*solvedLayer, error) {
	all := map[string]*solvedLayer{}
	for _, norm := range []float64{0.3, 0.9, 0.99} {
		l, err := s.contraction(member, norm)
		if err != nil {
			return nil, err
		}
		all[fmt.Sprintf("|W|₂ = %v", norm)] = l
	}
	for _, mu := range []float64{0.02, 0.3} {
		l, err := s.monotoneLayer(member, mu)
		if err != nil {
			return nil, err
		}
		all[fmt.Sprintf("μ = %v", mu)] = l
	}
	return all, nil
}

func (s *deqStudy) certificates(ctx context.Context, told progress) (outcome, error) {
	layers := pick(s.job, 6, 40, 300)
	worst, points := make([]float64, layers), make([]int, layers)
	err := members(ctx, layers, told, func(ctx context.Context, i int) error {
		all, err := s.solvedLayers(i)
		if err != nil {
			return err
		}
		for _, l := range all {
			for _, solver := range []deq.Solver{deq.Relaxed{}, deq.Anderson{}, deq.Broyden{}} {
				// The reference has errors of some 1e-14 over the condition.
				err := l.certified(ctx, solver, func(bound, truth float64) {
					if bound > 1e-10 {
						points[i]++
						worst[i] = max(worst[i], truth/bound)
					}
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return outcome{}, err
	}
	total := 0
	for _, n := range points {
		total += n
	}
	ratio := kernel.MaxAbs(worst)
	return outcome{
		want: "true error / certified error at most 1", tol: "0",
		got:  fmt.Sprintf("at most %.4f", ratio),
		pass: ratio <= 1 && total > 20*layers,
		note: fmt.Sprintf("%d points at which solves by relaxation, Anderson's and Broyden's methods were cut short, of layers with |W|₂ from 0.3 to 0.99 and monotone ones with μ = 0.02 and 0.3.", total),
	}, nil
}

// pictureSolvers shows the work of the solvers as layers come near the limits of
// well-posedness, and certified against true errors.
func (s *deqStudy) pictureSolvers(ctx context.Context) (picture, error) {
	const most = 3000
	norms, mono, errors := newPlot("Contractions", "1 - |W|₂", "evaluations and products"), newPlot("Monotone layers", "μ", ""), newPlot("Errors", "true", "certified")
	for _, p := range []*plot.Plot{norms, mono, errors} {
		gridlines(p)
	}
	colors := []color.Color{blue, orange, vermillion, purple, sky, ink}
	// effort draws a line of evaluations over the parameter of a layer.
	effort := func(p *plot.Plot, values []float64, layer func(v float64) (*solvedLayer, error), solvers ...deq.Solver) error {
		for k, solver := range solvers {
			var line plotter.XYs
			for _, v := range values {
				l, err := layer(v)
				if err != nil {
					return err
				}
				st, err := l.solve(ctx, new(deq.Equilibrium[float64]), &deq.SolveOptions[float64]{Solver: solver, RelTol: 1e-8, MaxEval: most})
				if err != nil {
					return err
				}
				if st.Status == flow.Converged {
					line = append(line, plotter.XY{X: math.Log10(v), Y: float64(st.Evals + st.JacVecs)})
				}
			}
			if len(line) == 0 {
				continue
			}
			if err := curve(p, line, colors[k], nil, solver.Name()); err != nil {
				return err
			}
		}
		return nil
	}
	var gaps, mus []float64
	for e := -3.0; e <= -0.04; e += 0.18 {
		gaps = append(gaps, math.Pow(10, e))
		mus = append(mus, math.Pow(10, e))
	}
	err := effort(norms, gaps, func(gap float64) (*solvedLayer, error) { return s.contraction(1, 1-gap) },
		deq.Picard{}, deq.Relaxed{}, deq.Anderson{}, deq.Broyden{}, deq.NewtonKrylov{}, deq.Auto{})
	if err != nil {
		return picture{}, err
	}
	err = effort(mono, mus, func(mu float64) (*solvedLayer, error) { return s.monotoneLayer(1, mu) },
		deq.ForwardBackward{}, deq.PeacemanRachford{}, deq.Anderson{}, deq.Broyden{}, deq.NewtonKrylov{})
	if err != nil {
		return picture{}, err
	}
	if err := s.errorDots(ctx, errors); err != nil {
		return picture{}, err
	}
	for _, p := range []*plot.Plot{norms, mono} {
		logY(p, 3, 100*most)
		p.X.Min, p.X.Max, p.X.Tick.Marker = -3, 0, decades(-3, 0, 1)
		p.Legend.Top = true
	}
	return sideBySide(780, 300, []float64{1, 1, 1}, norms, mono, errors), nil
}

// errorDots draws certified over true errors, with the line where they are equal.
func (s *deqStudy) errorDots(ctx context.Context, p *plot.Plot) error {
	if err := curve(p, plotter.XYs{{X: -10, Y: 1e-10}, {X: 2, Y: 100}}, gray, dashed, ""); err != nil {
		return err
	}
	for k, build := range []func() (*solvedLayer, error){
		func() (*solvedLayer, error) { return s.contraction(2, 0.9) },
		func() (*solvedLayer, error) { return s.monotoneLayer(2, 0.3) },
	} {
		l, err := build()
		if err != nil {
			return err
		}
		var pts plotter.XYs
		for _, solver := range []deq.Solver{deq.Relaxed{}, deq.Anderson{}, deq.Broyden{}} {
			err := l.certified(ctx, solver, func(bound, truth float64) {
				if truth > 1e-10 && bound < 100 {
					pts = append(pts, plotter.XY{X: math.Log10(truth), Y: bound})
				}
			})
			if err != nil {
				return err
			}
		}
		if err := dots(p, pts, []color.Color{blue, vermillion}[k], 2, []string{"|W|₂ = 0.9", "μ = 0.3"}[k]); err != nil {
			return err
		}
	}
	logY(p, 1e-10, 100)
	p.X.Min, p.X.Max, p.X.Tick.Marker = -10, 2, decades(-10, 2, 4)
	p.Legend.Top, p.Legend.Left = true, true
	return nil
}

// decades are the ticks of an axis that shows decimal logarithms.
func decades(lo, hi, step int) plot.ConstantTicks {
	var t plot.ConstantTicks
	for e := lo; e <= hi; e += step {
		t = append(t, plot.Tick{Value: float64(e), Label: power(e)})
	}
	return t
}
