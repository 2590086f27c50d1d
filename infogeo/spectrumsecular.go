package infogeo

import "math"

// The Fisher matrices of the simplex are diagonal minus rank one, so that their
// eigenvalues λ are the roots of a secular equation
//
//	f(λ) = Σ_j w_j/(d_j - λ) = 0,   w_j > 0,
//
// one strictly between each two neighbours of the distinct poles d_j. In natural
// coordinates the poles are the n probabilities besides the reference, w_j = d_j,
// and 0 with the weight p_ref; for the logits they are all K probabilities.

// secular is one secular equation, with poles p of weights p, and 0 of weight p0
// unless that is 0.
type secular struct {
	p  []float64
	p0 float64
}

// sums are the two halves of f and of f', below and above λ.
type sums struct{ lo, dlo, hi, dhi float64 }

// at evaluates the sums at λ = origin + mu. Poles at most below count as below.
func (s *secular) at(origin, mu, below float64) (r sums) {
	var lo, dlo, hi, dhi [2]float64
	i := 0
	p := s.p
	for ; i+2 <= len(p); i += 2 {
		a, b := p[i], p[i+1]
		u, v := 1/((a-origin)-mu), 1/((b-origin)-mu)
		fa, fb := a*u, b*v
		if a <= below {
			lo[0] += fa
			dlo[0] += fa * u
		} else {
			hi[0] += fa
			dhi[0] += fa * u
		}
		if b <= below {
			lo[1] += fb
			dlo[1] += fb * v
		} else {
			hi[1] += fb
			dhi[1] += fb * v
		}
	}
	for ; i < len(p); i++ {
		u := 1 / ((p[i] - origin) - mu)
		f := p[i] * u
		if p[i] <= below {
			lo[0] += f
			dlo[0] += f * u
		} else {
			hi[0] += f
			dhi[0] += f * u
		}
	}
	if s.p0 > 0 {
		u := 1 / (-origin - mu)
		lo[0] += s.p0 * u
		dlo[0] += s.p0 * u * u
	}
	return sums{lo[0] + lo[1], dlo[0] + dlo[1], hi[0] + hi[1], dhi[0] + dhi[1]}
}

// solve returns the root between the neighbouring poles a < b, starting at the
// guess, and the number of passes over the poles. Its unknown is the distance from
// the nearer pole, which keeps relative accuracy at both ends.
//
// Steps replace the sums below and above by r + s/(a-λ) and r + s/(b-λ) with the
// same value and slope ("the middle way" of R.-C. Li, LAPACK Working Note 89,
// 1993), inside a bracket that shrinks with every pass.
func (s *secular) solve(a, b, guess float64) (lambda float64, passes int) {
	const most = 100
	origin, lo, hi := a, 0.0, b-a // bracket of μ
	mu := guess - a
	if guess-a > (b-a)/2 {
		origin, lo, hi = b, a-b, 0
		mu = guess - b
	}
	if !(mu > lo && mu < hi) {
		mu = lo + (hi-lo)/2
	}
	for passes < most {
		r := s.at(origin, mu, a)
		passes++
		f := r.lo + r.hi
		if f < 0 {
			lo = mu
		} else {
			hi = mu
		}
		if math.Abs(f) <= 0x1p-51*(r.hi-r.lo) { // all that rounding leaves
			break
		}
		da, db := (a-origin)-mu, (b-origin)-mu
		step := middleStep(da, db, f, r)
		if math.Abs(step) <= 0x1p-52*math.Abs(mu) {
			break
		}
		next := mu + step
		if !(next > lo && next < hi) {
			next = lo + (hi-lo)/2
		}
		if next == mu || next == lo || next == hi {
			break
		}
		mu = next
	}
	return origin + mu, passes
}

// middleStep solves the interpolating equation for the step from λ, the poles
// being at λ+da and λ+db.
func middleStep(da, db, f float64, r sums) float64 {
	c := f - da*r.dlo - db*r.dhi
	a := (da+db)*f - da*db*(r.dlo+r.dhi)
	b := da * db * f
	root := math.Sqrt(math.Max(0, a*a-4*b*c))
	if a <= 0 {
		return (a - root) / (2 * c)
	}
	return 2 * b / (a + root)
}
