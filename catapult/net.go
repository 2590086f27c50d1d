package catapult

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/nn"
)

// Activation is the nonlinearity of a network's hidden layers; its output layer
// is linear.
type Activation int

const (
	Identity  = Activation(nn.Identity)  // φ(z) = z: a deep linear network
	ReLU      = Activation(nn.ReLU)      // φ(z) = max(z, 0), with φ'(0) = 0 and φ'' = 0
	LeakyReLU = Activation(nn.LeakyReLU) // φ(z) = max(z, z/100)
	Tanh      = Activation(nn.Tanh)      // φ(z) = tanh z
	Sigmoid   = Activation(nn.Sigmoid)   // φ(z) = 1/(1 + e^-z)
	Softplus  = Activation(nn.Softplus)  // φ(z) = log(1 + e^z)
	GELU      = Activation(nn.GELU)      // φ(z) = z Φ(z), Φ the normal distribution function
)

// String returns the activation's name.
func (a Activation) String() string { return nn.Activation(a).String() }

// NetConfig describes a network and how it is trained. With the data matrix X
// (m x n_0) as H_0 it computes
//
//	Z_l = (σ_w/√n_{l-1}) H_{l-1} W_lᵀ + σ_b b_l,   H_l = φ(Z_l),   f = Z_L
//
// with W, b ~ N(0, 1) at the start, the parameterisation of the neural tangent
// kernel (arXiv 1806.07572).
type NetConfig struct {
	// Sizes are n_0 (inputs), the widths of the hidden layers, and K = n_L
	// (outputs). {d, n, 1} is the network of arXiv 2003.02218.
	Sizes []int
	// Act is the activation of the hidden layers.
	Act Activation
	// Bias gives every layer a bias.
	Bias bool
	// Standard chooses the standard parameterisation instead: Z = H Wᵀ + b with
	// W ~ N(0, σ_w²/n_{l-1}), b ~ N(0, σ_b²). Learning rates have another scale.
	Standard bool
	// SigmaW is σ_w. Zero means √2 for ReLU, LeakyReLU and GELU, else 1.
	SigmaW float64
	// SigmaB is σ_b. Zero means 0.05, or with Standard that biases start at 0.
	SigmaB float64
	// Loss is the loss; the zero value is MSE.
	Loss Loss
	// Decay is the weight decay γ: the energy is L(θ) + γ/2 |θ|².
	Decay float64
	// BatchSize is the size of the mini-batches of stochastic gradient descent,
	// drawn without repetition within an epoch. Zero means the full batch.
	BatchSize int
	// BatchSeed is the seed of the mini-batches: that of step k depends on
	// (BatchSeed, k) alone.
	BatchSeed uint64
	// Batches, if not nil, are mini-batches (lists of samples) to be used in
	// turn instead.
	Batches [][]int
}

// Data is a labelled data set of m samples.
type Data[T flow.Float] struct {
	X      kernel.Matrix[T] // m x n_0, one sample a row
	Y      kernel.Matrix[T] // m x K, the targets of MSE and Logistic (K = 1, ±1)
	Labels []int            // m labels 0 to K-1, the targets of CrossEntropy
}

// Net is the training loss of a multilayer perceptron as a function of its
// parameters θ: a flow.Energy on R^p, so that every integrator, controller and
// probe applies. θ is W_1 (row-major, n_1 x n_0), b_1, W_2, ...; the net itself
// holds no parameters.
//
// With mini-batches the energy is that of the current batch, which Draw of its
// capabilities chooses; all other methods look at the full data. A Net keeps
// scratch memory and is for one goroutine at a time.
type Net[T flow.Float] struct {
	cfg   NetConfig
	mlp   *nn.MLP
	data  Data[T]
	full  *nn.Objective[T]
	batch *nn.Objective[T] // full itself without mini-batches

	draw  *nn.Batches
	bx    kernel.Matrix[T]
	by    nn.Target[T]
	gates []kernel.Matrix[T] // frozen gates on the full data
	bg    []kernel.Matrix[T] // and on the batch

	vec [3][]T        // parameter-sized scratch of the diagnostics
	ntk *ntkMemory[T] // of the dense tangent kernel, once it was asked for
}

