package kernel

import (
	"sync"
	"unsafe"
)

// jobs keeps jobs for reuse, so that a call does not allocate. Jobs for types
// derived from float64 and float32 have the layout of those for these.
type jobs struct{ f64, f32 sync.Pool }

var (
	productJobs = jobs{sync.Pool{New: func() any { return new(product[float64]) }}, sync.Pool{New: func() any { return new(product[float32]) }}}
	mapJobs     = jobs{sync.Pool{New: func() any { return new(mapping[float64]) }}, sync.Pool{New: func() any { return new(mapping[float32]) }}}
)

// product is a matrix product in parts.
type product[T Float] struct {
	c, a, b     Matrix[T]
	alpha, beta T
	f           form
	kind        productKind
	batch       [3]Batch[T] // c, a, b
	x, y        []T
	done        latch
}

type productKind int

const (
	productInPlace productKind = iota // rows of C
	productRows                       // rows of C, packed
	productCols                       // columns of C, packed
	productBatch                      // matrices of a batch
	productGemv                       // rows of A
	productGemvT                      // columns of A
	productGemvBatch
)

func getProduct[T Float]() *product[T] {
	if is64[T]() {
		return (*product[T])(unsafe.Pointer(productJobs.f64.Get().(*product[float64])))
	}
	return (*product[T])(unsafe.Pointer(productJobs.f32.Get().(*product[float32])))
}

// finish runs p and puts it back without the slices it held.
func (p *product[T]) finish(parts int) {
	run(p, parts, &p.done)
	p.c, p.a, p.b, p.batch, p.x, p.y = Matrix[T]{}, Matrix[T]{}, Matrix[T]{}, [3]Batch[T]{}, nil, nil
	if is64[T]() {
		productJobs.f64.Put((*product[float64])(unsafe.Pointer(p)))
		return
	}
	productJobs.f32.Put((*product[float32])(unsafe.Pointer(p)))
}

// Rows of C are divided at multiples of 12, two full tiles, and columns at
// multiples of the widest strip.
const (
	rowAlign = 12
	colAlign = 16
)

func (p *product[T]) part(i, parts int) {
	switch p.kind {
	case productInPlace, productRows:
		lo, hi := split(p.c.Rows, rowAlign, i, parts)
		if lo == hi {
			return
		}
		c, a := p.c.rows(lo, hi-lo), p.a
		if p.f == formTN {
			a = p.a.cols(lo, hi-lo)
		} else {
			a = p.a.rows(lo, hi-lo)
		}
		switch {
		case !assembly:
			gemmTwin(&c, p.alpha, &a, &p.b, p.f, p.beta)
		case p.kind == productInPlace:
			gemmInPlace(&c, p.alpha, &a, &p.b, p.f, p.beta, gemmMode(p.alpha, p.beta))
		default:
			gemmPacked(&c, p.alpha, &a, &p.b, p.f, p.beta, gemmMode(p.alpha, p.beta))
		}
	case productCols:
		lo, hi := split(p.c.Cols, colAlign, i, parts)
		if lo == hi {
			return
		}
		c, b := p.c.cols(lo, hi-lo), p.b
		if p.f == formNT {
			b = p.b.rows(lo, hi-lo)
		} else {
			b = p.b.cols(lo, hi-lo)
		}
		gemmPacked(&c, p.alpha, &p.a, &b, p.f, p.beta, gemmMode(p.alpha, p.beta))
	case productBatch:
		lo, hi := split(p.batch[0].N, 1, i, parts)
		for q := lo; q < hi; q++ {
			c, a, b := p.batch[0].at(q), p.batch[1].at(q), p.batch[2].at(q)
			gemm(&c, p.alpha, &a, &b, p.f, p.beta)
		}
	case productGemv:
		// The kernel takes four rows at a time, and the last ones singly.
		lo, hi := split(p.a.Rows, 4, i, parts)
		if lo < hi {
			gemv(p.y[lo:hi], p.alpha, p.a.rows(lo, hi-lo), p.x, p.beta)
		}
	case productGemvT:
		lo, hi := split(p.a.Cols, colAlign, i, parts)
		if lo < hi {
			gemvT(p.y[lo:hi], p.alpha, p.a.cols(lo, hi-lo), p.x)
		}
	case productGemvBatch:
		lo, hi := split(p.batch[1].N, 1, i, parts)
		for q := lo; q < hi; q++ {
			a := p.batch[1].at(q)
			gemv(p.y[q*a.Rows:(q+1)*a.Rows], p.alpha, a, p.x[q*a.Cols:(q+1)*a.Cols], p.beta)
		}
	}
}

