package infogeo

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// IPFOptions says how IPF is to go.
type IPFOptions struct {
	// Start is the distribution to start from; nil is the uniform one.
	Start []float64
	// Tol ends the fit after a sweep before which every marginal was right to Tol; 0
	// means 1e-12.
	Tol float64
	// MaxSweeps is the greatest number of sweeps; 0 means 10000, and then reaching it is
	// an error.
	MaxSweeps int
	// Observe is shown the distribution after every sweep, numbered from 1. It may be nil.
	Observe func(sweep int, p []float64)
}

// IPFResult is the end of iterative proportional fitting.
type IPFResult struct {
	P      []float64   // the fitted distribution
	Sweeps int         // over all margins
	Miss   float64     // greatest deviation of a marginal probability
	Status flow.Status // Converged, StepLimit or Cancelled
}

// IPF is iterative proportional fitting (Deming and Stephan 1940): a sweep scales p to each
// of the margins of q in turn, p(x) ← p(x) q(x_g)/p(x_g), which is the I-projection onto the
// distributions with that margin (Csiszár, Annals of Probability 3 (1975) 146). It converges
// to the I-projection of the start onto the distributions with all the margins; from the
// uniform distribution, to the m-projection of q on the hierarchical log-linear model of
// the generators. Decomposable models are done after one sweep.
//
// q has the cells of the table and may be counts: it is divided by its sum. Cells of empty
// margins become zero, which no member of the model is: the limit is then on its boundary.
// A start without cells that the margins need does not converge.
// Errors wrap ErrInvalid, ErrShape, ErrNoConvergence or the error of the context.
func IPF(ctx context.Context, t *Table, q []float64, generators [][]int, o IPFOptions) (*IPFResult, error) {
	q, err := ipfTarget(t, q, generators)
	if err != nil {
		return nil, err
	}
	p, err := ipfStart(t, o)
	if err != nil {
		return nil, err
	}
	margins := make([]ipfMargin, len(generators))
	for i, g := range generators {
		margins[i] = newIPFMargin(t, g, q)
	}
	tol, limit := o.Tol, o.MaxSweeps
	if tol == 0 {
		tol = 1e-12
	}
	if limit == 0 {
		limit = 10000
	}
	r := &IPFResult{P: p}
	for {
		r.Miss = 0
		for i := range margins {
			r.Miss = max(r.Miss, margins[i].miss(p))
		}
		if r.Miss <= tol {
			r.Status = flow.Converged
			return r, nil
		}
		if r.Sweeps == limit {
			r.Status = flow.StepLimit
			if o.MaxSweeps == 0 {
				err = fmt.Errorf("infogeo: a margin is off by %v after %d sweeps, want at most %v: %w", r.Miss, limit, tol, ErrNoConvergence)
			}
			return r, err
		}
		if err := ctx.Err(); err != nil {
			r.Status = flow.Cancelled
			return r, err
		}
		for i := range margins {
			margins[i].scale(p)
		}
		r.Sweeps++
		if o.Observe != nil {
			o.Observe(r.Sweeps, p)
		}
	}
}

// ipfTarget checks the arguments and returns q as a distribution.
func ipfTarget(t *Table, q []float64, generators [][]int) ([]float64, error) {
	if err := t.check(generators); err != nil {
		return nil, err
	}
	if len(q) != t.cells {
		return nil, fmt.Errorf("infogeo: q has length %d, want the number of cells, %d: %w", len(q), t.cells, ErrShape)
	}
	for i, v := range q {
		if !(v >= 0) || math.IsInf(v, 1) {
			return nil, fmt.Errorf("infogeo: q[%d] = %v, want a finite number >= 0: %w", i, v, ErrInvalid)
		}
	}
	sum := kernel.Sum(q)
	if !(sum > 0) || math.IsInf(sum, 1) {
		return nil, fmt.Errorf("infogeo: the elements of q have the sum %v, want it finite and > 0: %w", sum, ErrInvalid)
	}
	q = append([]float64(nil), q...)
	kernel.Scal(1/sum, q)
	return q, nil
}

// ipfStart returns the distribution to start from.
func ipfStart(t *Table, o IPFOptions) ([]float64, error) {
	if !(o.Tol >= 0) || o.MaxSweeps < 0 {
		return nil, fmt.Errorf("infogeo: IPFOptions.Tol = %v and MaxSweeps = %d, want both >= 0: %w", o.Tol, o.MaxSweeps, ErrInvalid)
	}
	p := make([]float64, t.cells)
	if o.Start == nil {
		for i := range p {
			p[i] = 1 / float64(t.cells)
		}
		return p, nil
	}
	if len(o.Start) != t.cells {
		return nil, fmt.Errorf("infogeo: start has length %d, want the number of cells, %d: %w", len(o.Start), t.cells, ErrShape)
	}
	if err := CheckDistribution(o.Start); err != nil {
		return nil, err
	}
	copy(p, o.Start)
	return p, nil
}

// ipfMargin is a marginal table.
type ipfMargin struct {
	of        []int32 // of every cell
	want, sum []float64
}

func newIPFMargin(t *Table, factors []int, q []float64) ipfMargin {
	m := ipfMargin{of: make([]int32, t.cells), want: make([]float64, t.marginSize(factors))}
	m.sum = make([]float64, len(m.want))
	for c := range m.of {
		i := t.margin(c, factors)
		m.of[c] = int32(i)
		m.want[i] += q[c]
	}
	return m
}

// miss is the greatest deviation of p's margin.
func (m *ipfMargin) miss(p []float64) float64 {
	m.marginalise(p)
	var d float64
	for i, s := range m.sum {
		d = max(d, math.Abs(s-m.want[i]))
	}
	return d
}

func (m *ipfMargin) marginalise(p []float64) {
	clear(m.sum)
	for c, i := range m.of {
		m.sum[i] += p[c]
	}
}

// scale gives p the margin.
func (m *ipfMargin) scale(p []float64) {
	m.marginalise(p)
	for i, s := range m.sum {
		if s > 0 { // an empty margin of p stays empty
			m.sum[i] = m.want[i] / s
		}
	}
	for c, i := range m.of {
		p[c] *= m.sum[i]
	}
}