var _ flow.Energy[float64] = (*Net[float64])(nil)

// NewNet returns the training loss of the network that c describes on the data,
// which is kept as a view. Errors wrap ErrArgument, ErrShape, ErrEmpty or
// ErrNonFinite.
func NewNet[T flow.Float](c NetConfig, data Data[T]) (*Net[T], error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	mlp, err := nn.New(nn.Config{Sizes: c.Sizes, Act: nn.Activation(c.Act), Bias: c.Bias, Standard: c.Standard, SigmaW: c.SigmaW, SigmaB: c.SigmaB})
	if err != nil {
		return nil, fmt.Errorf("catapult: %w: %w", err, ErrArgument)
	}
	if err := checkData(c, data); err != nil {
		return nil, err
	}
	m := data.X.Rows
	if err := c.checkBatches(m); err != nil {
		return nil, err
	}
	n := &Net[T]{cfg: c, mlp: mlp, data: data}
	n.full = nn.NewObjective[T](mlp, nn.Loss(c.Loss), m)
	n.full.SetBatch(data.X, n.target())
	n.batch = n.full
	for i := range n.vec {
		n.vec[i] = make([]T, mlp.Dim())
	}
	if rows := c.batchRows(m); rows > 0 {
		n.batch = nn.NewObjective[T](mlp, nn.Loss(c.Loss), rows)
		n.draw = &nn.Batches{M: m, Size: rows, Seed: c.BatchSeed}
		n.Draw(0)
	}
	return n, nil
}

// OneHidden returns the configuration of the one-hidden-layer network of arXiv
// 2003.02218 and of section 3 of arXiv 2205.11787 without biases,
//
//	f(x) = (σ_w/√n) v·φ((σ_w/√d) U x),
//
// for inputs of dimension d and width n; σ_w is √2 for rectifiers, else 1. θ is
// U (row-major, n x d), then v. The linear network of the paper has no 1/√d:
// divide its data by √d, or set SigmaW.
func OneHidden(d, n int, act Activation) NetConfig {
	return NetConfig{Sizes: []int{d, n, 1}, Act: act}
}

// target is what the data say that the outputs should be.
func (n *Net[T]) target() nn.Target[T] {
	if n.cfg.Loss == CrossEntropy {
		return nn.Target[T]{Labels: n.data.Labels}
	}
	return nn.Target[T]{Y: n.data.Y}
}

// Config returns the configuration of the network.
func (n *Net[T]) Config() NetConfig { return n.cfg }

// Dim returns the number p of parameters.
func (n *Net[T]) Dim() int { return n.mlp.Dim() }

// Samples returns the number m of samples.
func (n *Net[T]) Samples() int { return n.data.X.Rows }

// Outputs returns the number K of outputs.
func (n *Net[T]) Outputs() int { return n.mlp.Outputs() }

// Layers returns the number L of layers of weights.
func (n *Net[T]) Layers() int { return n.mlp.Depth() }

// Init returns random parameters, a function of (seed, index) alone; ensembles
// take one index a member. Nets of float32 and float64 get the same numbers up
// to rounding.
func (n *Net[T]) Init(seed, index uint64) []T {
	theta := make([]T, n.Dim())
	nn.Init(n.mlp, theta, seed, index)
	return theta
}

// Weights returns W_l (n_l x n_{l-1}) and b_l (nil without biases) of layer l,
// 1 <= l <= L, as views of theta.
func (n *Net[T]) Weights(theta []T, l int) (w kernel.Matrix[T], b []T) {
	return nn.Weights(n.mlp, theta, l)
}

