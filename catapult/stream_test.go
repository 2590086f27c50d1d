package catapult_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"testing"

	"github.com/gradflow/gradflow/catapult"
)

// What is streamed is what the trace holds.
func TestStreams(t *testing.T) {
	net := randomNet(t, catapult.NetConfig{Sizes: []int{3, 10, 1}, Act: catapult.Tanh}, 5)
	var table, lines bytes.Buffer
	inCSV, inJSON := catapult.CSV[float64](&table), catapult.JSONLines[float64](&lines)
	r := train(t, net, net.Init(0, 0), catapult.TrainOptions[float64]{
		C: 1, Steps: 7, TrackNTK: 1, TrackHessian: 3,
		Observe: func(p *catapult.Point, theta []float64) error { return errors.Join(inCSV(p, theta), inJSON(p, theta)) },
	})
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(rows) != 9 {
		t.Fatalf("%d rows, error %v, want a header and 8 steps", len(rows), err)
	}
	dec := json.NewDecoder(&lines)
	for i, p := range r.Trace {
		row := map[string]string{}
		for j, name := range rows[0] {
			row[name] = rows[i+1][j]
		}
		var o struct {
			Step         int
			Time, Loss   float64
			NTK, Hessian *catapult.Curvature
			Kappa        *float64
		}
		if err := dec.Decode(&o); err != nil {
			t.Fatal(err)
		}
		is := func(name string, got *float64, want float64) {
			cell := row[name]
			if math.IsNaN(want) {
				if cell != "" || got != nil {
					t.Errorf("step %d: %s = %q, %v, want nothing", i, name, cell, got)
				}
				return
			}
			if v, err := strconv.ParseFloat(cell, 64); err != nil || v != want || got == nil || *got != want {
				t.Errorf("step %d: %s = %q, %v, want %v", i, name, cell, got, want)
			}
		}
		var hess *float64
		if o.Hessian != nil {
			hess = &o.Hessian.Value
			if *o.Hessian != p.Hessian || row["hessian_converged"] != strconv.FormatBool(p.Hessian.Converged) || row["hessian_products"] != strconv.Itoa(p.Hessian.Products) {
				t.Errorf("step %d: Hessian %+v, want %+v", i, *o.Hessian, p.Hessian)
			}
		}
		is("time", &o.Time, p.Time)
		is("loss", &o.Loss, p.Loss)
		is("ntk", &o.NTK.Value, p.NTK.Value)
		is("hessian", hess, p.Hessian.Value)
		is("kappa", o.Kappa, p.Kappa)
		if row["step"] != strconv.Itoa(p.Step) || o.Step != p.Step {
			t.Errorf("step %s, %d, want %d", row["step"], o.Step, p.Step)
		}
	}
	if _, err := dec.Token(); err != io.EOF {
		t.Errorf("more lines than steps: %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestStreamErrors(t *testing.T) {
	p := &catapult.Point{Loss: math.Inf(1)}
	for _, observe := range []func(*catapult.Point, []float64) error{catapult.CSV[float64](brokenWriter{}), catapult.JSONLines[float64](brokenWriter{})} {
		if err := observe(p, nil); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("error %v of a broken writer", err)
		}
	}
	var b bytes.Buffer
	if err := catapult.JSONLines[float64](&b)(p, nil); err != nil || !json.Valid(b.Bytes()) {
		t.Errorf("a point with an infinite loss is %s, error %v", b.Bytes(), err)
	}
	observe := catapult.CSV[float64](io.Discard)
	if n := testing.AllocsPerRun(10, func() { observe(p, nil) }); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
}