// gemmParallel divides a large product, and reports whether that was worth it.
// inPlace says how it is computed, which the parts cannot know.
func gemmParallel[T Float](c *Matrix[T], alpha T, a, b *Matrix[T], f form, beta T, inPlace bool) bool {
	byCols := assembly && !inPlace && c.Cols > 2*c.Rows
	units := c.Rows / rowAlign
	if byCols {
		units = c.Cols / colAlign
	}
	parts := partsOf(units, 4)
	if parts == 1 {
		return false
	}
	p := getProduct[T]()
	p.c, p.a, p.b, p.alpha, p.beta, p.f = *c, *a, *b, alpha, beta, f
	switch {
	case inPlace:
		p.kind = productInPlace
	case byCols:
		p.kind = productCols
	default:
		p.kind = productRows
	}
	p.finish(parts)
	return true
}

// gemvParallel divides a large product with a vector, and reports whether that
// was worth it.
func gemvParallel[T Float](kind productKind, y []T, alpha T, a Matrix[T], x []T, beta T) bool {
	units := a.Rows / 4
	if kind == productGemvT {
		units = a.Cols / colAlign
	}
	parts := partsOf(units, 16)
	if parts == 1 {
		return false
	}
	p := getProduct[T]()
	p.kind, p.y, p.alpha, p.a, p.x, p.beta = kind, y, alpha, a, x, beta
	p.finish(parts)
	return true
}

// batchParallel divides many small products, and reports whether that was worth
// it.
func batchParallel[T Float](c Batch[T], alpha T, a, b Batch[T], f form, beta T) bool {
	flops := 2 * c.Rows * c.Cols * a.Cols
	if f == formTN {
		flops = 2 * c.Rows * c.Cols * a.Rows
	}
	if flops >= parallelFlops || c.N*flops < parallelFlops {
		return false
	}
	parts := partsOf(c.N, 2)
	if parts == 1 {
		return false
	}
	p := getProduct[T]()
	p.kind, p.batch, p.alpha, p.f, p.beta = productBatch, [3]Batch[T]{c, a, b}, alpha, f, beta
	p.finish(parts)
	return true
}

// mapping is an elementwise map in parts.
type mapping[T Float] struct {
	dst, x []T
	rows   Matrix[T] // of softmax
	kind   mapKind
	done   latch
}

type mapKind int

const (
	mapExp mapKind = iota
	mapLog
	mapTanh
	mapSigmoid
	mapSoftplus
	mapErf
	mapGELU
	mapSoftmax
)

func (m *mapping[T]) part(i, parts int) {
	if m.kind == mapSoftmax {
		if lo, hi := split(m.rows.Rows, 1, i, parts); lo < hi {
			softmaxRows(m.rows.rows(lo, hi-lo))
		}
		return
	}
	lo, hi := split(len(m.dst), 64, i, parts)
	mapSerial(m.kind, m.dst[lo:hi], m.x[lo:hi])
}

// mapParallel divides the map of a large slice, or of the rows of a matrix, and
// reports whether that was worth it.
func mapParallel[T Float](kind mapKind, dst, x []T, rows Matrix[T]) bool {
	parts := partsOf(len(x)+rows.Rows*rows.Cols, parallelMap/2)
	if parts == 1 {
		return false
	}
	var m *mapping[T]
	if is64[T]() {
		m = (*mapping[T])(unsafe.Pointer(mapJobs.f64.Get().(*mapping[float64])))
	} else {
		m = (*mapping[T])(unsafe.Pointer(mapJobs.f32.Get().(*mapping[float32])))
	}
	m.dst, m.x, m.rows, m.kind = dst, x, rows, kind
	run(m, parts, &m.done)
	m.dst, m.x, m.rows = nil, nil, Matrix[T]{}
	if is64[T]() {
		mapJobs.f64.Put((*mapping[float64])(unsafe.Pointer(m)))
	} else {
		mapJobs.f32.Put((*mapping[float32])(unsafe.Pointer(m)))
	}
	return true
}

// mapSerial does the part of a map that one goroutine does.
func mapSerial[T Float](kind mapKind, dst, x []T) {
	switch kind {
	case mapExp:
		expOf(dst, x)
	case mapLog:
		logOf(dst, x)
	case mapTanh:
		tanhOf(dst, x)
	case mapSigmoid:
		sigmoidOf(dst, x)
	case mapSoftplus:
		softplusOf(dst, x)
	case mapErf:
		erfOf(dst, x)
	case mapGELU:
		geluOf(dst, x)
	}
}
