package lanczos_test

import (
	"fmt"

	"github.com/gradflow/gradflow/internal/lanczos"
)

// The two ends of the spectrum of the second-difference matrix, whose
// eigenvalues are 2 - 2 cos(kπ/(n+1)).
func ExampleWorkspace_Solve() {
	const n = 50
	laplacian := func(dst, v []float64) {
		for i := range v {
			dst[i] = 2 * v[i]
			if i > 0 {
				dst[i] -= v[i-1]
			}
			if i < n-1 {
				dst[i] -= v[i+1]
			}
		}
	}
	var ws lanczos.Workspace[float64]
	r, err := ws.Solve(n, laplacian, lanczos.Options[float64]{Top: 2, Bottom: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.6f %.6f ... %.6f, converged: %t\n", r.Top[0].Value, r.Top[1].Value, r.Bottom[0].Value, r.Converged)
	// Output:
	// 3.996207 3.984841 ... 0.003793, converged: true
}
