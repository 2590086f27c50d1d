package main

import (
	"context"
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/game"
	"github.com/gradflow/gradflow/internal/philox"
)

// gameDynamics is the part of the paper on the dynamics of games.
type gameDynamics struct{ job }

// newDynamics returns its claims and figures.
func newDynamics(j job) ([]claim, []figure) {
	s := &gameDynamics{j}
	return []claim{
			{"diverge-or-recur", "Gradient play of exact vector potential games diverges or recurs: linear ones recur if J is antisymmetric and diverge otherwise, a quartic one explodes in finite time, the ABC flow on the torus comes back.", s.divergeOrRecur},
			{"near-vector-recurs", "Gradient play of the near vector part of every polynomial game of two scalar players runs on closed curves.", s.nearVector},
			{"invariants", "What the dynamics of games conserve, potential, vector, zero-sum and harmonic ones, they conserve along computed runs.", s.invariants},
			{"method-rates", "The distance to the equilibrium of a bilinear game changes by the spectral radius of the method's iteration matrix in every step, or, for methods whose matrix is not normal, in the long run.", s.methodRates},
			{"ipd-opponent-shaping", "In the iterated prisoner's dilemma gradient methods end near defection (mean loss 2), opponent shaping near cooperation (1).", s.shaping},
			{"dirac-gan", "On the Dirac-GAN the flow conserves the distance to the equilibrium, gradient descent spirals out, the corrected methods spiral in.", s.diracGAN},
			{"policy-gradient", "Policy gradient finds the Nash equilibrium of linear-quadratic games; Cournot's adjustment process is unstable beyond the step 2/(b(N+1)).", s.policyGradient},
		}, []figure{
			{"game-methods", "Methods from (1, .5) with η = 0.2: gradient descent leaves the equilibrium of the Dirac-GAN and of the bilinear game xy, alternating descent stays on an ellipse, the corrected methods come in at the rates of their iteration matrices.", s.pictureMethods},
			{"game-rates", "Spectral radius of the iteration matrix for J = [[cos, -sin], [sin, cos]] between a potential game (0°) and a rotation (90°); grey where it is at least 1. Gradient descent has no learning rate for rotations.", s.pictureRates},
		}
}

// squareNormals returns an n x n matrix of normal numbers.
func squareNormals(r *rand.Rand, n int) *mat.Dense { return mat.NewDense(n, n, normals(r, n*n, 1)) }

// traceless removes the trace of a matrix, or its symmetric part.
func traceless(m *mat.Dense, antisymmetric bool) {
	n, _ := m.Dims()
	if antisymmetric {
		var t mat.Dense
		t.CloneFrom(m.T())
		m.Sub(m, &t)
		return
	}
	shift := mat.Trace(m) / float64(n)
	for k := range n {
		m.Set(k, k, m.At(k, k)-shift)
	}
}

// horizon is a time in which a run of x' = -Jx shows what it does: 3000 periods of the
// slowest rotation, or 40 times the time of the fastest growth.
func horizon(j *mat.Dense, antisymmetric bool) (float64, error) {
	var e mat.Eigen
	if !e.Factorize(j, mat.EigenNone) {
		return 0, fmt.Errorf("no eigenvalues of %v", mat.Formatted(j))
	}
	slowest, growth := math.Inf(1), 0.0
	for _, l := range e.Values(nil) {
		slowest, growth = min(slowest, cmplx.Abs(l)), max(growth, -real(l))
	}
	if antisymmetric {
		return 3000 * 2 * math.Pi / slowest, nil
	}
	return 40 / growth, nil
}

