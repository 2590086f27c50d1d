package probe

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/internal/lanczos"
	"github.com/gradflow/gradflow/internal/philox"
)

// DensityOptions says how a spectral density is estimated.
type DensityOptions struct {
	// Probes is the number of random vectors. If it is zero, it is 10.
	Probes int
	// Steps is the number of Lanczos steps, products H v, from each of them. If it
	// is zero, it is 80. Numbers above the dimension mean the dimension.
	Steps int
	// Seed chooses the random vectors: probe i is the stream i of the seed.
	Seed uint64
	// Delta is the relative step of differenced products, as in SpectrumOptions.
	Delta float64
}

// Density is an estimate of the spectral density φ(λ) = (1/n) Σ_i δ(λ - λ_i) of a
// Hessian by stochastic Lanczos quadrature (Ubaru, Chen and Saad, SIAM J. Matrix
// Anal. Appl. 38 (2017) 1075; for networks Ghorbani, Krishnan and Xiao, arXiv
// 1901.10159): for a vector v uniform on the sphere, E vᵀ f(H) v = (1/n) tr f(H),
// and each product vᵀ f(H) v is a Gauss quadrature whose nodes and weights the
// Lanczos process gives. The averages over probes are right for every f up to the
// quadrature, exact for polynomials of degree 2 Steps - 1; the standard errors
// that the methods return are those of the mean over the probes, and hold no
// error of the quadrature.
type Density struct {
	Dim int
	// Nodes and Weights hold one list a probe: nodes in descending order, weights
	// of sum 1.
	Nodes, Weights [][]float64
	Products       int  // number of products H v
	Exact          bool // they are exact, not differences of gradients
}

// HessianDensity estimates the spectral density of ∇²E(x). Errors wrap
// flow.ErrArgument or flow.ErrNonFinite.
func HessianDensity[T flow.Float](e flow.Energy[T], x []T, o DensityOptions) (*Density, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := checkPoint(e, x); err != nil {
		return nil, err
	}
	if len(x) == 0 {
		return nil, badOption("len(x)", 0, "a dimension > 0")
	}
	hess, exact := HessVec(e, o.Delta)
	d := &Density{Dim: len(x), Exact: exact}
	op := func(dst, v []T) {
		hess(dst, x, v)
		d.Products++
	}
	var ws lanczos.Workspace[T]
	v := make([]T, len(x))
	for i := range o.Probes {
		philox.FillNormals(v, philox.Stream{Seed: o.Seed, ID: uint32(i)}, philox.Starts, 0)
		nodes, weights, err := ws.Quadrature(min(o.Steps, len(x)), op, v)
		if err != nil {
			return nil, fmt.Errorf("probe: Hessian-vector product of probe %d: %v: %w", i, err, flow.ErrNonFinite)
		}
		d.Nodes, d.Weights = append(d.Nodes, nodes), append(d.Weights, weights)
	}
	return d, nil
}

func (o *DensityOptions) check() error {
	switch {
	case o.Probes < 0:
		return badOption("Probes", o.Probes, "a number > 0, or 0 for the default")
	case o.Steps < 0:
		return badOption("Steps", o.Steps, "a number > 0, or 0 for the default")
	case !(o.Delta >= 0) || math.IsInf(o.Delta, 1):
		return badOption("Delta", o.Delta, "a finite number > 0, or 0 for the default")
	}
	if o.Probes == 0 {
		o.Probes = 10
	}
	if o.Steps == 0 {
		o.Steps = 80
	}
	return nil
}

// Mean returns the average of f over the spectrum, (1/n) tr f(H), and its standard
// error, NaN for a single probe.
func (d *Density) Mean(f func(lambda float64) float64) (mean, stdErr float64) {
	v := make([]float64, len(d.Nodes))
	for i, nodes := range d.Nodes {
		for j, lambda := range nodes {
			v[i] += d.Weights[i][j] * f(lambda)
		}
	}
	return meanStdErr(v)
}

// At returns the density at λ, every eigenvalue broadened to a Gaussian of
// standard deviation sigma, and its standard error. If sigma is zero, it is the
// Width. It panics if sigma is negative or not finite.
func (d *Density) At(lambda, sigma float64) (density, stdErr float64) {
	if !(sigma >= 0) || math.IsInf(sigma, 1) {
		panic(fmt.Sprintf("probe: sigma is %v, want a finite number > 0, or 0 for the default", sigma))
	}
	if sigma == 0 {
		sigma = d.Width()
	}
	c := 1 / (sigma * math.Sqrt(2*math.Pi))
	return d.Mean(func(mu float64) float64 {
		z := (lambda - mu) / sigma
		return c * math.Exp(-z*z/2)
	})
}

// Below returns the part of the eigenvalues that is below λ (at λ: half counts),
// and its standard error.
func (d *Density) Below(lambda float64) (part, stdErr float64) {
	return d.Mean(func(mu float64) float64 {
		switch {
		case mu < lambda:
			return 1
		case mu == lambda:
			return 0.5
		}
		return 0
	})
}

// Trace returns an estimate of tr H with its standard error, from the same
// products; HessianTrace needs fewer for the trace alone.
func (d *Density) Trace() (trace, stdErr float64) {
	trace, stdErr = d.Mean(func(lambda float64) float64 { return lambda })
	return float64(d.Dim) * trace, float64(d.Dim) * stdErr
}

// Range returns the smallest and the largest node: bounds from inside of the
// spectrum.
func (d *Density) Range() (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, nodes := range d.Nodes {
		hi, lo = max(hi, nodes[0]), min(lo, nodes[len(nodes)-1])
	}
	return lo, hi
}

// Width returns the default broadening, that of Ghorbani et al.: σ² = 1e-5 with
// the spectrum scaled to [-1, 1].
func (d *Density) Width() float64 {
	lo, hi := d.Range()
	if hi == lo {
		return math.Sqrt(1e-5) * max(math.Abs(lo), 1e-300)
	}
	return math.Sqrt(1e-5) * (hi - lo) / 2
}
