package flow_test

import (
	"context"
	"fmt"
	"os"

	"github.com/gradflow/gradflow/flow"
)

// A run that is written while it goes, every fourth step as a line of CSV, and
// whose last two steps are kept in memory.
func ExampleCSV() {
	table := &flow.CSV[float64]{W: os.Stdout}
	last := &flow.Ring[float64]{N: 2}
	field := flow.FieldFunc(1, func(dst, x []float64, _ float64) { dst[0] = -x[0] })
	sol, err := flow.Solve(context.Background(), field, []float64{1}, flow.Options[float64]{
		Method: flow.Euler, Controller: flow.Fixed{H: 0.5}, T1: 5,
		Recorder: flow.Multi[float64](flow.Decimate[float64](4, table), last),
	})
	if err != nil {
		fmt.Println(err)
	}
	if err := table.Flush(); err != nil {
		fmt.Println(err)
	}
	for i := range last.Len() {
		fmt.Printf("step %d: x = %g\n", last.At(i).K, last.At(i).X[0])
	}
	fmt.Println(sol.Status)
	// Output:
	// k,kind,t,h,energy,slope,x0
	// 0,start,0,0,NaN,NaN,1
	// 4,step,2,0.5,NaN,NaN,0.0625
	// 8,step,4,0.5,NaN,NaN,0.00390625
	// step 9: x = 0.001953125
	// step 10: x = 0.0009765625
	// Done
}

// Stop rules end a run where going on makes no sense.
func ExampleStopProgress() {
	bowl := flow.EnergyFunc(1, func(grad, x []float64) float64 {
		if grad != nil {
			grad[0] = x[0]
		}
		return 1 + x[0]*x[0]/2
	})
	sol, err := flow.Solve(context.Background(), flow.Field[float64](flow.GradientFlow(bowl)), []float64{1}, flow.Options[float64]{
		Method: flow.Euler, Controller: flow.Fixed{H: 0.1},
		Stop: []flow.Stop[float64]{flow.StopProgress[float64](1e-6), flow.StopGain[float64](1)},
	})
	fmt.Printf("%v with E = %.6f, %v\n", sol.Status, sol.Energy, err)
	// Output:
	// Converged with E = 1.000000, <nil>
}
