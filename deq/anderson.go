package deq

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Anderson is Anderson's acceleration of the relaxed iteration (H. Walker, P. Ni,
// SIAM J. Numer. Anal. 49 (2011)): with the last M differences ΔG, ΔZ of residuals
// and iterates,
//
//	z ← z + βg - (ΔZ + βΔG) γ,  γ = argmin |g - ΔG γ|² + λ tr(ΔGᵀΔG) |γ|².
//
// The ridge λ is relative: an absolute one stops the acceleration once residuals
// are below its root. Columns that depend on newer ones (pivot ratio below 1e-12,
// in float32 1e-6) are dropped with all older ones, and a residual that grows more
// than tenfold throws the history away. On an affine map in R^n with M >= n the
// iteration ends after n+1 updates.
type Anderson struct {
	// M is the number of differences kept. If it is zero, it is 8.
	M int
	// Beta is β. If it is zero, it is 1.
	Beta float64
	// Ridge is λ. If it is zero, it is 1e-14 (float64) or 1e-8 (float32); NoRidge
	// sets it to zero.
	Ridge   float64
	NoRidge bool
	// Global takes one γ for the whole batch instead of one for each sample.
	Global bool
}

// Name implements Solver.
func (Anderson) Name() string { return "anderson" }

func (s Anderson) check() error {
	if s.M < 0 {
		return fmt.Errorf("deq: Anderson.M = %d, want a number > 0, or 0 for the default: %w", s.M, ErrArgument)
	}
	if err := checkNonnegative("Anderson.Beta", s.Beta); err != nil {
		return err
	}
	return checkNonnegative("Anderson.Ridge", s.Ridge)
}

// andersonState holds, for each sample r, rings of m columns ΔG and ΔY with
// y = z + βg, since z + βg - (ΔZ + βΔG)γ = y - ΔY γ.
type andersonState[T flow.Float] struct {
	m, n        int
	beta, ridge float64
	global      bool
	dg, dy      []T       // sample, slot, component
	g, y        []T       // of the last iterate
	gram        []float64 // ΔGᵀΔG by slots
	filled      []int     // slots that were ever written
	count       []int     // columns in use, the newest ones
	head        []int     // slot of the newest
	norm        []float64 // |g| of the last iterate
	begun       []bool

	dots     []T       // ΔGᵀv
	rhs      []float64 // ΔGᵀg by age
	rhsAll   []float64
	chol     []float64
	sum      []float64 // Gram matrix over the batch
	gammaAge []float64
	gamma    []T // by slots
}

func (a *andersonState[T]) begin(s Anderson, batch, n int) {
	a.m, a.n, a.global = s.M, n, s.Global
	if a.m == 0 {
		a.m = 8
	}
	a.beta = orDefault(s.Beta, 1)
	a.ridge = s.Ridge
	if a.ridge == 0 && !s.NoRidge {
		if a.ridge = 1e-14; rounding[T]() > 1e-10 {
			a.ridge = 1e-8
		}
	}
	m := a.m
	a.dg, a.dy = room(a.dg, batch*m*n), room(a.dy, batch*m*n)
	a.g, a.y = room(a.g, batch*n), room(a.y, batch*n)
	a.gram = room(a.gram, batch*m*m)
	a.filled, a.count, a.head = room(a.filled, batch), room(a.count, batch), room(a.head, batch)
	a.norm, a.begun = room(a.norm, batch), room(a.begun, batch)
	a.dots, a.gamma = room(a.dots, m), room(a.gamma, m)
	a.rhs, a.gammaAge, a.chol, a.sum = room(a.rhs, m), room(a.gammaAge, m), room(a.chol, m*m), room(a.sum, m*m)
	a.rhsAll = room(a.rhsAll, batch*m)
	for r := range batch {
		a.filled[r], a.count[r], a.head[r], a.begun[r] = 0, 0, m-1, false
	}
}

// columns returns the first k slots of a ring as the rows of a matrix.
func (a *andersonState[T]) columns(ring []T, r, k int) kernel.Matrix[T] {
	at := r * a.m * a.n
	return kernel.Matrix[T]{Rows: k, Cols: a.n, Stride: a.n, Data: ring[at : at+k*a.n]}
}

func (a *andersonState[T]) step(ws *SolveSpace[T]) {
	for i, r := range ws.rows {
		a.record(ws, i, r)
	}
	if a.global {
		a.shared(ws)
		return
	}
	for i, r := range ws.rows {
		z, k := ws.z.Row(i), a.count[r]
		copy(z, a.y[r*a.n:(r+1)*a.n])
		if k == 0 {
			continue
		}
		got := a.solve(a.gram[r*a.m*a.m:], a.rhsAll[r*a.m:], k, a.head[r])
		if got < k {
			ws.stats.Drops += k - got
			a.count[r] = got
		}
		a.mix(z, r, got)
	}
}

