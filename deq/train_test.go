package deq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/digits"
)

// digitsSplit is the data of digits.json: pixels / 16, every fifth sample a test
// sample.
func digitsSplit[T flow.Float]() (train TrainData[T], test kernel.Matrix[T], labels []int) {
	var x, y []T
	for i := range digits.Count {
		for _, p := range digits.Raw(i) {
			if i%5 == 4 {
				y = append(y, T(p)/16)
			} else {
				x = append(x, T(p)/16)
			}
		}
		if i%5 == 4 {
			labels = append(labels, digits.Label(i))
		} else {
			train.Labels = append(train.Labels, digits.Label(i))
		}
	}
	train.X = kernel.MatrixOf(len(x)/digits.Pixels, digits.Pixels, x)
	return train, kernel.MatrixOf(len(y)/digits.Pixels, digits.Pixels, y), labels
}

// digitsStart is the start of digits.json.
func digitsStart[T flow.Float](w *Network[T]) []T {
	theta := make([]T, w.Dim())
	l, c, _ := w.Parameters(theta)
	fill := func(dst kernel.Matrix[T], seed uint64, scale float64) {
		for i, v := range e(seed, dst.Rows, dst.Cols).Data {
			dst.Data[i] = T(scale * v)
		}
	}
	fill(l.W, 10, 0.45/math.Sqrt(32))
	fill(l.U, 11, 1.0/8)
	fill(c, 12, 1/math.Sqrt(32))
	return theta
}

type digitsFile struct {
	Steps map[string]struct {
		Loss  float64
		Grad  []float64 `json:"grad_norms"`
		Norm2 float64   `json:"norm2_W"`
		Hits  int       `json:"test_correct"`
		FroZ  float64   `json:"fro_Z"`
	}
	After map[string]struct {
		Loss     float64 `json:"train_loss"`
		Accuracy float64 `json:"test_accuracy"`
		Cosine   float64 `json:"cosine_to_exact"`
	} `json:"after_150_updates"`
}

func TestDigitsReference(t *testing.T) {
	var f digitsFile
	readReference(t, "digits.json", &f)
	data, test, labels := digitsSplit[float64]()
	w, err := NewNetwork(NetworkConfig[float64]{Units: 32, Loss: CrossEntropy, Kappa: 0.95, Forward: SolveOptions[float64]{RelTol: 1e-13}, Adjoint: SolveOptions[float64]{RelTol: 1e-13}}, data)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	close := func(k int, name string, got, want float64) {
		if math.Abs(got-want) > 1e-8*math.Max(1, math.Abs(want)) {
			t.Errorf("step %d: %s = %.12g, want %.12g", k, name, got, want)
		}
	}
	_, err = Train(context.Background(), w, digitsStart(w), TrainOptions[float64]{Eta: 0.1, Momentum: 0.9, Steps: 21, TrackNorm: 1, Observe: func(p *TrainPoint, theta, grad []float64) error {
		want, ok := f.Steps[fmt.Sprint(p.Step)]
		if !ok {
			return nil
		}
		seen++
		close(p.Step, "loss", p.Loss, want.Loss)
		close(p.Step, "|W|₂", p.Norm2, want.Norm2)
		close(p.Step, "|Z|", kernel.Nrm2(w.eq.Z.Data), want.FroZ)
		g, gc, gb := w.Parameters(grad)
		for i, x := range [][]float64{g.W.Data, g.U.Data, g.B, gc.Data, gb} {
			close(p.Step, fmt.Sprintf("gradient norm %d", i), kernel.Nrm2(x), want.Grad[i])
		}
		acc, err := w.Accuracy(context.Background(), theta, test, labels)
		if hits := int(math.Round(acc * float64(len(labels)))); hits != want.Hits {
			t.Errorf("step %d: %d test samples are right, want %d", p.Step, hits, want.Hits)
		}
		return err
	}})
	if err != nil || seen != len(f.Steps) {
		t.Fatalf("%d of %d steps compared, %v", seen, len(f.Steps), err)
	}
}