func (s *gameDynamics) divergeOrRecur(ctx context.Context, told progress) (outcome, error) {
	const n = 4
	draws := pick(s.job, 200, 1000, 5000)
	wrong := make([]float64, draws)
	ones := []int{1, 1, 1, 1}
	err := members(ctx, draws, told, func(ctx context.Context, i int) error {
		r := rand.New(philox.NewSource(s.seed, i))
		j := squareNormals(r, n)
		anti := i%2 == 0
		traceless(j, anti)
		g, err := game.Affine(ones, j, make([]float64, n))
		if err != nil {
			return err
		}
		t, err := horizon(j, anti)
		if err != nil {
			return err
		}
		f, err := game.Flow(g)
		if err != nil {
			return err
		}
		x0 := normals(r, n, 1)
		enough := 0
		if anti {
			enough = 20
		}
		rep, err := game.ClassifyRun(ctx, flow.ODE(f, flow.DOP853), x0, flow.Options[float64]{T1: t, RelTol: 1e-10, AbsTol: 1e-10, MaxSteps: 1e7},
			game.RunOptions{Eps: 0.3 * kernel.Nrm2(x0), Samples: 16, Enough: enough})
		if err != nil {
			return err
		}
		if want := map[bool]game.Outcome{true: game.Recurrent, false: game.Divergent}[anti]; rep.Outcome != want {
			wrong[i] = 1
		}
		return nil
	})
	if err != nil {
		return outcome{}, err
	}
	blow, err := blowUp(ctx)
	if err != nil {
		return outcome{}, err
	}
	abc, err := s.abc(ctx)
	if err != nil {
		return outcome{}, err
	}
	bad := int(kernel.Sum(wrong))
	return outcome{
		want: fmt.Sprintf("0 of %d linear games otherwise; t* = 0.794793; returns of the ABC flow, |det - 1| = 0", draws), tol: "0; 1e-6; " + number(abc.allowed),
		got:  fmt.Sprintf("%d; %.7f; %d returns in T = %s, |det - 1| = %s", bad, blow, abc.returns, number(abc.time), number(abc.volume)),
		pass: bad == 0 && math.Abs(blow-0.794793) <= 1e-6 && abc.returns >= 3 && abc.volume <= abc.allowed,
		note: fmt.Sprintf("Random J with trace 0 for four players, every other one antisymmetric, with the return ball of radius 0.3|x_0| (20 returns end a run); the vector part (vector first, v = 1) of l_1 = x⁴/4 + x²y - xy, l_2 = y⁴/4 - xy² + 2xy from (.6, -.4); the ABC flow with A = 1, B = √(2/3), C = √(1/3) by volume-preserving splitting with h = 0.1, returns within 0.3 on the torus: mean return time %s, longest %s.", number(abc.mean), number(abc.longest)),
	}, nil
}

// quarticGame is the game of the experiments with polynomial games.
func quarticGame() (*game.Polynomial, error) {
	return game.ParseGame([]int{1, 1}, []string{"1/4 x^4 + x^2 y - x y", "1/4 y^4 - x y^2 + 2 x y"})
}

// blowUp is the explosion time of the vector part of quarticGame.
func blowUp(ctx context.Context) (float64, error) {
	g, err := quarticGame()
	if err != nil {
		return 0, err
	}
	p, err := g.Decompose(game.VectorFirst, game.Gaussian(nil, 1))
	if err != nil {
		return 0, err
	}
	f, err := game.Flow(p.Vector)
	if err != nil {
		return 0, err
	}
	rep, err := game.ClassifyRun(ctx, flow.ODE(f, flow.DOP853), []float64{0.6, -0.4}, flow.Options[float64]{T1: 20, RelTol: 1e-11, AbsTol: 1e-11}, game.RunOptions{})
	if err != nil {
		return 0, err
	}
	if rep.Outcome != game.BlowUp {
		return math.NaN(), nil
	}
	return rep.Time, nil
}

// abcRun is what a long run of the ABC flow did.
type abcRun struct {
	returns                     int
	time, volume, mean, longest float64
	allowed                     float64 // |det - 1|: 1e-12 for 100 steps, growing as a random walk of rounding errors
}

func (s *gameDynamics) abc(ctx context.Context) (abcRun, error) {
	const h = 0.1
	out := abcRun{time: pick(s.job, 1e4, 1e4, 1e6)}
	out.allowed = 1e-12 * math.Sqrt(out.time/h/100)
	g, err := game.NewABC(1, math.Sqrt(2./3), math.Sqrt(1./3))
	if err != nil {
		return out, err
	}
	it, err := game.VolumePreserving(3, g.VectorPotential())
	if err != nil {
		return out, err
	}
	turn := 2 * math.Pi
	back := &game.Returns{Eps: 0.3, Period: []float64{turn, turn, turn}}
	r, err := flow.New[float64](it, []float64{0.3, 0.7, -0.2}, flow.Options[float64]{
		Controller: flow.Fixed{H: h}, MaxSteps: int(out.time / h), Recorder: back, Bound: math.Inf(1),
	})
	if err != nil {
		return out, err
	}
	if _, err := r.Solve(ctx); err != nil {
		return out, err
	}
	out.returns, out.volume = len(back.Times), math.Abs(it.Determinant()-1)
	last := 0.0
	for _, t := range back.Times {
		out.longest = max(out.longest, t-last)
		last = t
	}
	out.mean = last / float64(max(1, out.returns))
	return out, nil
}