// record takes the iterate of active row i into the history of sample r and stores
// ΔGᵀg by slots.
func (a *andersonState[T]) record(ws *SolveSpace[T], i, r int) {
	n, m := a.n, a.m
	g, z := ws.g.Row(i), ws.z.Row(i)
	lastG, lastY := a.g[r*n:(r+1)*n], a.y[r*n:(r+1)*n]
	norm := ws.stats.Samples[r].last
	if a.begun[r] && norm > 10*a.norm[r] {
		a.begun[r], a.count[r] = false, 0
		ws.stats.Restarts++
	}
	if a.begun[r] {
		a.head[r] = (a.head[r] + 1) % m
		a.filled[r] = max(a.filled[r], a.head[r]+1)
		a.count[r] = min(a.count[r]+1, m)
		at := (r*m + a.head[r]) * n
		dg, dy := a.dg[at:at+n], a.dy[at:at+n]
		kernel.SubTo(dg, g, lastG)
		kernel.AxpyTo(dy, T(a.beta), g, z)
		kernel.SubTo(dy, dy, lastY)
		k := a.filled[r]
		kernel.Gemv(a.dots[:k], 1, a.columns(a.dg, r, k), dg, 0)
		gram := a.gram[r*m*m:]
		for j, v := range a.dots[:k] {
			gram[j*m+a.head[r]], gram[a.head[r]*m+j] = float64(v), float64(v)
		}
		kernel.AddTo(lastY, lastY, dy)
	} else {
		kernel.AxpyTo(lastY, T(a.beta), g, z)
	}
	copy(lastG, g)
	a.begun[r], a.norm[r] = true, norm
	if k := a.filled[r]; a.count[r] > 0 {
		kernel.Gemv(a.dots[:k], 1, a.columns(a.dg, r, k), g, 0)
		for j, v := range a.dots[:k] {
			a.rhsAll[r*m+j] = float64(v)
		}
	}
}

// mix subtracts ΔY γ, γ by age, from z.
func (a *andersonState[T]) mix(z []T, r, k int) {
	if k == 0 {
		return
	}
	f := a.filled[r]
	for j := range a.gamma[:f] {
		a.gamma[j] = 0
	}
	for age := range k {
		a.gamma[(a.head[r]-age+a.m)%a.m] = T(a.gammaAge[age])
	}
	kernel.GemvT(z, -1, a.columns(a.dy, r, f), a.gamma[:f], 1)
}

// shared makes the step with one γ for the whole batch. Its history is no longer
// than that of any sample.
func (a *andersonState[T]) shared(ws *SolveSpace[T]) {
	m, k := a.m, a.m
	for _, r := range ws.rows {
		k = min(k, a.count[r])
	}
	got := 0
	if k > 0 {
		clear(a.sum)
		clear(a.rhs)
		// By age, since after a restart samples need not have the same slots.
		for _, r := range ws.rows {
			for p := range k {
				sp := (a.head[r] - p + m) % m
				a.rhs[p] += a.rhsAll[r*m+sp]
				for q := range k {
					a.sum[(m-1-p)*m+(m-1-q)] += a.gram[r*m*m+sp*m+(a.head[r]-q+m)%m]
				}
			}
		}
		slots := a.rhsAll[ws.rows[0]*m:]
		for p := range k {
			slots[m-1-p] = a.rhs[p]
		}
		got = a.solve(a.sum, slots, k, m-1)
		ws.stats.Drops += k - got
	}
	for i, r := range ws.rows {
		copy(ws.z.Row(i), a.y[r*a.n:(r+1)*a.n])
		if got < k {
			a.count[r] = got
		}
		a.mix(ws.z.Row(i), r, got)
	}
}

// solve stores γ by age in gammaAge: Cholesky's factorization of the Gram matrix
// with its ridge from the newest column to the oldest. It returns the number of
// columns used; a column with a small pivot, and all older ones, are left out.
func (a *andersonState[T]) solve(gram, rhs []float64, k, head int) int {
	m := a.m
	slot := func(age int) int { return (head - age + m) % m }
	trace := 0.0
	for age := range k {
		s := slot(age)
		trace += gram[s*m+s]
	}
	least := math.Max(1e-12, 8*rounding[T]())
	l := a.chol
	used := k
	for i := range k {
		si := slot(i)
		diag := gram[si*m+si] + a.ridge*trace
		v := diag
		for j := range i {
			w := gram[si*m+slot(j)]
			for q := range j {
				w -= l[i*m+q] * l[j*m+q]
			}
			w /= l[j*m+j]
			l[i*m+j] = w
			v -= w * w
		}
		if !(v > least*diag) {
			used = i
			break
		}
		l[i*m+i] = math.Sqrt(v)
	}
	x := a.gammaAge
	for i := range used {
		v := rhs[slot(i)]
		for j := range i {
			v -= l[i*m+j] * x[j]
		}
		x[i] = v / l[i*m+i]
	}
	for i := used - 1; i >= 0; i-- {
		v := x[i]
		for j := i + 1; j < used; j++ {
			v -= l[j*m+i] * x[j]
		}
		x[i] = v / l[i*m+i]
	}
	return used
}
