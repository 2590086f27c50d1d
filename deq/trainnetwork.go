package deq

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/nn"
	"github.com/gradflow/gradflow/internal/philox"
)

// TrainLoss is a loss of the outputs ŷ_i = C z_i + c of a Network.
type TrainLoss int

// Losses.
const (
	SquaredError TrainLoss = iota // (1/N) Σ |ŷ_i - y_i|²
	CrossEntropy                  // the mean of -log softmax(ŷ_i) at the label of sample i
)

// NetworkConfig describes a Network. The zero value of every field but Units is
// its documented default.
type NetworkConfig[T flow.Float] struct {
	// Units is n.
	Units int
	// Act is the activation. If its Name is empty, it is Tanh.
	Act Activation
	// Loss is the loss; the zero value is SquaredError.
	Loss TrainLoss
	// Backward is the rule by which gradients are computed.
	Backward Backward
	// Forward and Adjoint say how the fixed points and the adjoint equation are
	// solved. Fixed points always start from those of the step before.
	Forward SolveOptions[T]
	Adjoint SolveOptions[T]
	// Penalty is the weight of the Jacobian penalty, PenaltyEvery the number of
	// steps from one use to the next. If that is zero, it is 1.
	Penalty      float64
	PenaltyEvery int
	// Correction adds the losses of that many intermediate states to the loss: of
	// z_1, ..., z_K, the iterates of z ← σ(Wz+Ux+b) from zero, z_k with the weight
	// γ^(K+1-k), γ = CorrectionDecay (if zero, 0.8), each differentiated through its
	// last step alone: the fixed-point correction of arXiv 2204.08442. It keeps the
	// iteration short. Not for monotone layers.
	Correction      int
	CorrectionDecay float64
	// Clip bounds the norm of the gradient. Zero: no bound.
	Clip float64
	// Kappa keeps |W|₂ <= κ: after every step W ← W min(1, κ/|W|₂). Zero: no
	// bound.
	Kappa float64
	// Normalize is how W depends on the parameters. With SpectralNorm |W|₂ = Kappa
	// always, instead of the projection.
	Normalize Normalization
	// Mu, if > 0, makes the layer a Monotone with this μ, well posed whatever the
	// parameters are; Kappa must then be zero.
	Mu float64
	// BatchSize is the size of mini-batches, drawn without repetition within an
	// epoch; that of step k depends on (BatchSeed, k) alone. Zero: the full batch.
	BatchSize int
	BatchSeed uint64
}

// TrainData is a data set of N samples.
type TrainData[T flow.Float] struct {
	X      kernel.Matrix[T] // N x d, one sample a row
	Y      kernel.Matrix[T] // N x p, the targets of SquaredError
	Labels []int            // N labels, the targets of CrossEntropy
	// Outputs is p. If it is zero, it is the columns of Y, or the largest label
	// plus 1.
	Outputs int
}

// Network is the loss of a dense equilibrium layer with a linear readout,
//
//	z_i = σ(W z_i + U x_i + b),  ŷ_i = C z_i + c,
//
// as a function of θ = (W, U, b, C, c), or (A, B, U, b, C, c) of a monotone layer with
// A and B n x n, or (V, U, b, C, c, g) of one with WeightNorm, matrices row by row: a flow.Energy, so that every integrator
// and probe applies. With an approximate backward rule the
// gradient is that of the rule. An evaluation that fails (no fixed point, no
// adjoint, no finite loss) gives NaN, with the reason from Err of its Caps.
//
// A Network remembers the fixed points of every sample, from which the next solve
// starts: values depend on the history within the tolerance. It is for one
// goroutine at a time.
type Network[T flow.Float] struct {
	cfg  NetworkConfig[T]
	data TrainData[T]
	n, d, p,
	dim int

	layer *Dense[T]    // that of mono if there is one
	mono  *Monotone[T] // nil for a dense layer
	eq    Equilibrium[T]
	grad  *DenseGrad[T] // that of slope for a monotone layer
	slope MonotoneGrad[T]
	back  BackwardOptions[T]
	loss  *nn.Criterion[T]

	z      kernel.Matrix[T] // fixed points of all samples
	draw   *nn.Batches
	rows   []int // of the batch, nil: all
	bx     kernel.Matrix[T]
	target nn.Target[T]
	out    kernel.Matrix[T] // outputs, N x p
	seed   kernel.Matrix[T] // ∂L/∂ŷ
	dz     kernel.Matrix[T]
	ones   []T
	growth []float64

	between  Equilibrium[T] // intermediate states
	last     DenseGrad[T]   // gradient through the last step to one
	spectrum spectrum[T]
	normal   normalized[T]
	step     uint64
	pending  bool
	hook     func(loss float64, theta, grad []T) error // of Train
	err      error
	fwd, bwd SolveStats
	cap      float64 // loss that counts as divergence
}