// EnergyGrad returns the loss of the current batch at theta, plus γ/2 |θ|², and
// stores the gradient in grad unless that is nil.
func (n *Net[T]) EnergyGrad(grad, theta []T) float64 {
	e := 0.0
	if grad == nil {
		e = n.batch.Loss(theta)
	} else {
		e = n.batch.Grad(grad, theta)
	}
	if g := n.cfg.Decay; g > 0 {
		e += g / 2 * kernel.SumSq(theta)
		if grad != nil {
			kernel.Axpy(T(g), theta, grad)
		}
	}
	return e
}

// Caps returns what the net can do beside its gradient: exact Hessian-vector
// products of the energy and, with mini-batches, the draw of a step's batch.
func (n *Net[T]) Caps() flow.Caps[T] {
	c := flow.Caps[T]{
		Autonomous: n.draw == nil,
		HessVec:    func(dst, x, v []T) { n.hessVec(n.batch, dst, x, v) },
	}
	if n.draw != nil {
		c.Draw = n.Draw
	}
	return c
}

// Draw makes the mini-batch of a step current, a function of (BatchSeed, step)
// alone. Without mini-batches it does nothing.
func (n *Net[T]) Draw(step uint64) {
	if n.draw == nil {
		return
	}
	idx := n.cfg.batch(n.draw, step)
	nn.GatherRows(&n.bx, n.data.X, idx)
	n.by.Gather(n.target(), idx)
	for i := range n.gates {
		nn.GatherRows(&n.bg[i], n.gates[i], idx)
	}
	n.batch.SetBatch(n.bx, n.by)
	if n.gates != nil {
		n.batch.SetGates(n.bg)
	}
}

// Loss returns L(θ) on the full data, without weight decay.
func (n *Net[T]) Loss(theta []T) float64 { return n.full.Loss(theta) }

// LossGrad stores ∇L(θ) on the full data, without weight decay, in grad and
// returns L(θ).
func (n *Net[T]) LossGrad(grad, theta []T) float64 { return n.full.Grad(grad, theta) }

// HessVec stores the product of the Hessian of L(θ) + γ/2 |θ|² on the full data
// with v in dst, exactly, at the price of a gradient; dst must not be v.
func (n *Net[T]) HessVec(dst, theta, v []T) { n.hessVec(n.full, dst, theta, v) }

func (n *Net[T]) hessVec(o *nn.Objective[T], dst, theta, v []T) {
	o.HessVec(dst, theta, v)
	if g := n.cfg.Decay; g > 0 {
		kernel.Axpy(T(g), v, dst)
	}
}

// GaussNewtonVec stores Jᵀ S J v in dst, S = ∂²L/∂f²: the part of the Hessian
// of L on the full data that remains when the residuals vanish. For MSE it has
// the nonzero eigenvalues of the NTK. dst must not be v.
func (n *Net[T]) GaussNewtonVec(dst, theta, v []T) { n.full.GaussNewtonVec(dst, theta, v) }

// Predict returns the outputs f (m x K) on the net's own data, a view that the
// next call on the net overwrites.
func (n *Net[T]) Predict(theta []T) kernel.Matrix[T] { return n.full.Outputs(theta) }

// PredictOn stores the outputs for the rows of x in dst (rows x K). Frozen gates
// belong to the net's own samples, so a net that has them panics.
func (n *Net[T]) PredictOn(dst kernel.Matrix[T], theta []T, x kernel.Matrix[T]) {
	if n.gates != nil {
		panic("catapult: PredictOn of a net with frozen gates, which exist for its own samples only")
	}
	if dst.Rows != x.Rows || dst.Cols != n.Outputs() {
		panic(fmt.Sprintf("catapult: dst is %d x %d, want %d x %d", dst.Rows, dst.Cols, x.Rows, n.Outputs()))
	}
	ws := nn.NewWorkspace[T](n.mlp, min(x.Rows, 256))
	for from := 0; from < x.Rows; from += 256 {
		rows := min(256, x.Rows-from)
		part := kernel.Matrix[T]{Rows: rows, Cols: x.Cols, Stride: x.Stride, Data: x.Data[from*x.Stride:]}
		f := ws.Forward(theta, part)
		for i := range rows {
			copy(dst.Row(from+i), f.Row(i))
		}
	}
}

