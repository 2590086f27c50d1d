package probe

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Dissipation is a flow.Recorder that measures the identity dE/dt = -‖∇E‖² of
// gradient flow along a run: the energy that was lost against
//
//	z(t) = ∫ ‖∇E(x(s))‖² ds,
//
// by the five-point Gauss-Lobatto rule, of order 8, on the dense output of every
// step, or the trapezoidal rule where there is none. It takes four gradients a
// step and looks at the trajectory alone, whatever made it;
// flow.Options.Ledger does without a further gradient by the weights of the
// method. What remains is the error of the trajectory and of its dense output.
type Dissipation[T flow.Float] struct {
	T          []float64 // times of the start and of every accepted step
	Energy     []float64 // E
	Dissipated []float64 // z
	// Rises counts the steps that raised E by more than 10 rounding units.
	Rises int

	e       flow.Energy[T]
	grad, x []T
	last    float64 // ‖∇E‖² at the last point
}

// NewDissipation returns a Dissipation of the energy e. The error wraps
// flow.ErrArgument.
func NewDissipation[T flow.Float](e flow.Energy[T]) (*Dissipation[T], error) {
	if e == nil {
		return nil, fmt.Errorf("probe: e is nil, want an energy: %w", flow.ErrArgument)
	}
	return &Dissipation[T]{e: e, grad: make([]T, e.Dim()), x: make([]T, e.Dim())}, nil
}

// Defect returns |E0 - E1 - z|/|E0 - E1| of the run so far, NaN if nothing was
// lost.
func (d *Dissipation[T]) Defect() float64 {
	n := len(d.T)
	if n < 2 {
		return math.NaN()
	}
	lost := d.Energy[0] - d.Energy[n-1]
	return math.Abs(lost-d.Dissipated[n-1]) / math.Abs(lost)
}

// Init implements flow.Recorder. What was recorded before is kept.
func (d *Dissipation[T]) Init(dim int) error {
	if dim != len(d.grad) {
		return badOption("dimension of the energy", len(d.grad), fmt.Sprintf("the length of the state, %d", dim))
	}
	return nil
}

// The Gauss-Lobatto rule with five points on [0, 1].
var lobatto = [5]struct{ theta, weight float64 }{
	{0, 1. / 20}, {0.5 - math.Sqrt(3./7)/2, 49. / 180}, {0.5, 16. / 45}, {0.5 + math.Sqrt(3./7)/2, 49. / 180}, {1, 1. / 20},
}

// Record implements flow.Recorder. Save times and events are left out.
func (d *Dissipation[T]) Record(s *flow.Step[T]) error {
	if s.Kind != flow.AtStep && s.Kind != flow.AtStart {
		return nil
	}
	e, sq := d.look(s.X)
	n := len(d.T)
	var z float64
	if n > 0 {
		z = d.Dissipated[n-1] + d.integral(s, sq)
		if last := d.Energy[n-1]; e > last+10*unit[T]()*math.Abs(last) {
			d.Rises++
		}
	}
	if bad(e) || bad(z) {
		return fmt.Errorf("probe: energy %v or its gradient at step %d: %w", e, s.K, flow.ErrNonFinite)
	}
	d.T, d.Energy, d.Dissipated = append(d.T, s.T), append(d.Energy, e), append(d.Dissipated, z)
	d.last = sq
	return nil
}

// look returns E(x) and ‖∇E(x)‖².
func (d *Dissipation[T]) look(x []T) (e, sq float64) {
	e = d.e.EnergyGrad(d.grad, x)
	return e, kernel.SumSq(d.grad)
}

// integral is that of ‖∇E‖² over the last step, at whose end it is sq.
func (d *Dissipation[T]) integral(s *flow.Step[T], sq float64) float64 {
	t0 := d.T[len(d.T)-1]
	h := s.T - t0
	z := lobatto[0].weight*d.last + lobatto[4].weight*sq
	for _, q := range lobatto[1:4] {
		if s.At(d.x, t0+q.theta*h) != nil {
			return h * (d.last + sq) / 2
		}
		_, g := d.look(d.x)
		z += q.weight * g
	}
	return h * z
}

var _ flow.Recorder[float64] = (*Dissipation[float64])(nil)
