package deq

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

type layerGrads struct {
	DW [][]float64 `json:"dW"`
	DU [][]float64 `json:"dU"`
	DB []float64   `json:"db"`
	DX [][]float64 `json:"dX"`
}

type layerCase struct {
	Activation             string
	W, U, X, C, Y, Z, DLdZ [][]float64
	B                      []float64
	DC                     [][]float64
	Norm2                  float64 `json:"norm2_W"`
	LambdaMax              float64 `json:"lambda_max_sym_W"`
	Perron                 float64 `json:"perron_absW"`
	Penalty                float64 `json:"jacobian_reg"`
	Grads                  map[string]layerGrads
	PenaltyGrads           layerGrads `json:"jacobian_reg_grads"`
}

func layerCases(t testing.TB) []layerCase {
	var v struct{ Cases []layerCase }
	readReference(t, "layer.json", &v)
	if len(v.Cases) != 8 {
		t.Fatalf("%d cases, want 8", len(v.Cases))
	}
	return v.Cases
}

func activationNamed(t testing.TB, name string) Activation {
	for _, a := range []Activation{Identity(), ReLU(), Tanh(), Sigmoid(), Softplus(), Atan(), GELU(), GELUTanh()} {
		if a.Name == strings.ReplaceAll(name, "_", "-") {
			return a
		}
	}
	var v float64
	if _, err := fmt.Sscanf(name, "leakyrelu%g", &v); err == nil {
		return LeakyReLU(v)
	}
	if _, err := fmt.Sscanf(name, "weaktanh%g", &v); err == nil {
		return WeakTanh(v)
	}
	t.Fatalf("activation %q is unknown", name)
	return Activation{}
}

func fromRows[T flow.Float](rows [][]float64) kernel.Matrix[T] {
	m := kernel.NewMatrix[T](len(rows), len(rows[0]))
	for i, r := range rows {
		for j, v := range r {
			m.Set(i, j, T(v))
		}
	}
	return m
}

func fromVec[T flow.Float](x []float64) []T {
	y := make([]T, len(x))
	for i, v := range x {
		y[i] = T(v)
	}
	return y
}

func distance[T flow.Float](m kernel.Matrix[T], want [][]float64) float64 {
	worst := 0.0
	for i, r := range want {
		for j, v := range r {
			worst = math.Max(worst, math.Abs(float64(m.At(i, j))-v)/math.Max(1, math.Abs(v)))
			if math.IsNaN(float64(m.At(i, j))) {
				return math.Inf(1)
			}
		}
	}
	return worst
}

func layerOf[T flow.Float](t testing.TB, c layerCase) *Dense[T] {
	return &Dense[T]{W: fromRows[T](c.W), U: fromRows[T](c.U), B: fromVec[T](c.B), Act: activationNamed(t, c.Activation)}
}

// tight are options for 1e-11.
func tight[T flow.Float](s Solver) *SolveOptions[T] {
	o := &SolveOptions[T]{Solver: s, RelTol: 1e-14}
	if rounding[T]() > 1e-10 {
		o.RelTol = 1e-5
	}
	return o
}

var layerSolvers = []Solver{Picard{}, Relaxed{Beta: 0.9}, Anderson{}, Anderson{M: 3, Global: true}, Broyden{}, Newton{}, NewtonKrylov{}, Auto{}}

func TestLayerReferences(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testLayerReferences[float64](t, 1e-11) })
	t.Run("float32", func(t *testing.T) { testLayerReferences[float32](t, 1e-4) })
}

