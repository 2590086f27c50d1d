package catapult_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/digits"
)

// loadRef reads a file of reference numbers.
func loadRef(tb testing.TB, name string, v any) {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		tb.Fatal(err)
	}
}

// reluRef is relu_net.json: a one-hidden-layer ReLU network and its runs.
type reluRef struct {
	N, D, M int
	U, X    [][]float64
	V, Y    []float64
	Theta0  [][]float64
	Lam0    float64
	Cases   []reluCase
}

type reluCase struct {
	Kind string
	Eta  float64
	Traj []struct {
		T         int
		Loss, Lam float64
		F         []float64
		Active    int
	}
	U [][]float64
	V []float64
}

// mlpCase is a network of mlp.json with its exact derivatives.
type mlpCase struct {
	Act, Loss string
	Sizes     []int
	Bias      bool
	Scale     float64
	X         [][]float64
	Y         json.RawMessage
	W         [][][]float64
	B         [][]float64
	F         [][]float64
	LossValue float64   `json:"loss_value"`
	Grad      []float64 `json:"grad"`
	NTK       [][]float64
	NTKEigs   []float64 `json:"ntk_eigs"`
	HessTop   []float64 `json:"hess_eigs_top3"`
	HessLow   []float64 `json:"hess_eigs_bottom2"`
	HessTrace float64   `json:"hess_trace"`
	GGNTop    []float64 `json:"ggn_eigs_top3"`
	HVP       []float64
}

func loadMLP(tb testing.TB) []mlpCase {
	var ref struct{ Cases []mlpCase }
	loadRef(tb, "mlp.json", &ref)
	if len(ref.Cases) != 4 {
		tb.Fatalf("%d cases in mlp.json, want 4", len(ref.Cases))
	}
	return ref.Cases
}

func (c *mlpCase) name() string { return c.Act + "/" + c.Loss }

// cast converts numbers to the type of a test.
func cast[T flow.Float](v []float64) []T {
	w := make([]T, len(v))
	for i, x := range v {
		w[i] = T(x)
	}
	return w
}

// matrixOf is a matrix from rows.
func matrixOf[T flow.Float](rows [][]float64) kernel.Matrix[T] {
	m := kernel.NewMatrix[T](len(rows), len(rows[0]))
	for i, r := range rows {
		copy(m.Row(i), cast[T](r))
	}
	return m
}

func flatten(rows [][]float64) []float64 {
	var v []float64
	for _, r := range rows {
		v = append(v, r...)
	}
	return v
}

// reluNet is the network of relu_net.json and its first parameters.
func reluNet[T flow.Float](tb testing.TB, ref *reluRef, change func(*catapult.NetConfig)) (*catapult.Net[T], []T) {
	tb.Helper()
	cfg := catapult.OneHidden(ref.D, ref.N, catapult.ReLU)
	if change != nil {
		change(&cfg)
	}
	net := newNet(tb, cfg, catapult.Data[T]{X: matrixOf[T](ref.X), Y: kernel.MatrixOf(ref.M, 1, cast[T](ref.Y))})
	return net, cast[T](append(flatten(ref.U), ref.V...))
}

// mlpNet is a network of mlp.json and its parameters.
func mlpNet[T flow.Float](tb testing.TB, c *mlpCase) (*catapult.Net[T], []T) {
	tb.Helper()
	cfg := catapult.NetConfig{Sizes: c.Sizes, Bias: c.Bias, SigmaW: c.Scale, SigmaB: 0.1}
	cfg.Act = map[string]catapult.Activation{"tanh": catapult.Tanh, "relu": catapult.ReLU, "id": catapult.Identity}[c.Act]
	data := catapult.Data[T]{X: matrixOf[T](c.X)}
	if c.Loss == "ce" {
		cfg.Loss = catapult.CrossEntropy
		if err := json.Unmarshal(c.Y, &data.Labels); err != nil {
			tb.Fatal(err)
		}
	} else {
		var y [][]float64
		if err := json.Unmarshal(c.Y, &y); err != nil {
			tb.Fatal(err)
		}
		data.Y = matrixOf[T](y)
	}
	var theta []float64
	for l, w := range c.W {
		theta = append(theta, flatten(w)...)
		if c.Bias {
			theta = append(theta, c.B[l]...)
		}
	}
	return newNet(tb, cfg, data), cast[T](theta)
}

func newNet[T flow.Float](tb testing.TB, c catapult.NetConfig, d catapult.Data[T]) *catapult.Net[T] {
	tb.Helper()
	net, err := catapult.NewNet(c, d)
	if err != nil {
		tb.Fatal(err)
	}
	return net
}

// parityNet is a network on the parity of the first m digits.
func parityNet[T flow.Float](tb testing.TB, m int, act catapult.Activation, hidden ...int) *catapult.Net[T] {
	tb.Helper()
	set := digits.Train[T](m)
	sizes := append(append([]int{digits.Pixels}, hidden...), 1)
	return newNet(tb, catapult.NetConfig{Sizes: sizes, Act: act}, catapult.Data[T]{X: set.X, Y: set.Parity()})
}

// near fails unless got and want agree to tol relative to the largest entry of
// want.
func near[T flow.Float](tb testing.TB, what string, got []T, want []float64, tol float64) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Errorf("%s has %d entries, want %d", what, len(got), len(want))
		return
	}
	top, worst, at := 0.0, 0.0, 0
	for i := range want {
		top = math.Max(top, math.Abs(want[i]))
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst <= tol*top) {
		tb.Errorf("%s[%d] = %v, want %v: off by %.1e of the largest, want %.0e", what, at, got[at], want[at], worst/top, tol)
	}
}

// tolOf picks the tolerance of a type.
func tolOf[T flow.Float](f64, f32 float64) float64 {
	if T(1)+T(1e-10) == 1 {
		return f32
	}
	return f64
}
