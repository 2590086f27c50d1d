package probe

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// Drift is a flow.Recorder that watches quantities which the exact flow
// conserves, and keeps how far they have moved from where they started: a
// measure of the error of the integrator that needs no exact solution.
type Drift[T flow.Float] struct {
	inv  []flow.Invariant[T]
	stat []DriftStat
}

var _ flow.Recorder[float64] = (*Drift[float64])(nil)

// DriftStat is how an invariant moved.
type DriftStat struct {
	Name  string
	Start float64 // its value at the first recorded point
	Last  float64 // its value at the last one
	// Max is the largest |I(x(t)) - Start|, at time At. A value that is not a
	// number makes Max NaN for good.
	Max, At float64
	// Relative is Max/|Start|; it is infinite if the start value is zero and the
	// invariant moved.
	Relative float64
	N        int // number of points looked at
}

// NewDrift returns a Drift that watches the given functions. The error wraps
// flow.ErrArgument.
func NewDrift[T flow.Float](inv ...flow.Invariant[T]) (*Drift[T], error) {
	if len(inv) == 0 {
		return nil, fmt.Errorf("probe: no invariants to watch, want at least one: %w", flow.ErrArgument)
	}
	d := &Drift[T]{inv: inv, stat: make([]DriftStat, len(inv))}
	for i, v := range inv {
		if v.Value == nil {
			return nil, fmt.Errorf("probe: Value of invariant %d (%q) is nil, want a function: %w", i, v.Name, flow.ErrArgument)
		}
		d.stat[i].Name = v.Name
	}
	return d, nil
}

// DriftOf returns a Drift that watches the invariants which the model states in
// its capabilities (flow.Caps). The error wraps flow.ErrArgument if it states
// none.
func DriftOf[T flow.Float](model any) (*Drift[T], error) {
	inv := flow.CapsOf[T](model).Invariants
	if len(inv) == 0 {
		return nil, fmt.Errorf("probe: model %T states no invariants: %w", model, flow.ErrArgument)
	}
	return NewDrift(inv...)
}

// Init implements flow.Recorder. What was recorded before is kept, so that a
// resumed run goes on.
func (d *Drift[T]) Init(int) error { return nil }

// Record implements flow.Recorder.
func (d *Drift[T]) Record(s *flow.Step[T]) error {
	d.Observe(s.T, s.X)
	return nil
}

// Observe looks at the state x at time t. Record does it for every recorded
// step; a caller with a loop of their own calls it directly.
func (d *Drift[T]) Observe(t float64, x []T) {
	for i, inv := range d.inv {
		st, v := &d.stat[i], inv.Value(x)
		if st.N == 0 {
			st.Start, st.At = v, t
		}
		st.N++
		st.Last = v
		if diff := math.Abs(v - st.Start); diff > st.Max || math.IsNaN(diff) && !math.IsNaN(st.Max) {
			st.Max, st.At = diff, t
		}
		st.Relative = 0
		if st.Max != 0 {
			st.Relative = st.Max / math.Abs(st.Start)
		}
	}
}

// Stats returns the drift of each invariant so far, in the order given.
func (d *Drift[T]) Stats() []DriftStat { return append([]DriftStat(nil), d.stat...) }

// Reset forgets what was recorded.
func (d *Drift[T]) Reset() {
	for i := range d.stat {
		d.stat[i] = DriftStat{Name: d.stat[i].Name}
	}
}
