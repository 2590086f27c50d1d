package lanczos

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// ending is how a sequence ended.
type ending int

const (
	settled   ending = iota // what it can add to the wanted pairs is converged
	invariant               // its Krylov space is invariant: all its pairs are exact
	whole                   // with the locked vectors it spans R^n
	exhausted               // no products are left
)

// probeTol is the relative residual to which the extreme Ritz value of a
// deflated sequence must be known that has nothing to add to the wanted pairs.
const probeTol = 1e-2

// sequence runs the Lanczos process in the orthogonal complement of the locked
// vectors until it has an end, and leaves the sorted Ritz values in theta and
// resid.
func (ws *Workspace[T]) sequence(first bool) (ending, error) {
	l := len(ws.locked)
	if !ws.start(first) {
		ws.theta = ws.theta[:0]
		return whole, nil
	}
	for m := 0; ; {
		ws.coupling = lengthen(ws.coupling, (m+1)*l)
		if ws.out.Products == ws.opt.MaxProducts {
			return exhausted, nil
		}
		beta, err := ws.extend(l + m)
		if err != nil {
			return 0, err
		}
		m++
		end := settled
		switch {
		case l+m == ws.n:
			beta, end = 0, whole
		case beta <= 64*unit[T]()*ws.scale:
			beta, end = 0, invariant
		}
		if err := ws.ritz(m, beta); err != nil {
			return 0, err
		}
		if end != settled || ws.settled() {
			return end, nil
		}
		ws.off[m-1] = beta
		ws.room(l + m + 1)
		copy(ws.basis.Row(l+m), ws.w)
		scale(ws.basis.Row(l+m), beta)
	}
}

// start puts the start vector of a sequence behind the locked rows, and reports
// whether there is one. The Ritz values of the last sequence are forgotten.
func (ws *Workspace[T]) start(first bool) bool {
	ws.theta = ws.theta[:0]
	l := len(ws.locked)
	ws.room(l + 1)
	if first && ws.opt.Start != nil {
		copy(ws.w, ws.opt.Start)
		if ws.normalise(l) {
			return true
		}
	}
	for range 4 {
		philox.FillNormals(ws.w, ws.opt.Stream, philox.Starts, ws.draws)
		ws.draws++
		if ws.normalise(l) {
			return true
		}
	}
	return false
}

// normalise makes w orthogonal to the first l rows and puts it, with norm 1, in
// row l. It reports whether enough of w was left for that.
func (ws *Workspace[T]) normalise(l int) bool {
	norm := kernel.Nrm2(ws.w)
	if norm == 0 {
		return false
	}
	// Two divisions: 1/norm may overflow.
	scale(ws.w, norm)
	ws.orthogonalise(l)
	rest := kernel.Nrm2(ws.w)
	if rest <= 1e3*unit[T]() {
		return false
	}
	scale(ws.w, rest)
	ws.orthogonalise(l)
	copy(ws.basis.Row(l), ws.w)
	return true
}

// scale divides x by a norm that may be subnormal or huge.
func scale[T kernel.Float](x []T, norm float64) {
	_, exp := math.Frexp(norm)
	half := math.Ldexp(1, -exp/2)
	kernel.Scal(T(half), x)
	kernel.Scal(T(half), x)
	kernel.Scal(T(1/(norm*half*half)), x)
}

// extend makes the product with row j, the last of the sequence, stores α and
// leaves in w the orthogonal rest of the product, whose norm it returns.
func (ws *Workspace[T]) extend(j int) (beta float64, err error) {
	q := ws.basis.Row(j)
	ws.op(ws.w, q)
	ws.out.Products++
	if !kernel.AllFinite(ws.w) {
		i := slices.IndexFunc(ws.w, func(v T) bool { return v-v != 0 })
		return 0, fmt.Errorf("lanczos: component %d of product %d is %v: %w", i, ws.out.Products, ws.w[i], ErrNonFinite)
	}
	ws.scale = max(ws.scale, kernel.Nrm2(ws.w))
	l := len(ws.locked)
	ws.diag[j-l] = float64(kernel.Dot(q, ws.w))
	// Once leaves what was lost by cancellation, twice is enough.
	ws.orthogonalise(j + 1)
	for i, c := range ws.coef[:l] {
		ws.coupling[(j-l)*l+i] = float64(c)
	}
	ws.orthogonalise(j + 1)
	return kernel.Nrm2(ws.w), nil
}