func testLayerReferences[T flow.Float](t *testing.T, tol float64) {
	ctx := context.Background()
	rules := map[string]Backward{"exact": {}, "jfb": JFB(), "neumann2": {Rule: Neumann, Terms: 2}, "neumann3": {Rule: Neumann, Terms: 3}, "damped2": {Rule: Damped, Terms: 2}}
	for _, c := range layerCases(t) {
		l := layerOf[T](t, c)
		x, dz := fromRows[T](c.X), fromRows[T](c.DLdZ)
		cert, err := l.Certify()
		if err != nil {
			t.Fatal(err)
		}
		check := func(name string, got, want float64) {
			if !(math.Abs(got-want) <= tol*math.Max(1, math.Abs(want))) {
				t.Errorf("%s: %s = %v, want %v", c.Activation, name, got, want)
			}
		}
		check("|W|₂", cert.Norm2, c.Norm2)
		check("μ", cert.Monotone, 1-c.LambdaMax)
		if cert.Perron < cert.Lip*c.Perron*(1-1e-6) || cert.Perron > cert.Lip*c.Perron*(1+1e-4) {
			t.Errorf("%s: Perron bound %v, want %v", c.Activation, cert.Perron, cert.Lip*c.Perron)
		}
		for _, s := range layerSolvers {
			if _, picard := s.(Picard); picard && c.Activation == "identity" {
				continue // it may not contract
			}
			eq := &Equilibrium[T]{Certificate: cert}
			st, err := l.Solve(ctx, eq, x, tight[T](s))
			if err != nil || st.Status != flow.Converged {
				t.Fatalf("%s by %s: %v, %v", c.Activation, s.Name(), st.Status, err)
			}
			if d := distance(eq.Z, c.Z); d > tol {
				t.Errorf("%s by %s: Z differs by %g", c.Activation, s.Name(), d)
			}
			for name, bw := range rules {
				want := c.Grads[name]
				g := &DenseGrad[T]{WantX: true}
				if _, err := l.Backward(ctx, g, eq, dz, bw, &BackwardOptions[T]{SolveOptions: *tight[T](s)}); err != nil {
					t.Fatalf("%s by %s: %s: %v", c.Activation, s.Name(), name, err)
				}
				worst := math.Max(distance(g.W, want.DW), distance(kernel.MatrixOf(1, len(g.B), g.B), [][]float64{want.DB}))
				if want.DU != nil {
					worst = math.Max(worst, math.Max(distance(g.U, want.DU), distance(g.X, want.DX)))
				}
				if worst > 3*tol {
					t.Errorf("%s by %s: gradient %s differs by %g", c.Activation, s.Name(), name, worst)
				}
			}
			g := &DenseGrad[T]{}
			p, err := l.JacobianPenalty(ctx, g, eq, 1, Backward{}, &BackwardOptions[T]{SolveOptions: *tight[T](s)})
			if err != nil {
				t.Fatal(err)
			}
			check("penalty", p, c.Penalty)
			want := c.PenaltyGrads
			if d := math.Max(distance(g.W, want.DW), math.Max(distance(g.U, want.DU), distance(kernel.MatrixOf(1, len(g.B), g.B), [][]float64{want.DB}))); d > tol {
				t.Errorf("%s by %s: gradient of the penalty differs by %g", c.Activation, s.Name(), d)
			}
		}
	}
}

// The gradient of loss and penalty by one solve is the sum of the two.
func TestPenaltyShared(t *testing.T) {
	ctx := context.Background()
	for _, c := range layerCases(t) {
		l := layerOf[float64](t, c)
		eq := &Equilibrium[float64]{}
		if _, err := l.Solve(ctx, eq, fromRows[float64](c.X), tight[float64](nil)); err != nil {
			t.Fatal(err)
		}
		o := BackwardOptions[float64]{SolveOptions: *tight[float64](nil)}
		g, h := &DenseGrad[float64]{}, &DenseGrad[float64]{}
		if _, err := l.Backward(ctx, g, eq, fromRows[float64](c.DLdZ), Backward{}, &o); err != nil {
			t.Fatal(err)
		}
		if _, err := l.JacobianPenalty(ctx, g, eq, 0.3, Backward{}, &o); err != nil {
			t.Fatal(err)
		}
		o.Penalty = 0.3
		if _, err := l.Backward(ctx, h, eq, fromRows[float64](c.DLdZ), Backward{}, &o); err != nil {
			t.Fatal(err)
		}
		for i, v := range g.W.Data {
			if math.Abs(v-h.W.Data[i]) > 1e-12 {
				t.Errorf("%s: dW[%d] = %v apart, %v together", c.Activation, i, v, h.W.Data[i])
			}
		}
		for i, v := range g.B {
			if math.Abs(v-h.B[i]) > 1e-12 {
				t.Errorf("%s: db[%d] = %v apart, %v together", c.Activation, i, v, h.B[i])
			}
		}
	}
}

