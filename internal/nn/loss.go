package nn

import (
	"fmt"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Loss is a function of the outputs f (m x K) and the targets of a batch.
type Loss int

const (
	// MSE is 1/(2m) Σ_αk (f_αk - Y_αk)².
	MSE Loss = iota
	// CrossEntropy is the mean over α of -log softmax(f_α) at the label of α.
	CrossEntropy
	// Logistic is the mean over α of log(1 + exp(-y_α f_α)), y_α = ±1, K = 1.
	Logistic

	numLosses
)

var lossNames = [numLosses]string{"mse", "cross-entropy", "logistic"}

// String returns the loss's name.
func (l Loss) String() string {
	if !l.Valid() {
		return fmt.Sprintf("Loss(%d)", int(l))
	}
	return lossNames[l]
}

// Valid says whether l is one of the constants.
func (l Loss) Valid() bool { return l >= 0 && l < numLosses }

// Target is what a batch should give: Y (m x K) for MSE and Logistic, Labels
// (0 to K-1) for CrossEntropy.
type Target[T kernel.Float] struct {
	Y      kernel.Matrix[T]
	Labels []int
}

// Rows returns the number of samples.
func (t Target[T]) Rows() int { return max(t.Y.Rows, len(t.Labels)) }

// Gather makes t the samples of src that idx names, in memory of its own that is
// reused.
func (t *Target[T]) Gather(src Target[T], idx []int) {
	if src.Labels != nil {
		t.Labels = t.Labels[:0]
		for _, i := range idx {
			t.Labels = append(t.Labels, src.Labels[i])
		}
		return
	}
	GatherRows(&t.Y, src.Y, idx)
}

// GatherRows makes dst the rows of src that idx names, in memory of its own that
// is reused if it is large enough.
func GatherRows[T kernel.Float](dst *kernel.Matrix[T], src kernel.Matrix[T], idx []int) {
	if need := len(idx) * src.Cols; cap(dst.Data) < need {
		dst.Data = make([]T, need)
	}
	*dst = kernel.Matrix[T]{Rows: len(idx), Cols: src.Cols, Stride: src.Cols, Data: dst.Data[:len(idx)*src.Cols]}
	for r, i := range idx {
		copy(dst.Row(r), src.Row(i))
	}
}

// Criterion evaluates a loss and its derivatives in the outputs. It keeps what
// the second derivative needs, so it is for one goroutine at a time.
type Criterion[T kernel.Float] struct {
	loss Loss
	rows int
	p    kernel.Matrix[T] // probabilities of the last Eval
	lse  []T
}

// NewCriterion returns a criterion for batches of up to rows samples with k
// outputs.
func NewCriterion[T kernel.Float](l Loss, rows, k int) *Criterion[T] {
	c := &Criterion[T]{loss: l}
	if l != MSE {
		c.p, c.lse = kernel.NewMatrix[T](rows, k), make([]T, rows)
	}
	return c
}

// Eval returns the loss of the outputs f and stores its derivative ∂L/∂f in
// seed, unless that is the zero Matrix.
func (c *Criterion[T]) Eval(seed, f kernel.Matrix[T], t Target[T]) float64 {
	if t.Rows() != f.Rows {
		panic(fmt.Sprintf("nn: targets of %d samples, want %d = rows of f", t.Rows(), f.Rows))
	}
	c.rows = f.Rows
	if c.loss == MSE {
		return evalMSE(seed, f, t.Y)
	}
	c.p.Rows, c.p.Data, c.lse = f.Rows, c.p.Data[:f.Rows*f.Cols], c.lse[:f.Rows]
	if c.loss == CrossEntropy {
		return c.evalCrossEntropy(seed, f, t.Labels)
	}
	return c.evalLogistic(seed, f, t.Y)
}

func evalMSE[T kernel.Float](seed, f, y kernel.Matrix[T]) float64 {
	m := float64(f.Rows)
	var sum float64
	for i := range f.Rows {
		fi, yi := f.Row(i), y.Row(i)
		for k, v := range fi {
			r := float64(v) - float64(yi[k])
			sum += r * r
			if seed.Data != nil {
				seed.Row(i)[k] = T(r / m)
			}
		}
	}
	return sum / (2 * m)
}

// evalCrossEntropy uses L_α = lse(f_α) - f_α[label], ∂L/∂f = (p - e_label)/m.
func (c *Criterion[T]) evalCrossEntropy(seed, f kernel.Matrix[T], labels []int) float64 {
	m := T(f.Rows)
	kernel.LogSumExpRows(c.lse, f)
	copyMatrix(c.p, f)
	kernel.SoftmaxRows(c.p)
	var sum float64
	for i, label := range labels {
		sum += float64(c.lse[i] - f.Row(i)[label])
		if seed.Data != nil {
			kernel.Axpby(1/m, c.p.Row(i), 0, seed.Row(i))
			seed.Row(i)[label] -= 1 / m
		}
	}
	return sum / float64(f.Rows)
}

// evalLogistic uses L_α = softplus(-y f), ∂L/∂f = -y σ(-y f)/m; p = σ(-y f).
func (c *Criterion[T]) evalLogistic(seed, f, y kernel.Matrix[T]) float64 {
	m := T(f.Rows)
	for i := range f.Rows {
		c.p.Data[i] = -y.Row(i)[0] * f.Row(i)[0]
	}
	kernel.Softplus(c.lse, c.p.Data)
	kernel.Sigmoid(c.p.Data, c.p.Data)
	if seed.Data != nil {
		for i := range f.Rows {
			seed.Row(i)[0] = -y.Row(i)[0] * c.p.Data[i] / m
		}
	}
	return kernel.Sum(c.lse) / float64(f.Rows)
}

// Hess stores S u in dst, S = ∂²L/∂f² at the outputs of the last Eval and u
// (m x K) a direction in the outputs; dst may be u. S is positive semidefinite
// for every loss here.
func (c *Criterion[T]) Hess(dst, u kernel.Matrix[T]) {
	if u.Rows != c.rows {
		panic(fmt.Sprintf("nn: u has %d rows, want %d, those of the last Eval", u.Rows, c.rows))
	}
	m := T(c.rows)
	for i := range u.Rows {
		di, ui := dst.Row(i), u.Row(i)
		switch c.loss {
		case MSE:
			kernel.Axpby(1/m, ui, 0, di)
		case CrossEntropy:
			p := c.p.Row(i)
			mean := kernel.Dot(p, ui)
			for k, v := range ui {
				di[k] = p[k] * (v - mean) / m
			}
		case Logistic:
			p := c.p.Data[i]
			di[0] = p * (1 - p) * ui[0] / m
		}
	}
}
