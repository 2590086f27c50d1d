package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/game"
	"github.com/gradflow/gradflow/internal/philox"
)

// ratedMethods are the methods of the comparison of rates. Normal says that the iteration
// matrix is normal on a bilinear game, so that every single step changes |x| by its
// spectral radius.
var ratedMethods = []struct {
	m      game.Method
	normal bool
}{
	{game.GD{}, true}, {game.Extragradient{}, true}, {game.Proximal{}, true}, {game.Consensus{Gamma: 0.3}, true},
	{game.SGA{}, true}, {game.CGD{}, true}, {game.LookAhead{Alpha: 0.2}, true}, {game.LOLA{Alpha: 0.2}, true},
	{game.LOLA{Alpha: 0.2, Variant: game.Published}, true}, {game.LOLA{Alpha: 0.2, Variant: game.Exact}, true},
	{game.AltGD{}, false}, {game.Optimistic{}, false}, {game.Popov{}, false}, {game.HeavyBall{Beta: -0.3}, false},
	{game.HeavyBall{Beta: 0.3}, false}, {game.HeavyBall{Beta: -0.5, Alternating: true}, false},
}

// bilinearGame is l_1 = s xy, l_2 = -s xy.
func bilinearGame(s float64) (*game.Bilinear, error) {
	return game.NewBilinear(mat.NewDense(1, 1, []float64{s}))
}

// slopeOf is the slope of the line through log|x_t| over the steps from..to of a method,
// by least squares; fewer steps if |x_t| comes near the smallest numbers before.
func slopeOf(ctx context.Context, m game.Method, g game.Game, x0 []float64, eta float64, from, to int) (float64, error) {
	it, err := m.Integrator(g)
	if err != nil {
		return 0, err
	}
	r, err := flow.New(it, x0, flow.Options[float64]{Controller: flow.Fixed{H: eta}, MaxSteps: to, Bound: math.Inf(1)})
	if err != nil {
		return 0, err
	}
	var t, size []float64
	for st, err := range r.Steps(ctx) {
		if err != nil {
			return 0, err
		}
		v := kernel.Nrm2(st.X)
		if v < 1e-140 { // squares are near underflow
			break
		}
		if st.K >= from {
			t, size = append(t, float64(st.K)), append(size, math.Log(v))
		}
	}
	if len(t) < 10 {
		return math.NaN(), fmt.Errorf("%s with η = %v: only %d steps to fit", m.Name(), eta, len(t))
	}
	_, slope := stat.LinearRegression(t, size, nil, false)
	return slope, nil
}

func (s *gameDynamics) methodRates(ctx context.Context, told progress) (outcome, error) {
	const tight, loose = 1e-8, 2e-3
	g, err := bilinearGame(1)
	if err != nil {
		return outcome{}, err
	}
	l, err := game.Linearise(g, []float64{0, 0})
	if err != nil {
		return outcome{}, err
	}
	points := pick(s.job, 25, 120, 1200)
	type worst struct{ normal, other float64 }
	off := make([]worst, points)
	at := make([]string, points)
	err = members(ctx, points, told, func(ctx context.Context, i int) error {
		eta := 0.01 + (1.2-0.01)*float64(i)/float64(points-1)
		for _, c := range ratedMethods {
			rho, err := game.LocalRate(c.m, l, eta)
			if err != nil {
				return err
			}
			from, to := 200, 400
			if c.normal {
				from = 0 // every step is as good, and steep slopes underflow
			}
			slope, err := slopeOf(ctx, c.m, g, []float64{1, 0.5}, eta, from, to)
			if err != nil {
				return err
			}
			if !c.normal && !distinct(c.m, l, eta) {
				continue // near a double root |x| also grows with t
			}
			d := math.Abs(slope - math.Log(rho))
			if c.normal {
				off[i].normal = max(off[i].normal, d)
			} else if d > off[i].other {
				off[i].other = d
				at[i] = fmt.Sprintf("%s at η = %.3f", c.m.Name(), eta)
			}
		}
		return nil
	})
	if err != nil {
		return outcome{}, err
	}
	var all worst
	where := ""
	for i, w := range off {
		all.normal = max(all.normal, w.normal)
		if w.other > all.other {
			all.other, where = w.other, at[i]
		}
	}
	return outcome{
		want: "slope of log|x_t| = log ρ: normal matrices; others", tol: fmt.Sprintf("%g; %g", tight, loose),
		got:  fmt.Sprintf("off by %s; %s", number(all.normal), number(all.other)),
		pass: all.normal <= tight && all.other <= loose,
		note: fmt.Sprintf("xy with s = 1 from (1, .5), %d learning rates in [.01, 1.2], %d methods. For matrices that are not normal the slope is that of the line through t = 200 to 400, around which elliptic orbits oscillate (worst: %s); learning rates at which the two largest eigenvalues differ by less than 3 %% are left out.", points, len(ratedMethods), where),
	}, nil
}