// orthogonalise subtracts from w its projection on the first k rows.
func (ws *Workspace[T]) orthogonalise(k int) {
	if k == 0 {
		return
	}
	c := ws.coef[:k]
	kernel.Gemv(c, 1, ws.rows(k), ws.w, 0)
	kernel.GemvT(ws.w, -1, ws.rows(k), c, 1)
}

// ritz computes the sorted Ritz values of a sequence of length m and their
// residuals |β_m s_m|.
func (ws *Workspace[T]) ritz(m int, beta float64) error {
	ws.z = grow(ws.z, m)
	clear(ws.z)
	ws.z[m-1] = 1
	if err := ws.solve(m, 1); err != nil {
		return err
	}
	ws.theta, ws.resid = ws.theta[:m], ws.resid[:m]
	for i, k := range ws.order[:m] {
		ws.theta[i] = ws.d[k]
		ws.resid[i] = math.Abs(beta * ws.z[k])
	}
	return nil
}

// solve solves the tridiagonal problem with z as the rows to transform, and
// sorts its eigenvalues in order.
func (ws *Workspace[T]) solve(m, c int) error {
	d := ws.d[:m]
	copy(d, ws.diag)
	copy(ws.e[:m], ws.off)
	if !tridiag(d, ws.e[:m], ws.z, c) {
		return fmt.Errorf("lanczos: tridiagonal eigenproblem of order %d did not converge: %w", m, ErrNonFinite)
	}
	order := ws.order[:m]
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case d[a] > d[b]:
			return -1
		case d[a] < d[b]:
			return 1
		}
		return a - b
	})
	return nil
}

// settled says whether every Ritz pair is converged that belongs among the
// wanted ones as far as is known.
func (ws *Workspace[T]) settled() bool {
	m := len(ws.theta)
	if len(ws.locked) == 0 && m < ws.opt.Top+ws.opt.Bottom {
		return false
	}
	if ws.opt.Top > 0 {
		k := max(1, ws.news(ws.above))
		for i := range k {
			if !ws.known(i, ws.above(i)) {
				return false
			}
		}
	}
	if ws.opt.Bottom > 0 {
		k := max(1, ws.news(ws.below))
		for i := range k {
			if !ws.known(m-1-i, ws.below(i)) {
				return false
			}
		}
	}
	return true
}

// known says whether Ritz pair i is converged, or, if it is not wanted, known
// well enough to say so.
func (ws *Workspace[T]) known(i int, wanted bool) bool {
	theta, resid := ws.theta[i], ws.resid[i]
	if wanted || len(ws.locked) == 0 {
		return ws.converged(theta, ws.margin*resid)
	}
	// A further copy of a locked eigenvalue comes near it before it converges.
	for _, p := range ws.locked {
		if math.Abs(theta-p.value) <= 4*resid {
			return ws.converged(theta, resid)
		}
	}
	return resid <= probeTol*math.Abs(theta) || ws.converged(theta, resid)
}

// above says whether the i-th largest Ritz value belongs to the wanted ones:
// the largest of it and the locked values.
func (ws *Workspace[T]) above(i int) bool {
	if i >= min(ws.opt.Top, len(ws.theta)) {
		return false
	}
	k := ws.opt.Top - 1 - i
	if k >= len(ws.locked) {
		return true
	}
	cut := ws.locked[k]
	return ws.theta[i] > cut.value+cut.resid+ws.slack()
}