// The JVP is the difference quotient of the fixed points and the adjoint of the
// backward pass: <dL/dZ, J v> = <g, v>.
func TestJVP(t *testing.T) {
	ctx := context.Background()
	for _, c := range layerCases(t) {
		l := layerOf[float64](t, c)
		x, dz := fromRows[float64](c.X), fromRows[float64](c.DLdZ)
		eq := &Equilibrium[float64]{}
		if _, err := l.Solve(ctx, eq, x, tight[float64](nil)); err != nil {
			t.Fatal(err)
		}
		n, d := l.Units(), l.Inputs()
		dir := &DenseGrad[float64]{W: e(31, n, n), U: e(32, n, d), B: e(33, 1, n).Data}
		dx := e(34, x.Rows, d)
		o := &BackwardOptions[float64]{SolveOptions: *tight[float64](nil)}
		jv := kernel.NewMatrix[float64](x.Rows, n)
		if _, err := l.JVP(ctx, jv, eq, dir, dx, o); err != nil {
			t.Fatal(err)
		}
		g := &DenseGrad[float64]{WantX: true}
		if _, err := l.Backward(ctx, g, eq, dz, Backward{}, o); err != nil {
			t.Fatal(err)
		}
		a := kernel.Dot(jv.Data, dz.Data)
		b := kernel.Dot(g.W.Data, dir.W.Data) + kernel.Dot(g.U.Data, dir.U.Data) + kernel.Dot(g.B, dir.B) + kernel.Dot(g.X.Data, dx.Data)
		if math.Abs(a-b) > 1e-11*(1+math.Abs(a)) {
			t.Errorf("%s: <dL/dZ, Jv> = %v, <g, v> = %v", c.Activation, a, b)
		}
		const h = 1e-6
		var z [2]kernel.Matrix[float64]
		for q, s := range []float64{h, -h} {
			m := &Dense[float64]{W: moved(l.W, s, dir.W), U: moved(l.U, s, dir.U), B: moved(kernel.MatrixOf(1, n, l.B), s, kernel.MatrixOf(1, n, dir.B)).Data, Act: l.Act}
			eh := &Equilibrium[float64]{}
			if _, err := m.Solve(ctx, eh, moved(x, s, dx), tight[float64](nil)); err != nil {
				t.Fatal(err)
			}
			z[q] = eh.Z
		}
		for i, v := range jv.Data {
			if q := (z[0].Data[i] - z[1].Data[i]) / (2 * h); math.Abs(q-v) > 1e-7*(1+math.Abs(v)) {
				t.Errorf("%s: JVP[%d] = %v, difference quotient %v", c.Activation, i, v, q)
			}
		}
	}
}

func moved(a kernel.Matrix[float64], h float64, d kernel.Matrix[float64]) kernel.Matrix[float64] {
	m := kernel.NewMatrix[float64](a.Rows, a.Cols)
	kernel.AxpyTo(m.Data, h, d.Data, a.Data)
	return m
}

// peerLayer is the benchmark problem of peer_problem.json.
func peerLayer[T flow.Float](n, batch int, kind string) (l *Dense[T], x, g kernel.Matrix[T]) {
	w, b, xs := e(1, n, n), e(3, 1, n), e(4, batch, n)
	if kind == "easy" {
		kernel.Scal(0.45/math.Sqrt(float64(n)), w.Data)
		kernel.Scal(0.1, b.Data)
	} else {
		for i := range n {
			for j := range i + 1 {
				v := 0.49 / math.Sqrt(2*float64(n)) * (w.At(i, j) + w.At(j, i))
				w.Set(i, j, v)
				w.Set(j, i, v)
			}
		}
		kernel.Scal(0.01, b.Data)
		kernel.Scal(0.1, xs.Data)
	}
	u := e(2, n, n)
	kernel.Scal(1/math.Sqrt(float64(n)), u.Data)
	conv := func(m kernel.Matrix[float64]) kernel.Matrix[T] {
		return kernel.MatrixOf(m.Rows, m.Cols, fromVec[T](m.Data))
	}
	return &Dense[T]{W: conv(w), U: conv(u), B: fromVec[T](b.Data), Act: Tanh()}, conv(xs), conv(e(5, batch, n))
}

type peerRow struct {
	Kind     string
	N, Batch int
	W00      float64
	WLast    float64 `json:"W_last"`
	Norm2    float64 `json:"norm2_W"`
	SumZ     float64 `json:"sum_Z"`
	FroZ     float64 `json:"fro_Z"`
	Z00      float64
	FroDW    float64        `json:"fro_dW"`
	DW00     float64        `json:"dW00"`
	Picard   int            `json:"picard_nfe_rel1e10"`
	Anderson map[string]int `json:"anderson_nfe"`
}