var sixRules = map[string]Backward{
	"exact": {}, "jfb": JFB(), "neumann2": {Rule: Neumann, Terms: 2}, "neumann3": {Rule: Neumann, Terms: 3},
	"damped2": {Rule: Damped, Terms: 2}, "damped5": {Rule: Damped, Terms: 5},
}

// The six backward rules on the digits after 150 updates, in float32: test accuracy,
// loss and cosine of the reference.
func TestDigitsRules(t *testing.T) {
	if testing.Short() {
		t.Skip("trains six networks")
	}
	var f digitsFile
	readReference(t, "digits.json", &f)
	data, test, labels := digitsSplit[float32]()
	for name, bw := range sixRules {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, err := NewNetwork(NetworkConfig[float32]{Units: 32, Loss: CrossEntropy, Kappa: 0.95, Backward: bw}, data)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Train(context.Background(), w, digitsStart(w), TrainOptions[float32]{Eta: 0.1, Momentum: 0.9, Steps: 151, TrackCosine: 150, Observe: func(p *TrainPoint, theta, _ []float32) error {
				if p.Step != 150 {
					return nil
				}
				acc, err := w.Accuracy(context.Background(), theta, test, labels)
				want := f.After[name]
				t.Logf("loss %.5f (%.5f), accuracy %.4f (%.4f), cosine %.5f (%.5f)", p.Loss, want.Loss, acc, want.Accuracy, p.Cosine, want.Cosine)
				if math.Abs(acc-want.Accuracy) > 0.01 || acc < 0.95 {
					t.Errorf("test accuracy %.4f, want %.4f", acc, want.Accuracy)
				}
				if math.Abs(p.Loss-want.Loss) > 0.002 {
					t.Errorf("loss %.5f, want %.5f", p.Loss, want.Loss)
				}
				if math.Abs(p.Cosine-want.Cosine) > 0.01 {
					t.Errorf("cosine %.5f, want %.5f", p.Cosine, want.Cosine)
				}
				return err
			}})
			if err != nil || r.Steps != 151 {
				t.Fatal(err)
			}
		})
	}
}

// Without the projection the layer is lost, which is an error with the last good
// parameters.
func TestUnprojectedDiverges(t *testing.T) {
	data, _, _ := digitsSplit[float64]()
	data.X = kernel.Matrix[float64]{Rows: 300, Cols: data.X.Cols, Stride: data.X.Stride, Data: data.X.Data[:300*data.X.Cols]}
	data.Labels = data.Labels[:300]
	data.Outputs = 10
	s := SolveOptions[float64]{Solver: Picard{}, MaxEval: 200, RelTol: 1e-6}
	w, err := NewNetwork(NetworkConfig[float64]{Units: 32, Loss: CrossEntropy, Forward: s, Adjoint: s}, data)
	if err != nil {
		t.Fatal(err)
	}
	o := TrainOptions[float64]{Eta: 0.1, Momentum: 0.9, Steps: 400}
	r, err := Train(context.Background(), w, digitsStart(w), o)
	if !errors.Is(err, ErrDiverged) || !(errors.Is(err, ErrNotConverged) || errors.Is(err, ErrBackward)) {
		t.Fatalf("unprojected run: %v", err)
	}
	if !kernel.AllFinite(r.Theta) || r.Steps < 10 {
		t.Errorf("parameters after %d steps are not finite", r.Steps)
	}
	if l := w.EnergyGrad(nil, digitsStart(w)); math.IsNaN(l) {
		t.Errorf("the network cannot be used again: %v", w.Err())
	}
	t.Log(err)
}

