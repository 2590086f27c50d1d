package catapult_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/gradflow/gradflow/catapult"
)

func TestNetDiagram(t *testing.T) {
	s := catapult.DiagramSpec{X: []float64{1, 3, 6}, Y: []float64{48, 96}, Repeats: 2, Seed: 5, Workers: 2}
	cfg, o := catapult.OneHidden(64, 1, catapult.ReLU), catapult.TrainOptions[float32]{Steps: 60}
	value := func(n *catapult.Net[float32], r *catapult.TrainResult[float32]) float64 { return float64(n.Dim()) }
	d, err := catapult.NetDiagram(context.Background(), s, cfg, parityData[float32](48), o, value)
	if err != nil {
		t.Fatal(err)
	}
	for j, width := range s.Y {
		for i, want := range []catapult.Phase{catapult.Lazy, catapult.Catapult, catapult.Divergent} {
			for k := range 2 {
				c := d.At(i, j, k)
				if !c.Done || c.Phase != want || c.Value != 65*width {
					t.Errorf("C = %v, width %v, repetition %d: %+v, want %v", s.X[i], width, k, c, want)
				}
				if want == catapult.Catapult && (c.Kappa >= 2 || c.Peak < 2 || c.PeakStep == 0) {
					t.Errorf("catapult without a peak: %+v", c)
				}
			}
		}
	}
	s.Workers = 1
	again, err := catapult.NetDiagram(context.Background(), s, cfg, parityData[float32](48), o, value)
	if err != nil || !reflect.DeepEqual(d, again) {
		t.Errorf("the diagram depends on the number of workers: error %v", err)
	}

	s.Y = []float64{2.5}
	if _, err := catapult.NetDiagram(context.Background(), s, cfg, parityData[float32](48), o, nil); !errors.Is(err, catapult.ErrArgument) {
		t.Errorf("width 2.5: error %v", err)
	}
}
