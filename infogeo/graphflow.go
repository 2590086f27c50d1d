package infogeo

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Edge joins two states of a finite set with the conductance w = π_x Q_xy = π_y Q_yx > 0
// of a reversible Markov chain with rates Q.
type Edge struct {
	I, J   int
	Weight float64
}

// GraphFlow is the gradient flow of KL(p‖π) on the distributions on a finite graph in the
// discrete Wasserstein metric of Maas (J. Funct. Anal. 261 (2011) 2250): with r = p/π and
// the logarithmic mean L(a, b) = (a - b)/(log a - log b),
//
//	p' = -K_p ∇KL(p‖π),   (K_p φ)_x = Σ_y w_xy L(r_x, r_y)(φ_x - φ_y),
//
// which is the linear forward equation p'_x = Σ_y w_xy (r_y - r_x) of the chain. Along
// it d/dt KL = -Σ_edges w L(r_x, r_y)(log r_x - log r_y)². Evaluations share no memory.
type GraphFlow struct {
	pi    []float64
	edges []Edge
	total []float64 // Σ_y w_xy

	values []float64              // eigenvalues of the chain, ascending, 0 first; nil: not yet
	modes  kernel.Matrix[float64] // rows: eigenvectors of D^-1/2 (Laplacian) D^-1/2
}

var _ flow.EnergyField[float64] = (*GraphFlow)(nil)

// NewGraphFlow returns the flow to the distribution pi > 0. The error wraps ErrInvalid or
// ErrShape and names the index and the value. It copies its arguments.
func NewGraphFlow(pi []float64, edges []Edge) (*GraphFlow, error) {
	if len(pi) < 2 {
		return nil, fmt.Errorf("infogeo: %d states, want at least 2: %w", len(pi), ErrShape)
	}
	sum := 0.0
	for i, v := range pi {
		if !(v > 0) || math.IsInf(v, 1) {
			return nil, fmt.Errorf("infogeo: pi[%d] = %v, want a finite number > 0: %w", i, v, ErrInvalid)
		}
		sum += v
	}
	if math.Abs(sum-1) > 1e-9 {
		return nil, fmt.Errorf("infogeo: pi sums to %v, want 1: %w", sum, ErrInvalid)
	}
	g := &GraphFlow{pi: append([]float64(nil), pi...), edges: append([]Edge(nil), edges...), total: make([]float64, len(pi))}
	for k, e := range edges {
		if e.I < 0 || e.J < 0 || e.I >= len(pi) || e.J >= len(pi) || e.I == e.J {
			return nil, fmt.Errorf("infogeo: edge %d joins %d and %d, want two of %d states: %w", k, e.I, e.J, len(pi), ErrInvalid)
		}
		if !(e.Weight > 0) || math.IsInf(e.Weight, 1) {
			return nil, fmt.Errorf("infogeo: weight of edge %d = %v, want a finite number > 0: %w", k, e.Weight, ErrInvalid)
		}
		g.total[e.I] += e.Weight
		g.total[e.J] += e.Weight
	}
	return g, nil
}

// Dim returns the number of states.
func (g *GraphFlow) Dim() int { return len(g.pi) }

// Eval stores p' in dst. It panics on wrong lengths.
func (g *GraphFlow) Eval(dst, p []float64, _ float64) {
	checkLengths("GraphFlow.Eval", len(dst), len(p), len(g.pi))
	clear(dst)
	for _, e := range g.edges {
		flux := e.Weight * (p[e.J]/g.pi[e.J] - p[e.I]/g.pi[e.I])
		dst[e.I] += flux
		dst[e.J] -= flux
	}
}

// EvalEnergy stores p' in dst, unless that is nil, and returns KL(p‖π) and its time
// derivative, which is -Inf where a state of probability 0 has a neighbour with mass.
func (g *GraphFlow) EvalEnergy(dst, p []float64, t float64) (e, slope float64) {
	if dst == nil {
		return KL(p, g.pi), math.NaN()
	}
	g.Eval(dst, p, t)
	for _, e := range g.edges {
		a, b := p[e.I]/g.pi[e.I], p[e.J]/g.pi[e.J]
		if a != b {
			slope -= e.Weight * (a - b) * (a - b) / logMean(a, b)
		}
	}
	return KL(p, g.pi), slope
}

