// Package digits holds the one copy of the handwritten digits that the tests,
// the examples and the main program train on, and the preprocessing that they
// share.
//
// The data are the 1797 samples of the UCI set "Optical Recognition of
// Handwritten Digits" (E. Alpaydin, C. Kaynak, CC BY 4.0) in the order in which
// scikit-learn (BSD-3-Clause) distributes them: images of 8 x 8 pixels with
// values 0 to 16, and labels 0 to 9. Both notices lie beside this file.
//
// Preprocessing: pixels are divided by 16, the mean of each pixel over all 1797
// samples is subtracted, and everything is divided by the root mean square over
// the whole centred table. Samples are taken in the order
//
//	i -> (1009 i) mod 1797,
//
// a fixed permutation (1009 and 1797 are coprime): the first k make a training
// set, positions 797 to 1796 the test set.
package digits

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/gradflow/gradflow/flow/kernel"
)

const (
	Count     = 1797 // samples
	Pixels    = 64   // inputs of a sample, 8 x 8 row by row
	Classes   = 10   // labels 0 to 9
	TestStart = 797  // first position of the test set; training sets end before it
)

//go:embed digits_u8.gz
var packed []byte

// table is the unpacked file: Count rows of Pixels values and the label.
var table = sync.OnceValue(func() []byte {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic(fmt.Sprintf("digits: embedded file: %v", err))
	}
	b, err := io.ReadAll(z)
	if err != nil {
		panic(fmt.Sprintf("digits: embedded file: %v", err))
	}
	if len(b) != Count*(Pixels+1) {
		panic(fmt.Sprintf("digits: embedded file has %d bytes, want %d", len(b), Count*(Pixels+1)))
	}
	return b
})

// scaled is the whole preprocessed table, Count x Pixels, in the file's order.
var scaled = sync.OnceValue(func() []float64 {
	x := make([]float64, 0, Count*Pixels)
	for i := range Count {
		for _, p := range Raw(i) {
			x = append(x, float64(p)/16)
		}
	}
	for j := range Pixels {
		var mean float64
		for i := range Count {
			mean += x[i*Pixels+j]
		}
		mean /= Count
		for i := range Count {
			x[i*Pixels+j] -= mean
		}
	}
	rms := kernel.Nrm2(x) / math.Sqrt(Count*Pixels)
	kernel.Scal(1/rms, x)
	return x
})

// Raw returns the 64 pixels, 0 to 16, of sample i of the file, 0 <= i < Count.
// The slice is shared: it must not be changed.
func Raw(i int) []uint8 {
	return table()[i*(Pixels+1):][:Pixels:Pixels]
}

// Label returns the label, 0 to 9, of sample i of the file, 0 <= i < Count.
func Label(i int) int { return int(table()[i*(Pixels+1)+Pixels]) }

// Order returns the sample at position i of the fixed permutation,
// (1009 i) mod 1797.
func Order(i int) int { return 1009 * i % Count }

// Set is a number of preprocessed samples: one image a row of X, and its label.
type Set[T kernel.Float] struct {
	X      kernel.Matrix[T] // samples x Pixels
	Labels []int            // 0 to 9
}

// Slice returns the samples at positions from to to-1 of the permutation,
// preprocessed, in memory of their own. It panics unless
// 0 <= from <= to <= Count.
func Slice[T kernel.Float](from, to int) Set[T] {
	if from < 0 || to < from || to > Count {
		panic(fmt.Sprintf("digits: positions %d to %d, want 0 <= from <= to <= %d", from, to, Count))
	}
	s := Set[T]{X: kernel.NewMatrix[T](to-from, Pixels), Labels: make([]int, to-from)}
	for r := range to - from {
		i := Order(from + r)
		s.Labels[r] = Label(i)
		for j, v := range scaled()[i*Pixels:][:Pixels] {
			s.X.Row(r)[j] = T(v)
		}
	}
	return s
}

// Train returns the first k samples of the permutation, 0 <= k <= TestStart.
func Train[T kernel.Float](k int) Set[T] {
	if k > TestStart {
		panic(fmt.Sprintf("digits: %d training samples would reach into the test set, want at most %d", k, TestStart))
	}
	return Slice[T](0, k)
}

// Test returns the 1000 samples of the test set.
func Test[T kernel.Float]() Set[T] { return Slice[T](TestStart, Count) }

// Parity returns the targets +1 for even and -1 for odd digits, as a column.
func (s Set[T]) Parity() kernel.Matrix[T] {
	y := kernel.NewMatrix[T](len(s.Labels), 1)
	for i, l := range s.Labels {
		y.Row(i)[0] = T(1 - 2*(l%2))
	}
	return y
}

// OneHot returns the targets of classification by least squares: row i is the
// unit vector of label i.
func (s Set[T]) OneHot() kernel.Matrix[T] {
	y := kernel.NewMatrix[T](len(s.Labels), Classes)
	for i, l := range s.Labels {
		y.Row(i)[l] = 1
	}
	return y
}
