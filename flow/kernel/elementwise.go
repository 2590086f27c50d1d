package kernel

import (
	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// checkTo panics unless dst, x and y have one length.
func checkTo[T Float](dst, x, y []T) {
	if len(x) != len(dst) {
		badLen("x", len(x), "len(dst)", len(dst))
	}
	if len(y) != len(dst) {
		badLen("y", len(y), "len(dst)", len(dst))
	}
}

// AddTo stores x + y in dst, which may be x or y. It panics if the lengths
// differ.
func AddTo[T Float](dst, x, y []T) {
	checkTo(dst, x, y)
	if !assembly || len(x) < short {
		addToTwin(dst, x, y)
		return
	}
	if is64[T]() {
		f64.AddTo(len(dst), first[float64](dst), first[float64](x), first[float64](y))
		return
	}
	f32.AddTo(len(dst), first[float32](dst), first[float32](x), first[float32](y))
}

func addToTwin[T Float](dst, x, y []T) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] + y[i]
	}
}

// SubTo stores x - y in dst, which may be x or y. It panics if the lengths
// differ.
func SubTo[T Float](dst, x, y []T) {
	checkTo(dst, x, y)
	if !assembly || len(x) < short {
		subToTwin(dst, x, y)
		return
	}
	if is64[T]() {
		f64.SubTo(len(dst), first[float64](dst), first[float64](x), first[float64](y))
		return
	}
	f32.SubTo(len(dst), first[float32](dst), first[float32](x), first[float32](y))
}

func subToTwin[T Float](dst, x, y []T) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] - y[i]
	}
}

// MulTo stores the elementwise product of x and y in dst, which may be x or y.
// It panics if the lengths differ.
func MulTo[T Float](dst, x, y []T) {
	checkTo(dst, x, y)
	if !assembly || len(x) < short {
		mulToTwin(dst, x, y)
		return
	}
	if is64[T]() {
		f64.MulTo(len(dst), first[float64](dst), first[float64](x), first[float64](y))
		return
	}
	f32.MulTo(len(dst), first[float32](dst), first[float32](x), first[float32](y))
}

func mulToTwin[T Float](dst, x, y []T) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * y[i]
	}
}
