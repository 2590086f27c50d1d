package deq

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Broyden is Broyden's first ("good") method in inverse form with limited memory:
// H ≈ (J - I)⁻¹ starts at -I, Δz = -H g, and
//
//	H ← H + (Δz - HΔg) ΔzᵀH / (ΔzᵀHΔg).
//
// An update with |ΔzᵀHΔg| < 1e-12 |Δz||HΔg| is skipped. A full memory is thrown
// away, as is one with which the residual grew more than tenfold. On an affine map
// in R^n it ends after at most 2n steps.
type Broyden struct {
	// Memory is the number of updates kept. If it is zero, it is 30.
	Memory int
}

// Name implements Solver.
func (Broyden) Name() string { return "broyden" }

func (s Broyden) check() error {
	if s.Memory < 0 {
		return fmt.Errorf("deq: Broyden.Memory = %d, want a number > 0, or 0 for the default: %w", s.Memory, ErrArgument)
	}
	return nil
}

// broydenState holds H = -I + Σ u_j v_jᵀ for each sample.
type broydenState[T flow.Float] struct {
	m, n  int
	u, v  []T
	count []int
	begun []bool
	norm  []float64
	dz    []T // the step that led to the current iterate, by sample
	coef  []T
	a, hd []T // H g and HΔg
}

func (b *broydenState[T]) begin(s Broyden, batch, n int) {
	b.m, b.n = s.Memory, n
	if b.m == 0 {
		b.m = 30
	}
	b.u, b.v = room(b.u, batch*b.m*n), room(b.v, batch*b.m*n)
	b.count, b.begun, b.norm = room(b.count, batch), room(b.begun, batch), room(b.norm, batch)
	b.dz, b.coef, b.a, b.hd = room(b.dz, batch*n), room(b.coef, b.m), room(b.a, n), room(b.hd, n)
	for r := range batch {
		b.count[r], b.begun[r] = 0, false
	}
}

func (b *broydenState[T]) rows(x []T, r, k int) kernel.Matrix[T] {
	at := r * b.m * b.n
	return kernel.Matrix[T]{Rows: k, Cols: b.n, Stride: b.n, Data: x[at : at+k*b.n]}
}

func (b *broydenState[T]) step(ws *SolveSpace[T]) {
	for i, r := range ws.rows {
		g, dz := ws.g.Row(i), b.dz[r*b.n:(r+1)*b.n]
		norm := ws.stats.Samples[r].last
		if b.begun[r] && (norm > 10*b.norm[r] || b.count[r] == b.m) {
			b.begun[r], b.count[r] = false, 0
			ws.stats.Restarts++
		}
		b.apply(r, g)
		if b.begun[r] && !b.update(r, g, dz) {
			ws.stats.Skips++
		}
		for j, v := range b.a {
			dz[j] = -v
		}
		b.begun[r], b.norm[r] = true, norm
		kernel.Axpy(1, dz, ws.z.Row(i))
	}
}

// apply stores H g in a.
func (b *broydenState[T]) apply(r int, g []T) {
	k := b.count[r]
	kernel.AxpyTo(b.a, -2, g, g)
	if k > 0 {
		kernel.Gemv(b.coef[:k], 1, b.rows(b.v, r, k), g, 0)
		kernel.GemvT(b.a, 1, b.rows(b.u, r, k), b.coef[:k], 1)
	}
}

// update adds the pair of the last step Δz to H and to a = H g. Before it,
// HΔg = H g - H g_old = a + Δz.
func (b *broydenState[T]) update(r int, g, dz []T) bool {
	k, n := b.count[r], b.n
	kernel.AddTo(b.hd, b.a, dz)
	den := float64(kernel.Dot(dz, b.hd))
	if !(math.Abs(den) >= 1e-12*kernel.Nrm2(dz)*kernel.Nrm2(b.hd)) || den == 0 {
		return false
	}
	at := (r*b.m + k) * n
	u, v := b.u[at:at+n], b.v[at:at+n]
	kernel.AxpyTo(v, -2, dz, dz)
	if k > 0 {
		kernel.Gemv(b.coef[:k], 1, b.rows(b.u, r, k), dz, 0)
		kernel.GemvT(v, 1, b.rows(b.v, r, k), b.coef[:k], 1)
	}
	kernel.SubTo(u, dz, b.hd)
	kernel.Scal(T(1/den), u)
	b.count[r]++
	kernel.Axpy(kernel.Dot(v, g), u, b.a)
	return true
}
