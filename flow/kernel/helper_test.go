package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/gradflow/gradflow/flow/kernel"
)

// The suite runs every test for both element sizes.
type named float64 // a derived type must work too

func both(t *testing.T, f64, f32 func(*testing.T)) {
	t.Helper()
	t.Run("float64", f64)
	t.Run("float32", f32)
}

// eps is the distance from 1 to the next T.
func eps[T kernel.Float]() float64 {
	if unsafe.Sizeof(T(0)) == 8 {
		return 0x1p-52
	}
	return 0x1p-23
}

// canary surrounds every slice under test: no kernel may write it, and since
// it is NaN, a kernel that reads it shows.
func canary[T kernel.Float]() T { return T(math.NaN()) }

const pad = 40

// vec is a slice with canaries on both sides that starts off elements after a
// multiple of 64 bytes or wherever the allocator put it.
type vec[T kernel.Float] struct {
	all []T
	s   []T
}

func newVec[T kernel.Float](n, off int) vec[T] {
	all := make([]T, pad+off+n+pad)
	for i := range all {
		all[i] = canary[T]()
	}
	lo := pad + off
	return vec[T]{all, all[lo : lo+n : lo+n]}
}

func randVec[T kernel.Float](r *rand.Rand, n, off int) vec[T] {
	v := newVec[T](n, off)
	for i := range v.s {
		v.s[i] = T(r.NormFloat64())
	}
	return v
}

// intact fails the test if a canary has changed.
func (v vec[T]) intact(t *testing.T, what string) {
	t.Helper()
	lo := 0
	for lo < len(v.all) && (len(v.s) == 0 || &v.all[lo] != &v.s[0]) {
		lo++
	}
	for i, x := range v.all {
		if i >= lo && i < lo+len(v.s) {
			continue
		}
		if x == x {
			t.Fatalf("%s: wrote outside the slice, at %d of [0, %d)", what, i-lo, len(v.s))
		}
	}
}

// randMat returns an r x c matrix with canaries around it and between its rows.
func randMat[T kernel.Float](r *rand.Rand, rows, cols, gap, off int) (kernel.Matrix[T], vec[T]) {
	stride := cols + gap
	n := 0
	if rows > 0 && cols > 0 {
		n = (rows-1)*stride + cols
	}
	v := randVec[T](r, n, off)
	m := kernel.Matrix[T]{Rows: rows, Cols: cols, Stride: stride, Data: v.s}
	fillGaps(m)
	return m, v
}

func fillGaps[T kernel.Float](m kernel.Matrix[T]) {
	for i := 0; i+1 < m.Rows && m.Cols > 0; i++ {
		for j := m.Cols; j < m.Stride; j++ {
			m.Data[i*m.Stride+j] = canary[T]()
		}
	}
}

func gapsIntact[T kernel.Float](t *testing.T, what string, m kernel.Matrix[T], v vec[T]) {
	t.Helper()
	v.intact(t, what)
	for i := 0; i+1 < m.Rows && m.Cols > 0; i++ {
		for j := m.Cols; j < m.Stride; j++ {
			if x := m.Data[i*m.Stride+j]; x == x {
				t.Fatalf("%s: wrote between rows %d and %d", what, i, i+1)
			}
		}
	}
}

func clone[T any](x []T) []T { return append([]T(nil), x...) }

func cloneMat[T kernel.Float](m kernel.Matrix[T]) kernel.Matrix[T] {
	m.Data = clone(m.Data)
	return m
}

// within fails unless |got - want| <= bound. Bounds are a priori error bounds
// of the sums, (n+c) eps Σ|terms|, so they are never tuned.
func within(t *testing.T, what string, got, want, bound float64) {
	t.Helper()
	if math.IsNaN(want) && math.IsNaN(got) || got == want {
		return
	}
	if !(math.Abs(got-want) <= bound) {
		t.Fatalf("%s: got %v, want %v, off by %.3g, bound %.3g", what, got, want, got-want, bound)
	}
}

// panics returns the message that f panics with, "" if it returns.
func panics(f func()) (msg string) {
	defer func() {
		if e := recover(); e != nil {
			msg = fmt.Sprint(e)
		}
	}()
	f()
	return ""
}

func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }
