package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"math"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// deqSigmoid holds the inputs and the published results of the paper's experiment with
// the sigmoid.
//
//go:embed deq_sigmoid.json
var deqSigmoid []byte

type sigmoidFile struct {
	X    []float64
	Runs map[string]struct {
		Theta0 []float64
		Eta    float64
		At4k   []float64 `json:"published_theta_4000"`
		At40k  []float64 `json:"published_theta_40000"`
	}
}

// sigmoidRun makes a run of the paper's experiment and shows its steps.
func sigmoidRun(ctx context.Context, file *sigmoidFile, name string, steps int, see func(*flow.Step[float64])) error {
	teacher := &deq.Teacher[float64]{W: []float64{2}, Act: deq.Sigmoid()}
	x, target := kernel.MatrixOf(len(file.X), 1, file.X), make([]float64, len(file.X))
	if err := teacher.Targets(target, x); err != nil {
		return err
	}
	model, err := deq.NewSingleIndex(deq.Sigmoid(), x, target, deq.SingleIndexOptions{})
	if err != nil {
		return err
	}
	run := file.Runs[name]
	return gradientSteps(ctx, flow.Field[float64](flow.GradientFlow[float64](model)), run.Theta0, flow.Fixed{H: run.Eta}, steps, func(st *flow.Step[float64]) error {
		see(st)
		return nil
	})
}

func readSigmoid() (*sigmoidFile, error) {
	var file sigmoidFile
	err := json.Unmarshal(deqSigmoid, &file)
	return &file, err
}

// farStart is the largest relative growth of the distance to the teacher in 4000 steps
// of the far start.
func farStart(ctx context.Context) (worst float64, err error) {
	file, err := readSigmoid()
	if err != nil {
		return 0, err
	}
	last := math.Inf(1)
	err = sigmoidRun(ctx, file, "far", 4000, func(st *flow.Step[float64]) {
		dist := math.Hypot(st.X[0]-2, st.X[1])
		worst = max(worst, dist/last-1)
		last = dist
	})
	return worst, err
}

// linearRun is a published run of the linear model: the parameters at the end.
type linearRun struct {
	theta0 []float64
	steps  int
	end    []float64
}

// The paper's linear experiment has x ~ U[0,1] with this mean of x², y = 2x, η = 0.01.
const deqMeanX2 = 0.33212299459039474

var linearRuns = []linearRun{
	{[]float64{0.024422950667176008, 0.06781783200788559}, 200, []float64{0.8402616937669253, 0.5798691531162682}},
	{[]float64{0.024422950667176008, 1.0678178320078855}, 200, []float64{-0.26031740105835477, 1.1301508716290452}},
	{[]float64{0.00012301533574825743, 1.029874553750847}, 200, []float64{2.0022673813067398, 36.495385285300884}},
}

func (s *deqStudy) paperRuns(ctx context.Context, told progress) (outcome, error) {
	const tol = 1e-9
	worst := 0.0
	note := func(got, want []float64) {
		for i := range want {
			worst = max(worst, math.Abs(got[i]-want[i])/max(1, math.Abs(want[i])))
		}
	}
	for _, run := range linearRuns {
		model, err := slopeModel(deqMeanX2, 2)
		if err != nil {
			return outcome{}, err
		}
		err = gradientSteps(ctx, flow.Field[float64](flow.GradientFlow[float64](model)), run.theta0, flow.Fixed{H: 0.01}, run.steps, func(st *flow.Step[float64]) error {
			if st.K == run.steps {
				note(st.X, run.end)
			}
			return nil
		})
		if err != nil {
			return outcome{}, err
		}
	}
	file, err := readSigmoid()
	if err != nil {
		return outcome{}, err
	}
	for i, name := range []string{"near", "far"} {
		err := sigmoidRun(ctx, file, name, 40000, func(st *flow.Step[float64]) {
			switch st.K {
			case 4000:
				note(st.X, file.Runs[name].At4k)
			case 40000:
				note(st.X, file.Runs[name].At40k)
			}
			if st.K%1000 == 0 {
				told((float64(i) + float64(st.K)/40000) / 2)
			}
		})
		if err != nil {
			return outcome{}, err
		}
	}
	return outcome{
		want: "0", tol: "1e-9",
		got:  number(worst),
		pass: worst <= tol,
		note: "Largest relative deviation of the end values: linear model after 200 updates from a regular start, from one near the singular point and from one that it throws to a distance of 35; sigmoid model with 1000 samples after 4000 and 40000 updates from near and far.",
	}, nil
}
