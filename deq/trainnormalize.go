package deq

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Normalization is how the W of a Network depends on its parameters.
type Normalization int

// Normalizations.
const (
	// Plain is W itself.
	Plain Normalization = iota
	// WeightNorm is W_k = g_k V_k/|V_k| for every row (Salimans, Kingma, arXiv
	// 1602.07868); the n scales g are further parameters.
	WeightNorm
	// SpectralNorm is W = κ V/|V|₂ (Miyato et al., arXiv 1802.05957) with κ = Kappa, so
	// that |W|₂ = κ always.
	SpectralNorm
)

// String returns the name.
func (n Normalization) String() string {
	if n < Plain || n > SpectralNorm {
		return fmt.Sprintf("Normalization(%d)", int(n))
	}
	return [...]string{"plain", "weight-norm", "spectral-norm"}[n]
}

// check says what is wrong with a normalization by the other fields.
func (n Normalization) check(kappa, mu float64) error {
	switch {
	case n < Plain || n > SpectralNorm:
		return fmt.Errorf("deq: Normalize = %v, want Plain, WeightNorm or SpectralNorm: %w", n, ErrArgument)
	case n != Plain && mu > 0:
		return fmt.Errorf("deq: Normalize = %v with Mu = %v, want Plain: a monotone layer has its own parameters: %w", n, mu, ErrArgument)
	case n == WeightNorm && kappa != 0:
		return fmt.Errorf("deq: Normalize = %v with Kappa = %v, want 0: scaling V does not change W: %w", n, kappa, ErrArgument)
	case n == SpectralNorm && !(kappa > 0):
		return fmt.Errorf("deq: Normalize = %v with Kappa = %v, want the norm of W: %w", n, kappa, ErrArgument)
	}
	return nil
}

// normalized is the W of a normalization and what its derivative needs.
type normalized[T flow.Float] struct {
	w     kernel.Matrix[T]
	norms []T // |V_k| of WeightNorm
	// The largest singular value of V with its vectors.
	sigma       float64
	left, right []T
}

// normalize sets the W of the layer from the parameters.
func (w *Network[T]) normalize(p *parts[T]) error {
	q := &w.normal
	matrix(&q.w, w.n, w.n)
	copy(q.w.Data, p.w.Data)
	w.layer.W = q.w
	if w.cfg.Normalize == SpectralNorm {
		sigma, err := w.spectrum.norm(p.w)
		if err != nil {
			return err
		}
		if sigma == 0 {
			return fmt.Errorf("deq: |V|₂ = 0, want a V that is not zero: %w", ErrSingular)
		}
		q.sigma, q.right = sigma, append(q.right[:0], w.spectrum.right...)
		q.left = room(q.left, w.n)
		kernel.Gemv(q.left, T(1/sigma), p.w, q.right, 0)
		kernel.Scal(T(w.cfg.Kappa/sigma), q.w.Data)
		return nil
	}
	q.norms = room(q.norms, w.n)
	for k := range q.norms {
		norm := kernel.Nrm2(p.w.Row(k))
		if norm == 0 {
			return fmt.Errorf("deq: row %d of V is zero, want a direction: %w", k, ErrSingular)
		}
		q.norms[k] = T(norm)
		kernel.Scal(p.scale[k]/T(norm), q.w.Row(k))
	}
	return nil
}

// pullBack turns ∂L/∂W, where the parameters V have their place in grad, into ∂L/∂V and
// ∂L/∂g:
//
//	∂L/∂g_k = ∂L/∂W_k · v,  ∂L/∂V_k = (g_k/|V_k|)(∂L/∂W_k - v ∂L/∂g_k),  v = V_k/|V_k|,
//	∂L/∂V = (κ/σ)(∂L/∂W - ⟨∂L/∂W, V⟩/σ uvᵀ),
//
// the latter with the largest singular value σ of V and its vectors.
func (w *Network[T]) pullBack(grad []T, p *parts[T]) {
	q, g := &w.normal, w.split(grad)
	if w.cfg.Normalize == SpectralNorm {
		inner := float64(kernel.Dot(g.w.Data, p.w.Data))
		kernel.Ger(g.w, T(-inner/q.sigma), q.left, q.right)
		kernel.Scal(T(w.cfg.Kappa/q.sigma), g.w.Data)
		return
	}
	for k, norm := range q.norms {
		along := kernel.Dot(g.w.Row(k), p.w.Row(k)) / norm
		g.scale[k] = along
		kernel.Axpy(-along/norm, p.w.Row(k), g.w.Row(k))
		kernel.Scal(p.scale[k]/norm, g.w.Row(k))
	}
}

// start sets the scales of WeightNorm to the norms of the rows, so that W = V.
func (p *parts[T]) start() {
	for k := range p.scale {
		p.scale[k] = T(kernel.Nrm2(p.w.Row(k)))
	}
}