// below is above for the i-th smallest.
func (ws *Workspace[T]) below(i int) bool {
	m, l := len(ws.theta), len(ws.locked)
	if i >= min(ws.opt.Bottom, m) {
		return false
	}
	k := l - ws.opt.Bottom + i
	if k < 0 {
		return true
	}
	cut := ws.locked[k]
	return ws.theta[m-1-i] < cut.value-cut.resid-ws.slack()
}

// slack separates a further eigenvalue from the rounding of one that is known.
func (ws *Workspace[T]) slack() float64 { return 64 * unit[T]() * ws.scale }

// news counts the pairs that a sequence would add at one end.
func (ws *Workspace[T]) news(wanted func(i int) bool) int {
	k := 0
	for wanted(k) {
		k++
	}
	return k
}

// lock merges the wanted Ritz pairs of the sequence into the locked ones and
// reports whether there were any.
func (ws *Workspace[T]) lock(end ending) bool {
	m, l := len(ws.theta), len(ws.locked)
	if m == 0 {
		return false
	}
	top, bottom := ws.news(ws.above), ws.news(ws.below)
	if end == whole {
		top, bottom = min(ws.opt.Top, m), min(ws.opt.Bottom, m)
	}
	if top+bottom == 0 {
		return false
	}
	ws.merged = append(ws.merged[:0], ws.locked...)
	for i := range m {
		if i < top || i >= m-bottom {
			ws.merged = append(ws.merged, pair{ws.theta[i], ws.resid[i], -1 - i})
		}
	}
	slices.SortStableFunc(ws.merged, func(a, b pair) int {
		switch {
		case a.value > b.value:
			return -1
		case a.value < b.value:
			return 1
		}
		return 0
	})
	if extra := len(ws.merged) - ws.opt.Top - ws.opt.Bottom; extra > 0 {
		ws.merged = slices.Delete(ws.merged, ws.opt.Top, ws.opt.Top+extra)
	}
	ws.vectors(m, l)
	return true
}

// vectors computes the vectors of the merged pairs, makes them the locked rows
// of the basis, and the pairs the locked ones.
func (ws *Workspace[T]) vectors(m, l int) {
	// The last components of the eigenvectors are known; now all of them.
	ws.z = grow(ws.z, m*m)
	clear(ws.z)
	for i := range m {
		ws.z[i*m+i] = 1
	}
	ws.solve(m, m) // it has converged before on the same numbers
	if need := len(ws.merged); ws.spare.Rows < need {
		ws.spare = kernel.NewMatrix[T](ws.opt.Top+ws.opt.Bottom, ws.n)
	}
	q := ws.basis
	q.Rows, q.Data = m, q.Data[l*q.Stride:]
	for r, p := range ws.merged {
		if p.row >= 0 {
			copy(ws.spare.Row(r), ws.basis.Row(p.row))
			continue
		}
		k := ws.order[-1-p.row]
		c := ws.coef[:m]
		for j, v := range ws.z[k*m : (k+1)*m] {
			c[j] = T(v)
		}
		kernel.GemvT(ws.spare.Row(r), 1, q, c, 0)
		ws.merged[r].resid = math.Hypot(p.resid, ws.coupled(ws.z[k*m:(k+1)*m], l))
	}
	ws.locked = ws.locked[:0]
	for r, p := range ws.merged {
		copy(ws.w, ws.spare.Row(r))
		ws.normalise(r)
		p.row = r
		ws.locked = append(ws.locked, p)
	}
}

// coupled is |Yᵀ H Q s|, Y the l vectors that were locked: the part of a Ritz
// pair's residual that deflation hides from |β_m s_m|.
func (ws *Workspace[T]) coupled(s []float64, l int) float64 {
	var sum float64
	for i := range l {
		var c float64
		for j, v := range s {
			c += v * ws.coupling[j*l+i]
		}
		sum += c * c
	}
	return math.Sqrt(sum)
}
