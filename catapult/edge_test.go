package catapult_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/digits"
)

func parityData[T float32 | float64](m int) catapult.Data[T] {
	set := digits.Train[T](m)
	return catapult.Data[T]{X: set.X, Y: set.Parity()}
}

// c.3 in small: one hidden layer of ReLUs trains up to C = 4 and two hidden
// layers well beyond; the result does not depend on the number of workers.
func TestStableEdge(t *testing.T) {
	ctx := context.Background()
	one := catapult.NetConfig{Sizes: []int{64, 96, 1}, Act: catapult.ReLU}
	two := catapult.NetConfig{Sizes: []int{64, 64, 64, 1}, Act: catapult.ReLU}
	o := catapult.EdgeOptions{C: []float64{1, 3, 5, 8}, Steps: 100}
	e, err := catapult.StableEdge(ctx, one, parityData[float32](64), o)
	if err != nil {
		t.Fatal(err)
	}
	if e.MedianStable() != 3 || e.MedianFailing() != 5 {
		t.Errorf("one hidden layer: stable up to %v, failing at %v, want 3 and 5", e.LastStable, e.FirstFailing)
	}
	want := []catapult.Phase{catapult.Lazy, catapult.Catapult}
	for i, p := range e.Phases {
		if !reflect.DeepEqual(p[:2], want) || p[3] == catapult.Catapult {
			t.Errorf("seed %d: phases %v", e.Seeds[i], p)
		}
	}
	o.Workers = 1
	again, err := catapult.StableEdge(ctx, one, parityData[float32](64), o)
	if err != nil || !reflect.DeepEqual(again, e) {
		t.Errorf("one worker finds %+v, several %+v, error %v", again, e, err)
	}
	o.Workers, o.C, o.Seeds = 0, []float64{6, 40}, []uint64{0}
	deep, err := catapult.StableEdge(ctx, two, parityData[float32](64), o)
	if err != nil {
		t.Fatal(err)
	}
	if deep.MedianStable() != 6 || deep.MedianFailing() != 40 {
		t.Errorf("two hidden layers: stable up to %v, failing at %v, want 6 and 40", deep.LastStable, deep.FirstFailing)
	}
}

func TestEdgeMedians(t *testing.T) {
	e := catapult.Edge{LastStable: []float64{4, 2, 3, 9}, FirstFailing: []float64{5, math.Inf(1), 4}}
	if e.MedianStable() != 3.5 || e.MedianFailing() != 5 {
		t.Errorf("medians %v and %v, want 3.5 and 5", e.MedianStable(), e.MedianFailing())
	}
}

func TestEdgeBadInputs(t *testing.T) {
	cfg := catapult.OneHidden(64, 4, catapult.ReLU)
	data := parityData[float64](8)
	blank := catapult.Data[float64]{X: kernel.NewMatrix[float64](3, 64), Y: kernel.NewMatrix[float64](3, 1)}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		cfg  catapult.NetConfig
		data catapult.Data[float64]
		o    catapult.EdgeOptions
		want error
	}{
		{"network", context.Background(), catapult.NetConfig{}, data, catapult.EdgeOptions{}, catapult.ErrArgument},
		{"order", context.Background(), cfg, data, catapult.EdgeOptions{C: []float64{2, 1}}, catapult.ErrArgument},
		{"negative C", context.Background(), cfg, data, catapult.EdgeOptions{C: []float64{-1}}, catapult.ErrArgument},
		{"infinite C", context.Background(), cfg, data, catapult.EdgeOptions{C: []float64{math.Inf(1)}}, catapult.ErrArgument},
		{"empty grid", context.Background(), cfg, data, catapult.EdgeOptions{C: []float64{}}, catapult.ErrEmpty},
		{"steps", context.Background(), cfg, data, catapult.EdgeOptions{Steps: -1}, catapult.ErrArgument},
		{"momentum", context.Background(), cfg, data, catapult.EdgeOptions{Momentum: 2}, catapult.ErrArgument},
		{"no curvature", context.Background(), cfg, blank, catapult.EdgeOptions{}, catapult.ErrZeroCurvature},
		{"cancelled", cancelled, cfg, data, catapult.EdgeOptions{}, context.Canceled},
	} {
		if e, err := catapult.StableEdge(c.ctx, c.cfg, c.data, c.o); e != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: result %v, error %v, want one that wraps %v", c.name, e != nil, err, c.want)
		}
	}
}
