package kernel

import (
	"sync"
	"unsafe"

	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// descentBlock is how many elements of the rows are taken through both passes of a step
// together: all that these touch fits into the first cache.
const descentBlock = 1024

// LogitDescentRows makes a step of gradient descent of the relative entropy KL(q_i‖p_i) in
// the logits z_i, p_i = softmax(z_i), for each row: it stores KL at z_i in loss_i and the
// distribution at z_i in p, and adds α (q_i - p_i) to z_i. Errors are those of
// [SoftmaxRows] and [RelativeEntropy]. It panics if the shapes differ or loss has not as
// many elements as they have rows.
func LogitDescentRows[T Float](loss []float64, z, q, p Matrix[T], alpha float64) {
	z.check("z")
	q.check("q")
	p.check("p")
	if q.Rows != z.Rows || q.Cols != z.Cols {
		badShape("q", q.Rows, q.Cols, z.Rows, z.Cols)
	}
	if p.Rows != z.Rows || p.Cols != z.Cols {
		badShape("p", p.Rows, p.Cols, z.Rows, z.Cols)
	}
	if len(loss) != z.Rows {
		badLen("loss", len(loss), "z.Rows", z.Rows)
	}
	if z.Cols == 0 {
		clear(loss)
		return
	}
	d := getLogitDescent[T]()
	d.loss, d.z, d.q, d.p, d.alpha = loss, z, q, p, alpha
	if parts := min(z.Rows, partsOf(z.Rows*z.Cols, parallelMap/2)); parts > 1 {
		run(d, parts, &d.done)
	} else {
		d.part(0, 1)
	}
	*d = logitDescent[T]{}
	putLogitDescent(d)
}

// logitDescent is a LogitDescentRows in parts.
type logitDescent[T Float] struct {
	loss    []float64
	z, q, p Matrix[T]
	alpha   float64
	done    latch
}

var logitDescents = jobs{sync.Pool{New: func() any { return new(logitDescent[float64]) }}, sync.Pool{New: func() any { return new(logitDescent[float32]) }}}

func getLogitDescent[T Float]() *logitDescent[T] {
	if is64[T]() {
		return (*logitDescent[T])(unsafe.Pointer(logitDescents.f64.Get().(*logitDescent[float64])))
	}
	return (*logitDescent[T])(unsafe.Pointer(logitDescents.f32.Get().(*logitDescent[float32])))
}

func putLogitDescent[T Float](d *logitDescent[T]) {
	if is64[T]() {
		logitDescents.f64.Put((*logitDescent[float64])(unsafe.Pointer(d)))
		return
	}
	logitDescents.f32.Put((*logitDescent[float32])(unsafe.Pointer(d)))
}

func (d *logitDescent[T]) part(i, parts int) {
	lo, hi := split(d.z.Rows, 1, i, parts)
	k := d.z.Cols
	rows := 1
	if d.z.Stride == k && d.q.Stride == k && d.p.Stride == k {
		rows = max(1, descentBlock/k)
	}
	for ; lo < hi; lo += rows {
		m := min(rows, hi-lo)
		d.block(d.loss[lo:lo+m], d.z.rows(lo, m), d.q.rows(lo, m), d.p.rows(lo, m))
	}
}

// block does rows without gaps between them.
func (d *logitDescent[T]) block(loss []float64, z, q, p Matrix[T]) {
	if !assembly {
		d.twin(loss, z, q, p)
		return
	}
	m, n := z.Rows, z.Cols
	if is64[T]() {
		a, b, c := first[float64](z.Data), first[float64](q.Data), first[float64](p.Data)
		f64.SoftmaxRows(m, n, c, p.Stride, a, z.Stride)
		f64.DescendRows(m, n, &loss[0], b, c, a, d.alpha)
	} else {
		a, b, c := first[float32](z.Data), first[float32](q.Data), first[float32](p.Data)
		f32.SoftmaxRows(m, n, c, p.Stride, a, z.Stride)
		f32.DescendRows(m, n, &loss[0], b, c, a, d.alpha)
	}
	for i, s := range loss {
		if s-s != 0 { // as in RelativeEntropy
			loss[i] = relativeEntropyTwin(q.Row(i), p.Row(i))
		}
	}
}

func (d *logitDescent[T]) twin(loss []float64, z, q, p Matrix[T]) {
	for i := range loss {
		x, to, at := z.Row(i), q.Row(i), p.Row(i)
		copy(at, x)
		softmaxTwin(at)
		loss[i] = relativeEntropyTwin(to, at)
		for j := range x {
			x[j] = T(float64(x[j]) + d.alpha*(float64(to[j])-float64(at[j])))
		}
	}
}
