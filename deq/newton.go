package deq

import (
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Newton is Newton's method on g(z) = f(z) - z: (I - J) Δz = g for each sample by
// LU factors in float64, for n up to some hundreds. The step is halved until
// |g| falls (by the factor 1 - 1e-4 t for the step tΔz); a sample for which 20
// halvings do not help has stalled. On an affine map it is a direct solve.
type Newton struct{}

// Name implements Solver.
func (Newton) Name() string { return "newton" }

func (Newton) check() error { return nil }

const leastStep = 0x1p-20 // of a line search

// newtonState is the memory of Newton and NewtonKrylov: the last step z0 → z0 + tΔz
// of each sample.
type newtonState[T flow.Float] struct {
	n       int
	tangent Tangent[T]
	diff    differences[T]
	dz, z0  []T       // by sample
	t, base []float64 // step length, residual at z0
	begun   []bool

	fresh []int // active rows that need a direction
	sub   []int // their samples
	zc    []T   // their iterates
	lu    factors
	jac   []T
	eye   []T
	same  []int
	b     []float64
	gmres gmres[T]
}

func (w *newtonState[T]) begin(f Map[T], batch, n int) {
	w.n = n
	if t, ok := f.(Tangent[T]); ok {
		w.tangent = t
	} else {
		w.diff.begin(f, batch, n)
		w.tangent = &w.diff
	}
	w.dz, w.z0, w.zc = room(w.dz, batch*n), room(w.z0, batch*n), room(w.zc, batch*n)
	w.t, w.base, w.begun = room(w.t, batch), room(w.base, batch), room(w.begun, batch)
	w.fresh, w.sub = room(w.fresh, batch), room(w.sub, batch)
	clear(w.begun)
}

// grew says that the last step of a sample must be shortened.
func (w *newtonState[T]) grew(r int, res float64) bool {
	return w.begun[r] && !(res <= (1-1e-4*w.t[r])*w.base[r])
}

// exhausted says that shortening has not helped.
func (w *newtonState[T]) exhausted(r int, res float64) bool {
	return w.grew(r, res) && w.t[r] <= leastStep
}

func (w *newtonState[T]) step(ws *SolveSpace[T]) {
	n := w.n
	w.fresh, w.sub = w.fresh[:0], w.sub[:0]
	for i, r := range ws.rows {
		if w.grew(r, ws.stats.Samples[r].last) {
			w.t[r] /= 2
			kernel.AxpyTo(ws.z.Row(i), T(w.t[r]), w.dz[r*n:(r+1)*n], w.z0[r*n:(r+1)*n])
			continue
		}
		copy(w.zc[len(w.fresh)*n:], ws.z.Row(i))
		w.fresh, w.sub = append(w.fresh, i), append(w.sub, r)
	}
	if len(w.fresh) == 0 {
		return
	}
	w.tangent.Linearize(w.zc[:len(w.sub)*n], w.sub)
	if ws.method == byKrylov {
		w.gmres.directions(ws, w)
	} else {
		w.direct(ws)
	}
	for _, i := range w.fresh {
		r := ws.rows[i]
		z, dz := ws.z.Row(i), w.dz[r*n:(r+1)*n]
		if !kernel.AllFinite(dz) {
			copy(dz, ws.g.Row(i)) // a singular Jacobian: one step of Picard
		}
		copy(w.z0[r*n:], z)
		kernel.AddTo(z, z, dz)
		w.t[r], w.base[r], w.begun[r] = 1, ws.stats.Samples[r].last, true
	}
}

// direct stores the solutions of (I - J) Δz = g in dz.
func (w *newtonState[T]) direct(ws *SolveSpace[T]) {
	n := w.n
	w.b = room(w.b, n)
	for q, i := range w.fresh {
		r := w.sub[q]
		a := w.lu.matrix(n)
		w.jacobian(a, r)
		for j := range a {
			a[j] = -a[j]
		}
		for j := range n {
			a[j*n+j]++
		}
		ws.stats.Jacobians++
		for j, v := range ws.g.Row(i) {
			w.b[j] = float64(v)
		}
		if !w.lu.factor() {
			w.b[0] = math.NaN()
		} else {
			w.lu.solve(w.b)
		}
		dz := w.dz[r*n : (r+1)*n]
		for j, v := range w.b {
			dz[j] = T(v)
		}
	}
}

// jacobian stores J of sample r in a, row by row.
func (w *newtonState[T]) jacobian(a []float64, r int) {
	n := w.n
	w.jac = room(w.jac, n*n)
	if m, ok := w.tangent.(interface {
		Jacobian(dst kernel.Matrix[T], row int)
	}); ok {
		m.Jacobian(kernel.MatrixOf(n, n, w.jac), r)
		for k, v := range w.jac {
			a[k] = float64(v)
		}
		return
	}
	w.eye, w.same = room(w.eye, n*n), room(w.same, n)
	clear(w.eye)
	for j := range n {
		w.eye[j*n+j], w.same[j] = 1, r
	}
	w.tangent.JacVec(w.jac, w.eye, w.same)
	for j := range n {
		for i := range n {
			a[i*n+j] = float64(w.jac[j*n+i])
		}
	}
}

// differences is a Map with derivatives by forward differences.
type differences[T flow.Float] struct {
	Map[T]
	n     int
	z, fz []T // by sample
	tmp   []T
}

func (d *differences[T]) begin(f Map[T], batch, n int) {
	d.Map, d.n = f, n
	d.z, d.fz = room(d.z, batch*n), room(d.fz, batch*n)
}

// Linearize implements Tangent.
func (d *differences[T]) Linearize(z []T, rows []int) {
	d.tmp = room(d.tmp, len(rows)*d.n)
	d.Map.Eval(d.tmp, z, rows)
	for i, r := range rows {
		copy(d.z[r*d.n:(r+1)*d.n], z[i*d.n:(i+1)*d.n])
		copy(d.fz[r*d.n:(r+1)*d.n], d.tmp[i*d.n:(i+1)*d.n])
	}
}

// JacVec implements Tangent. The increment is √eps (1+|z|)/|v| v.
func (d *differences[T]) JacVec(dst, v []T, rows []int) {
	n := d.n
	d.tmp = room(d.tmp, len(rows)*n)
	for i, r := range rows {
		kernel.AxpyTo(d.tmp[i*n:(i+1)*n], T(d.increment(v[i*n:(i+1)*n], r)), v[i*n:(i+1)*n], d.z[r*n:(r+1)*n])
	}
	d.Map.Eval(dst, d.tmp, rows)
	for i, r := range rows {
		di := dst[i*n : (i+1)*n]
		kernel.SubTo(di, di, d.fz[r*n:(r+1)*n])
		kernel.Scal(T(1/d.increment(v[i*n:(i+1)*n], r)), di)
	}
}

func (d *differences[T]) increment(v []T, r int) float64 {
	norm := kernel.Nrm2(v)
	if norm == 0 {
		return 1
	}
	return math.Sqrt(rounding[T]()) * (1 + kernel.Nrm2(d.z[r*d.n:(r+1)*d.n])) / norm
}