// NewNetwork returns the network that c describes on the data, which is kept as a
// view. Errors wrap ErrArgument, ErrShape, ErrEmpty or ErrNotFinite.
func NewNetwork[T flow.Float](c NetworkConfig[T], data TrainData[T]) (*Network[T], error) {
	if c.Act.Name == "" {
		c.Act = Tanh()
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := data.check(c.Loss); err != nil {
		return nil, err
	}
	m, n, d, p := data.X.Rows, c.Units, data.X.Cols, data.Outputs
	w := &Network[T]{cfg: c, data: data, n: n, d: d, p: p, dim: n*n + n*d + n + p*n + p}
	w.layer, w.grad = &Dense[T]{Act: c.Act}, &w.slope.Dense
	if c.Normalize == WeightNorm {
		w.dim += n
	}
	if c.Mu > 0 {
		w.dim += n * n
		w.mono = &Monotone[T]{Mu: T(c.Mu), Act: c.Act}
		w.layer = w.mono.Dense()
	}
	w.cfg.Forward.Warm = true
	w.z = kernel.NewMatrix[T](m, n)
	w.loss = nn.NewCriterion[T](w.criterion(), m, p)
	w.back.SolveOptions = c.Adjoint
	w.target = nn.Target[T]{Y: data.Y, Labels: data.Labels}
	if c.Loss == CrossEntropy {
		w.target.Y = kernel.Matrix[T]{}
	} else {
		w.target.Labels = nil
	}
	w.bx = data.X
	if c.BatchSize > 0 && c.BatchSize < m {
		w.draw = &nn.Batches{M: m, Size: c.BatchSize, Seed: c.BatchSeed}
		w.bx, w.target = kernel.Matrix[T]{}, nn.Target[T]{}
		if c.Loss == CrossEntropy {
			w.target.Labels = make([]int, 0, c.BatchSize)
		}
		w.Draw(0)
	}
	return w, nil
}

func (c *NetworkConfig[T]) check() error {
	switch {
	case c.Units < 1:
		return fmt.Errorf("deq: Units = %d, want a number > 0: %w", c.Units, ErrArgument)
	case c.Loss != SquaredError && c.Loss != CrossEntropy:
		return fmt.Errorf("deq: Loss = %d, want SquaredError or CrossEntropy: %w", c.Loss, ErrArgument)
	case c.Mu > 0 && c.Kappa != 0:
		return fmt.Errorf("deq: Kappa = %v with Mu = %v, want 0: a monotone layer needs no bound of |W|₂: %w", c.Kappa, c.Mu, ErrArgument)
	case c.Mu > 0 && (!c.Act.Monotone() || c.Act.Lip > 1):
		return fmt.Errorf("deq: activation %q has slopes from %v to %v, a monotone layer wants them in [0, 1]: %w", c.Act.Name, c.Act.MinSlope, c.Act.Lip, ErrArgument)
	case c.Correction < 0 || c.Correction > 0 && c.Mu > 0:
		return fmt.Errorf("deq: Correction = %d with Mu = %v, want a number > 0 of states of a dense layer, or 0 for none: %w", c.Correction, c.Mu, ErrArgument)
	case !(c.CorrectionDecay >= 0 && c.CorrectionDecay <= 1):
		return fmt.Errorf("deq: CorrectionDecay = %v, want 0 < γ <= 1, or 0 for the default: %w", c.CorrectionDecay, ErrArgument)
	case c.PenaltyEvery < 0 || c.BatchSize < 0:
		return fmt.Errorf("deq: PenaltyEvery = %d, BatchSize = %d, want numbers > 0, or 0 for the default: %w", c.PenaltyEvery, c.BatchSize, ErrArgument)
	}
	for _, v := range []struct {
		name string
		v    float64
	}{{"Penalty", c.Penalty}, {"Clip", c.Clip}, {"Kappa", c.Kappa}, {"Mu", c.Mu}} {
		if err := checkNonnegative(v.name, v.v); err != nil {
			return err
		}
	}
	if err := c.Act.check(); err != nil {
		return err
	}
	for _, o := range []*SolveOptions[T]{&c.Forward, &c.Adjoint} {
		if _, err := o.defaults(); err != nil {
			return err
		}
	}
	if err := c.Normalize.check(c.Kappa, c.Mu); err != nil {
		return err
	}
	return c.Backward.check()
}

// projects says that |W|₂ is bounded by a projection.
func (c *NetworkConfig[T]) projects() bool { return c.Kappa > 0 && c.Normalize == Plain }

func (d *TrainData[T]) check(loss TrainLoss) error {
	m := d.X.Rows
	if m == 0 {
		return fmt.Errorf("deq: X has no rows: %w", ErrEmpty)
	}
	if err := checkMatrix(d.X, "X"); err != nil {
		return err
	}
	if loss == SquaredError {
		if d.Y.Rows != m || d.Outputs != 0 && d.Outputs != d.Y.Cols {
			return fmt.Errorf("deq: Y is %d x %d, want %d rows as X and Outputs = %d columns (0: any): %w", d.Y.Rows, d.Y.Cols, m, d.Outputs, ErrShape)
		}
		d.Outputs = d.Y.Cols
		return checkMatrix(d.Y, "Y")
	}
	if len(d.Labels) != m {
		return fmt.Errorf("deq: len(Labels) = %d, want the rows of X, %d: %w", len(d.Labels), m, ErrShape)
	}
	most := 0
	for i, l := range d.Labels {
		if most = max(most, l); l < 0 || d.Outputs > 0 && l >= d.Outputs {
			return fmt.Errorf("deq: Labels[%d] = %d, want labels from 0 to Outputs - 1: %w", i, l, ErrArgument)
		}
	}
	if d.Outputs == 0 {
		d.Outputs = most + 1
	}
	return nil
}

func (w *Network[T]) criterion() nn.Loss {
	if w.cfg.Loss == CrossEntropy {
		return nn.CrossEntropy
	}
	return nn.MSE
}

// Dim implements flow.Energy: the number of parameters.
func (w *Network[T]) Dim() int { return w.dim }

// Parameters returns the layer that θ means, C (p x n) and c. They are views of θ,
// but for the W of a monotone or a normalized layer, which is computed.
func (w *Network[T]) Parameters(theta []T) (l *Dense[T], c kernel.Matrix[T], bias []T) {
	if len(theta) != w.dim {
		panic(fmt.Sprintf("deq: len(theta) = %d, want the number of parameters, %d", len(theta), w.dim))
	}
	p := w.split(theta)
	l = &Dense[T]{W: p.w, U: p.u, B: p.b, Act: w.cfg.Act}
	if w.cfg.Normalize != Plain {
		err := w.normalize(&p)
		l.W = kernel.MatrixOf(w.n, w.n, append([]T(nil), w.normal.w.Data...))
		if err != nil {
			fill(l.W.Data) // NaN: there is no such layer
		}
	}
	if w.mono != nil {
		m := &Monotone[T]{Mu: w.mono.Mu, A: p.w, Skew: p.skew, U: p.u, B: p.b, Act: w.cfg.Act}
		m.compose()
		l = m.Dense()
	}
	return l, p.c, p.bias
}

// parts are the parameters, or a gradient in them, as views of θ.
type parts[T flow.Float] struct {
	w, skew kernel.Matrix[T] // w is A of a monotone layer, skew its B
	u, c    kernel.Matrix[T]
	b, bias []T
	scale   []T // of WeightNorm
}

func (w *Network[T]) split(theta []T) (p parts[T]) {
	at := 0
	next := func(rows, cols int) kernel.Matrix[T] {
		at += rows * cols
		return kernel.MatrixOf(rows, cols, theta[at-rows*cols:at])
	}
	p.w = next(w.n, w.n)
	if w.mono != nil {
		p.skew = next(w.n, w.n)
	}
	p.u = next(w.n, w.d)
	p.b = next(1, w.n).Data
	p.c = next(w.p, w.n)
	p.bias = next(1, w.p).Data
	if w.cfg.Normalize == WeightNorm {
		p.scale = next(1, w.n).Data
	}
	return p
}

// bind makes the layer that of θ.
func (w *Network[T]) bind(p *parts[T]) error {
	if w.mono == nil {
		w.layer.W, w.layer.U, w.layer.B = p.w, p.u, p.b
		if w.cfg.Normalize != Plain {
			return w.normalize(p)
		}
		return nil
	}
	w.mono.A, w.mono.Skew, w.mono.U, w.mono.B = p.w, p.skew, p.u, p.b
	return w.mono.Update()
}

// Caps implements the capabilities of flow. Draw is there with the full batch too:
// the gradient of a step is then evaluated at its start, after the projection.
func (w *Network[T]) Caps() flow.Caps[T] {
	c := flow.Caps[T]{Draw: w.Draw, Err: w.Err, Invariants: w.invariants()}
	if w.cfg.projects() {
		c.Project = func(theta []T) error {
			_, err := w.project(theta)
			return err
		}
	}
	return c
}

// Draw chooses the mini-batch of a step.
func (w *Network[T]) Draw(step uint64) {
	w.step, w.pending = step, true
	if w.draw == nil {
		return
	}
	w.rows = w.draw.At(step)
	nn.GatherRows(&w.bx, w.data.X, w.rows)
	full := nn.Target[T]{Y: w.data.Y, Labels: w.data.Labels}
	if w.cfg.Loss == SquaredError {
		full.Labels = nil
	}
	w.target.Gather(full, w.rows)
}

// Err returns why the last evaluation failed, nil if it did not.
func (w *Network[T]) Err() error { return w.err }

// EnergyGrad implements flow.Energy: the loss on the batch, with the Jacobian
// penalty if there is one, and its gradient unless grad is nil.
func (w *Network[T]) EnergyGrad(grad, theta []T) float64 {
	loss, err := w.evaluate(grad, theta)
	if err == nil && w.pending && w.hook != nil && grad != nil {
		w.pending = false
		err = w.hook(loss, theta, grad)
	}
	w.err = err
	if err != nil {
		for i := range grad {
			grad[i] = T(math.NaN())
		}
		return math.NaN()
	}
	return loss
}

func (w *Network[T]) evaluate(grad, theta []T) (float64, error) {
	p := w.split(theta)
	if err := w.bind(&p); err != nil {
		return 0, err
	}
	if err := w.fixedPoints(); err != nil {
		return 0, err
	}
	loss := w.outputs(w.eq.Z, &p, grad != nil)
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return loss, fmt.Errorf("deq: loss is %v: %w", loss, ErrNotFinite)
	}
	penalty := w.cfg.Penalty
	if every := uint64(max(1, w.cfg.PenaltyEvery)); w.step%every != 0 {
		penalty = 0
	}
	if penalty > 0 {
		w.layer.Linearize(&w.eq)
		loss += penalty * w.layer.penalty(&w.eq)
	}
	if grad != nil {
		if err := w.gradient(grad, p.c, penalty); err != nil {
			return loss, err
		}
	}
	if w.cfg.Correction > 0 {
		extra, err := w.correct(grad, &p)
		if err != nil {
			return loss, err
		}
		loss += extra
	}
	if grad != nil {
		if w.cfg.Normalize != Plain {
			w.pullBack(grad, &p)
		}
		w.clip(grad)
	}
	return loss, nil
}

