package deq

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// NewtonKrylov is Newton's method with GMRES for (I - J) Δz = g, without a matrix.
// The linear residual is brought to η|g| with the forcing term of S. Eisenstat and
// H. Walker (SIAM J. Sci. Comput. 17 (1996), choice 2 with γ = 0.9, α = 2), at most
// 0.1; on affine maps, where each step is a restart of GMRES, to half the
// tolerance. Steps are halved as in Newton.
type NewtonKrylov struct {
	// Restart is the largest number of products for a step. If it is zero, it is
	// the smaller of n and 30.
	Restart int
}

// Name implements Solver.
func (NewtonKrylov) Name() string { return "newton-krylov" }

func (s NewtonKrylov) check() error {
	if s.Restart < 0 {
		return fmt.Errorf("deq: NewtonKrylov.Restart = %d, want a number > 0, or 0 for the default: %w", s.Restart, ErrArgument)
	}
	return nil
}

// affineMap is a Map whose Jacobian does not depend on z.
type affineMap interface{ affine() }

// gmres solves (I - J_r) d_r = g_r for many samples at once: one product with J on
// the batch a step, everything else sample by sample.
type gmres[T flow.Float] struct {
	k, n   int
	basis  []T       // by sample, k+1 vectors each
	h      []float64 // by sample, (k+1) x k Hessenberg matrix, triangular by rotations
	cs, sn []float64 // by sample, the rotations
	s      []float64 // by sample, k+1 right-hand sides
	size   []int     // by sample, steps made
	eta    []float64 // by sample, forcing term of the last step

	live  []int // samples at work
	v, jv []T
	dots  []T
	y     []float64
}

func (w *gmres[T]) begin(s NewtonKrylov, batch, n int) {
	w.n, w.k = n, s.Restart
	if w.k == 0 {
		w.k = 30
	}
	w.k = max(1, min(w.k, n))
	k := w.k
	w.basis, w.h = room(w.basis, batch*(k+1)*n), room(w.h, batch*(k+1)*k)
	w.cs, w.sn, w.s = room(w.cs, batch*k), room(w.sn, batch*k), room(w.s, batch*(k+1))
	w.size, w.eta, w.live = room(w.size, batch), room(w.eta, batch), room(w.live, batch)
	w.v, w.jv = room(w.v, batch*n), room(w.jv, batch*n)
	w.dots, w.y = room(w.dots, k+1), room(w.y, k)
	clear(w.eta)
}

func (w *gmres[T]) vec(r, j int) []T {
	at := (r*(w.k+1) + j) * w.n
	return w.basis[at : at+w.n]
}

func (w *gmres[T]) vectors(r, k int) kernel.Matrix[T] {
	at := r * (w.k + 1) * w.n
	return kernel.Matrix[T]{Rows: k, Cols: w.n, Stride: w.n, Data: w.basis[at : at+k*w.n]}
}

// directions stores the steps of the samples that need one in dz.
func (w *gmres[T]) directions(ws *SolveSpace[T], nt *newtonState[T]) {
	_, affine := ws.f.(affineMap)
	w.live = w.live[:0]
	for q, i := range nt.fresh {
		r := nt.sub[q]
		w.size[r] = 0
		st := &ws.stats.Samples[r]
		w.force(ws, st, nt, r, affine)
		copy(w.vec(r, 0), ws.g.Row(i))
		kernel.Scal(T(1/st.last), w.vec(r, 0))
		clear(w.s[r*(w.k+1) : (r+1)*(w.k+1)])
		w.s[r*(w.k+1)] = st.last
		w.live = append(w.live, r)
	}
	for j := 0; j < w.k && len(w.live) > 0; j++ {
		n := w.n
		for i, r := range w.live {
			copy(w.v[i*n:], w.vec(r, j))
		}
		nt.tangent.JacVec(w.jv[:len(w.live)*n], w.v[:len(w.live)*n], w.live)
		ws.stats.JacVecs++
		keep := w.live[:0]
		for i, r := range w.live {
			kernel.SubTo(w.vec(r, j+1), w.v[i*n:(i+1)*n], w.jv[i*n:(i+1)*n])
			if !w.extend(r, j, w.eta[r]*ws.stats.Samples[r].last) {
				keep = append(keep, r)
			}
		}
		w.live = keep
	}
	for _, r := range nt.sub {
		w.combine(nt.dz[r*w.n:(r+1)*w.n], r)
	}
}

