package philox_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/gradflow/gradflow/internal/philox"
)

// The noise of step 1000 of path 7: no earlier step has to be computed.
func ExampleStream_Normals() {
	path := philox.Stream{Seed: 42, ID: 7}
	z0, z1 := path.Normals(philox.Steps, 1000, 0)
	again, _ := path.Normals(philox.Steps, 1000, 0)
	fmt.Printf("%.6f %.6f %t\n", z0, z1, z0 == again)
	// Output:
	// -0.047504 0.464288 true
}

// A vector of three normal numbers for step 5.
func ExampleFillNormals() {
	xi := make([]float64, 3)
	philox.FillNormals(xi, philox.Stream{Seed: 42}, philox.Steps, 5)
	fmt.Printf("%.4f\n", xi)
	// Output:
	// [-1.0971 -1.4434 -1.3624]
}

// Every distribution of math/rand/v2, from a stream of one's own.
func ExampleSource() {
	member := rand.New(philox.NewSource(42, 3))
	fmt.Println(member.IntN(100), member.Perm(5))
	// Output:
	// 38 [0 4 3 1 2]
}