// fixedPoints solves for the batch, from the fixed points known.
func (w *Network[T]) fixedPoints() error {
	matrix(&w.eq.Z, w.bx.Rows, w.n)
	if w.rows == nil {
		copy(w.eq.Z.Data, w.z.Data)
	} else {
		nn.GatherRows(&w.eq.Z, w.z, w.rows)
	}
	solve := w.layer.Solve
	if w.mono != nil {
		solve = w.mono.Solve
	}
	st, err := solve(context.Background(), &w.eq, w.bx, &w.cfg.Forward)
	if err != nil {
		return err
	}
	w.fwd = *st
	if st.Status != flow.Converged {
		return fmt.Errorf("deq: forward solve by %s ended as %v with relative residual %.3g after %d evaluations: %w", st.Solver, st.Status, st.Relative, st.Evals, ErrNotConverged)
	}
	if w.rows == nil {
		copy(w.z.Data, w.eq.Z.Data)
		return nil
	}
	for i, r := range w.rows {
		copy(w.z.Row(r), w.eq.Z.Row(i))
	}
	return nil
}

// outputs computes ŷ and the loss at z, with ∂L/∂ŷ in seed if wanted.
func (w *Network[T]) outputs(z kernel.Matrix[T], p *parts[T], seed bool) float64 {
	matrix(&w.out, z.Rows, w.p)
	kernel.GemmNT(w.out, 1, z, p.c, 0)
	kernel.AddBias(w.out, p.bias)
	var s kernel.Matrix[T]
	if seed {
		matrix(&w.seed, w.out.Rows, w.p)
		s = w.seed
	}
	loss := w.loss.Eval(s, w.out, w.target)
	if w.cfg.Loss == SquaredError { // the criterion has a factor 1/2
		loss *= 2
		kernel.Scal(2, s.Data)
	}
	return loss
}

