package descent_test

import (
	"context"
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
)

// Three experts make these losses in every round on average: the weights concentrate on
// the best one at the rate of the gap, exp(-η k 0.1).
func ExampleMultiplicativeWeights() {
	losses := []float64{0.5, 0.3, 0.4}
	f := flow.FieldFunc(3, func(dst, _ []float64, _ float64) {
		for i, l := range losses {
			dst[i] = -l
		}
	})
	third := 1. / 3
	r, err := flow.New(descent.MultiplicativeWeights(f), []float64{third, third, third}, flow.Options[float64]{
		Controller: flow.Fixed{H: 0.5}, MaxSteps: 100,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for s := range r.Steps(context.Background()) {
		if s.K%25 == 0 {
			fmt.Printf("%3d  %.4f\n", s.K, s.X)
		}
	}
	// Output:
	//   0  [0.3333 0.3333 0.3333]
	//  25  [0.0600 0.7307 0.2093]
	//  50  [0.0062 0.9184 0.0754]
	//  75  [0.0005 0.9765 0.0230]
	// 100  [0.0000 0.9933 0.0067]
}