// Onsager stores K_p φ in dst, the inverse of the metric at p: minus the field is K_p of
// the gradient log(p/π) + 1. It panics on wrong lengths.
func (g *GraphFlow) Onsager(dst, p, phi []float64) {
	checkLengths("GraphFlow.Onsager", len(dst), len(p), len(g.pi))
	checkLengths("GraphFlow.Onsager", len(dst), len(phi), len(g.pi))
	clear(dst)
	for _, e := range g.edges {
		flux := e.Weight * logMean(p[e.I]/g.pi[e.I], p[e.J]/g.pi[e.J]) * (phi[e.I] - phi[e.J])
		dst[e.I] += flux
		dst[e.J] -= flux
	}
}

// logMean returns (a-b)/(log a - log b).
func logMean(a, b float64) float64 {
	switch {
	case a == b:
		return a
	case a == 0 || b == 0:
		return 0
	}
	z := (a - b) / (a + b)
	if math.Abs(z) < 0.5 { // log(a/b) = 2 atanh z: no cancellation for a near b
		return (a - b) / (2 * math.Atanh(z))
	}
	return (a - b) / math.Log(a/b)
}

// Caps: the field is linear, conserves the mass, and its Jacobian has a spectral radius of
// at most 2 max_x Σ_y w_xy/π_x (Gershgorin).
func (g *GraphFlow) Caps() flow.Caps[float64] {
	radius := 0.0
	for i, w := range g.total {
		radius = math.Max(radius, 2*w/g.pi[i])
	}
	return flow.Caps[float64]{
		Autonomous: true,
		JacVec:     func(dst, x, v []float64, t float64) { g.Eval(dst, v, t) },
		Radius:     func([]float64, float64) float64 { return radius },
		Invariants: []flow.Invariant[float64]{{Name: "mass", Value: func(p []float64) float64 { return kernel.Sum(p) }}},
	}
}

// Gap returns the spectral gap of the chain, 0 if the graph is not connected. KL(p‖π)
// decays at the rate 2·gap in the end. The first call of Gap or Exact decomposes a K x K
// matrix; concurrent first calls are not allowed.
func (g *GraphFlow) Gap() float64 {
	g.decompose()
	return math.Max(0, g.values[1])
}

// decompose computes the spectrum of the symmetrised rates.
func (g *GraphFlow) decompose() {
	if g.values != nil {
		return
	}
	k := len(g.pi)
	s := mat.NewSymDense(k, nil)
	for i, w := range g.total {
		s.SetSym(i, i, w/g.pi[i])
	}
	for _, e := range g.edges {
		s.SetSym(e.I, e.J, s.At(e.I, e.J)-e.Weight/math.Sqrt(g.pi[e.I]*g.pi[e.J]))
	}
	g.modes = kernel.NewMatrix[float64](k, k)
	g.values = symmetricEigen(kernel.MatrixOf(k, k, mat.DenseCopyOf(s).RawMatrix().Data), g.modes)
}

// Exact stores the distribution at time t of the flow from p0 in dst, by the spectral
// decomposition of the chain. dst may be p0. It panics on wrong lengths.
func (g *GraphFlow) Exact(dst, p0 []float64, t float64) {
	checkLengths("GraphFlow.Exact", len(dst), len(p0), len(g.pi))
	g.decompose()
	x, c := make([]float64, len(p0)), make([]float64, len(p0))
	for i, p := range p0 {
		x[i] = p / math.Sqrt(g.pi[i])
	}
	kernel.Gemv(c, 1, g.modes, x, 0)
	for i, l := range g.values {
		c[i] *= math.Exp(-t * l)
	}
	kernel.GemvT(x, 1, g.modes, c, 0)
	for i, v := range x {
		dst[i] = v * math.Sqrt(g.pi[i])
	}
}
