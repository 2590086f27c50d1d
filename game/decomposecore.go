package game

import "slices"

// split are the parts of a game as Hermite coefficients, in the arithmetic of E.
type split[E number[E]] struct {
	phi, q, h                           sparse[E]
	scalar, vector, harmonic, leftovers []sparse[E] // losses; leftovers are not strategic
	energyScalar, energyVector, total   E
	energyHarmonic, cross               E
}

// nonstrategic splits the terms that do not depend on player i's block off its loss.
func (m *measure[E]) nonstrategic(losses []sparse[E]) (strategic, rest []sparse[E]) {
	for i, l := range losses {
		strategic = append(strategic, m.normalised(i, l))
		rest = append(rest, l.keep(func(p powers) bool { return !m.strategic(i, p) }))
	}
	return strategic, rest
}

// normalised drops the conditional mean given the other players.
func (m *measure[E]) normalised(i int, l sparse[E]) sparse[E] {
	return l.keep(func(p powers) bool { return m.strategic(i, p) })
}

// energy returns E_w|ξ|² = Σ_i Σ_α λ_i c_iα² ‖He_α‖² of the field of losses.
func (m *measure[E]) energy(losses []sparse[E]) (e E) {
	for i, l := range losses {
		for _, t := range l {
			e = e.plus(m.lam(i, t.p).times(t.c).times(t.c).times(m.norm(t.p)))
		}
	}
	return e
}

// support returns the multi-indices that occur in one of the polynomials, in order.
func support[E number[E]](list ...sparse[E]) []powers {
	seen := map[powers]bool{}
	var all []powers
	for _, s := range list {
		for _, t := range s {
			if !seen[t.p] {
				seen[t.p] = true
				all = append(all, t.p)
			}
		}
	}
	slices.SortFunc(all, byPowers)
	return all
}

// gradientPart returns φ = argmin E_w|ξ-∇φ|², φ_α = Σ_i λ_i c_iα / Σ_i λ_i, what is left
// of the losses and the two energies. What is left, c_iα-φ_α = Σ_j λ_j (c_iα-c_jα)/λ, and
// its energy ‖He_α‖² Σ_{i<j} λ_i λ_j (c_iα-c_jα)²/λ are computed from differences of
// losses, without cancellation.
func (m *measure[E]) gradientPart(losses []sparse[E]) (phi sparse[E], rest []sparse[E], scalar, near E) {
	rest = make([]sparse[E], m.players)
	table := tabulate(losses)
	for _, p := range support(losses...) {
		players := m.influential(p)
		lam, c := make([]E, len(players)), make([]E, len(players))
		var all, mean E
		for at, i := range players {
			lam[at], c[at] = m.lam(i, p), table[p].of(i)
			all, mean = all.plus(lam[at]), mean.plus(lam[at].times(c[at]))
		}
		if len(players) == 0 {
			continue
		}
		mean = mean.over(all)
		if !mean.zero() {
			phi = append(phi, term[E]{p, mean})
		}
		norm := m.norm(p)
		scalar = scalar.plus(all.times(mean).times(mean).times(norm))
		for a, i := range players {
			var left E
			for b := range players {
				if a == b {
					continue
				}
				d := c[a].minus(c[b])
				left = left.plus(lam[b].times(d))
				if a < b {
					near = near.plus(lam[a].times(lam[b]).times(d).times(d).times(norm).over(all))
				}
			}
			if left = left.over(all); !left.zero() {
				rest[i] = append(rest[i], term[E]{p, left})
			}
		}
	}
	return phi, rest, scalar, near
}

// influential returns the players on whose block He_α depends, at most the degree many.
func (m *measure[E]) influential(p powers) []int {
	var players []int
	for k, i := range m.owner {
		if p[k] > 0 && (len(players) == 0 || players[len(players)-1] != i) {
			players = append(players, i)
		}
	}
	return players
}

// shared are the coefficients of one He_α in the losses of several players.
type shared[E number[E]] []struct {
	player int
	c      E
}

func (s shared[E]) of(player int) (c E) {
	for _, e := range s {
		if e.player == player {
			return e.c
		}
	}
	return c
}

func tabulate[E number[E]](losses []sparse[E]) map[powers]shared[E] {
	table := map[powers]shared[E]{}
	for i, l := range losses {
		for _, t := range l {
			table[t.p] = append(table[t.p], struct {
				player int
				c      E
			}{i, t.c})
		}
	}
	return table
}

// game returns the losses of the potential game of φ, normalised.
func (m *measure[E]) game(phi sparse[E]) []sparse[E] {
	losses := make([]sparse[E], m.players)
	for _, t := range phi {
		for _, i := range m.influential(t.p) {
			losses[i] = append(losses[i], t)
		}
	}
	return losses
}

// scalarFirst splits into an exact scalar and a near vector part.
func (m *measure[E]) scalarFirst(losses []sparse[E]) *split[E] {
	s := &split[E]{}
	_, s.leftovers = m.nonstrategic(losses)
	s.phi, s.vector, s.energyScalar, s.energyVector = m.gradientPart(losses)
	s.scalar = m.game(s.phi)
	return s
}

// field returns the components of ξ of losses.
func (m *measure[E]) field(losses []sparse[E]) []sparse[E] {
	xi := make([]sparse[E], m.n)
	for k, i := range m.owner {
		xi[k] = losses[i].diff(k)
	}
	return xi
}

// divergence returns div ξ of losses.
func (m *measure[E]) divergence(losses []sparse[E]) sparse[E] {
	a := sums[E]{}
	for k, f := range m.field(losses) {
		a.addAll(f.diff(k), 1)
	}
	return a.sparse()
}

// nearVectorPotential returns B_kl = ∂_k Ỹ_l - ∂_l Ỹ_k, Ỹ_k = (N + 1/v_k)⁻¹ Y_k, for the
// field Y of losses with div(wY) = 0; then Y_k = Σ_l (∂_l - (x_l-μ_l)/v_l) B_kl.
func (m *measure[E]) nearVectorPotential(losses []sparse[E]) [][]sparse[E] {
	y := m.field(losses)
	for k := range y {
		y[k] = y[k].scaled(func(p powers) E {
			one := integer[E](1)
			return one.over(m.lam(-1, p).plus(one.over(m.v[k])))
		})
	}
	return m.antisymmetric(func(k, l int) sparse[E] { return y[l].diff(k).combine(-1, y[k].diff(l)) })
}

// vectorPotential returns B_kl = a_l⁺ Z̃_k - a_k⁺ Z̃_l, Z̃_k = (N + Σ_j 1/v_j - 1/v_k)⁻¹ Z_k,
// for the field Z of losses with div Z = 0; then Z_k = Σ_l ∂_l B_kl.
func (m *measure[E]) vectorPotential(losses []sparse[E]) [][]sparse[E] {
	z := m.field(losses)
	one := integer[E](1)
	for k := range z {
		var shift E
		for l, v := range m.v {
			if l != k {
				shift = shift.plus(one.over(v))
			}
		}
		z[k] = z[k].scaled(func(p powers) E { return one.over(m.lam(-1, p).plus(shift)) })
	}
	return m.antisymmetric(func(k, l int) sparse[E] { return m.raise(l, z[k]).combine(-1, m.raise(k, z[l])) })
}

func (m *measure[E]) antisymmetric(entry func(k, l int) sparse[E]) [][]sparse[E] {
	b := make([][]sparse[E], m.n)
	for k := range b {
		b[k] = make([]sparse[E], m.n)
		for l := k + 1; l < m.n; l++ {
			b[k][l] = entry(k, l)
		}
	}
	return b
}
