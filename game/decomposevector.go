package game

// vectorFirst splits into a near scalar and an exact vector part. The near scalar losses
// are S_i = N_i⁻¹ Q_i q, Q_i He_β = Σ He_{β+2e_k}/v_k² over player i's coordinates, where q
// solves M q = div ξ with M = Σ_i Δ_i N_i⁻¹ Q_i, Δ_i the Laplacian in player i's block.
func (m *measure[E]) vectorFirst(losses []sparse[E], solve solver[E]) *split[E] {
	s := &split[E]{}
	var strategic []sparse[E]
	strategic, s.leftovers = m.nonstrategic(losses)
	s.q = m.solveDivergence(m.divergence(losses), solve)
	s.scalar = make([]sparse[E], m.players)
	s.vector = make([]sparse[E], m.players)
	for i := range losses {
		s.scalar[i] = m.nearScalar(i, s.q)
		s.vector[i] = strategic[i].combine(-1, s.scalar[i])
	}
	s.energyScalar, s.energyVector = m.energy(s.scalar), m.energy(s.vector)
	return s
}

// nearScalar returns S_i = N_i⁻¹ Q_i q.
func (m *measure[E]) nearScalar(i int, q sparse[E]) sparse[E] {
	a := sums[E]{}
	for _, t := range q {
		for k, o := range m.owner {
			if o == i {
				p := t.p.with(k, 2)
				a.add(p, t.c.over(m.v[k].times(m.v[k]).times(m.lam(i, p))))
			}
		}
	}
	return a.sparse()
}

// solver solves a symmetric positive definite system; it may overwrite its arguments.
type solver[E number[E]] func(a [][]E, b []E) []E

// sector is what M does not change of a multi-index: the degree of every player and the
// parity of every exponent.
func (m *measure[E]) sector(p powers) string {
	degrees := make([]int, m.players)
	key := make([]byte, 0, m.n+2*m.players)
	for k, i := range m.owner {
		degrees[i] += int(p[k])
		key = append(key, p[k]&1)
	}
	for _, d := range degrees {
		key = append(key, byte(d), byte(d>>8))
	}
	return string(key)
}

// solveDivergence returns q with M q = d, sector by sector. If every player has one
// coordinate, a sector is one multi-index: q_β = d_β / Σ_k (β_k+1)/v_k.
func (m *measure[E]) solveDivergence(d sparse[E], solve solver[E]) sparse[E] {
	q := sums[E]{}
	done := map[string]bool{}
	for _, t := range d {
		key := m.sector(t.p)
		if done[key] {
			continue
		}
		done[key] = true
		index := m.members(t.p)
		if len(index) == 1 {
			q.add(t.p, t.c.over(m.matrix(t.p)[t.p]))
			continue
		}
		a, b := make([][]E, len(index)), make([]E, len(index))
		for r := range a {
			a[r] = make([]E, len(index))
		}
		for c, p := range index {
			column := m.matrix(p)
			for r, o := range index {
				a[r][c] = m.norm(o).times(column[o]) // symmetric: M is, in the weighted product
			}
			b[c] = m.norm(p).times(d.at(p))
		}
		for r, v := range solve(a, b) {
			q.add(index[r], v)
		}
	}
	return q.sparse()
}

// matrix returns M He_p.
func (m *measure[E]) matrix(p powers) sums[E] {
	a := sums[E]{}
	one := sparse[E]{{p, integer[E](1)}}
	for i := range m.players {
		s := m.nearScalar(i, one)
		for k, o := range m.owner {
			if o == i {
				a.addAll(s.diff(k).diff(k), 1)
			}
		}
	}
	return a
}

// members returns the multi-indices of the sector of p, in order.
func (m *measure[E]) members(p powers) []powers {
	list := []powers{p}
	seen := map[powers]bool{p: true}
	for at := 0; at < len(list); at++ {
		for k, o := range m.owner {
			if list[at][k] < 2 {
				continue
			}
			down := list[at].with(k, -2)
			for l, u := range m.owner {
				if l == k || u != o {
					continue
				}
				if next := down.with(l, 2); !seen[next] {
					seen[next] = true
					list = append(list, next)
				}
			}
		}
	}
	return list
}