// force sets the forcing term of a sample.
func (w *gmres[T]) force(ws *SolveSpace[T], st *SampleStats, nt *newtonState[T], r int, affine bool) {
	floor := 0.5 * (ws.o.AbsTol + ws.o.RelTol*st.Image) / st.last
	eta := 0.1
	if nt.begun[r] {
		q := st.last / nt.base[r]
		eta = 0.9 * q * q
		if old := 0.9 * w.eta[r] * w.eta[r]; old > 0.1 {
			eta = max(eta, old)
		}
		eta = min(eta, 0.1)
	}
	if affine {
		eta = 0
	}
	w.eta[r] = min(max(eta, floor), 0.5)
}

// extend takes column j of the Hessenberg matrix, and says whether the sample is
// done: residual at most tol, or an invariant space.
func (w *gmres[T]) extend(r, j int, tol float64) bool {
	next, k := w.vec(r, j+1), w.k
	h := w.h[r*(k+1)*k : (r+1)*(k+1)*k]
	before := kernel.Nrm2(next)
	for pass := range 2 { // the second pass restores orthogonality
		kernel.Gemv(w.dots[:j+1], 1, w.vectors(r, j+1), next, 0)
		kernel.GemvT(next, -1, w.vectors(r, j+1), w.dots[:j+1], 1)
		for i, v := range w.dots[:j+1] {
			if pass == 0 {
				h[i*k+j] = 0
			}
			h[i*k+j] += float64(v)
		}
	}
	norm := kernel.Nrm2(next)
	cs, sn, s := w.cs[r*k:(r+1)*k], w.sn[r*k:(r+1)*k], w.s[r*(k+1):(r+1)*(k+1)]
	for i := range j {
		a, b := h[i*k+j], h[(i+1)*k+j]
		h[i*k+j], h[(i+1)*k+j] = cs[i]*a+sn[i]*b, cs[i]*b-sn[i]*a
	}
	a := h[j*k+j]
	d := math.Hypot(a, norm)
	if d == 0 || math.IsNaN(d) {
		return true // (I - J) is singular on the space
	}
	w.size[r] = j + 1
	cs[j], sn[j] = a/d, norm/d
	h[j*k+j], h[(j+1)*k+j] = d, 0
	s[j], s[j+1] = cs[j]*s[j], -sn[j]*s[j]
	if math.Abs(s[j+1]) <= tol || norm <= 4*rounding[T]()*before {
		return true
	}
	if j+1 < k {
		h[(j+1)*k+j+1] = 0
	}
	kernel.Scal(T(1/norm), next)
	return false
}

// combine stores the minimiser of the residual over the space in d.
func (w *gmres[T]) combine(d []T, r int) {
	k, m := w.k, w.size[r]
	h, s := w.h[r*(k+1)*k:], w.s[r*(k+1):]
	for i := range d {
		d[i] = 0
	}
	if m == 0 {
		d[0] = T(math.NaN())
		return
	}
	for i := m - 1; i >= 0; i-- {
		v := s[i]
		for j := i + 1; j < m; j++ {
			v -= h[i*k+j] * w.y[j]
		}
		w.y[i] = v / h[i*k+i]
	}
	for i, v := range w.y[:m] {
		w.dots[i] = T(v)
	}
	kernel.GemvT(d, 1, w.vectors(r, m), w.dots[:m], 0)
}