// A monotone layer needs no projection: it learns the digits at a learning rate at
// which the dense one is lost, and its W stays monotone.
func TestMonotoneDigits(t *testing.T) {
	data, test, labels := digitsSplit[float32]()
	w, err := NewNetwork(NetworkConfig[float32]{Units: 24, Act: ReLU(), Loss: CrossEntropy, Mu: 0.5}, data)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Train(context.Background(), w, w.Start(1), TrainOptions[float32]{Eta: 0.1, Momentum: 0.9, Steps: 60, TrackCosine: 20})
	if err != nil {
		t.Fatal(err)
	}
	acc, err := w.Accuracy(context.Background(), r.Theta, test, labels)
	if err != nil || acc < 0.93 {
		t.Errorf("accuracy %.4f, %v, want at least 0.93", acc, err)
	}
	l, _, _ := w.Parameters(r.Theta)
	cert, err := l.Certify()
	if err != nil || !(cert.Monotone >= 0.5-1e-5) || !cert.WellPosed() {
		t.Errorf("certificate %+v, %v", cert, err)
	}
	if r.Last.Forward == 0 || r.Last.Backward == 0 {
		t.Errorf("last point %+v", r.Last)
	}
}

// smallNetwork is quick to train.
func smallNetwork[T flow.Float](t testing.TB, c NetworkConfig[T]) (*Network[T], []T) {
	const m, d = 20, 3
	x, y := e(41, m, d), e(42, m, 2)
	labels := make([]int, m)
	for i := range labels {
		labels[i] = i % 3
	}
	c.Units = 6
	w, err := NewNetwork(c, TrainData[T]{X: kernel.MatrixOf(m, d, fromVec[T](x.Data)), Y: kernel.MatrixOf(m, 2, fromVec[T](y.Data)), Labels: labels, Outputs: 0})
	if err != nil {
		t.Fatal(err)
	}
	theta := fromVec[T](e(43, 1, w.Dim()).Data)
	kernel.Scal(T(0.3), theta)
	return w, theta
}

func TestNetworkGradients(t *testing.T) {
	for name, c := range map[string]NetworkConfig[float64]{
		"squared":       {},
		"cross-entropy": {Loss: CrossEntropy},
		"penalty":       {Penalty: 0.7, Act: Softplus()},
		"monotone":      {Mu: 0.3, Act: Softplus(), Loss: CrossEntropy},
		"monotone tanh": {Mu: 0.7, Penalty: 0.2},
		"correction":    {Correction: 1, CorrectionDecay: 0.6}, // one step from zero: an exact gradient
		"sigmoid":       {Loss: CrossEntropy, Act: Sigmoid(), Penalty: 0.1},
	} {
		c.Forward, c.Adjoint = *tight[float64](nil), *tight[float64](nil)
		w, theta := smallNetwork(t, c)
		g := make([]float64, w.Dim())
		w.EnergyGrad(g, theta)
		if w.Err() != nil {
			t.Fatal(name, w.Err())
		}
		for i := 0; i < len(theta); i += 3 {
			const h = 1e-6
			old := theta[i]
			theta[i] = old + h
			up := w.EnergyGrad(nil, theta)
			theta[i] = old - h
			down := w.EnergyGrad(nil, theta)
			theta[i] = old
			if fd := (up - down) / (2 * h); math.Abs(fd-g[i]) > 1e-7*(1+math.Abs(fd)) {
				t.Errorf("%s: gradient[%d] = %v, difference quotient %v", name, i, g[i], fd)
			}
		}
	}
}

// The gradient of a network of rectifiers is orthogonal to the scaling of every unit:
// what its flow conserves.
func TestNetworkInvariants(t *testing.T) {
	for _, act := range []Activation{ReLU(), LeakyReLU(0.3), Identity()} {
		w, theta := smallNetwork(t, NetworkConfig[float64]{Act: act, Forward: *tight[float64](nil), Adjoint: *tight[float64](nil)})
		kernel.Scal(0.5, theta) // a contraction for the identity too
		g := make([]float64, w.Dim())
		w.EnergyGrad(g, theta)
		inv := w.Caps().Invariants
		if w.Err() != nil || len(inv) != 6 {
			t.Fatal(len(inv), w.Err())
		}
		scale := kernel.Nrm2(g) * kernel.Nrm2(theta)
		for i, v := range inv {
			// The value is quadratic in θ: its central difference is exact.
			up, down := slices.Clone(theta), slices.Clone(theta)
			kernel.Axpy(0.5, g, up)
			kernel.Axpy(-0.5, g, down)
			if d := v.Value(up) - v.Value(down); !(math.Abs(d) <= 1e-13*(1+scale)) {
				t.Errorf("%s: %s changes at the rate %g", act.Name, inv[i].Name, d)
			}
		}
	}
	for _, c := range []NetworkConfig[float64]{{}, {Act: ReLU(), Penalty: 1}, {Act: ReLU(), Backward: JFB()}, {Act: ReLU(), Mu: 1}} {
		if w, _ := smallNetwork(t, c); w.Caps().Invariants != nil {
			t.Errorf("%+v has invariants", c)
		}
	}
}

