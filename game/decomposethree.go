package game

// threeWay splits isotropically into ∇φF + ∇h + Z0 with ΔφF = div ξ in the gauge of
// Fischer, h harmonic and div Z0 = 0, Z0 orthogonal to all harmonic gradients.
func (m *measure[E]) threeWay(losses []sparse[E]) *split[E] {
	s := &split[E]{}
	var strategic []sparse[E]
	strategic, s.leftovers = m.nonstrategic(losses)
	full, _, _, _ := m.gradientPart(losses)
	s.phi = m.fischer(m.divergence(losses))
	s.h = full.combine(-1, m.fischer(m.laplacian(full)))
	s.scalar, s.harmonic = m.game(s.phi), m.game(s.h)
	s.vector = make([]sparse[E], m.players)
	two := integer[E](2)
	for i := range losses {
		s.vector[i] = strategic[i].combine(-1, s.scalar[i]).combine(-1, s.harmonic[i])
		for _, t := range s.scalar[i] {
			s.cross = s.cross.plus(two.times(m.lam(i, t.p)).times(t.c).times(s.vector[i].at(t.p)).times(m.norm(t.p)))
		}
	}
	s.energyScalar, s.energyHarmonic, s.energyVector = m.energy(s.scalar), m.energy(s.harmonic), m.energy(s.vector)
	return s
}

func (m *measure[E]) laplacian(f sparse[E]) sparse[E] {
	a := sums[E]{}
	for k := range m.n {
		a.addAll(f.diff(k).diff(k), 1)
	}
	return a.sparse()
}

// square multiplies the symbol by |x|²: He_α -> Σ_k He_{α+2e_k}.
func (m *measure[E]) square(f sparse[E]) sparse[E] {
	a := sums[E]{}
	for _, t := range f {
		for k := range m.n {
			a.add(t.p.with(k, 2), t.c)
		}
	}
	return a.sparse()
}

// fischer returns the solution of Δφ = g whose symbol |x|² divides. For g of symbol
// degree d it is
//
//	φ = Σ_j (-1)^j sq^{j+1} Δ^j g / Π_{i=0..j} 2(i+1)(n+2d-2i).
func (m *measure[E]) fischer(g sparse[E]) sparse[E] {
	total := sums[E]{}
	for len(g) > 0 {
		d := g.degree()
		part := g.keep(func(p powers) bool { return p.degree() == d })
		g = g[len(part):]
		factor := integer[E](1)
		for j := 0; len(part) > 0; j++ {
			factor = factor.over(integer[E](2 * (j + 1) * (m.n + 2*d - 2*j)))
			up := part
			for range j + 1 {
				up = m.square(up)
			}
			for _, t := range up {
				total.add(t.p, t.c.times(factor))
			}
			factor = integer[E](0).minus(factor)
			part = m.laplacian(part)
		}
	}
	return total.sparse()
}
