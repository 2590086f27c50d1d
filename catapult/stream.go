package catapult

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/gradflow/gradflow/flow"
)

// CSV returns an observer for TrainOptions.Observe that writes each step as a row
// of comma-separated values, with a header before step 0 (so that the rows of a
// resumed run continue a file). Fields that were not computed are empty. Each row
// is one Write; give it a bufio.Writer to gather them.
func CSV[T flow.Float](w io.Writer) func(p *Point, theta []T) error {
	var b []byte
	return func(p *Point, _ []T) error {
		b = b[:0]
		if p.Step == 0 {
			b = append(b, "step,time,loss,ntk,ntk_residual,ntk_products,ntk_converged,hessian,hessian_residual,hessian_products,hessian_converged,kappa\n"...)
		}
		b = strconv.AppendInt(b, int64(p.Step), 10)
		b = appendField(b, p.Time)
		b = appendField(b, p.Loss)
		b = appendFields(b, p.NTK)
		b = appendFields(b, p.Hessian)
		b = appendField(b, p.Kappa)
		return write(w, append(b, '\n'))
	}
}

func appendField(b []byte, v float64) []byte {
	b = append(b, ',')
	if math.IsNaN(v) {
		return b
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

func appendFields(b []byte, c Curvature) []byte {
	if math.IsNaN(c.Value) {
		return append(b, ",,,,"...)
	}
	b = appendField(b, c.Value)
	b = appendField(b, c.Residual)
	b = append(b, ',')
	b = strconv.AppendInt(b, int64(c.Products), 10)
	b = append(b, ',')
	return strconv.AppendBool(b, c.Converged)
}

// JSONLines returns an observer for TrainOptions.Observe that writes each step as
// a JSON object in a line of its own:
//
//	{"step":3,"time":1.5,"loss":0.2,"ntk":{"converged":true,"products":2,"value":2,"residual":1e-4},"kappa":1}
//
// Keys of what was not computed are left out.
func JSONLines[T flow.Float](w io.Writer) func(p *Point, theta []T) error {
	var b []byte
	return func(p *Point, _ []T) error {
		b = append(b[:0], `{"step":`...)
		b = strconv.AppendInt(b, int64(p.Step), 10)
		b = appendKey(b, "time", p.Time)
		b = appendKey(b, "loss", p.Loss)
		b = appendObject(b, "ntk", p.NTK)
		b = appendObject(b, "hessian", p.Hessian)
		b = appendKey(b, "kappa", p.Kappa)
		return write(w, append(b, '}', '\n'))
	}
}

// appendKey adds a number; JSON has none for NaN and infinities.
func appendKey(b []byte, key string, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return b
	}
	b = append(append(append(b, `,"`...), key...), `":`...)
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

func appendObject(b []byte, key string, c Curvature) []byte {
	if math.IsNaN(c.Value) {
		return b
	}
	b = append(append(append(b, `,"`...), key...), `":{"converged":`...)
	b = strconv.AppendBool(b, c.Converged)
	b = append(b, `,"products":`...)
	b = strconv.AppendInt(b, int64(c.Products), 10)
	b = appendKey(b, "value", c.Value)
	b = appendKey(b, "residual", c.Residual)
	return append(b, '}')
}

func write(w io.Writer, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("catapult: writing a step: %w", err)
	}
	return nil
}