func TestPeerProblem(t *testing.T) {
	ctx := context.Background()
	var v struct{ Rows []peerRow }
	readReference(t, "peer_problem.json", &v)
	close := func(name string, got, want, tol float64) {
		t.Helper()
		if !(math.Abs(got-want) <= tol*math.Abs(want)) {
			t.Errorf("%s = %.15g, want %.15g", name, got, want)
		}
	}
	for _, r := range v.Rows {
		l, x, g := peerLayer[float64](r.N, r.Batch, r.Kind)
		name := fmt.Sprintf("%s n=%d ", r.Kind, r.N)
		close(name+"W00", l.W.At(0, 0), r.W00, 1e-14)
		close(name+"W_last", l.W.At(r.N-1, r.N-1), r.WLast, 1e-14)
		cert, err := l.Certify()
		if err != nil {
			t.Fatal(err)
		}
		close(name+"|W|₂", cert.Norm2, r.Norm2, 1e-10)
		eq := &Equilibrium[float64]{Certificate: cert}
		st, err := l.Solve(ctx, eq, x, &SolveOptions[float64]{RelTol: 1e-13})
		if err != nil || st.Status != flow.Converged {
			t.Fatalf("%s: %v, %v", name, st.Status, err)
		}
		close(name+"sum Z", kernel.Sum(eq.Z.Data), r.SumZ, 1e-9)
		close(name+"|Z|", kernel.Nrm2(eq.Z.Data), r.FroZ, 1e-9)
		close(name+"Z00", eq.Z.At(0, 0), r.Z00, 1e-9)
		var dg DenseGrad[float64]
		if _, err := l.Backward(ctx, &dg, eq, g, Backward{}, &BackwardOptions[float64]{SolveOptions: SolveOptions[float64]{RelTol: 1e-13}}); err != nil {
			t.Fatal(err)
		}
		close(name+"|dW|", kernel.Nrm2(dg.W.Data), r.FroDW, 1e-9)
		close(name+"dW00", dg.W.At(0, 0), r.DW00, 1e-9)
		exact := append([]float64(nil), eq.Z.Data...)
		count := func(s Solver) int {
			st, err := l.Solve(ctx, eq, x, &SolveOptions[float64]{Solver: s})
			if err != nil || st.Status != flow.Converged {
				t.Fatalf("%s by %v: %v, %v", name, s, st.Status, err)
			}
			for i := range x.Rows {
				d := kernel.NewMatrix[float64](1, r.N)
				kernel.SubTo(d.Data, eq.Z.Row(i), exact[i*r.N:(i+1)*r.N])
				if got := kernel.Nrm2(d.Data); got > st.CertifiedError*(1+1e-6)+1e-12 {
					t.Errorf("%s by %v: error %g of sample %d is above the certified %g", name, s, got, i, st.CertifiedError)
				}
			}
			return st.Evals
		}
		picard := count(Picard{})
		if d := picard - r.Picard; d < -1 || d > 1 {
			t.Errorf("%sPicard takes %d evaluations, want %d", name, picard, r.Picard)
		}
		for m, want := range r.Anderson {
			var k int
			fmt.Sscan(m, &k)
			if got := count(Anderson{M: k}); math.Abs(float64(got-want)) > 3+0.15*float64(want) {
				t.Errorf("%sAnderson(%d) takes %d evaluations, the reference implementation %d", name, k, got, want)
			}
		}
		if auto := count(nil); r.Kind == "hard" && 2*auto > picard {
			t.Errorf("%sAuto takes %d evaluations, want at most half of Picard's %d", name, auto, picard)
		} else {
			t.Logf("%sPicard %d, Auto %d", name, picard, auto)
		}
	}
}