// distinct says whether no two eigenvalues that are not conjugate are within 3 % of the
// largest absolute value.
func distinct(m game.Method, l *game.Linear, eta float64) bool {
	a, err := m.LinearMap(l, eta)
	if err != nil {
		return false
	}
	var e mat.Eigen
	if !e.Factorize(a, mat.EigenNone) {
		return false
	}
	v := e.Values(nil)
	rho := 0.0
	for _, z := range v {
		rho = max(rho, math.Hypot(real(z), imag(z)))
	}
	for i, z := range v {
		for _, w := range v[:i] {
			size := math.Hypot(real(z), imag(z))
			gap := math.Abs(size - math.Hypot(real(w), imag(w)))
			conjugate := math.Abs(real(z)-real(w))+math.Abs(imag(z)+imag(w)) < 1e-9*rho
			if size > 0.9*rho && !conjugate && gap < 0.03*rho && gap > 0 {
				return false
			}
		}
	}
	return true
}

//go:embed game_ipd.json
var ipdReference []byte

// shapedMethods are the methods of the experiment on the iterated prisoner's dilemma.
var shapedMethods = []game.Method{
	game.GD{}, game.LookAhead{}, game.Extragradient{}, game.CGD{}, game.SGA{Align: true}, game.Consensus{},
	game.LOLA{}, game.SOS{}, game.LOLA{Variant: game.Published},
}

func (s *gameDynamics) shaping(ctx context.Context, told progress) (outcome, error) {
	const tol = 1e-3
	var ref struct {
		X0      [][]float64
		Results map[string]struct {
			Mean []float64 `json:"mean_loss"`
		}
	}
	if err := json.Unmarshal(ipdReference, &ref); err != nil {
		return outcome{}, err
	}
	g, err := game.NewIPD(game.IPDOptions{Unscaled: true})
	if err != nil {
		return outcome{}, err
	}
	off := 0.0
	var shown []string
	loss := make([]float64, 2)
	for i, m := range shapedMethods {
		runs, err := game.PlayEach(ctx, g, m, ref.X0, 0, flow.Options[float64]{Controller: flow.Fixed{H: 1}, MaxSteps: 100})
		if err != nil {
			return outcome{}, err
		}
		mean := make([]float64, 2)
		for _, r := range runs {
			g.Losses(loss, r.X)
			kernel.Axpy(g.Normalised()/float64(len(runs)), loss, mean)
		}
		want := ref.Results[m.Name()].Mean
		if len(want) != len(mean) {
			return outcome{}, fmt.Errorf("no reference for %s", m.Name())
		}
		for k, v := range mean {
			off = max(off, math.Abs(v-want[k]))
		}
		shown = append(shown, fmt.Sprintf("%s %.5f", m.Name(), mean[0]))
		told(float64(i+1) / float64(len(shapedMethods)))
	}
	return outcome{
		want: "mean losses of both players after 100 steps as computed by automatic differentiation", tol: fmt.Sprint(tol),
		got: fmt.Sprintf("off by %s", number(off)), pass: off <= tol,
		note: "γ = 0.96, discounted sums as losses, learning rate and α 1, 20 starts; mean normalised loss of player 1 (defection 2, cooperation 1): " + strings.Join(shown, ", ") + ".",
	}, nil
}

func (s *gameDynamics) diracGAN(ctx context.Context, told progress) (outcome, error) {
	g := game.NewDiracGAN(game.Logistic)
	x0 := []float64{1, 0.5}
	f, err := game.Flow(g)
	if err != nil {
		return outcome{}, err
	}
	sol, err := flow.Solve(ctx, f, x0, flow.Options[float64]{Method: flow.DOP853, T1: 100, RelTol: 1e-12, AbsTol: 1e-13})
	if err != nil {
		return outcome{}, err
	}
	drift := math.Abs(kernel.SumSq(sol.X) - 1.25)
	l, err := game.Linearise(g, []float64{0, 0})
	if err != nil {
		return outcome{}, err
	}
	// Late slopes against the spectral radius at the equilibrium, for methods that come
	// near enough to it; the others have to go out.
	const eta, steps = 0.5, 4000
	inward := []game.Method{game.Extragradient{}, game.Optimistic{}, game.SGA{}, game.Consensus{}, game.Proximal{}, game.CGD{}, game.LookAhead{}, game.LOLA{}}
	wrong, off := 0, 0.0
	for i, m := range append([]game.Method{game.GD{}}, inward...) {
		it, err := m.Integrator(g)
		if err != nil {
			return outcome{}, err
		}
		r, err := flow.New(it, x0, flow.Options[float64]{Controller: flow.Fixed{H: eta}, MaxSteps: steps})
		if err != nil {
			return outcome{}, err
		}
		var k0, k1 int
		var s0, s1 float64
		for st, err := range r.Steps(ctx) {
			if err != nil {
				return outcome{}, err
			}
			size := kernel.Nrm2(st.X)
			if size < 1e-6 && k0 == 0 {
				k0, s0 = st.K, size
			}
			if size < 1e-100 {
				break
			}
			k1, s1 = st.K, size
		}
		if i == 0 {
			if s1*s1 <= 1.25 {
				wrong++
			}
			continue
		}
		rho, err := game.LocalRate(m, l, eta)
		if err != nil {
			return outcome{}, err
		}
		if k0 == 0 || k1 <= k0 {
			wrong++
			continue
		}
		off = max(off, math.Abs(math.Log(s1/s0)/float64(k1-k0)-math.Log(rho)))
		told(float64(i) / float64(len(inward)))
	}
	return outcome{
		want: "drift of θ² + ψ² = 0; 0 methods with another sense; late rates = log ρ", tol: "1e-9; 0; 1e-3",
		got:  fmt.Sprintf("%s; %d; off by %s", number(drift), wrong, number(off)),
		pass: drift <= 1e-9 && wrong == 0 && off <= 1e-3,
		note: "Logistic loss from (1, .5): the flow for T = 100; gradient descent goes out, eg, ogda, sga, co, pp, cgd, lookahead and lola come in, with η = 0.5, and near the equilibrium (where f'(0) = 1/2) by the factor ρ of the linearised game.",
	}, nil
}

