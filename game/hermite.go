package game

import "slices"

// measure is a Gaussian weight, or its jet limit, in the arithmetic of E, with the
// players' coordinates. In the jet limit v is 0 in the tables of Hermite polynomials,
// which become powers of x - μ, and 1 everywhere else.
type measure[E number[E]] struct {
	n, players int
	owner      []int
	mean, v    []E // v is 1 for the jet
	jet        bool
}

// lam returns λ_i(α) = Σ α_k/v_k over the coordinates of player i, all of them if i < 0:
// the eigenvalue of the number operator of He_α.
func (m *measure[E]) lam(i int, p powers) (s E) {
	for k, o := range m.owner {
		if e := int(p[k]); e > 0 && (i < 0 || o == i) {
			s = s.plus(integer[E](e).over(m.v[k]))
		}
	}
	return s
}

// norm returns ‖He_α‖² = Π v_k^α_k α_k!.
func (m *measure[E]) norm(p powers) E {
	s := integer[E](1)
	for k := range len(p) {
		for e := 1; e <= int(p[k]); e++ {
			s = s.times(integer[E](e)).times(m.v[k])
		}
	}
	return s
}

// strategic says that He_α depends on player i's block.
func (m *measure[E]) strategic(i int, p powers) bool {
	for k, o := range m.owner {
		if o == i && p[k] > 0 {
			return true
		}
	}
	return false
}

// raise returns a_k⁺ f = (x_k-μ_k)/v_k f - ∂_k f for Hermite coefficients f.
func (m *measure[E]) raise(k int, s sparse[E]) sparse[E] {
	out := make(sparse[E], len(s))
	for i, t := range s {
		out[i] = term[E]{t.p.with(k, 1), t.c.over(m.v[k])}
	}
	return out
}

// toHermite returns the coefficients of Π He_α_k of a polynomial in monomials.
func (m *measure[E]) toHermite(s sparse[E]) sparse[E] { return m.change(s, m.hermiteOfPower) }

// toPowers is the inverse of toHermite.
func (m *measure[E]) toPowers(s sparse[E]) sparse[E] { return m.change(s, m.powerOfHermite) }

// change changes the basis axis by axis; table returns for the axis k and all m <= top
// the coefficients of the new basis of the m-th element of the old. Sums run in the order
// of the terms, which are sorted once at the end.
func (m *measure[E]) change(s sparse[E], table func(k, top int) [][]E) sparse[E] {
	changed := false
	for k := range m.n {
		top := highest(s, k)
		if top == 0 || m.mean[k].zero() && (m.jet || top == 1) {
			continue
		}
		rows := table(k, top)
		place := make(map[powers]int, 2*len(s))
		var next sparse[E]
		for _, t := range s {
			e := int(t.p[k])
			for j, c := range rows[e] {
				if c.zero() {
					continue
				}
				p := t.p
				if j != e {
					p = p.with(k, j-e)
				}
				if at, ok := place[p]; ok {
					next[at].c = next[at].c.plus(t.c.times(c))
					continue
				}
				place[p] = len(next)
				next = append(next, term[E]{p, t.c.times(c)})
			}
		}
		s, changed = next, true
	}
	if changed {
		s = slices.DeleteFunc(s, func(t term[E]) bool { return t.c.zero() })
		slices.SortFunc(s, func(a, b term[E]) int { return byPowers(a.p, b.p) })
	}
	return s
}

// hermiteOfPower is x^m in He_0, ..., He_m, from x He_j = He_{j+1} + μ He_j + v j He_{j-1}.
func (m *measure[E]) hermiteOfPower(k, top int) [][]E {
	rows := [][]E{{integer[E](1)}}
	for e := 1; e <= top; e++ {
		old, row := rows[e-1], make([]E, e+1)
		for j, c := range old {
			row[j+1] = row[j+1].plus(c)
			row[j] = row[j].plus(c.times(m.mean[k]))
			if j > 0 && !m.jet {
				row[j-1] = row[j-1].plus(c.times(m.v[k]).times(integer[E](j)))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// powerOfHermite is He_m in 1, ..., x^m, from He_{m+1} = (x-μ) He_m - v m He_{m-1}.
func (m *measure[E]) powerOfHermite(k, top int) [][]E {
	rows := [][]E{{integer[E](1)}}
	for e := 1; e <= top; e++ {
		row := make([]E, e+1)
		for j, c := range rows[e-1] {
			row[j+1] = row[j+1].plus(c)
			row[j] = row[j].minus(c.times(m.mean[k]))
		}
		if e > 1 && !m.jet {
			for j, c := range rows[e-2] {
				row[j] = row[j].minus(c.times(m.v[k]).times(integer[E](e - 1)))
			}
		}
		rows = append(rows, row)
	}
	return rows
}