func TestLayerBadInput(t *testing.T) {
	ctx := context.Background()
	l, x, g := peerLayer[float64](8, 3, "easy")
	eq := &Equilibrium[float64]{}
	for name, f := range map[string]func(){
		"x": func() { _, _ = l.Solve(ctx, eq, kernel.NewMatrix[float64](2, 7), nil) },
		"W": func() {
			_, _ = (&Dense[float64]{W: kernel.NewMatrix[float64](3, 4), Act: Tanh()}).Solve(ctx, eq, x, nil)
		},
		"U": func() {
			_, _ = (&Dense[float64]{W: l.W, U: kernel.NewMatrix[float64](7, 8), B: l.B, Act: Tanh()}).Solve(ctx, eq, x, nil)
		},
		"B": func() { _, _ = (&Dense[float64]{W: l.W, U: l.U, B: l.B[1:], Act: Tanh()}).Solve(ctx, eq, x, nil) },
		"dLdZ": func() {
			_, _ = l.Backward(ctx, &DenseGrad[float64]{}, eq, kernel.NewMatrix[float64](2, 8), Backward{}, nil)
		},
		"dst": func() { _, _ = l.JVP(ctx, kernel.NewMatrix[float64](2, 8), eq, nil, kernel.Matrix[float64]{}, nil) },
	} {
		func() {
			defer func() {
				if s, ok := recover().(string); !ok || !strings.HasPrefix(strings.Replace(s, "len(B)", "B", 1), "deq: "+name) {
					t.Errorf("%s: panic %q, want one that names the argument", name, s)
				}
			}()
			f()
		}()
	}
	if _, err := l.Solve(ctx, eq, x, nil); err != nil {
		t.Fatal(err)
	}
	bad := kernel.NewMatrix[float64](3, 8)
	bad.Set(1, 2, math.Inf(1))
	if _, err := l.Solve(ctx, eq, bad, nil); !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), "x[10]") {
		t.Errorf("infinite x: %v", err)
	}
	if _, err := l.Backward(ctx, &DenseGrad[float64]{}, eq, bad, Backward{}, nil); !errors.Is(err, ErrNotFinite) {
		t.Errorf("infinite dLdZ: %v", err)
	}
	if _, err := l.Backward(ctx, &DenseGrad[float64]{}, eq, g, Backward{Terms: -1}, nil); !errors.Is(err, ErrArgument) {
		t.Errorf("bad rule: %v", err)
	}
	w := l.W.At(2, 3)
	l.W.Set(2, 3, math.NaN())
	if _, err := l.Solve(ctx, eq, x, nil); !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), "W[19]") {
		t.Errorf("NaN in W: %v", err)
	}
	if _, err := l.Certify(); !errors.Is(err, ErrNotFinite) {
		t.Errorf("certificate of NaN: %v", err)
	}
	l.W.Set(2, 3, w)
	if st, err := l.Solve(ctx, eq, kernel.NewMatrix[float64](0, 8), nil); err != nil || st.Status != flow.Converged || eq.Z.Rows != 0 || st.CertifiedError != 0 {
		t.Errorf("empty batch: %v, %v", st, err)
	}
	if _, err := (&Dense[float64]{W: l.W, U: l.U, B: l.B}).Solve(ctx, eq, x, nil); !errors.Is(err, ErrArgument) {
		t.Errorf("no activation: %v", err)
	}
}

// A backward solve that fails is an error, and leaves the gradient alone.
func TestBackwardFailure(t *testing.T) {
	ctx := context.Background()
	l, x, g := peerLayer[float64](16, 4, "hard")
	eq := &Equilibrium[float64]{}
	st, err := l.Solve(ctx, eq, x, &SolveOptions[float64]{MaxEval: 3})
	if err != nil || st.Status != flow.StepLimit {
		t.Fatal(st.Status, err)
	}
	dg := &DenseGrad[float64]{}
	if _, err := l.Backward(ctx, dg, eq, g, Backward{}, nil); !errors.Is(err, ErrNotConverged) {
		t.Errorf("backward at an unconverged point: %v", err)
	}
	if _, err := l.JVP(ctx, kernel.NewMatrix[float64](4, 16), eq, nil, kernel.Matrix[float64]{}, nil); !errors.Is(err, ErrNotConverged) {
		t.Errorf("JVP at an unconverged point: %v", err)
	}
	if _, err := l.Backward(ctx, dg, eq, g, Backward{}, &BackwardOptions[float64]{Unconverged: true}); err != nil {
		t.Errorf("backward that was allowed: %v", err)
	}
	if _, err := l.Solve(ctx, eq, x, nil); err != nil {
		t.Fatal(err)
	}
	for i := range dg.W.Data {
		dg.W.Data[i] = 7
	}
	st, err = l.Backward(ctx, dg, eq, g, Backward{}, &BackwardOptions[float64]{SolveOptions: SolveOptions[float64]{Solver: Picard{}, MaxEval: 4}})
	if !errors.Is(err, ErrBackward) || st == nil || !(st.Relative > 0) {
		t.Errorf("failing adjoint solve: %v", err)
	}
	for _, v := range dg.W.Data {
		if v != 7 {
			t.Fatal("a failed backward solve wrote a gradient")
		}
	}
	if st, err = l.JVP(ctx, kernel.NewMatrix[float64](4, 16), eq, &DenseGrad[float64]{W: l.W, U: l.U, B: l.B}, kernel.Matrix[float64]{}, &BackwardOptions[float64]{SolveOptions: SolveOptions[float64]{MaxEval: 2}}); !errors.Is(err, ErrBackward) {
		t.Errorf("failing tangent solve: %v, %v", st, err)
	}
}