// closes says whether the run from x0 comes back to x0, seen on the section through x0
// across the velocity there.
func closes(ctx context.Context, f flow.Field[float64], x0 []float64, watch flow.Recorder[float64]) (bool, error) {
	v, d := make([]float64, len(x0)), make([]float64, len(x0))
	f.Eval(v, x0, 0)
	section, err := game.PlaneSection(v, kernel.Dot(v, x0), flow.Rising)
	if err != nil {
		return false, err
	}
	size := kernel.Nrm2(x0)
	closed := false
	sol, err := flow.Solve(ctx, f, x0, flow.Options[float64]{
		Method: flow.DOP853, T1: 3e3 * size / kernel.Nrm2(v), RelTol: 1e-13, AbsTol: 1e-15, MaxSteps: 1e7,
		Events: []flow.Event[float64]{section},
		Recorder: flow.Multi[float64](watch, flow.RecorderFunc(func(st *flow.Step[float64]) error {
			if st.Kind == flow.AtEvent {
				kernel.SubTo(d, st.X, x0)
				closed = closed || kernel.Nrm2(d) <= 1e-6*size
			}
			return nil
		})),
		Stop: []flow.Stop[float64]{func(*flow.Step[float64]) flow.Status {
			if closed {
				return flow.EventStop
			}
			return flow.Running
		}},
	})
	return closed && sol.Status == flow.EventStop, err
}

func (s *gameDynamics) nearVector(ctx context.Context, told progress) (outcome, error) {
	const tol = 1e-9
	runs := pick(s.job, 60, 400, 4000)
	wrong, drift := make([]float64, runs), make([]float64, runs)
	err := members(ctx, runs, told, func(ctx context.Context, i int) error {
		r := rand.New(philox.NewSource(s.seed+1, i))
		g, err := game.RandomPolynomial([]int{1, 1}, 3+i%3, philox.NewSource(s.seed+4, i))
		if err != nil {
			return err
		}
		v0 := []float64{0.5, 1, 2}[i/3%3]
		p, err := g.Decompose(game.ScalarFirst, game.Gaussian(nil, v0))
		if err != nil {
			return err
		}
		f, err := game.Flow(p.Vector)
		if err != nil {
			return err
		}
		x0 := normals(r, 2, 1)
		inv := p.VectorGame().Invariants()[0]
		start := inv.Value(x0)
		// Where B is small its relative error is not.
		scale := max(math.Abs(start), math.Exp(-kernel.SumSq(x0)/(2*v0)))
		watch := flow.RecorderFunc(func(st *flow.Step[float64]) error {
			drift[i] = max(drift[i], math.Abs(inv.Value(st.X)-start)/scale)
			return nil
		})
		closed, err := closes(ctx, f, x0, watch)
		if !closed {
			wrong[i] = 1
		}
		return err
	})
	if err != nil {
		return outcome{}, err
	}
	bad, worst := int(kernel.Sum(wrong)), kernel.MaxAbs(drift)
	return outcome{
		want: fmt.Sprintf("0 of %d runs that do not close; drift of exp(-|x|²/2v) B relative to exp(-|x_0|²/2v) max(1, |B|) = 0", runs), tol: fmt.Sprintf("0; %g", tol),
		got:  fmt.Sprintf("%d; %s", bad, number(worst)),
		pass: bad == 0 && worst <= tol,
		note: "Losses of degree 3 to 5 with standard normal coefficients, weights with v = 0.5, 1 and 2, starts from N(0, I); a run closes when it crosses the line through x_0 across its velocity within 1e-6 |x_0| of x_0. There is no bound on the game: a Gaussian weight is conserved, and that is enough (Poincaré).",
	}, nil
}
