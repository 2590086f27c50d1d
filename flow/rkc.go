package flow

import "math"

// RKC2 is the Runge-Kutta-Chebyshev method of order 2 by Sommeijer, Shampine and
// Verwer, J. Comput. Appl. Math. 88 (1997) 315, for stiff problems whose
// Jacobian has a real negative spectrum, such as gradient flows and diffusion. The
// number s of stages follows from the step: stability for hρ up to 0.65 s², ρ the
// spectral radius of the Jacobian, so that the work for a given time falls as 1/s.
// It keeps five vectors, whatever s is; s is at most 1000. Dense output is cubic
// Hermite where hρ is at most 20, beyond another step of the method, up to the time
// in question, which keeps stiff components right and costs its stages.
//
// The spectral radius is the model's own (Caps.Radius), asked at every point,
// otherwise an estimate: of gradient flows by 12 Lanczos vectors (which are kept),
// of other fields by a nonlinear power iteration; see RadiusReport.
var RKC2 Method = &stableMethod{
	name: "RKC2", order: 2, errk: 3, safety: 0.8,
	most: maxStages, reach: ((maxStages-1)*(maxStages-1) - 1) / 1.54,
	stages: func(z float64) int { return max(2, 1+int(math.Sqrt(1+1.54*z))) },
	terms:  rkc2Terms,
}

// RKC1 is the Runge-Kutta-Chebyshev method of order 1 (van der Houwen and
// Sommeijer, Z. Angew. Math. Mech. 60 (1980) 479) with damping η = 0.05: stability
// for hρ up to 1.93 s², three times that of RKC2. It has no error estimate and
// needs a controller that does without, such as Fixed. Stages, spectral radius and
// dense output are as for RKC2.
var RKC1 Method = &stableMethod{
	name: "RKC1", order: 1,
	most: maxStages, reach: rkc1Interval * maxStages * maxStages,
	stages: func(z float64) int { return max(1, int(math.Ceil(math.Sqrt(z/rkc1Interval)))) },
	terms:  rkc1Terms,
}

const (
	maxStages    = 1000
	rkc2Damping  = 2. / 13
	rkc1Damping  = 0.05
	rkc1Interval = 2 - 4*rkc1Damping/3 // times s²: below the length of the interval for every s
)

// chebyshevPoly runs through T_j(w) and its first two derivatives.
type chebyshevPoly struct {
	w           float64
	t, d, dd    float64 // T_j, T'_j, T''_j
	t1, d1, dd1 float64 // the same of j-1
}

// chebyshevAt is T_1(w).
func chebyshevAt(w float64) chebyshevPoly { return chebyshevPoly{w: w, t: w, d: 1, t1: 1} }

func (c *chebyshevPoly) next() {
	t := 2*c.w*c.t - c.t1
	d := 2*c.t + 2*c.w*c.d - c.d1
	dd := 4*c.d + 2*c.w*c.dd - c.dd1
	c.t1, c.d1, c.dd1 = c.t, c.d, c.dd
	c.t, c.d, c.dd = t, d, dd
}

func rkc2Terms(dst []term, s int) {
	w0 := 1 + rkc2Damping/float64(s*s)
	last := chebyshevAt(w0)
	for j := 1; j < s; j++ {
		last.next()
	}
	w1 := last.d / last.dd
	p := chebyshevAt(w0)
	b2, b1 := 1/(4*w0*w0), 1/w0 // b_0 = b_2 and b_1
	dst[0] = term{a: 1, w: b1 * w1}
	for j := 1; j < s; j++ {
		a := 1 - b1*p.t
		p.next()
		b := p.dd / (p.d * p.d)
		q := term{mu: 2 * b * w0 / b1, nu: -b / b2, w: 2 * b * w1 / b1}
		q.g = -a * q.w
		q.a = 1 - q.mu - q.nu
		dst[j] = q
		b2, b1 = b1, b
	}
}

func rkc1Terms(dst []term, s int) {
	w0 := 1 + rkc1Damping/float64(s*s)
	last := chebyshevAt(w0)
	for j := 1; j < s; j++ {
		last.next()
	}
	w1 := last.t / last.d
	p := chebyshevAt(w0)
	dst[0] = term{a: 1, w: w1 / w0}
	for j := 1; j < s; j++ {
		t2, t1 := p.t1, p.t
		p.next()
		// The coefficients of Y_{j-1} and Y_{j-2} sum to one: none is left for x.
		dst[j] = term{mu: 2 * w0 * t1 / p.t, nu: -t2 / p.t, w: 2 * w1 * t1 / p.t}
	}
}
