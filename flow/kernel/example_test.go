package kernel_test

import (
	"fmt"

	"github.com/gradflow/gradflow/flow/kernel"
)

func ExampleGemv() {
	a := kernel.MatrixOf(2, 3, []float64{
		1, 2, 3,
		4, 5, 6,
	})
	y := make([]float64, 2)
	kernel.Gemv(y, 1, a, []float64{1, 0, -1}, 0) // y = A x
	fmt.Println(y)
	// Output: [-2 -2]
}

// The second half step of Heun's method: x + h (k1 + k2)/2.
func ExampleLincombTo() {
	x := []float64{1, 2}
	k := [][]float64{{2, 0}, {4, 2}}
	dst := make([]float64, 2)
	kernel.LincombTo(dst, x, 0.5, []float64{0.5, 0.5}, k)
	fmt.Println(dst)
	// Output: [2.5 2.5]
}

func ExampleSoftmaxRows() {
	m := kernel.MatrixOf(2, 3, []float64{
		0, 0, 0,
		1000, 1001, 1002, // no overflow
	})
	kernel.SoftmaxRows(m)
	fmt.Printf("%.4f\n%.4f\n", m.Row(0), m.Row(1))
	// Output:
	// [0.3333 0.3333 0.3333]
	// [0.0900 0.2447 0.6652]
}

// Gradient descent on ½|Ax - b|².
func ExampleNormalGrad() {
	a := kernel.MatrixOf(3, 2, []float64{
		1, 0,
		0, 2,
		1, 1,
	})
	b := []float64{1, 4, 3}
	x, g, r := make([]float64, 2), make([]float64, 2), make([]float64, 3)
	fmt.Println(kernel.NormalGrad(g, a, x, b, r), g)
	for range 200 {
		kernel.NormalGrad(g, a, x, b, r)
		kernel.Axpy(-0.3, g, x)
	}
	fmt.Printf("%.6f\n", x)
	// Output:
	// 13 [-4 -11]
	// [1.000000 2.000000]
}