// The loss with correction is that of the states, the gradient that of their last
// steps; with many states the residual of few iterations falls.
func TestCorrection(t *testing.T) {
	const states, gamma = 3, 0.7
	plain, theta := smallNetwork(t, NetworkConfig[float64]{Loss: CrossEntropy})
	w, _ := smallNetwork(t, NetworkConfig[float64]{Loss: CrossEntropy, Correction: states, CorrectionDecay: gamma})
	g0, g := make([]float64, w.Dim()), make([]float64, w.Dim())
	want := plain.EnergyGrad(g0, theta)
	got := w.EnergyGrad(g, theta)
	if only := w.EnergyGrad(nil, theta); math.Abs(only-got) > 1e-10 {
		t.Errorf("loss %v alone, %v with the gradient", only, got)
	}
	l, c, bias := w.Parameters(theta)
	z := kernel.NewMatrix[float64](20, 6)
	db := make([]float64, 6)
	for k := 1; k <= states; k++ {
		weight := math.Pow(gamma, float64(states+1-k))
		next := kernel.NewMatrix[float64](20, 6)
		for i := range 20 {
			for u := range 6 {
				h := l.B[u] + kernel.Dot(l.W.Row(u), z.Row(i)) + kernel.Dot(l.U.Row(u), w.data.X.Row(i))
				next.Set(i, u, math.Tanh(h))
			}
			var y [3]float64
			sum := 0.0
			for q := range y {
				y[q] = bias[q] + kernel.Dot(c.Row(q), next.Row(i))
				sum += math.Exp(y[q])
			}
			label := w.data.Labels[i]
			want += weight * (math.Log(sum) - y[label]) / 20
			for u := range 6 {
				v := 0.0
				for q := range y {
					p := math.Exp(y[q]) / sum
					if q == label {
						p--
					}
					v += p * c.At(q, u) / 20
				}
				db[u] += weight * v * (1 - next.At(i, u)*next.At(i, u))
			}
		}
		z = next
	}
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("loss %v, want %v", got, want)
	}
	gl, _, _ := w.Parameters(g)
	pl, _, _ := w.Parameters(g0)
	for u := range 6 {
		if math.Abs(gl.B[u]-pl.B[u]-db[u]) > 1e-9 {
			t.Errorf("db[%d] = %v, want %v", u, gl.B[u]-pl.B[u], db[u])
		}
	}
}

