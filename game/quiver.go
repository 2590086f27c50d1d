package game

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/gradflow/gradflow/flow"
)

// Quiver is a vector field at the points of a grid, to be written as a table or drawn.
// The parts of a FieldParts are the Values of one.
type Quiver struct {
	// Axes are the coordinates of the points along each axis, ascending.
	Axes [][]float64
	// Values are the components of the field, one for each axis: tensors in row-major
	// order, the last axis fastest.
	Values [][]float64
	// Orbits are curves that WriteSVG draws over the arrows, each a list of points of
	// the plane: with those of a flow, the picture is a phase portrait.
	Orbits [][][]float64
}

// NewQuiver evaluates a field, as that of Flow, at the points of a grid, at time 0.
// Errors: ErrArgument, ErrShape, ErrTooLarge, ErrNotFinite.
func NewQuiver(f flow.Field[float64], axes ...[]float64) (*Quiver, error) {
	if f == nil {
		return nil, fmt.Errorf("game: NewQuiver: field = nil, want a field: %w", ErrArgument)
	}
	if f.Dim() != len(axes) {
		return nil, fmt.Errorf("game: NewQuiver: %d axes for a field of dimension %d: %w", len(axes), f.Dim(), ErrShape)
	}
	q := &Quiver{Axes: axes}
	g, err := q.grid()
	if err != nil {
		return nil, err
	}
	q.Values = g.tensors(len(axes))
	x, v := make([]float64, len(axes)), make([]float64, len(axes))
	g.each(func(at int, index []int) {
		q.point(x, index)
		f.Eval(v, x, 0)
		for k := range v {
			q.Values[k][at] = v[k]
		}
	})
	if _, err := q.check(); err != nil {
		return nil, err
	}
	return q, nil
}

// grid checks the axes.
func (q *Quiver) grid() (*grid, error) {
	g := &grid{shape: make([]int, len(q.Axes))}
	for k, a := range q.Axes {
		g.shape[k] = len(a)
		for i, v := range a {
			if math.IsNaN(v) || math.IsInf(v, 0) || i > 0 && !(v > a[i-1]) {
				return nil, fmt.Errorf("game: Quiver: Axes[%d][%d] = %v, want finite numbers that ascend: %w", k, i, v, ErrArgument)
			}
		}
	}
	var err error
	g.n, err = profilesOf(g.shape)
	return g, err
}

// check returns the grid of a quiver whose axes and values fit.
func (q *Quiver) check() (*grid, error) {
	g, err := q.grid()
	if err == nil {
		err = g.check("Values", q.Values, len(q.Axes))
	}
	return g, err
}

// point stores the coordinates of a point in x.
func (q *Quiver) point(x []float64, index []int) {
	for k, i := range index {
		x[k] = q.Axes[k][i]
	}
}

// WriteCSV writes a table of the points, the last axis fastest: a header, and for every
// point its coordinates x0, x1, ... and the components f0, f1, ... of the field, in the
// shortest form that reads back to the same value. Errors: ErrArgument, ErrShape,
// ErrTooLarge, ErrNotFinite, those of the Writer.
func (q *Quiver) WriteCSV(w io.Writer) error {
	g, err := q.check()
	if err != nil {
		return err
	}
	n := len(q.Axes)
	row := make([]string, 2*n)
	for k := range n {
		row[k], row[n+k] = fmt.Sprint("x", k), fmt.Sprint("f", k)
	}
	table := csv.NewWriter(w)
	err = table.Write(row)
	g.each(func(at int, index []int) {
		if err != nil {
			return
		}
		for k, i := range index {
			row[k] = strconv.FormatFloat(q.Axes[k][i], 'g', -1, 64)
			row[n+k] = strconv.FormatFloat(q.Values[k][at], 'g', -1, 64)
		}
		err = table.Write(row)
	})
	if err != nil {
		return err
	}
	table.Flush()
	return table.Error()
}

// planar is check for pictures.
func (q *Quiver) planar() (*grid, error) {
	if len(q.Axes) != 2 {
		return nil, fmt.Errorf("game: Quiver: picture of %d axes, want 2: %w", len(q.Axes), ErrShape)
	}
	return q.check()
}

// compass are the directions of the text portrait, counterclockwise from the right.
var compass = [8]rune{'→', '↗', '↑', '↖', '←', '↙', '↓', '↘'}

// WriteText writes a planar field as an arrow for every point, the second coordinate
// upwards: the nearest of eight directions, and · where the field is 0. Errors as those of
// WriteCSV.
func (q *Quiver) WriteText(w io.Writer) error {
	if _, err := q.planar(); err != nil {
		return err
	}
	ny := len(q.Axes[1])
	for j := range slices.Backward(q.Axes[1]) {
		line := make([]rune, 0, 2*len(q.Axes[0]))
		for i := range q.Axes[0] {
			u, v := q.Values[0][i*ny+j], q.Values[1][i*ny+j]
			arrow := '·'
			if u != 0 || v != 0 {
				arrow = compass[int(math.Round(math.Atan2(v, u)/(math.Pi/4))+8)%8]
			}
			if i > 0 {
				line = append(line, ' ')
			}
			line = append(line, arrow)
		}
		if _, err := fmt.Fprintln(w, string(line)); err != nil {
			return err
		}
	}
	return nil
}
