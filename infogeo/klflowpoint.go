package infogeo

import (
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// point is a distribution p near a target q, both with the reference state last,
// and what the flows need of it.
type point[T flow.Float] struct {
	n      int
	q      []T // target, K
	thetaQ []T // its natural coordinates, n
	p      []T // K
	delta  []T // p - q, K; of full relative accuracy where the coordinates allow
	tau    []T // θ - θ_q, n
	ratio  []T // (p-q)/q, K; only in deviation coordinates
	near   bool
	ok     bool // inside the domain
}

func newPoint[T flow.Float](q []T) *point[T] {
	k := len(q)
	n := k - 1
	m := make([]T, 4*k+2*n)
	cut := func(l int) []T { s := m[:l:l]; m = m[l:]; return s }
	pt := &point[T]{n: n, q: cut(k), p: cut(k), delta: cut(k), ratio: cut(k), thetaQ: cut(n), tau: cut(n)}
	copy(pt.q, q)
	thetaOf(pt.thetaQ, q, n)
	return pt
}

// eta is p without the reference state.
func (pt *point[T]) eta() []T { return pt.p[:pt.n] }

// pr is the probability of the reference state.
func (pt *point[T]) pr() T { return pt.p[pt.n] }

// set moves the point to the coordinates x; tau is computed only if wanted.
func (pt *point[T]) set(c Coords, x []T, tau bool) {
	pt.near, pt.ok = false, true
	switch c {
	case ThetaCoords:
		Softmax(pt.p, x, pt.n)
		kernel.SubTo(pt.delta, pt.p, pt.q)
		if tau {
			kernel.SubTo(pt.tau, x, pt.thetaQ)
		}
	case LogitCoords:
		SoftmaxLogits(pt.p, x)
		kernel.SubTo(pt.delta, pt.p, pt.q)
		if tau {
			z := x[pt.n]
			for i, v := range x[:pt.n] {
				pt.tau[i] = (v - z) - pt.thetaQ[i]
			}
		}
	case DeviationCoords:
		pt.setDeviation(x)
		if tau {
			copy(pt.tau, x)
		}
	default:
		pt.setEta(x, tau)
	}
}

// setEta takes the probability of the reference state from the deviations, which
// sum to zero.
func (pt *point[T]) setEta(x []T, tau bool) {
	n := pt.n
	kernel.SubTo(pt.delta[:n], x, pt.q[:n])
	pt.delta[n] = T(-kernel.Sum(pt.delta[:n]))
	copy(pt.p, x)
	pt.p[n] = pt.q[n] + pt.delta[n]
	for _, v := range pt.p {
		if !(v > 0) {
			pt.ok = false
			return
		}
	}
	if tau {
		// log(p_i/p_r) - log(q_i/q_r), accurate where p is near q.
		r := math.Log1p(float64(pt.delta[n] / pt.q[n]))
		for i := range pt.tau {
			pt.tau[i] = T(math.Log1p(float64(pt.delta[i]/pt.q[i])) - r)
		}
	}
}

// setDeviation finds p - q = q (e-s)/(1+s) with e = expm1(τ), 0 for the reference
// state, and s = q·e: no cancellation, however small τ is.
func (pt *point[T]) setDeviation(x []T) {
	const far = 30 // e^τ is then far from overflow, in float32 too
	n := pt.n
	if !(kernel.MaxAbs(x) <= far) {
		kernel.AddTo(pt.tau, pt.thetaQ, x)
		Softmax(pt.p, pt.tau, n)
		kernel.SubTo(pt.delta, pt.p, pt.q)
		return
	}
	pt.near = true
	e := pt.ratio
	var s float64
	for i, v := range x {
		t := math.Expm1(float64(v))
		e[i] = T(t)
		s += float64(pt.q[i]) * t
	}
	e[n] = 0
	inv := T(1 / (1 + s))
	for i, v := range e {
		e[i] = (v - T(s)) * inv
	}
	kernel.MulTo(pt.delta, pt.q, e)
	kernel.AddTo(pt.p, pt.q, pt.delta)
}

// loss is the divergence at the point.
func (pt *point[T]) loss(l Loss) float64 {
	if !pt.ok {
		return math.Inf(1)
	}
	if pt.near {
		return pt.nearLoss(l)
	}
	if l == Reverse {
		return KL(pt.p, pt.q)
	}
	return KL(pt.q, pt.p)
}

// nearLoss sums q h(r) for KL(p‖q), and p h(-r/(1+r)) for KL(q‖p), from the exact
// ratios r = (p-q)/q.
func (pt *point[T]) nearLoss(l Loss) float64 {
	var s float64
	for i, v := range pt.ratio {
		r := float64(v)
		if l == Reverse {
			s += float64(pt.q[i]) * entropyRatio(r)
		} else {
			s += float64(pt.p[i]) * entropyRatio(-r/(1+r))
		}
	}
	return s
}

// entropyRatio is h(r) = (1+r) log(1+r) - r.
func entropyRatio(r float64) float64 {
	if r <= -1 {
		return 1
	}
	z := r / (2 + r)
	if math.Abs(z) > 0.125 {
		return (1+r)*math.Log1p(r) - r
	}
	w := z * z
	a := w * (1./3 + w*(1./5+w*(1./7+w*(1./9+w*(1./11+w*(1./13+w*(1./15+w/17)))))))
	return r * (z + (1+z)*a)
}
