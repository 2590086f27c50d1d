package flow

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// CSV is a Recorder that writes a table of comma-separated values (RFC 4180 with
// line feeds), one line for every Step that it is shown, below a header: the
// columns are k, kind (start, step, save or event), t, h, energy, slope and the
// state x0, x1, .... Numbers are in the shortest form that reads back to the same
// value; what is not known is NaN. Thin it out with Decimate.
//
// Lines are buffered: call Close, or Flush, after the run, and look at its error.
// An error of W ends the run with the status RecorderError; what was written until
// then stays.
type CSV[T Float] struct {
	// W is written to.
	W io.Writer
	// NoHeader leaves out the header, as when a resumed run appends to its file.
	NoHeader bool
	// NoState leaves out the state.
	NoState bool

	out lineWriter
	dim int
}

// Init implements Recorder.
func (c *CSV[T]) Init(dim int) error {
	again := c.out.w != nil
	if err := c.out.open(c.W, "CSV"); err != nil {
		return err
	}
	if again && dim != c.dim {
		return fmt.Errorf("flow: state of length %d in a CSV that holds states of length %d: %w", dim, c.dim, ErrArgument)
	}
	c.dim = dim
	if again || c.NoHeader {
		return nil
	}
	b := append(c.out.line[:0], "k,kind,t,h,energy,slope"...)
	for i := range dim {
		if c.NoState {
			break
		}
		b = append(b, ",x"...)
		b = strconv.AppendInt(b, int64(i), 10)
	}
	return c.out.end(b)
}

// Record implements Recorder.
func (c *CSV[T]) Record(s *Step[T]) error {
	b := strconv.AppendInt(c.out.line[:0], int64(s.K), 10)
	b = append(b, ',')
	b = append(b, s.Kind.String()...)
	for _, v := range [...]float64{s.T, s.H, s.Energy, s.Slope} {
		b = strconv.AppendFloat(append(b, ','), v, 'g', -1, 64)
	}
	if !c.NoState {
		for _, v := range s.X {
			b = strconv.AppendFloat(append(b, ','), float64(v), 'g', -1, bitsOf[T]())
		}
	}
	return c.out.end(b)
}

// Flush writes what is buffered.
func (c *CSV[T]) Flush() error { return c.out.flush() }

// Close writes what is buffered, and closes W if it is an io.Closer.
func (c *CSV[T]) Close() error { return c.out.close(c.W) }

// JSONLines is a Recorder that writes a line of JSON (jsonlines.org) for every
// Step that it is shown, as
//
//	{"k":1,"kind":"step","t":0.5,"h":0.5,"energy":1.25,"slope":-2.5,"x":[1,-2]}
//
// with null for what is not known or not finite. Buffering, errors and numbers
// are as in CSV.
type JSONLines[T Float] struct {
	// W is written to.
	W io.Writer
	// NoState leaves out the state.
	NoState bool

	out lineWriter
}

// Init implements Recorder.
func (j *JSONLines[T]) Init(int) error { return j.out.open(j.W, "JSONLines") }

// Record implements Recorder.
func (j *JSONLines[T]) Record(s *Step[T]) error {
	b := append(j.out.line[:0], `{"k":`...)
	b = strconv.AppendInt(b, int64(s.K), 10)
	b = append(b, `,"kind":"`...)
	b = append(b, s.Kind.String()...)
	b = append(b, '"')
	b = appendJSON(append(b, `,"t":`...), s.T, 64)
	b = appendJSON(append(b, `,"h":`...), s.H, 64)
	b = appendJSON(append(b, `,"energy":`...), s.Energy, 64)
	b = appendJSON(append(b, `,"slope":`...), s.Slope, 64)
	if !j.NoState {
		b = append(b, `,"x":[`...)
		for i, v := range s.X {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, float64(v), bitsOf[T]())
		}
		b = append(b, ']')
	}
	return j.out.end(append(b, '}'))
}

// Flush writes what is buffered.
func (j *JSONLines[T]) Flush() error { return j.out.flush() }

// Close writes what is buffered, and closes W if it is an io.Closer.
func (j *JSONLines[T]) Close() error { return j.out.close(j.W) }

// lineWriter writes lines through a buffer; line is the memory in which they are
// made.
type lineWriter struct {
	w    *bufio.Writer
	line []byte
}

func (l *lineWriter) open(w io.Writer, name string) error {
	if w == nil {
		return fmt.Errorf("flow: W of %s is nil, want a writer: %w", name, ErrArgument)
	}
	if l.w == nil {
		l.w = bufio.NewWriterSize(w, 1<<16)
	}
	return nil
}

// end writes a line made in l.line.
func (l *lineWriter) end(b []byte) error {
	l.line = append(b, '\n')
	_, err := l.w.Write(l.line)
	return err
}

func (l *lineWriter) flush() error {
	if l.w == nil {
		return nil
	}
	return l.w.Flush()
}

func (l *lineWriter) close(w io.Writer) error {
	err := l.flush()
	if c, ok := w.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	return err
}

// appendJSON appends a number, or null if JSON has none for it.
func appendJSON(b []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits)
}

var (
	_ Recorder[float64] = (*CSV[float64])(nil)
	_ Recorder[float64] = (*JSONLines[float64])(nil)
)