// gradient stores the gradient in grad.
func (w *Network[T]) gradient(grad []T, c kernel.Matrix[T], penalty float64) error {
	g := w.split(grad)
	w.grad.U, w.grad.B = g.u, g.b
	matrix(&w.dz, w.eq.Z.Rows, w.n)
	kernel.Gemm(w.dz, 1, w.seed, c, 0)
	w.back.Penalty = penalty
	var st *SolveStats
	var err error
	if w.mono != nil {
		w.slope.A, w.slope.Skew = g.w, g.skew
		st, err = w.mono.Backward(context.Background(), &w.slope, &w.eq, w.dz, w.cfg.Backward, &w.back)
	} else {
		w.grad.W = g.w
		st, err = w.layer.Backward(context.Background(), w.grad, &w.eq, w.dz, w.cfg.Backward, &w.back)
	}
	if err != nil {
		return err
	}
	w.bwd = *st
	kernel.GemmTN(g.c, 1, w.seed, w.eq.Z, 0)
	w.ones = room(w.ones, w.seed.Rows)
	for i := range w.ones {
		w.ones[i] = 1
	}
	kernel.GemvT(g.bias, 1, w.seed, w.ones, 0)
	return nil
}

// clip bounds the norm of the gradient.
func (w *Network[T]) clip(grad []T) {
	if w.cfg.Clip > 0 {
		if norm := kernel.Nrm2(grad); norm > w.cfg.Clip {
			kernel.Scal(T(w.cfg.Clip/norm), grad)
		}
	}
}

