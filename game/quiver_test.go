package game

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// TestQuiverCSV reads back what a field in space has written.
func TestQuiverCSV(t *testing.T) {
	axes := [][]float64{{-1, 0.1}, {0, 1. / 3, 2}, {5}}
	f := flow.FieldFunc(3, func(dst, x []float64, _ float64) {
		dst[0], dst[1], dst[2] = math.Sin(x[0]+x[1]), x[1]*x[2], math.Exp(-x[0])
	})
	q, err := NewQuiver(f, axes...)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := q.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 7 || strings.Join(rows[0], " ") != "x0 x1 x2 f0 f1 f2" {
		t.Fatalf("%d rows with header %v, error %v", len(rows), rows[0], err)
	}
	for i, row := range rows[1:] {
		var v [6]float64
		for k, s := range row {
			if v[k], err = strconv.ParseFloat(s, 64); err != nil {
				t.Fatal(err)
			}
		}
		want := [6]float64{axes[0][i/3], axes[1][i%3], 5}
		f.Eval(want[3:], want[:3], 0)
		if v != want {
			t.Errorf("row %d is %v, want %v", i, v, want)
		}
	}
}

// quiverPaths returns the paths of a picture, which must be XML.
func quiverPaths(t *testing.T, q *Quiver) []string {
	t.Helper()
	var b bytes.Buffer
	if err := q.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for d := xml.NewDecoder(&b); ; {
		token, err := d.Token()
		if err == io.EOF {
			return paths[1:] // the first is the head of the arrows
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "path" {
			paths = append(paths, e.Attr[0].Value)
		}
	}
}

func TestQuiverSVG(t *testing.T) {
	// On [0, 4] x [0, 2], pixels 120 and 240 a unit.
	q := &Quiver{
		Axes:   [][]float64{{0, 4}, {0, 2}},
		Values: [][]float64{{1, 0, 0, -1e-9}, {0, 0.25, 0, 0}},
		Orbits: [][][]float64{{{0, 0}, {1, 1}, {1, 3}, {4, 1}, {math.NaN(), 0}, {2, 2}}},
	}
	want := []string{
		"M-200.00 520.00L280.00 520.00", // the longest, as long as a cell
		"M40.00 160.00L40.00 -80.00",    // half of it, up
		"M40.00 520.00L160.00 280.00M520.00 280.00M280.00 40.00",
	}
	if got := quiverPaths(t, q); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("paths %q, want %q", got, want)
	}
	zero := &Quiver{Axes: q.Axes, Values: [][]float64{make([]float64, 4), make([]float64, 4)}}
	if got := quiverPaths(t, zero); len(got) != 0 {
		t.Errorf("paths of the field 0: %q", got)
	}
	huge := &Quiver{Axes: q.Axes, Values: [][]float64{{math.MaxFloat64, 0, 0, 0}, make([]float64, 4)}}
	if got := quiverPaths(t, huge); len(got) != 1 || got[0] != want[0] {
		t.Errorf("paths of a huge field: %q, want %q", got, want[:1])
	}
}

func TestQuiverDirections(t *testing.T) {
	n := 16
	q := &Quiver{Axes: [][]float64{nil, {0}}, Values: make([][]float64, 2)}
	for i := range n { // between the borders of the eight sectors
		angle := math.Pi/4*float64(i/2) + 0.3*float64(i%2*2-1)
		q.Axes[0] = append(q.Axes[0], float64(i))
		q.Values[0] = append(q.Values[0], math.Cos(angle))
		q.Values[1] = append(q.Values[1], math.Sin(angle))
	}
	var b bytes.Buffer
	if err := q.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if want := "→ → ↗ ↗ ↑ ↑ ↖ ↖ ← ← ↙ ↙ ↓ ↓ ↘ ↘\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestQuiverErrors(t *testing.T) {
	f := flow.FieldFunc(2, func(dst, x []float64, _ float64) { dst[0], dst[1] = 1/x[0], 0 })
	for _, c := range []struct {
		axes [][]float64
		want error
	}{
		{[][]float64{{1, 2}}, ErrShape},
		{[][]float64{{1, 2}, {}}, ErrShape},
		{[][]float64{{1, 1}, {1, 2}}, ErrArgument},
		{[][]float64{{1, math.NaN()}, {1, 2}}, ErrArgument},
		{[][]float64{{0, 1}, {1, 2}}, ErrNotFinite},
	} {
		if _, err := NewQuiver(f, c.axes...); !errors.Is(err, c.want) {
			t.Errorf("axes %v: error %v, want %v", c.axes, err, c.want)
		}
	}
	if _, err := NewQuiver(nil, nil); !errors.Is(err, ErrArgument) {
		t.Errorf("nil field: error %v", err)
	}
	two := [][]float64{{1, 2}, {1, 2}}
	for name, q := range map[string]*Quiver{
		"too few values":   {Axes: two, Values: [][]float64{{1, 2, 3, 4}, {1}}},
		"space":            {Axes: [][]float64{{1}, {1}, {1}}, Values: [][]float64{{1}, {1}, {1}}},
		"one column":       {Axes: [][]float64{{1}, {1, 2}}, Values: [][]float64{{1, 2}, {1, 2}}},
		"orbits in space":  {Axes: two, Values: [][]float64{{1, 2, 3, 4}, {1, 2, 3, 4}}, Orbits: [][][]float64{{{1, 2, 3}}}},
		"a line for plane": {Axes: two[:1], Values: [][]float64{{1, 2}}},
	} {
		if err := q.WriteSVG(io.Discard); !errors.Is(err, ErrShape) {
			t.Errorf("%s: error %v, want %v", name, err, ErrShape)
		}
	}
	q := &Quiver{Axes: two, Values: [][]float64{{1, 2, 3, 4}, {1, 2, 3, 4}}}
	for name, write := range map[string]func(io.Writer) error{"CSV": q.WriteCSV, "SVG": q.WriteSVG, "text": q.WriteText} {
		if err := write(fullDisk{}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s to a full disk: error %v", name, err)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