func (s *gameDynamics) policyGradient(ctx context.Context, told progress) (outcome, error) {
	games := pick(s.job, 20, 100, 1000)
	far := make([]float64, games)
	err := members(ctx, games, told, func(ctx context.Context, i int) error {
		r := rand.New(philox.NewSource(s.seed+2, i))
		g, err := randomLQ(r)
		if err != nil {
			return err
		}
		x0 := make([]float64, game.Dim(g))
		near, err := approach(ctx, g, x0, 0.01, 300)
		if err != nil {
			return err
		}
		nash, err := game.FindCritical(g, near, game.CriticalOptions{})
		if err != nil {
			return err
		}
		l, err := game.Linearise(g, nash)
		if err != nil {
			return err
		}
		advice, err := game.Advise(l, game.GD{})
		if err != nil {
			return err
		}
		if advice[0].Rate > 0.995 {
			return fmt.Errorf("game %d: the equilibrium is hardly stable, ρ = %v", i, advice[0].Rate)
		}
		end, err := approach(ctx, g, x0, 0.3*advice[0].Eta, 40000)
		if err != nil {
			return err
		}
		kernel.SubTo(end, end, nash)
		far[i] = kernel.Nrm2(end)
		return nil
	})
	if err != nil {
		return outcome{}, err
	}
	critical := 0.0
	for n := 1; n <= 8; n++ {
		g, err := game.NewCournot(10, 0.7, make([]float64, n))
		if err != nil {
			return outcome{}, err
		}
		l, err := game.Linearise(g, make([]float64, n))
		if err != nil {
			return outcome{}, err
		}
		advice, err := game.Advise(l, game.GD{})
		if err != nil {
			return outcome{}, err
		}
		critical = max(critical, math.Abs(advice[0].Critical/g.CriticalStep()-1))
	}
	worst := kernel.MaxAbs(far)
	return outcome{
		want: "distance of policy gradient from Newton's equilibrium = 0; critical step of Cournot = 2/(b(N+1))", tol: "1e-9; 1e-9 relative",
		got:  fmt.Sprintf("%s; off by %s", number(worst), number(critical)),
		pass: worst <= 1e-9 && critical <= 1e-9,
		note: fmt.Sprintf("%d random games with two states and two players with one input each, from K = 0; 1 to 8 firms.", games),
	}, nil
}

// approach is the end of a run of gradient descent.
func approach(ctx context.Context, g game.Game, x0 []float64, eta float64, steps int) ([]float64, error) {
	it, err := game.GD{}.Integrator(g)
	if err != nil {
		return nil, err
	}
	run, err := flow.New(it, x0, flow.Options[float64]{Controller: flow.Fixed{H: eta}, MaxSteps: steps})
	if err != nil {
		return nil, err
	}
	sol, err := run.Solve(ctx)
	if err != nil {
		return nil, err
	}
	return sol.X, nil
}

// randomLQ is a random linear-quadratic game that is stable without control.
func randomLQ(r *rand.Rand) (*game.LQ, error) {
	a := squareNormals(r, 2)
	a.Scale(0.6/mat.Norm(a, 2), a)
	sys := game.LQSystem{A: a}
	for range 2 {
		q := squareNormals(r, 2)
		q.Mul(q, q.T())
		sys.B = append(sys.B, mat.NewDense(2, 1, normals(r, 2, 0.7)))
		sys.Q = append(sys.Q, q)
		sys.R = append(sys.R, mat.NewDense(1, 1, []float64{1 + r.Float64()}))
	}
	return game.NewLQ(sys)
}