// Predict stores the outputs ŷ (N x p) for the samples in the rows of x in dst. To
// find no fixed point is an error that wraps ErrNotConverged.
func (w *Network[T]) Predict(ctx context.Context, dst kernel.Matrix[T], theta []T, x kernel.Matrix[T]) error {
	l, c, bias := w.Parameters(theta)
	if dst.Rows != x.Rows || dst.Cols != w.p {
		panic(fmt.Sprintf("deq: dst is %d x %d, want %d x %d", dst.Rows, dst.Cols, x.Rows, w.p))
	}
	var eq Equilibrium[T]
	o := w.cfg.Forward
	o.Warm = false
	st, err := l.Solve(ctx, &eq, x, &o)
	if err != nil {
		return err
	}
	if st.Status != flow.Converged {
		return fmt.Errorf("deq: forward solve ended as %v with relative residual %.3g: %w", st.Status, st.Relative, ErrNotConverged)
	}
	kernel.GemmNT(dst, 1, eq.Z, c, 0)
	kernel.AddBias(dst, bias)
	return nil
}

// Accuracy returns the share of the samples whose largest output is at their label.
func (w *Network[T]) Accuracy(ctx context.Context, theta []T, x kernel.Matrix[T], labels []int) (float64, error) {
	if len(labels) != x.Rows {
		panic(fmt.Sprintf("deq: len(labels) = %d, want the rows of x, %d", len(labels), x.Rows))
	}
	if x.Rows == 0 {
		return 0, fmt.Errorf("deq: x has no rows: %w", ErrEmpty)
	}
	out := kernel.NewMatrix[T](x.Rows, w.p)
	if err := w.Predict(ctx, out, theta, x); err != nil {
		return 0, err
	}
	hits := 0
	for i, label := range labels {
		best := 0
		for k, v := range out.Row(i) {
			if v > out.Row(i)[best] {
				best = k
			}
		}
		if best == label {
			hits++
		}
	}
	return float64(hits) / float64(x.Rows), nil
}

// Start returns random parameters, a function of the seed alone: W ~ N(0, 0.2/n),
// so that |W|₂ is about 0.9, or A and B ~ N(0, 0.2/n), U ~ N(0, 1/d),
// C ~ N(0, 1/n), biases 0.
func (w *Network[T]) Start(seed uint64) []T {
	theta := make([]T, w.dim)
	p, s := w.split(theta), philox.Stream{Seed: seed}
	for q, m := range []struct {
		x     []T
		scale float64
	}{{p.w.Data, math.Sqrt(0.2 / float64(w.n))}, {p.u.Data, 1 / math.Sqrt(float64(max(1, w.d)))}, {p.c.Data, 1 / math.Sqrt(float64(w.n))}, {p.skew.Data, math.Sqrt(0.2 / float64(w.n))}} {
		philox.FillNormals(m.x, s, philox.Starts, uint64(q))
		kernel.Scal(T(m.scale), m.x)
	}
	p.start()
	return theta
}