// Everything is the same, bit for bit, whatever GOMAXPROCS is, and after a resume.
func TestTrainReproducible(t *testing.T) {
	run := func(steps int, from *TrainState) *TrainResult[float64] {
		w, theta := smallNetwork(t, NetworkConfig[float64]{Kappa: 0.5, BatchSize: 7, BatchSeed: 3, Penalty: 0.1, PenaltyEvery: 2})
		r, err := Train(context.Background(), w, theta, TrainOptions[float64]{Eta: 0.05, Momentum: 0.8, Steps: steps, Resume: from})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := run(30, nil)
	old := runtime.GOMAXPROCS(1)
	got := run(30, nil)
	runtime.GOMAXPROCS(old)
	if !slices.Equal(got.Theta, want.Theta) {
		t.Error("results depend on GOMAXPROCS")
	}
	s, err := run(13, nil).State()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back TrainState
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if got := run(30, &back); !slices.Equal(got.Theta, want.Theta) || got.Steps != 30 {
		t.Error("a resumed run differs")
	}
}

func TestTrainOptimizers(t *testing.T) {
	for name, o := range map[string]TrainOptions[float64]{
		"GD":         {Eta: 0.1, Steps: 200},
		"heavy ball": {Eta: 0.05, Momentum: 0.9, Steps: 200},
		"Adam":       {Eta: 0.02, Adam: &descent.AdamOptions{}, Steps: 200},
	} {
		w, theta := smallNetwork(t, NetworkConfig[float64]{Kappa: 0.9, Clip: 5})
		first := w.EnergyGrad(nil, theta)
		var points []TrainPoint
		o.TrackNorm, o.TrackRadius, o.TrackCosine = 50, 50, 50
		o.Observe = func(p *TrainPoint, _, g []float64) error {
			points = append(points, *p)
			if kernel.Nrm2(g) > 5*(1+1e-12) {
				t.Errorf("%s: gradient of norm %v was not clipped", name, kernel.Nrm2(g))
			}
			return nil
		}
		r, err := Train(context.Background(), w, theta, o)
		if err != nil || r.Steps != 200 || len(points) != 200 {
			t.Fatal(name, len(points), err)
		}
		if last := w.EnergyGrad(nil, r.Theta); !(last < 0.7*first) {
			t.Errorf("%s: loss %v from %v", name, last, first)
		}
		for _, p := range points {
			if p.Step%50 == 0 && !(p.Norm2 <= 0.9*(1+1e-9) || p.Step == 0) {
				t.Errorf("%s: |W|₂ = %v at step %d, want at most 0.9", name, p.Norm2, p.Step)
			}
			if p.Step%50 == 0 && (math.Abs(p.Cosine-1) > 1e-6 || !(p.Radius > 0 && p.Radius <= p.Norm2*1.01)) {
				t.Errorf("%s: cosine %v, radius %v with |W|₂ = %v", name, p.Cosine, p.Radius, p.Norm2)
			}
			if p.Step%50 != 0 && !math.IsNaN(p.Norm2+p.Cosine+p.Radius) {
				t.Errorf("%s: step %d was tracked", name, p.Step)
			}
		}
	}
}

func TestTrainBadInput(t *testing.T) {
	ctx := context.Background()
	w, theta := smallNetwork(t, NetworkConfig[float64]{})
	nan := slices.Clone(theta)
	nan[5] = math.NaN()
	for name, c := range map[string]struct {
		theta []float64
		o     TrainOptions[float64]
		want  error
	}{
		"eta":      {theta, TrainOptions[float64]{Steps: 1}, ErrArgument},
		"steps":    {theta, TrainOptions[float64]{Eta: 1}, ErrArgument},
		"momentum": {theta, TrainOptions[float64]{Eta: 1, Steps: 1, Momentum: 1}, ErrArgument},
		"both":     {theta, TrainOptions[float64]{Eta: 1, Steps: 1, Momentum: 0.5, Adam: &descent.AdamOptions{}}, ErrArgument},
		"cap":      {theta, TrainOptions[float64]{Eta: 1, Steps: 1, LossCap: -1}, ErrArgument},
		"track":    {theta, TrainOptions[float64]{Eta: 1, Steps: 1, TrackNorm: -1}, ErrArgument},
		"length":   {theta[1:], TrainOptions[float64]{Eta: 1, Steps: 1}, ErrShape},
		"NaN":      {nan, TrainOptions[float64]{Eta: 1, Steps: 1}, ErrNotFinite},
		"state":    {theta, TrainOptions[float64]{Eta: 1, Steps: 1, Resume: &TrainState{}}, ErrShape},
	} {
		if r, err := Train(ctx, w, c.theta, c.o); !errors.Is(err, c.want) || r != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	x := e(1, 4, 2)
	data := TrainData[float64]{X: x, Y: e(2, 4, 1), Labels: []int{0, 1, 1, 0}}
	for name, c := range map[string]struct {
		c    NetworkConfig[float64]
		d    func(*TrainData[float64])
		want error
	}{
		"units":   {NetworkConfig[float64]{}, nil, ErrArgument},
		"loss":    {NetworkConfig[float64]{Units: 2, Loss: 7}, nil, ErrArgument},
		"penalty": {NetworkConfig[float64]{Units: 2, Penalty: -1}, nil, ErrArgument},
		"every":   {NetworkConfig[float64]{Units: 2, PenaltyEvery: -1}, nil, ErrArgument},
		"correct": {NetworkConfig[float64]{Units: 2, Correction: -1}, nil, ErrArgument},
		"decay":   {NetworkConfig[float64]{Units: 2, Correction: 1, CorrectionDecay: 2}, nil, ErrArgument},
		"mu + c":  {NetworkConfig[float64]{Units: 2, Correction: 1, Mu: 1}, nil, ErrArgument},
		"mu":      {NetworkConfig[float64]{Units: 2, Mu: -1}, nil, ErrArgument},
		"both":    {NetworkConfig[float64]{Units: 2, Mu: 1, Kappa: 1}, nil, ErrArgument},
		"gelu":    {NetworkConfig[float64]{Units: 2, Mu: 1, Act: GELU()}, nil, ErrArgument},
		"kappa":   {NetworkConfig[float64]{Units: 2, Kappa: math.NaN()}, nil, ErrArgument},
		"solver":  {NetworkConfig[float64]{Units: 2, Adjoint: SolveOptions[float64]{RelTol: 1e-17}}, nil, ErrPrecision},
		"rule":    {NetworkConfig[float64]{Units: 2, Backward: Backward{Rule: 9}}, nil, ErrArgument},
		"empty":   {NetworkConfig[float64]{Units: 2}, func(d *TrainData[float64]) { d.X = kernel.NewMatrix[float64](0, 2) }, ErrEmpty},
		"Y":       {NetworkConfig[float64]{Units: 2}, func(d *TrainData[float64]) { d.Y = e(2, 3, 1) }, ErrShape},
		"labels":  {NetworkConfig[float64]{Units: 2, Loss: CrossEntropy}, func(d *TrainData[float64]) { d.Labels = d.Labels[1:] }, ErrShape},
		"label":   {NetworkConfig[float64]{Units: 2, Loss: CrossEntropy}, func(d *TrainData[float64]) { d.Outputs = 1 }, ErrArgument},
	} {
		d := data
		if c.d != nil {
			c.d(&d)
		}
		if _, err := NewNetwork(c.c, d); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	boom := errors.New("boom")
	stop := func(err error) (*TrainResult[float64], error) {
		return Train(ctx, w, theta, TrainOptions[float64]{Eta: 0.1, Steps: 9, Observe: func(p *TrainPoint, _, _ []float64) error {
			if p.Step == 4 {
				return err
			}
			return nil
		}})
	}
	if r, err := stop(boom); !errors.Is(err, boom) || r.Steps != 4 || !kernel.AllFinite(r.Theta) {
		t.Errorf("failing observer: %v after %d steps", err, r.Steps)
	}
	if r, err := stop(ErrStop); err != nil || r.Steps != 4 || !kernel.AllFinite(r.Theta) {
		t.Errorf("observer that stops: %v after %d steps", err, r.Steps)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if r, err := Train(done, w, theta, TrainOptions[float64]{Eta: 0.1, Steps: 9}); !errors.Is(err, context.Canceled) || r == nil || r.Steps != 0 {
		t.Errorf("cancelled: %v", err)
	}
	if r, err := Train(ctx, w, theta, TrainOptions[float64]{Eta: 0.1, Steps: 9, LossCap: 1e-9}); !errors.Is(err, ErrDiverged) || r == nil || r.Steps != 0 {
		t.Errorf("loss cap: %v", err)
	}
}
