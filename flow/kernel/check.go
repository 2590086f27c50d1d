package kernel

import "fmt"

// badLen panics because the slice called name has got elements, not want. It
// is apart from the comparison so that the callers stay small.
func badLen(name string, got int, whose string, want int) {
	panic(fmt.Sprintf("kernel: len(%s) = %d, want %d = %s", name, got, want, whose))
}

// badShape panics because the matrix called name is r x c, not wr x wc.
func badShape(name string, r, c, wr, wc int) {
	panic(fmt.Sprintf("kernel: %s is %d x %d, want %d x %d", name, r, c, wr, wc))
}
