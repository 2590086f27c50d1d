package kernel

import (
	"math"

	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// RelativeEntropy returns the generalised Kullback-Leibler divergence
//
//	Σ_i p_i log(p_i/q_i) - p_i + q_i  >= 0
//
// of vectors of numbers >= 0, computed in float64 as Σ q_i h(r_i) with
// r_i = (p_i-q_i)/q_i and h(r) = (1+r) log(1+r) - r: every term has full relative
// accuracy, however close p_i is to q_i. A term with p_i = 0 is q_i, with q_i = 0
// < p_i it is +Inf, with both zero 0. Negative numbers and NaN give NaN. It panics
// if the lengths differ.
func RelativeEntropy[T Float](p, q []T) float64 {
	if len(q) != len(p) {
		badLen("q", len(q), "len(p)", len(p))
	}
	if !assembly || len(p) == 0 {
		return relativeEntropyTwin(p, q)
	}
	var s float64
	if is64[T]() {
		s = f64.RelativeEntropy(len(p), first[float64](p), first[float64](q))
	} else {
		s = f32.RelativeEntropy(len(p), first[float32](p), first[float32](q))
	}
	if s-s != 0 { // zeros in q, quotients near overflow, what is no distribution
		return relativeEntropyTwin(p, q)
	}
	return s
}

// RelativeEntropyRows stores RelativeEntropy of row i of p and q in dst_i. It panics if
// the shapes differ or dst has not as many elements as they have rows.
func RelativeEntropyRows[T Float](dst []float64, p, q Matrix[T]) {
	p.check("p")
	q.check("q")
	if p.Rows != q.Rows || p.Cols != q.Cols {
		badShape("q", q.Rows, q.Cols, p.Rows, p.Cols)
	}
	if len(dst) != p.Rows {
		badLen("dst", len(dst), "p.Rows", p.Rows)
	}
	dense := p.Stride == p.Cols && q.Stride == p.Cols
	if !assembly || !dense || p.Rows == 0 || p.Cols == 0 {
		for i := range dst {
			dst[i] = RelativeEntropy(p.Row(i), q.Row(i))
		}
		return
	}
	if is64[T]() {
		f64.RelativeEntropyRows(p.Rows, p.Cols, &dst[0], first[float64](p.Data), first[float64](q.Data))
	} else {
		f32.RelativeEntropyRows(p.Rows, p.Cols, &dst[0], first[float32](p.Data), first[float32](q.Data))
	}
	for i, s := range dst {
		if s-s != 0 {
			dst[i] = relativeEntropyTwin(p.Row(i), q.Row(i))
		}
	}
}

func relativeEntropyTwin[T Float](p, q []T) float64 {
	q = q[:len(p)]
	var s float64
	for i, v := range p {
		s += entropyTerm(float64(v), float64(q[i]))
	}
	return s
}

// entropyTerm is p log(p/q) - p + q.
func entropyTerm(p, q float64) float64 {
	d := p - q
	// log(p/q) = 2 atanh(z), z = (p-q)/(p+q), whose square is subtracted
	// analytically where it cancels.
	if 8*math.Abs(d) <= p+q && p > 0 {
		z := d / (p + q)
		w := z * z
		// atanh(z)/z - 1 = w/3 + w²/5 + ...
		a := w * (1./3 + w*(1./5+w*(1./7+w*(1./9+w*(1./11+w*(1./13+w*(1./15+w/17)))))))
		return d * (z + (1+z)*a)
	}
	switch {
	case p > 0 && q > 0:
		if l := p / q; l < math.MaxFloat64 && l > 0x1p-1000 {
			return p*log(l) - d
		}
		return p*(log(p)-log(q)) - d
	case p == 0 && q >= 0:
		return q
	case q == 0 && p > 0:
		return math.Inf(1)
	}
	return math.NaN()
}
