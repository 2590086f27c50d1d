package infogeo

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// Product is the family of independent x = (x_1, ..., x_m), each from a family of its own:
// parameters lie one after another, ψ adds up, the Fisher matrix is block diagonal.
//
// A Product of one family with itself is a batch: the parameters are the rows of a
// matrix, and every method treats all rows at once (see NewBatch).
type Product struct {
	parts  []Family
	ends   []int
	sample []int // ends of the observations, nil if a part has none
	dense  []mat.SymDense
}

var (
	_ Cubic       = (*Product)(nil)
	_ DenseFisher = (*Product)(nil)
	_ Conjugate   = (*Product)(nil)
	_ FisherRaoer = (*Product)(nil)
	_ Sampler     = (*Product)(nil)
)

// NewProduct returns the product. The error wraps ErrInvalid if there are no parts or one
// is nil.
func NewProduct(parts ...Family) (*Product, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("infogeo: product of no families, want at least one: %w", ErrInvalid)
	}
	p := &Product{parts: parts, sample: []int{}, dense: make([]mat.SymDense, len(parts))}
	end, x := 0, 0
	for i, f := range parts {
		if f == nil {
			return nil, fmt.Errorf("infogeo: family %d of a product is nil: %w", i, ErrInvalid)
		}
		end += f.Dim()
		p.ends = append(p.ends, end)
		if s, ok := f.(Statistic); ok && p.sample != nil {
			x += s.SampleDim()
			p.sample = append(p.sample, x)
		} else {
			p.sample = nil
		}
	}
	return p, nil
}

// NewBatch returns the product of rows copies of f, whose parameters are the rows of a
// rows x f.Dim() matrix, one after another. The error wraps ErrInvalid.
func NewBatch(f Family, rows int) (*Product, error) {
	parts := make([]Family, max(rows, 0))
	for i := range parts {
		parts[i] = f
	}
	return NewProduct(parts...)
}

// cut returns the part of v that belongs to family i.
func (p *Product) cut(v []float64, i int) []float64 { return cutAt(p.ends, v, i) }

func cutAt(ends []int, v []float64, i int) []float64 {
	from := 0
	if i > 0 {
		from = ends[i-1]
	}
	return v[from:ends[i]:ends[i]]
}

// Dim implements Family.
func (p *Product) Dim() int { return p.ends[len(p.ends)-1] }

// LogPartition implements Family.
func (p *Product) LogPartition(theta []float64) float64 {
	checkDims(p.Dim(), theta)
	var s float64
	for i, f := range p.parts {
		s += f.LogPartition(p.cut(theta, i))
	}
	return s
}

// Mean implements Family.
func (p *Product) Mean(dst, theta []float64) {
	checkDims(p.Dim(), dst, theta)
	for i, f := range p.parts {
		f.Mean(p.cut(dst, i), p.cut(theta, i))
	}
}

// Natural implements Family.
func (p *Product) Natural(dst, eta []float64) error {
	checkDims(p.Dim(), dst, eta)
	for i, f := range p.parts {
		if err := f.Natural(p.cut(dst, i), p.cut(eta, i)); err != nil {
			return fmt.Errorf("factor %d: %w", i, err)
		}
	}
	return nil
}

// NegEntropy implements Conjugate.
func (p *Product) NegEntropy(eta []float64) float64 {
	checkDims(p.Dim(), eta)
	var s float64
	for i, f := range p.parts {
		s += NegEntropy(f, p.cut(eta, i))
	}
	return s
}

// FisherMulVec implements Family.
func (p *Product) FisherMulVec(dst, theta, v []float64) {
	checkDims(p.Dim(), dst, theta, v)
	for i, f := range p.parts {
		f.FisherMulVec(p.cut(dst, i), p.cut(theta, i), p.cut(v, i))
	}
}

// FisherSolveVec implements Family.
func (p *Product) FisherSolveVec(dst, theta, v []float64, damping float64) error {
	checkDims(p.Dim(), dst, theta, v)
	for i, f := range p.parts {
		if err := f.FisherSolveVec(p.cut(dst, i), p.cut(theta, i), p.cut(v, i), damping); err != nil {
			return fmt.Errorf("factor %d: %w", i, err)
		}
	}
	return nil
}

// FisherDense implements DenseFisher. It panics if a factor is none.
func (p *Product) FisherDense(dst *mat.SymDense, theta []float64) {
	checkDims(p.Dim(), theta)
	sized(dst, p.Dim())
	dst.Zero()
	from := 0
	for i, f := range p.parts {
		b := &p.dense[i]
		f.(DenseFisher).FisherDense(b, p.cut(theta, i))
		n := b.SymmetricDim()
		for r := range n {
			for c := r; c < n; c++ {
				dst.SetSym(from+r, from+c, b.At(r, c))
			}
		}
		from += n
	}
}

// Cubic implements the capability of that name. It panics if a factor does not have it.
func (p *Product) Cubic(dst, theta, v []float64) {
	checkDims(p.Dim(), dst, theta, v)
	for i, f := range p.parts {
		f.(Cubic).Cubic(p.cut(dst, i), p.cut(theta, i), p.cut(v, i))
	}
}

// FisherRao implements FisherRaoer: the root of the sum of the squared distances of the
// factors, NaN if one has no formula for it.
func (p *Product) FisherRao(theta0, theta1 []float64) float64 {
	checkDims(p.Dim(), theta0, theta1)
	var d float64
	for i, f := range p.parts {
		g, ok := f.(FisherRaoer)
		if !ok {
			return math.NaN()
		}
		d = math.Hypot(d, g.FisherRao(p.cut(theta0, i), p.cut(theta1, i)))
	}
	return d
}

// SampleDim implements Statistic; it is 0 if a factor has no statistic.
func (p *Product) SampleDim() int {
	if p.sample == nil {
		return 0
	}
	return p.sample[len(p.sample)-1]
}

// Statistic implements the capability of that name. It panics if a factor has none.
func (p *Product) Statistic(dst, x []float64) {
	checkDims(p.Dim(), dst)
	checkDims(p.SampleDim(), x)
	for i, f := range p.parts {
		f.(Statistic).Statistic(p.cut(dst, i), cutAt(p.sample, x, i))
	}
}

// Sample implements Sampler. It panics if a factor cannot be sampled.
func (p *Product) Sample(x, theta []float64, src rand.Source) {
	checkDims(p.SampleDim(), x)
	checkDims(p.Dim(), theta)
	for i, f := range p.parts {
		f.(Sampler).Sample(cutAt(p.sample, x, i), p.cut(theta, i), src)
	}
}

// startAt starts every factor.
func (p *Product) startAt(theta, target []float64) {
	for i, f := range p.parts {
		t := p.cut(theta, i)
		clear(t)
		if s, ok := f.(starter); ok {
			s.startAt(t, p.cut(target, i))
		}
	}
}

// CheckNatural implements Family.
func (p *Product) CheckNatural(theta []float64) error {
	checkDims(p.Dim(), theta)
	for i, f := range p.parts {
		if err := f.CheckNatural(p.cut(theta, i)); err != nil {
			return fmt.Errorf("factor %d: %w", i, err)
		}
	}
	return nil
}

// CheckMean implements Family.
func (p *Product) CheckMean(eta []float64) error {
	checkDims(p.Dim(), eta)
	for i, f := range p.parts {
		if err := f.CheckMean(p.cut(eta, i)); err != nil {
			return fmt.Errorf("factor %d: %w", i, err)
		}
	}
	return nil
}