// Accuracy returns the part of the rows of f whose largest entry is at the
// label, or, with a single column, whose sign is that of 1 - 2·label: label 0
// stands for a positive output. It panics if the lengths differ.
func Accuracy[T flow.Float](f kernel.Matrix[T], labels []int) float64 {
	if f.Rows != len(labels) {
		panic(fmt.Sprintf("catapult: %d labels for %d rows", len(labels), f.Rows))
	}
	hits := 0
	for i, label := range labels {
		row := f.Row(i)
		got := 0
		switch {
		case len(row) == 1 && !(row[0] > 0):
			got = 1
		case len(row) > 1:
			for k, v := range row {
				if v > row[got] {
					got = k
				}
			}
		}
		if got == label {
			hits++
		}
	}
	return float64(hits) / float64(len(labels))
}

// FreezeGates returns the network with its activation replaced by the linear
// gates φ'(Z_l) that it has at theta, sample by sample. With one hidden layer of
// ReLUs it is the quadratic model of arXiv 2205.11787: equal to the second-order
// expansion of the network around theta. The error wraps ErrArgument unless the
// activation is positively homogeneous (φ(z) = φ'(z) z).
func (n *Net[T]) FreezeGates(theta []T) (*Net[T], error) {
	if !nn.Activation(n.cfg.Act).Homogeneous() {
		return nil, fmt.Errorf("catapult: gates of %v cannot be frozen, want ReLU, LeakyReLU or Identity: %w", n.cfg.Act, ErrArgument)
	}
	if err := n.checkTheta("theta", theta); err != nil {
		return nil, err
	}
	twin, err := NewNet(n.cfg, n.data)
	if err != nil {
		return nil, err
	}
	ws := nn.NewWorkspace[T](n.mlp, n.Samples())
	ws.FreezeGates(theta, n.data.X)
	twin.gates = ws.Gates()
	twin.bg = make([]kernel.Matrix[T], len(twin.gates))
	twin.full.SetGates(twin.gates)
	twin.Draw(0)
	return twin, nil
}

// checkTheta says what is wrong with a parameter vector from outside.
func (n *Net[T]) checkTheta(name string, theta []T) error {
	return checkParameters(name, theta, n.Dim())
}

func checkParameters[T flow.Float](name string, theta []T, dim int) error {
	if len(theta) != dim {
		return fmt.Errorf("catapult: len(%s) = %d, want the net's %d parameters: %w", name, len(theta), dim, ErrShape)
	}
	if !kernel.AllFinite(theta) {
		return fmt.Errorf("catapult: %s holds a NaN or an infinity: %w", name, ErrNonFinite)
	}
	return nil
}

func (c *NetConfig) check() error {
	if !nn.Loss(c.Loss).Valid() {
		return fmt.Errorf("catapult: Loss = %v, want one of the constants: %w", c.Loss, ErrArgument)
	}
	if !(c.Decay >= 0) || math.IsInf(c.Decay, 0) {
		return fmt.Errorf("catapult: Decay = %v, want a finite number >= 0: %w", c.Decay, ErrArgument)
	}
	if c.BatchSize < 0 {
		return fmt.Errorf("catapult: BatchSize = %d, want >= 0: %w", c.BatchSize, ErrArgument)
	}
	if c.BatchSize > 0 && c.Batches != nil {
		return fmt.Errorf("catapult: BatchSize = %d and Batches are both set, want one of them: %w", c.BatchSize, ErrArgument)
	}
	if k := len(c.Sizes); c.Loss == Logistic && k > 0 && c.Sizes[k-1] != 1 {
		return fmt.Errorf("catapult: Sizes end with %d outputs, want 1 for the logistic loss: %w", c.Sizes[k-1], ErrArgument)
	}
	return nil
}

