package kernel

import (
	"sync"

	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// The matrix product is blocked as by Goto and van de Geijn (Anatomy of
// high-performance matrix multiplication, ACM TOMS 34, 2008): a strip of B of
// kc rows stays in the first-level cache, mc x kc elements of A in the second,
// kc x nc elements of B in the third.
const (
	kc = 256
	mc = 96
	nc = 1024
)

// Rows of packed blocks of A are apart by a little more than a power of two,
// so that they do not compete for the same sets of the cache.
const padding = 8

// Sizes in bytes: B is read where it is up to inPlace if its rows are
// contiguous, and blocks of A, which stay in the second-level cache, are at
// most blockA.
const (
	inPlace = 128 << 10
	blockA  = 256 << 10
)

// Bits of the mode argument of the kernels.
const (
	modeAlpha    = 1 << iota // α is not 1
	modeAdd                  // the old C is read
	modeBeta                 // β is not 1
	modePrefetch             // C is in memory rather than in cache
)

// packed is the scratch memory of a product.
type packed struct {
	b [kc * nc]float64
	a [max(mc*(kc+padding), kc*(mc+padding))]float64
}

var packs = sync.Pool{New: func() any { return new(packed) }}

func gemmMode[T Float](alpha, beta T) int {
	mode := 0
	if alpha != 1 {
		mode = modeAlpha
	}
	if beta != 0 {
		mode |= modeAdd
		if beta != 1 {
			mode |= modeBeta
		}
	}
	return mode
}

// gemm stores α A B + β C in C, the factors being transposed as f says.
func gemm[T Float](c *Matrix[T], alpha T, a, b *Matrix[T], f form, beta T) {
	pack, inner := b.Rows*b.Cols > inPlace/8, b.Rows
	if f == formNT {
		pack, inner = true, b.Cols
	}
	if pack && c.Rows <= 2 && f != formTN && assembly {
		gemmRows(c, alpha, a, b, f, beta)
		return
	}
	if c.Rows*c.Cols*inner >= parallelFlops/2 && !noProduct(alpha, a, b) && gemmParallel(c, alpha, a, b, f, beta, !pack) {
		return
	}
	if !assembly || noProduct(alpha, a, b) {
		gemmTwin(c, alpha, a, b, f, beta)
		return
	}
	switch mode := gemmMode(alpha, beta); {
	case pack:
		gemmPacked(c, alpha, a, b, f, beta, mode)
	case c.Rows*inner > blockA/8:
		gemmInPlace(c, alpha, a, b, f, beta, mode)
	default:
		gemmSmall(c, alpha, a, b, f, beta, mode)
	}
}

// gemmSmall reads both factors where they are. The smallest products come here,
// and every call and copy on the way counts.
func gemmSmall[T Float](c *Matrix[T], alpha T, a, b *Matrix[T], f form, beta T, mode int) {
	m, k, ars, acs := c.Rows, a.Cols, a.Stride, 1
	if f == formTN {
		k, ars, acs = a.Rows, 1, a.Stride
	}
	nr := stripWidth[T]()
	strips, w := c.Cols/nr, c.Cols%nr
	if strips > 0 {
		if is64[T]() {
			f64.GemmBlock(m, strips, k, float64(alpha), first[float64](a.Data), ars, acs, first[float64](b.Data), b.Stride, nr, float64(beta), first[float64](c.Data), c.Stride, mode)
		} else {
			f32.GemmBlock(m, strips, k, float32(alpha), first[float32](a.Data), ars, acs, first[float32](b.Data), b.Stride, nr, float32(beta), first[float32](c.Data), c.Stride, mode)
		}
	}
	if w > 0 {
		edge(m, w, k, alpha, a.Data, ars, acs, b.Data[strips*nr:], b.Stride, beta, c.Data[strips*nr:], c.Stride, mode)
	}
}

// gemmRows computes a product of few rows as products with vectors: packing B
// would take longer than that.
func gemmRows[T Float](c *Matrix[T], alpha T, a, b *Matrix[T], f form, beta T) {
	for i := range c.Rows {
		if f == formNT {
			Gemv(c.Row(i), alpha, *b, a.Row(i), beta)
		} else {
			GemvT(c.Row(i), alpha, *b, a.Row(i), beta)
		}
	}
}

// gemmInPlace is gemmSmall in blocks of rows, so that those of A stay in cache.
func gemmInPlace[T Float](c *Matrix[T], alpha T, a, b *Matrix[T], f form, beta T, mode int) {
	most := max(blockA/8/b.Rows/12*12, 12)
	for i := 0; i < c.Rows; i += most {
		m := min(most, c.Rows-i)
		ci, ai := c.rows(i, m), *a
		if f == formTN {
			ai = a.cols(i, m)
		} else {
			ai = a.rows(i, m)
		}
		gemmSmall(&ci, alpha, &ai, b, f, beta, mode)
	}
}

// gemmPacked copies blocks of B, and of A where that pays, to memory of its own.
func gemmPacked[T Float](c *Matrix[T], alpha T, ma, mb *Matrix[T], f form, beta T, mode int) {
	nr := stripWidth[T]()
	a, b, k := operands(ma, mb, f)
	p := packs.Get().(*packed)
	bp, ap := as[T](p.b[:]), as[T](p.a[:])
	if c.Rows*c.Cols > blockA/8 {
		mode |= modePrefetch
	}
	// A transposed A is read across its rows, which is slow unless they are short.
	packA := c.Cols >= 64 && a.rs == 1 && a.cs*k > blockA/8
	for j := 0; j < c.Cols; j += nc {
		n := min(nc, c.Cols-j)
		strips, w := n/nr, n%nr
		for l := 0; l < k; l += kc {
			kb := min(kc, k-l)
			md, bt := mode, beta
			if l > 0 {
				md, bt = mode&^modeBeta|modeAdd, 1
			}
			bs := b.at(l, j)
			packStrips(bp, bs, kb, strips)
			edgeB, edgeStride := bp[strips*nr*kb:], nr
			if w > 0 {
				if b.cs == 1 {
					edgeB, edgeStride = bs.data[strips*nr:], b.rs
				} else {
					packEdge(edgeB, bs, kb, strips*nr, w)
				}
			}
			for i := 0; i < c.Rows; i += mc {
				m := min(mc, c.Rows-i)
				ai := a.at(i, l)
				if packA {
					ai = packRows(ap, ai, m, kb)
				}
				ci := c.Data[i*c.Stride+j:]
				if strips > 0 {
					block(m, strips, kb, alpha, ai, bp, nr, nr*kb, bt, ci, c.Stride, md)
				}
				if w > 0 {
					edge(m, w, kb, alpha, ai.data, ai.rs, ai.cs, edgeB, edgeStride, bt, ci[strips*nr:], c.Stride, md)
				}
			}
		}
	}
	packs.Put(p)
}

// packRows copies m x k elements of A to dst. They keep their order, so that
// the kernels read the copy as they would the original.
func packRows[T Float](dst []T, a operand[T], m, k int) operand[T] {
	r, n, stride, from := m, k, kc+padding, a.rs
	o := operand[T]{dst, stride, 1}
	if a.rs == 1 {
		r, n, stride, from = k, m, mc+padding, a.cs
		o = operand[T]{dst, 1, stride}
	}
	if is64[T]() {
		f64.PackRows(r, n, first[float64](dst), stride, first[float64](a.data), from)
	} else {
		f32.PackRows(r, n, first[float32](dst), stride, first[float32](a.data), from)
	}
	return o
}

// stripWidth is the number of columns of a tile of C: two vectors.
func stripWidth[T Float]() int {
	if is64[T]() {
		return 8
	}
	return 16
}

// packStrips copies the whole strips of B, k x (strips nr) elements, one after
// another to dst, each with its rows contiguous.
func packStrips[T Float](dst []T, b operand[T], k, strips int) {
	if strips == 0 {
		return
	}
	nr := stripWidth[T]()
	if b.cs == 1 {
		if is64[T]() {
			f64.PackStrips(k, strips, first[float64](dst), first[float64](b.data), b.rs)
			return
		}
		f32.PackStrips(k, strips, first[float32](dst), first[float32](b.data), b.rs)
		return
	}
	q := k &^ (nr/2 - 1)
	if q > 0 {
		if is64[T]() {
			f64.PackTransposed(q, strips, first[float64](dst), nr*k, first[float64](b.data), b.cs)
		} else {
			f32.PackTransposed(q, strips, first[float32](dst), nr*k, first[float32](b.data), b.cs)
		}
	}
	if q == k {
		return
	}
	for s := range strips {
		d := dst[s*nr*k:]
		for j := range nr {
			col := b.data[(s*nr+j)*b.cs:]
			for l := q; l < k; l++ {
				d[l*nr+j] = col[l]
			}
		}
	}
}

// packEdge copies w columns of a transposed B, from column j, in rows of a
// strip.
func packEdge[T Float](dst []T, b operand[T], k, j, w int) {
	nr := stripWidth[T]()
	for q := range w {
		col := b.data[(j+q)*b.cs:]
		for l := range k {
			dst[l*nr+q] = col[l]
		}
	}
}

// block computes whole strips of C; see f64.GemmBlock.
func block[T Float](m, strips, k int, alpha T, a operand[T], b []T, brs, bstep int, beta T, c []T, crs, mode int) {
	if is64[T]() {
		f64.GemmBlock(m, strips, k, float64(alpha), first[float64](a.data), a.rs, a.cs, first[float64](b), brs, bstep, float64(beta), first[float64](c), crs, mode)
		return
	}
	f32.GemmBlock(m, strips, k, float32(alpha), first[float32](a.data), a.rs, a.cs, first[float32](b), brs, bstep, float32(beta), first[float32](c), crs, mode)
}

// edge computes the last w columns of C, less than a strip.
func edge[T Float](m, w, k int, alpha T, a []T, ars, acs int, b []T, brs int, beta T, c []T, crs, mode int) {
	if half := stripWidth[T]() / 2; w >= half {
		if is64[T]() {
			f64.GemmHalf(m, k, float64(alpha), first[float64](a), ars, acs, first[float64](b), brs, float64(beta), first[float64](c), crs, mode)
		} else {
			f32.GemmHalf(m, k, float32(alpha), first[float32](a), ars, acs, first[float32](b), brs, float32(beta), first[float32](c), crs, mode)
		}
		w -= half
		if w == 0 {
			return
		}
		b, c = b[half:], c[half:]
	}
	if is64[T]() {
		f64.GemmEdge(m, w, k, float64(alpha), first[float64](a), ars, acs, first[float64](b), brs, float64(beta), first[float64](c), crs, mode)
		return
	}
	f32.GemmEdge(m, w, k, float32(alpha), first[float32](a), ars, acs, first[float32](b), brs, float32(beta), first[float32](c), crs, mode)
}
