package kernel

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
	addTo(dst, x, y)
}

func addTo[T Float](dst, x, y []T) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] + y[i]
	}
}

// SubTo stores x - y in dst, which may be x or y. It panics if the lengths
// differ.
func SubTo[T Float](dst, x, y []T) {
	checkTo(dst, x, y)
	subTo(dst, x, y)
}

func subTo[T Float](dst, x, y []T) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] - y[i]
	}
}

// MulTo stores the elementwise product of x and y in dst, which may be x or y.
// It panics if the lengths differ.
func MulTo[T Float](dst, x, y []T) {
	checkTo(dst, x, y)
	mulTo(dst, x, y)
}

func mulTo[T Float](dst, x, y []T) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * y[i]
	}
}