func (c *NetConfig) checkBatches(m int) error {
	if c.BatchSize > m {
		return fmt.Errorf("catapult: BatchSize = %d exceeds the %d samples: %w", c.BatchSize, m, ErrArgument)
	}
	if c.Batches != nil && len(c.Batches) == 0 {
		return fmt.Errorf("catapult: Batches has no batch, want nil for the full one: %w", ErrEmpty)
	}
	for b, idx := range c.Batches {
		if len(idx) == 0 {
			return fmt.Errorf("catapult: Batches[%d] is empty: %w", b, ErrEmpty)
		}
		for _, i := range idx {
			if i < 0 || i >= m {
				return fmt.Errorf("catapult: Batches[%d] names sample %d, want 0 to %d: %w", b, i, m-1, ErrArgument)
			}
		}
	}
	return nil
}

// batchRows is the size of the largest mini-batch, 0 without mini-batches.
func (c *NetConfig) batchRows(m int) int {
	rows := 0
	for _, idx := range c.Batches {
		rows = max(rows, len(idx))
	}
	if c.BatchSize > 0 && c.BatchSize < m {
		rows = c.BatchSize
	}
	return rows
}

// batch is the list of the samples of a step.
func (c *NetConfig) batch(b *nn.Batches, step uint64) []int {
	if len(c.Batches) > 0 {
		return c.Batches[step%uint64(len(c.Batches))]
	}
	return b.At(step)
}

func checkData[T flow.Float](c NetConfig, d Data[T]) error {
	m, k := d.X.Rows, c.Sizes[len(c.Sizes)-1]
	if m == 0 {
		return fmt.Errorf("catapult: data.X has no rows: %w", ErrEmpty)
	}
	if err := checkMatrix("data.X", d.X, m, c.Sizes[0]); err != nil {
		return err
	}
	if c.Loss == CrossEntropy {
		return checkLabels(d.Labels, m, k)
	}
	if err := checkMatrix("data.Y", d.Y, m, k); err != nil {
		return err
	}
	for i := range m {
		if y := d.Y.Row(i)[0]; c.Loss == Logistic && y != 1 && y != -1 {
			return fmt.Errorf("catapult: data.Y[%d] = %v, want 1 or -1 for the logistic loss: %w", i, y, ErrArgument)
		}
	}
	return nil
}

func checkLabels(labels []int, m, k int) error {
	if len(labels) != m {
		return fmt.Errorf("catapult: len(data.Labels) = %d, want %d, one a row of data.X: %w", len(labels), m, ErrShape)
	}
	if i := slices.IndexFunc(labels, func(l int) bool { return l < 0 || l >= k }); i >= 0 {
		return fmt.Errorf("catapult: data.Labels[%d] = %d, want 0 to %d: %w", i, labels[i], k-1, ErrArgument)
	}
	return nil
}

// checkMatrix says what is wrong with an r x c matrix from outside.
func checkMatrix[T flow.Float](name string, m kernel.Matrix[T], r, c int) error {
	if m.Rows != r || m.Cols != c || m.Stride < c || len(m.Data) < (r-1)*m.Stride+c {
		return fmt.Errorf("catapult: %s is %d x %d (stride %d, %d elements), want %d x %d: %w", name, m.Rows, m.Cols, m.Stride, len(m.Data), r, c, ErrShape)
	}
	for i := range r {
		if !kernel.AllFinite(m.Row(i)) {
			return fmt.Errorf("catapult: %s holds a NaN or an infinity in row %d: %w", name, i, ErrNonFinite)
		}
	}
	return nil
}