// A certificate of one criterion at a time.
func TestCertificates(t *testing.T) {
	layer := func(act Activation, rows [][]float64) *LayerCertificate {
		n := len(rows)
		c, err := (&Dense[float64]{W: fromRows[float64](rows), U: kernel.NewMatrix[float64](n, 1), B: make([]float64, n), Act: act}).Certify()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	// Perron: strictly upper triangular, however large.
	c := layer(ReLU(), [][]float64{{0.1, 50}, {0, 0.2}})
	if c.Contraction < 1 || c.RowSum < 1 || !(c.Perron < 1) || !c.WellPosed() {
		t.Errorf("triangular W: %+v", c)
	}
	// Monotone: a large skew part.
	c = layer(ReLU(), [][]float64{{0.5, 9}, {-9, 0.5}})
	if math.Abs(c.Monotone-0.5) > 1e-12 || c.Contraction < 1 || c.Perron < 1 || !c.WellPosed() {
		t.Errorf("skew W: %+v", c)
	}
	// The same W is nothing for GELU, whose slope exceeds 1.
	if c = layer(GELU(), [][]float64{{0.5, 9}, {-9, 0.5}}); c.WellPosed() || !math.IsInf(c.ErrorBound(1, true), 1) {
		t.Errorf("skew W with GELU: %+v", c)
	}
	if c = layer(Tanh(), [][]float64{{0.3, 0.8}, {0, 0.3}}); !(c.Contraction < 1) || c.RowSum < 1 {
		t.Errorf("contraction: %+v", c)
	}
	if c = layer(Sigmoid(), [][]float64{{2, 1}, {1, 2}}); !(c.RowSum < 1) || math.Abs(c.RowSum-0.75) > 1e-15 {
		t.Errorf("row sum: %+v", c)
	}
	if c = layer(Tanh(), [][]float64{{0, 0}, {0, 0}}); c.Perron != 0 || c.Contraction != 0 || c.Monotone != 1 {
		t.Errorf("W = 0: %+v", c)
	}
}

// FuzzLayerShapes: shapes fit and there is a solution, or the panic names them.
func FuzzLayerShapes(f *testing.F) {
	f.Add(2, 2, 2, 3, 2, 1, 3)
	f.Add(2, 3, 2, 3, 2, 1, 3)
	f.Add(0, 0, 0, 0, 0, 0, 0)
	f.Add(0, 0, 0, 2, 0, 3, 2) // no units, but samples
	f.Fuzz(func(t *testing.T, wr, wc, ur, uc, b, n, d int) {
		for _, v := range []*int{&wr, &wc, &ur, &uc, &b, &n, &d} {
			*v = ((*v % 5) + 5) % 5
		}
		l := &Dense[float64]{W: kernel.NewMatrix[float64](wr, wc), U: kernel.NewMatrix[float64](ur, uc), B: make([]float64, b), Act: Tanh()}
		fits := wr == wc && ur == wr && b == wr && uc == d
		eq := &Equilibrium[float64]{}
		defer func() {
			if r := recover(); r != nil {
				if s, ok := r.(string); fits || !ok || !strings.HasPrefix(s, "deq: ") {
					t.Fatalf("panic: %v", r)
				}
			}
		}()
		st, err := l.Solve(context.Background(), eq, kernel.NewMatrix[float64](n, d), nil)
		if err != nil || st.Status != flow.Converged || !fits {
			t.Fatalf("%v, %v", st, err)
		}
		if _, err := l.Backward(context.Background(), &DenseGrad[float64]{WantX: true}, eq, kernel.NewMatrix[float64](n, wr), Backward{}, nil); err != nil {
			t.Fatal(err)
		}
	})
}
